package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func verifyCmd() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify s3://BUCKET/PREFIX | DIR | BUNDLE.zip",
		Short: "Check a trail, or an evidence bundle, with nothing but a public key",
		Long: `Check a trail, or an evidence bundle, with nothing but a public key.

Levels, each with what the one before does: chain (signatures, sequence, tree,
checkpoints), objects (contents and locks of the sealed objects), events (every line
in them). --since and --until bound what is read by the time of its sealing; --from
goes on behind a checkpoint that an earlier verification confirmed. --checkpoint
names checkpoints that were kept elsewhere: the trail must hold what they speak of.

A bundle that "agentaudit prove" made is checked offline.

Exit codes: 0 CONFIRMED; 1 NOT CONFIRMED; 2 NO VERDICT; 3 CONFIRMED with warnings,
under --strict.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if isBundle(args[0]) {
				return v.bundle(cmd, args[0])
			}
			return v.trail(cmd, args[0])
		},
	}
	v.at.add(cmd)
	v.trust.add(cmd)
	f := cmd.Flags()
	f.StringVarP(&v.output, "output", "o", "table", "form of the output: table, json, jsonl or sarif")
	f.StringVar(&v.level, "level", "events", "chain, objects or events")
	f.DurationVar(&v.maxAge, "max-age", 0, "warn where a log that was not closed is silent for longer, at its end or within")
	f.StringVar(&v.when, "at", "", "judge locks and age at this time; default: now")
	f.StringVar(&v.since, "since", "", "only what was sealed at this time or later")
	f.StringVar(&v.until, "until", "", "only what was sealed at this time or before")
	f.StringArrayVar(&v.from, "from", nil, "file with a checkpoint to go on from; may be given more than once, for several logs")
	f.StringArrayVar(&v.checkpoints, "checkpoint", nil, "file with a checkpoint that was kept elsewhere; may be given more than once")
	f.IntVar(&v.witnesses, "witnesses", 0, "how many witnesses named in --trust must have cosigned each --checkpoint and --from")
	f.StringArrayVar(&v.tsaCerts, "tsa-cert", nil, "file with roots of time-stamping authorities that you trust, PEM: timestamps over checkpoints are checked")
	f.BoolVar(&v.strict, "strict", false, "exit with 3 where there are warnings")
	return cmd
}

// verification is what the flags of verify ask for.
type verification struct {
	at                          bucketFlags
	trust                       trustFlags
	level, output               string
	when, since, until          string
	maxAge                      time.Duration
	from, checkpoints, tsaCerts []string
	witnesses                   int
	strict                      bool
}

// options checks the flags.
func (v *verification) options() (o ledger.VerifyOptions, err error) {
	switch v.output {
	case "table", "json", "jsonl", "sarif":
	default:
		return o, fmt.Errorf("--output %q must be table, json, jsonl or sarif", v.output)
	}
	if o.Level, err = ledger.ParseLevel(v.level); err != nil {
		return o, fmt.Errorf("--level: %w", err)
	}
	o.Logs, o.MaxAge = v.trust.logs, v.maxAge
	if v.maxAge < 0 {
		return o, fmt.Errorf("--max-age (%s) must not be negative", v.maxAge)
	}
	if err := errors.Join(parseTime("at", v.when, &o.At), parseTime("since", v.since, &o.Since), parseTime("until", v.until, &o.Until)); err != nil {
		return o, err
	}
	if !o.Since.IsZero() && !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, errors.New("--until must not be before --since")
	}
	if len(v.from) > 0 && !o.Since.IsZero() {
		return o, errors.New("give --from or --since, not both")
	}
	keys, witnesses, err := v.trust.trusted()
	if err != nil {
		return o, err
	}
	o.Keys = keys
	if o.From, err = readCheckpoints(v.from, keys, witnesses); err != nil {
		return o, err
	}
	if o.Checkpoints, err = readCheckpoints(v.checkpoints, keys, witnesses); err != nil {
		return o, err
	}
	if o.Timestamps, err = timestampVerifier(v.tsaCerts); err != nil {
		return o, err
	}
	for _, c := range append(slices.Clone(o.From), o.Checkpoints...) {
		if len(c.Cosigs) < v.witnesses {
			return o, fmt.Errorf("the checkpoint of log %s, size %d, is cosigned by %d of the witnesses in --trust, --witnesses asks for %d", c.Log, c.Size, len(c.Cosigs), v.witnesses)
		}
	}
	return o, nil
}

// timestampVerifier trusts the roots in files; nil for no file.
func timestampVerifier(names []string) (func(response, note []byte) (time.Time, string, error), error) {
	var roots []byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		roots = append(roots, text...)
	}
	if len(names) == 0 {
		return nil, nil
	}
	t, err := tsa.NewVerifier(roots)
	if err != nil {
		return nil, fmt.Errorf("--tsa-cert: %w", err)
	}
	return t.Verify, nil
}

// parseTime reads the value of a flag.
func parseTime(flag, text string, t *time.Time) (err error) {
	if text == "" {
		return nil
	}
	if *t, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("--%s %q must be a time such as 2026-11-23T10:00:00Z", flag, text)
	}
	return nil
}

func (v *verification) trail(cmd *cobra.Command, where string) error {
	o, err := v.options()
	if err != nil {
		return err
	}
	r, done, err := v.at.open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer done()
	show := newProgress()
	began := time.Now()
	o.Progress = func(p ledger.Progress) {
		rate := float64(p.Events) / max(time.Since(began).Seconds(), 1e-3)
		show.say("log %d of %d (%s): %d manifests, %d objects, %d events, %.0f events/s%s", min(p.LogsDone+1, p.Logs), p.Logs, termsafe.Line(p.Log), p.Manifests, p.Objects, p.Events, rate, left(began, p.Done))
	}
	report, _ := ledger.Verify(cmd.Context(), r, o) // the report holds the error
	show.clear()
	if err := writeReport(cmd.OutOrStdout(), report, v.output); err != nil {
		return err
	}
	if code := report.ExitCode(v.strict); code != 0 {
		return exitError(code)
	}
	return nil
}

// isBundle reports whether a location names an evidence bundle.
func isBundle(where string) bool {
	info, err := os.Stat(where)
	return err == nil && info.Mode().IsRegular()
}

func (v *verification) bundle(cmd *cobra.Command, name string) error {
	if v.output != "table" && v.output != "json" {
		return fmt.Errorf("--output %q: of a bundle it must be table or json", v.output)
	}
	keys, witnesses, err := v.trust.trusted()
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	report, _ := evidence.Verify(f, info.Size(), keys, witnesses) // the report holds the error
	if v.output == "json" {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	} else {
		writeEvidence(cmd.OutOrStdout(), report)
	}
	if code := report.ExitCode(); code != 0 {
		return exitError(code)
	}
	return nil
}

func writeEvidence(w io.Writer, r *evidence.Report) {
	writeVerdict(w, r.Verdict, r.Reason)
	for _, list := range []struct {
		head  string
		lines []string
	}{{"It proves", r.Proven}, {"It does not prove", r.Limits}} {
		if len(list.lines) > 0 && r.Verdict == ledger.Confirmed {
			fmt.Fprintf(w, "\n%s\n", list.head)
			for _, line := range list.lines {
				fmt.Fprintf(w, "  - %s\n", termsafe.Short(line, 1000))
			}
		}
	}
	for i := range r.Findings {
		if i == 0 {
			fmt.Fprintln(w)
		}
		writeFinding(w, &r.Findings[i])
	}
}

// writeVerdict writes the first line of a report.
func writeVerdict(w io.Writer, v ledger.Verdict, reason string) {
	colour := map[ledger.Verdict]string{ledger.Confirmed: "32", ledger.NotConfirmed: "31", ledger.NoVerdict: "33"}[v]
	line := coloured(w, colour, string(v))
	if reason != "" {
		line += ": " + termsafe.Line(reason)
	}
	fmt.Fprintln(w, line)
}

func writeReport(w io.Writer, r *ledger.Report, output string) error {
	switch output {
	case "sarif":
		return writeSARIF(w, r)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "jsonl":
		// One line a finding, and the verdict last.
		e := json.NewEncoder(w)
		for i := range r.Findings {
			if err := e.Encode(&r.Findings[i]); err != nil {
				return err
			}
		}
		short := *r
		short.Findings = nil
		return e.Encode(struct {
			*ledger.Report
			Findings *struct{} `json:"findings,omitempty"`
		}{Report: &short})
	}
	writeVerdict(w, r.Verdict, r.Reason)
	if _, err := fmt.Fprintf(w, "%d events in %d objects, level %s; %d errors, %d warnings", r.Events, r.Objects, r.Level, r.Errors, r.Warnings); err != nil {
		return err
	}
	if r.Doubles > 0 {
		fmt.Fprintf(w, "; %d events told twice", r.Doubles)
	}
	fmt.Fprintln(w)
	if len(r.Logs) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "\nLOG\tMANIFESTS\tOBJECTS\tEVENTS\tNEWEST\tCLOSED\tTREE ROOT")
		for _, l := range r.Logs {
			fmt.Fprintf(t, "%s\t%d to %d\t%d\t%d\t%s\t%t\t%s\n", l.Log, l.First, l.Last, l.Objects, l.Events, l.WrittenAt.UTC().Format(time.RFC3339), l.Closed, l.HeadRoot)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, l := range r.Logs {
		if l.From > 0 {
			fmt.Fprintf(w, "log %s: read from the checkpoint of %d manifests on\n", l.Log, l.From)
		}
		if l.Checkpoints > 0 {
			fmt.Fprintf(w, "log %s: continues %d checkpoints\n", l.Log, l.Checkpoints)
		}
		if t := l.Timestamp; t != nil {
			fmt.Fprintf(w, "log %s: its first %d manifests existed at %s, says %s\n", l.Log, t.Size, t.At.Format(time.RFC3339), termsafe.Line(t.By))
		}
		for _, c := range l.Cosignatures {
			fmt.Fprintf(w, "log %s: witnessed by %s at %s\n", l.Log, termsafe.Line(c.Witness), c.At.Format(time.RFC3339))
		}
	}
	for i := range r.Findings {
		if i == 0 {
			fmt.Fprintln(w)
		}
		writeFinding(w, &r.Findings[i])
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "… and %d more findings\n", r.Omitted)
	}
	return nil
}

// writeFinding writes a finding: what, where, and what was expected and found.
func writeFinding(w io.Writer, f *ledger.Finding) {
	fmt.Fprintf(w, "%s %s", f.Severity, f.Code)
	switch {
	case f.Object != "":
		fmt.Fprintf(w, " %s", termsafe.Line(f.Object))
	case f.Log != "":
		fmt.Fprintf(w, " log %s", termsafe.Line(f.Log))
	}
	if f.Line > 0 {
		fmt.Fprintf(w, " line %d", f.Line)
	}
	fmt.Fprintf(w, "\n    %s\n", termsafe.Short(f.Message, 500))
	if f.Expected != "" {
		fmt.Fprintf(w, "    expected %s\n", termsafe.Short(f.Expected, 500))
	}
	if f.Found != "" {
		fmt.Fprintf(w, "    found    %s\n", termsafe.Short(f.Found, 500))
	}
}

// findingIn is the finding that an error is, nil for none.
func findingIn(err error) *ledger.Finding {
	var f *ledger.Finding
	errors.As(err, &f)
	return f
}
