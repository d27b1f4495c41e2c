package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/ocsf"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// export is what the flags of export ask for.
type export struct {
	at             bucketFlags
	trust          trustFlags
	format         string
	resolved       bool
	session        string
	since, until   string
	sinceT, untilT time.Time
}

func exportCmd() *cobra.Command {
	var x export
	cmd := &cobra.Command{
		Use:   "export s3://BUCKET/PREFIX | DIR",
		Short: "Write verified events for other programs, as OCSF or as they were sealed",
		Long: `Write verified events to standard output, one JSON object a line: as events of the Open
Cybersecurity Schema Framework, version ` + ocsf.Version + `, or as they were sealed. Events are verified as
they are read; what does not hold is told on standard error and not written.

With --resolved, jsonl is what readers show: each event once, in the order of its session,
with what its run and other tellings of it say in place. resolved_fields names what the
sealed line has not, resolved_from the event that says so; conflicts, errata, layers and
doubles say what else there is to know, and sealed where the line is.

--since and --until bound what is read by the time of its sealing, so that each export
can begin where the last one ended; facts of a run that were sealed outside are not known
then. --session writes what "agentaudit trail" shows of one session, each event once.

Exit codes: 0 written; 1 something of the trail does not hold; 2 it could not be read, or
not all of it, as where a newer version wrote it, or there is no such session.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := x.check(); err != nil {
				return err
			}
			keys, err := x.trust.keys()
			if err != nil {
				return err
			}
			r, done, err := x.at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			sayWindow(cmd.ErrOrStderr(), sealedClock, x.sinceT, x.untilT)
			w := bufio.NewWriterSize(terminal.Visible(cmd.OutOrStdout()), 1<<20)
			g := findings{more: "agentaudit verify --all"}
			err = x.run(cmd.Context(), w, r, keys, g.add)
			return g.conclude(cmd.ErrOrStderr(), errors.Join(err, w.Flush()))
		},
	}
	x.at.add(cmd)
	x.trust.add(cmd)
	cmd.Flags().StringVar(&x.format, "format", "ocsf", "ocsf or jsonl")
	offer(cmd, "format", "ocsf", "jsonl")
	cmd.Flags().BoolVar(&x.resolved, "resolved", false, "with jsonl: what readers show, facts of the run in place")
	cmd.Flags().StringVar(&x.session, "session", "", "only this session, or the run with this trace id")
	cmd.Flags().StringVar(&x.since, "since", "", "only what was sealed since: a time, or 24h or 7d ago")
	cmd.Flags().StringVar(&x.until, "until", "", "only what was sealed until: a time, or 24h or 7d ago")
	return cmd
}

func (x *export) check() error {
	if !slices.Contains([]string{"ocsf", "jsonl"}, x.format) {
		return fmt.Errorf("--format %q must be ocsf or jsonl", x.format)
	}
	if x.resolved && x.format != "jsonl" {
		return errors.New("--resolved goes with --format jsonl: ocsf is what readers show anyway")
	}
	if err := parseWindow(x.since, x.until, &x.sinceT, &x.untilT); err != nil {
		return err
	}
	if x.session != "" && x.since+x.until != "" {
		return errors.New("give --session, or --since and --until, not both")
	}
	return nil
}

// run writes each event that is asked for, and notes what does not hold.
func (x *export) run(ctx context.Context, w io.Writer, r ledger.Reader, keys []ledger.PublicKey, note func(*ledger.Finding)) error {
	o := ledger.ReadOptions{Keys: keys, Logs: x.trust.logs, Since: x.sinceT, Until: x.untilT}
	switch {
	case x.session != "":
		return x.oneSession(ctx, w, r, keys, note)
	case x.format == "jsonl" && !x.resolved:
		return sealedLines(ctx, w, r, o, note)
	}
	whole, err := trail.ReadWhole(ctx, r, o, note)
	if err != nil {
		return err
	}
	defer whole.Close()
	for e, err := range whole.All() {
		if err == nil {
			err = x.write(w, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sealedLines writes the lines as they were sealed, in the order in which they were.
func sealedLines(ctx context.Context, w io.Writer, r ledger.Reader, o ledger.ReadOptions, note func(*ledger.Finding)) error {
	var unsigned []error
	for l, err := range ledger.Events(ctx, r, o) {
		if f := findingIn(err); f != nil {
			if note(f); f.Code == ledger.CodeUnknownLog {
				unsigned = append(unsigned, f)
			}
			continue
		}
		if err != nil {
			return trail.Unsigned(err, unsigned)
		}
		if _, err := semconv.ParseLine(l.Line); err != nil {
			note(trail.LineFinding(&l, err))
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\n", l.Line); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) oneSession(ctx context.Context, w io.Writer, r ledger.Reader, keys []ledger.PublicKey, note func(*ledger.Finding)) error {
	t, err := trail.Read(ctx, r, keys, x.trust.logs, x.session)
	if err != nil {
		return err
	}
	for _, p := range t.Problems {
		if f := findingIn(p); f != nil {
			note(f)
		}
	}
	if len(t.Events) == 0 && t.Unread == 0 {
		return fmt.Errorf("no event of session %q in this trail", x.session)
	}
	events := t.InOrder()
	if x.format == "jsonl" && !x.resolved {
		events = t.All()
	}
	for e := range events {
		if err := x.write(w, e); err != nil {
			return err
		}
	}
	return nil
}

// write writes an event in the format that is asked for.
func (x *export) write(w io.Writer, e *trail.Event) error {
	switch {
	case x.resolved:
		_, err := w.Write(append(e.View().AppendResolved(nil), '\n'))
		return err
	case x.format == "jsonl":
		_, err := fmt.Fprintf(w, "%s\n", e.Line)
		return err
	}
	text, err := ocsfEvent(e)
	if err != nil {
		return fmt.Errorf("%s, line %d: %w", e.Object, e.N, err)
	}
	_, err = w.Write(text)
	return err
}

// ocsfEvent is an event of the schema, with what readers show in place.
func ocsfEvent(e *trail.Event) ([]byte, error) {
	s := ocsf.Sealed{Line: e.Line, Log: e.Log, Object: e.Object, N: e.N}
	s.Shown, s.Notes = e.View().Resolved()
	var err error
	if s.Event, err = semconv.ParseLine(s.Shown); err != nil {
		return nil, err
	}
	return ocsf.Append(nil, &s, version())
}
