package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func indexCheckCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var where, out string
	cmd := &cobra.Command{
		Use:   "check s3://BUCKET/PREFIX | DIR",
		Short: "Hold an index against the trail",
		Long: `Hold an index against the trail: each row against its sealed line, the rows of each object
against what its manifest signed, and each file against what its rows make, bounds and
filters included. It reads all that is indexed, and signs nothing. --out FILE says what was
checked, for commands that look for something through the index (--checked FILE): keep it
where nobody else writes.

Exit codes: 0 the index says what the trail says; 1 it does not, or something of the trail
does not hold; 2 the trail or the index could not be read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := trust.keys()
			if err != nil {
				return err
			}
			if where == "" {
				if where = args[0]; !strings.HasPrefix(where, "s3://") {
					return errors.New("an index of a copy has a place of its own: give --index")
				}
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			x, closeIndex, err := at.openIndex(cmd.Context(), where, false)
			if err != nil {
				return err
			}
			defer closeIndex()
			p, began := newProgress(), time.Now()
			g, wrong := findings{more: "agentaudit verify --all"}, 0
			checked, err := x.Check(cmd.Context(), r, index.CheckOptions{
				Keys: keys, Note: func(f ledger.Finding) { g.add(&f) },
				Wrong: func(w index.Wrong) {
					if wrong++; wrong <= maxWrong {
						fmt.Fprintln(cmd.OutOrStdout(), termsafe.Line(w.String()))
					}
				},
				Progress: func(d index.Progress) {
					p.say("%d of %d logs, %d events%s", d.LogsDone, d.Logs, d.Events, left(began, (float64(d.LogsDone)+d.Done)/float64(max(d.Logs, 1))))
				},
			})
			p.clear()
			switch {
			case err != nil:
				return g.conclude(cmd.ErrOrStderr(), err)
			case checked == nil:
				fmt.Fprintf(cmd.OutOrStdout(), "the index is not what the trail says, in %s: delete it, and make it anew\n", plural(wrong, "place"))
				_ = g.conclude(cmd.ErrOrStderr(), nil)
				return exitError(1)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the index says what the trail says: snapshot %d, %s, %s\n", checked.Snapshot, plural(len(checked.Files), "file"), plural(len(checked.Logs), "log"))
			if err := writeChecked(out, checked); err != nil {
				return err
			}
			return g.conclude(cmd.ErrOrStderr(), nil)
		},
	}
	at.add(cmd)
	trust.add(cmd)
	cmd.Flags().StringVar(&where, "index", "", "where the index is; default: beside the trail")
	cmd.Flags().StringVar(&out, "out", "", "`FILE` that says what was checked, JSON")
	return cmd
}

// maxWrong is how many differences are shown.
const maxWrong = 50

func writeChecked(name string, checked *index.Checked) error {
	if name == "" {
		return nil
	}
	text, err := json.MarshalIndent(checked, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o600)
}
