package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func indexFindCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var where, checked string
	cmd := &cobra.Command{
		Use:   "find VALUE s3://BUCKET/PREFIX | DIR",
		Short: "Print the sealed lines that name an id, or hold a word that looks like one",
		Long: `Print the sealed lines that name an id (of an event, session, run, user, agent, tool call or
approver), or hold a word that looks like an identifier (A-1001, ann@example.com): for other
words, and for full texts that are too long for their lines, there is "agentaudit search".

The index only says where to look: each line is read from its object, as its manifest signed
it. An index can leave out; what that means for an answer is told on standard error, and
--checked FILE, which "agentaudit index check --out" wrote, says which of its files were held
against the trail. What was sealed behind what is indexed is read from the trail.

Exit codes: 0 found; 1 something of the trail, or the index, does not hold; 2 nothing was
found, or it could not be read.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := trust.keys()
			if err != nil {
				return err
			}
			if where == "" {
				if where = args[1]; !strings.HasPrefix(where, "s3://") {
					return errors.New("an index of a copy has a place of its own: give --index")
				}
			}
			done, err := readChecked(checked)
			if err != nil {
				return fmt.Errorf("--checked %s: %w", checked, err)
			}
			r, closeTrail, err := at.open(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			defer closeTrail()
			x, closeIndex, err := at.openIndex(cmd.Context(), where, false)
			if err != nil {
				return err
			}
			defer closeIndex()
			g := findings{more: "agentaudit verify --all"}
			out := terminal.Visible(cmd.OutOrStdout())
			f, err := x.Find(cmd.Context(), r, index.FindOptions{Keys: keys, Value: args[0], Checked: done, Note: func(f ledger.Finding) { g.add(&f) }},
				func(l ledger.EventLine) error { _, err := fmt.Fprintf(out, "%s\n", l.Line); return err })
			if err != nil {
				return g.conclude(cmd.ErrOrStderr(), err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %s\n", plural(f.Lines, "line"), worth(f, args[0]))
			if err := g.conclude(cmd.ErrOrStderr(), nil); err != nil {
				return err
			}
			switch {
			case f.Denied > 0:
				fmt.Fprintf(cmd.ErrOrStderr(), "agentaudit: the index is wrong: it names %s that the trail does not bear out\n", plural(f.Denied, "line"))
				return exitError(1)
			case f.Lines == 0:
				return exitError(2)
			}
			return nil
		},
	}
	at.add(cmd)
	trust.add(cmd)
	cmd.Flags().StringVar(&where, "index", "", "where the index is; default: beside the trail")
	cmd.Flags().StringVar(&checked, "checked", "", "`FILE` that says what of the index was checked")
	return cmd
}

// worth says what an answer rests on.
func worth(f *index.Found, value string) string {
	text := "by an index that was checked"
	if !f.Checked {
		text = fmt.Sprintf("by an unchecked index (%s): what it leaves out is not found", plural(f.Unchecked, "file"))
	}
	if f.Later > 0 {
		text += fmt.Sprintf("; %s behind it read from the trail", plural(f.Later, "manifest"))
	}
	if f.Passed > 0 {
		text += fmt.Sprintf("; not looked for in %s of which no given key signed anything", plural(f.Passed, "log"))
	}
	if f.Elsewhere > 0 {
		text += fmt.Sprintf("; %s that the index names not read: of other logs, expired, or made up", plural(f.Elsewhere, "line"))
	}
	if !table.Finds(value) {
		text += fmt.Sprintf("; %s was looked for among ids alone: of what was said, an index holds words that look like identifiers",
			termsafe.Short(strconv.Quote(value), 80))
	}
	return text
}

func readChecked(name string) (*index.Checked, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c := &index.Checked{}
	if err := json.Unmarshal(text, c); err != nil || c.Format != index.CheckedFormat {
		return nil, errors.New("not what `agentaudit index check --out` writes")
	}
	return c, nil
}
