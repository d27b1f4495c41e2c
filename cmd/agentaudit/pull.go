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
that "agentaudit verify DIR" judges them too, offline. Who verifies a copy that another
made has only his word for locks, and for which of two versions is the older.

Exit codes: 0 copied; 2 it could not be read.`,
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
			var last store.PullProgress
			err = store.Pull(cmd.Context(), r, args[1], func(p store.PullProgress) {
				last = p
				show.say("%d of %d versions, %d bytes", p.Versions, p.Total, p.Bytes)
			})
			show.clear()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d versions copied to %s\n", last.Versions, args[1])
			if last.Refused > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: the store refused the content of %d of them: "+
					"what is sealed there cannot be judged from the copy\n", last.Refused)
			}
			return nil
		},
	}
	at.add(cmd)
	return cmd
}
