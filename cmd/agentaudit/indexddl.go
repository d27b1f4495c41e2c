package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/ddl"
)

func indexDDLCmd() *cobra.Command {
	var at bucketFlags
	var engine string
	var o ddl.Options
	var without bool
	cmd := &cobra.Command{
		Use:   "ddl " + indexPlace,
		Short: "Write the tables and views of an index for a SQL engine",
		Long: `Write the tables and views of an index for a SQL engine, with explicit columns and the files
that the newest snapshot names: docs/query.md. Write them anew after "agentaudit index" or
"index compact".`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, done, err := at.openIndex(cmd.Context(), args[0], false)
			if err != nil {
				return err
			}
			defer done()
			s, err := x.Snapshot(cmd.Context())
			if err != nil {
				return err
			}
			if s.Number == 0 {
				return errors.New("there is no index: make one with `agentaudit index`")
			}
			if o.Content = !without; o.Location == "" {
				o.Location = strings.TrimSuffix(args[0], "/")
			}
			o.Trail = strings.TrimSuffix(o.Trail, "/")
			text, err := ddl.Write(engine, s, o)
			if err != nil {
				return fmt.Errorf("--engine: %w", err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	at.add(cmd)
	cmd.Flags().StringVar(&engine, "engine", "duckdb", "one of "+strings.Join(ddl.Engines, ", "))
	cmd.Flags().StringVar(&o.Location, "location", "", "where the engine finds the index; default: as it is given here")
	cmd.Flags().StringVar(&o.Trail, "trail", "", "where the trail itself lies: adds a view over its lines (duckdb)")
	cmd.Flags().BoolVar(&without, "without-content", false, "leave out the tables of what was said")
	return cmd
}
