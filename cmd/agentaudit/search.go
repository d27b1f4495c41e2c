package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/search"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// searchCall is a call of search or of sessions.
type searchCall struct {
	at              bucketFlags
	trust           trustFlags
	flags           queryFlags
	output          string
	count, sessions bool
	full            bool
	prove           string
	keys            []ledger.PublicKey
}

func searchCmd() *cobra.Command {
	var x searchCall
	cmd := &cobra.Command{
		Use:   "search s3://BUCKET/PREFIX | DIR",
		Short: "Find events by what was said and done, by whom, when",
		Long: `Find events by what was said and done, by whom, when. All that is asked for is to be true of
an event as readers show it: each event once, with what its run says in place. What is found
is verified as it is read; what does not hold is told on standard error, and not found.

--where takes an expression in CEL (https://cel.dev) over the fields of the event:

  agentaudit search DIR --key audit.pub --where 'tool_name == "send_email" && !tool_input.to.endsWith("@shop.example")'

A field or member that is not there makes neither a comparison nor its contrary true; has(event.outcome)
asks whether it is. Where a value is of another type than is asked for, the event is counted as
one that could not be judged.

--since and --until are of the event, by the agent's clock. What stands in objects with
events of other times alone is not read; of a run that reaches further than a day out of
the time, facts that stand on its first or last event may not be known then.

--prove writes a bundle that proves the events found to an outsider: "agentaudit verify BUNDLE.zip".

Exit codes: 0 looked for, whether there is any or not; 1 something of the trail does not hold;
2 it could not be read, or not all of it, or some events could not be judged.`,
		Example: `  agentaudit search s3://audit/trail --key audit.pub --text A-1001 --tool issue_refund
  agentaudit search DIR --key audit.pub --agent shop --outcome error --since 7d --sessions`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd, args[0]) },
	}
	x.add(cmd)
	cmd.Flags().BoolVar(&x.sessions, "sessions", false, "the sessions that they are of instead of the events")
	cmd.Flags().StringVar(&x.prove, "prove", "", "`file` to write with the proofs of the events found, such as bundle.zip")
	return cmd
}

