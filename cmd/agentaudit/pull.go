package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

func pullCmd() *cobra.Command {
	var at bucketFlags
	cmd := &cobra.Command{
		Use:   "pull s3://BUCKET/PREFIX DIR",
		Short: "Copy a trail, with its versions and locks, to a folder",
		Long: `Copy a trail to a folder that is not there or empty. Keys become paths, relative to
the prefix of the trail; versions, delete markers and locks go into a side file, so
that "agentaudit verify DIR" judges them too, offline.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.HasPrefix(args[0], "s3://") {
				return fmt.Errorf("%q must be s3://BUCKET/PREFIX", args[0])
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			show := newProgress()
			n := 0
			err = store.Pull(cmd.Context(), r, args[1], func(p store.PullProgress) {
				n = p.Versions
				show.say("%d of %d versions, %d bytes", p.Versions, p.Total, p.Bytes)
			})
			show.clear()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d versions copied to %s\n", n, args[1])
			return nil
		},
	}
	at.add(cmd)
	return cmd
}
