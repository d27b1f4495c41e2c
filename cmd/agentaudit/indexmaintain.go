package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/days"
	"github.com/agentaudit/otelcol-agentaudit/internal/index"
)

const indexPlace = "s3://BUCKET/PREFIX | DIR"

func indexResolveCmd() *cobra.Command {
	var at bucketFlags
	var o index.ResolveOptions
	cmd := &cobra.Command{
		Use:   "resolve " + indexPlace,
		Short: "Say what the events of a run tell of each other, and sum up runs and sessions",
		Long: `Say what the events of a run tell of each other, and sum up runs and sessions: the tables
resolved, runs, sessions and days of an index. Facts of a run often stand on its root alone,
which comes last. One process at a time does it, after "agentaudit index", for each day of
which more is known than the last time.

Of a run the events of the days around are looked at, too (--window): what came later than
that adds nothing.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, done, err := at.openIndex(cmd.Context(), args[0], false)
			if err != nil {
				return err
			}
			defer done()
			p := newProgress()
			o.Progress = func(date string, done, days int) { p.say("%s, %d of %d days", date, done, days) }
			list, err := x.Resolve(cmd.Context(), o)
			p.clear()
			fmt.Fprintf(cmd.OutOrStdout(), "%s resolved: %s\n", plural(len(list), "day"), strings.Join(list, " "))
			return err
		},
	}
	at.add(cmd)
	cmd.Flags().IntVar(&o.Window, "window", 1, "days before and after that are looked at")
	return cmd
}

func indexCompactCmd() *cobra.Command {
	var at bucketFlags
	grace := days.Duration(index.Grace)
	cmd := &cobra.Command{
		Use:   "compact " + indexPlace,
		Short: "Put the small files of an index together, and remove what is not of it any more",
		Long: `Put the small files of an index together, and remove what is not of it any more, once it is
older than --grace. A snapshot names the files that are the index; until the others are
removed, a bare pattern such as events/**/*.parquet finds both, and counts twice. "agentaudit
index ddl" names the right ones.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d := days.Duration(index.MinGrace); grace < d {
				return fmt.Errorf("--grace %s must be at least %s: writers may still be at work on what no snapshot names yet", grace, d)
			}
			x, done, err := at.openIndex(cmd.Context(), args[0], false)
			if err != nil {
				return err
			}
			defer done()
			p := newProgress()
			before, after, err := x.Compact(cmd.Context(), index.CompactOptions{Progress: func(done, parts int) { p.say("%d of %d parts", done, parts) }})
			p.clear()
			if err != nil {
				return err
			}
			removed, err := x.Sweep(cmd.Context(), time.Duration(grace))
			fmt.Fprintf(cmd.OutOrStdout(), "%d files of %d; %d removed\n", after, before, removed)
			return err
		},
	}
	at.add(cmd)
	cmd.Flags().TextVar(&grace, "grace", grace, "how long what is not of the index any more stays, such as 24h or 7d")
	return cmd
}