func sessionsCmd() *cobra.Command {
	x := searchCall{sessions: true}
	cmd := &cobra.Command{
		Use:   "sessions s3://BUCKET/PREFIX | DIR",
		Short: "List the sessions of a trail",
		Long: `List the sessions of a trail, the one that began last first: when, how many events and tool
calls, which agents, users, models and tools. With any of the flags of search, those that
have such an event, and what is counted is what was found.

Exit codes: those of search.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd, args[0]) },
	}
	x.add(cmd)
	return cmd
}

func (x *searchCall) add(cmd *cobra.Command) {
	x.at.add(cmd)
	x.trust.add(cmd)
	x.flags.add(cmd)
	cmd.Flags().StringVarP(&x.output, "output", "o", "table", "form of the output: table or jsonl")
	cmd.Flags().BoolVar(&x.count, "count", false, "only how many there are")
	cmd.Flags().BoolVar(&x.full, "full", false, "do not shorten what was said, and show the ids of events")
	offer(cmd, "output", "table", "jsonl")
}

func (x *searchCall) run(cmd *cobra.Command, where string) error {
	q, err := x.flags.query()
	switch {
	case err != nil:
		return err
	case x.output != "table" && x.output != "jsonl":
		return fmt.Errorf("--output %q must be table or jsonl", x.output)
	case x.prove != "" && x.sessions:
		return errors.New("--prove proves events: leave out --sessions")
	}
	if x.keys, err = x.trust.keys(); err != nil {
		return err
	}
	r, done, err := x.at.open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer done()
	g := findings{more: "agentaudit verify --all"}
	sayWindow(cmd.ErrOrStderr(), agentsClock, q.Since, q.Until)
	out := bufio.NewWriterSize(terminal.Visible(cmd.OutOrStdout()), 1<<16)
	err = x.search(cmd, r, q, out, &g)
	return g.conclude(cmd.ErrOrStderr(), errors.Join(err, out.Flush()))
}

func (x *searchCall) search(cmd *cobra.Command, r ledger.Reader, q *search.Query, out io.Writer, g *findings) error {
	var sessions search.Sessions
	var proven []string
	table := search.NewTable(out, terminal.Of(cmd.OutOrStdout()), x.full)
	write := func(h *search.Hit) error {
		if x.prove != "" {
			proven = append(proven, h.Lines()...)
		}
		switch {
		case x.sessions:
			sessions.Add(h)
		case x.count:
		case x.output == "jsonl":
			_, err := out.Write(append(h.View().AppendResolved(nil), '\n'))
			return err
		default:
			return table.Add(h)
		}
		return nil
	}
	source := &search.Trail{Reader: r, Keys: x.keys, Logs: x.trust.logs, Note: g.add}
	full := func(digest string) ([]byte, error) { return ledger.ReadBlob(cmd.Context(), r, digest) }
	found, err := search.Search(cmd.Context(), source, q, full, write)
	if err != nil {
		return err
	}
	n := found.Hits
	if x.sessions {
		list := sessions.List()
		if n = len(list); !x.count {
			if err := x.writeSessions(cmd, out, list); err != nil {
				return err
			}
		}
	}
	if x.count {
		fmt.Fprintln(out, n)
	}
	if n == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: nothing found "+covers(&found.Coverage))
		fmt.Fprintln(cmd.ErrOrStderr(), "agentaudit: that nothing of a session is there can be proven: "+
			"`agentaudit prove --session ID`")
	}
	if x.prove != "" && len(proven) > 0 {
		if err := x.writeProof(cmd.Context(), r, proven, cmd.ErrOrStderr()); err != nil {
			return proveError(cmd, err)
		}
	}
	return unjudged(cmd.ErrOrStderr(), found)
}

func (x *searchCall) writeSessions(cmd *cobra.Command, out io.Writer, list []*search.Session) error {
	if x.output != "jsonl" {
		return search.WriteSessions(out, terminal.Of(cmd.OutOrStdout()), list, x.full)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, s := range list {
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// writeProof writes the bundle that proves events.
func (x *searchCall) writeProof(ctx context.Context, r ledger.Reader, events []string, w io.Writer) error {
	f, err := os.OpenFile(x.prove, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--prove: %w", err)
	}
	slices.Sort(events)
	o := evidence.Options{Keys: x.keys, Logs: x.trust.logs, Events: slices.Compact(events), MadeBy: "agentaudit " + version()}
	b, err := evidence.Prove(ctx, r, o, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(x.prove))
	}
	lines := 0
	for i := range b.Logs {
		lines += len(b.Logs[i].Lines)
	}
	fmt.Fprintf(w, "agentaudit: %s: %d lines in %d logs, with their proofs\n", x.prove, lines, len(b.Logs))
	if b.Expired > 0 {
		fmt.Fprintf(w, "agentaudit: %d events are left out: manifests behind theirs have expired, and nothing proves them any more\n",
			b.Expired)
	}
	return nil
}

// covers says what was looked through.
func covers(c *search.Coverage) string {
	logs := make([]string, 0, len(c.Logs))
	for i, log := range c.Logs {
		if i == maxLogs {
			logs = append(logs, fmt.Sprintf("and %d more", len(c.Logs)-i))
			break
		}
		logs = append(logs, termsafe.Line(log))
	}
	text := fmt.Sprintf("in %s of %s", plural(c.Events, "event"), plural(c.Objects, "object"))
	if len(logs) > 0 {
		text += ", logs " + strings.Join(logs, ", ")
	}
	if c.Passed > 0 {
		text += fmt.Sprintf("; %s not read, with events of other times alone", plural(c.Passed, "object"))
	}
	if c.Empty > 0 {
		text += fmt.Sprintf("; %s gave none: expired, or what is there does not hold", plural(c.Empty, "object"))
	}
	return text
}

// unjudged tells of which events it is not known whether they are found.
func unjudged(w io.Writer, o *search.Outcome) error {
	for _, reason := range o.Reasons() {
		u := o.Unjudged[reason]
		fmt.Fprintf(w, "agentaudit: %s could not be judged: %s (the first: %s)\n",
			plural(u.Count, "event"), termsafe.Short(reason, 200), termsafe.Short(u.EventID, 200))
	}
	if o.Unread > 0 {
		fmt.Fprintf(w, "agentaudit: %s of long fields could not be read: what they say is not known\n", plural(o.Unread, "text"))
	}
	if len(o.Unjudged) > 0 || o.Unread > 0 {
		return exitError(2)
	}
	return nil
}
