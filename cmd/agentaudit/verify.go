package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func verifyCmd() *cobra.Command {
	var at bucketFlags
	var trust trustFlags
	var level, output, when string
	var maxAge time.Duration
	var strict bool
	cmd := &cobra.Command{
		Use:   "verify s3://BUCKET/PREFIX | DIR",
		Short: "Check a trail with nothing but a public key",
		Long: `Check a trail with nothing but a public key.

Levels, each with what the one before does: chain (signatures, sequence, tree),
objects (contents and locks of the sealed objects), events (every line in them).

Exit codes: 0 CONFIRMED; 1 NOT CONFIRMED; 2 NO VERDICT; 3 CONFIRMED with warnings,
under --strict.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			l, err := ledger.ParseLevel(level)
			if err != nil {
				return fmt.Errorf("--level: %w", err)
			}
			o := ledger.VerifyOptions{Level: l, Logs: trust.logs, MaxAge: maxAge}
			if when != "" {
				if o.Now, err = time.Parse(time.RFC3339, when); err != nil {
					return fmt.Errorf("--at %q must be a time such as 2026-11-23T10:00:00Z", when)
				}
			}
			if maxAge < 0 {
				return fmt.Errorf("--max-age (%s) must not be negative", maxAge)
			}
			if o.Keys, err = trust.keys(); err != nil {
				return err
			}
			r, done, err := at.open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			show := newProgress()
			began := time.Now()
			o.Progress = func(p ledger.Progress) {
				rate := float64(p.Events) / max(time.Since(began).Seconds(), 1e-3)
				show.say("log %s: %d manifests, %d objects, %d events, %.0f events/s", termsafe.Line(p.Log), p.Manifests, p.Objects, p.Events, rate)
			}
			report, _ := ledger.Verify(cmd.Context(), r, o) // the report holds the error
			show.clear()
			if err := writeReport(cmd.OutOrStdout(), report, output); err != nil {
				return err
			}
			if code := report.ExitCode(strict); code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
	at.add(cmd)
	trust.add(cmd)
	outputFlag(cmd, &output)
	cmd.Flags().StringVar(&level, "level", "events", "chain, objects or events")
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "warn where a log that was not closed is silent for longer, at its end or within")
	cmd.Flags().StringVar(&when, "at", "", "judge locks and age at this time; default: now")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 3 where there are warnings")
	return cmd
}

func writeReport(w io.Writer, r *ledger.Report, output string) error {
	switch output {
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
	verdict := string(r.Verdict)
	if r.Reason != "" {
		verdict += ": " + termsafe.Line(r.Reason)
	}
	if _, err := fmt.Fprintf(w, "%s\n%d events in %d objects, level %s; %d errors, %d warnings", verdict, r.Events, r.Objects, r.Level, r.Errors, r.Warnings); err != nil {
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
