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
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// export is what the flags of export ask for.
type export struct {
	at             bucketFlags
	trust          trustFlags
	format         string
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

--since and --until bound what is read by the time of its sealing, so that each export
can begin where the last one ended. An event that was sent twice is written as often as
it was sealed, with one metadata.uid. --session writes what "agentaudit trail" shows of
one session, each event once.

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
			w := bufio.NewWriterSize(cmd.OutOrStdout(), 1<<20)
			g := findings{more: "agentaudit verify --all"}
			err = x.events(cmd.Context(), r, keys, func(s *ocsf.Sealed) error { return x.write(w, s) }, g.add)
			return g.conclude(cmd.ErrOrStderr(), errors.Join(err, w.Flush()))
		},
	}
	x.at.add(cmd)
	x.trust.add(cmd)
	cmd.Flags().StringVar(&x.format, "format", "ocsf", "ocsf or jsonl")
	cmd.Flags().StringVar(&x.session, "session", "", "only this session, or the run with this trace id")
	cmd.Flags().StringVar(&x.since, "since", "", "only what was sealed since: a time, or 24h or 7d ago")
	cmd.Flags().StringVar(&x.until, "until", "", "only what was sealed until: a time, or 24h or 7d ago")
	return cmd
}

func (x *export) check() error {
	if !slices.Contains([]string{"ocsf", "jsonl"}, x.format) {
		return fmt.Errorf("--format %q must be ocsf or jsonl", x.format)
	}
	if err := parseWindow(x.since, x.until, &x.sinceT, &x.untilT); err != nil {
		return err
	}
	if x.session != "" && x.since+x.until != "" {
		return errors.New("give --session, or --since and --until, not both")
	}
	return nil
}

// events hands on each event that is asked for, and what does not hold.
func (x *export) events(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, write func(*ocsf.Sealed) error, note func(*ledger.Finding)) error {
	if x.session != "" {
		return x.oneSession(ctx, r, keys, write, note)
	}
	o := ledger.ReadOptions{Keys: keys, Logs: x.trust.logs, Since: x.sinceT, Until: x.untilT}
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
		e, err := semconv.ParseLine(l.Line)
		if err != nil {
			note(trail.LineFinding(&l, err))
			continue
		}
		if err := write(&ocsf.Sealed{Event: e, Line: l.Line, Log: l.Log, Object: l.Object, N: l.N}); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) oneSession(ctx context.Context, r ledger.Reader, keys []ledger.PublicKey, write func(*ocsf.Sealed) error, note func(*ledger.Finding)) error {
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
	for e := range t.All() {
		// As sealed: what others of the run completed is left to the reader.
		sealed, err := semconv.ParseLine(e.Line)
		if err != nil {
			return err
		}
		if err := write(&ocsf.Sealed{Event: sealed, Line: e.Line, Log: e.Log, Object: e.Object, N: e.N}); err != nil {
			return err
		}
	}
	return nil
}

func (x *export) write(w io.Writer, s *ocsf.Sealed) error {
	if x.format == "jsonl" {
		_, err := fmt.Fprintf(w, "%s\n", s.Line)
		return err
	}
	text, err := ocsf.Append(nil, s, version())
	if err != nil {
		return fmt.Errorf("%s, line %d: %w", s.Object, s.N, err)
	}
	_, err = w.Write(text)
	return err
}
