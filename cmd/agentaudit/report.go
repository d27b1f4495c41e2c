package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// writeReport writes a report in the form that --output asks for; all lists every finding
// in the table, which the other forms do anyway.
func writeReport(w io.Writer, r *ledger.Report, output string, all bool) error {
	if output != "table" {
		w = terminal.Visible(w)
	}
	switch output {
	case "sarif":
		return writeSARIF(w, r)
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "jsonl":
		return writeLines(w, r)
	}
	return writeTable(w, r, all)
}

// writeLines writes one line a finding, and the verdict last.
func writeLines(w io.Writer, r *ledger.Report) error {
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

// writeTable writes the verdict, what it is about and what it is not, and behind that what
// it rests on.
func writeTable(w io.Writer, r *ledger.Report, all bool) error {
	writeVerdict(w, r.Verdict, r.Reason)
	if len(r.Logs) == 0 && r.Errors+r.Unknowns == 0 && !all {
		return nil // the reason says it: warnings of a trail that no given key signed look like tampering
	}
	head := "This verdict is about"
	if r.Verdict == ledger.NoVerdict {
		head = "What was read"
	}
	writeList(w, head, scope(r, all))
	if len(r.Logs) > 0 {
		writeList(w, "Nobody can know from this", r.Limits)
	}
	fmt.Fprintf(w, "\n%s in %s, level %s; %s, %d unknown, %s", count(r.Events, "event"), count(r.Objects, "object"),
		r.Level, plural(r.Errors, "error"), r.Unknowns, plural(r.Warnings, "warning"))
	if r.Doubles > 0 {
		fmt.Fprintf(w, "; %s told twice", count(r.Doubles, "event"))
	}
	fmt.Fprintln(w)
	if err := writeLogs(w, r.Logs); err != nil {
		return err
	}
	g := findings{all: all, more: "--all"}
	for i := range r.Findings {
		g.add(&r.Findings[i])
	}
	g.write(w)
	if r.Omitted > 0 {
		fmt.Fprintf(w, "\nand %d more findings, which are counted only\n", r.Omitted)
	}
	return nil
}

// maxScope is how many logs are described where not all are asked for: the table has them
// all.
const maxScope = 20

// scope is what the report says of each log, and of them together.
func scope(r *ledger.Report, all bool) []string {
	n := len(r.Logs) - maxScope
	if all || n <= 0 {
		return r.Scope
	}
	lines := append([]string{}, r.Scope[:maxScope]...)
	const rest = "%d more logs, from and to the manifests in the table below (--all describes each)."
	lines = append(lines, fmt.Sprintf(rest, n))
	return append(lines, r.Scope[len(r.Logs):]...)
}

func count(n int64, what string) string { return plural(int(n), what) }

func writeList(w io.Writer, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", head)
	for _, line := range lines {
		fmt.Fprintf(w, "  - %s\n", termsafe.Short(line, 2000))
	}
}

// writeLogs writes a table of the logs, and what else is known of each.
func writeLogs(w io.Writer, logs []ledger.LogReport) error {
	if len(logs) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nLOG\tMANIFESTS\tOBJECTS\tEVENTS\tNEWEST\tCLOSED\tTREE ROOT")
	for _, l := range logs {
		fmt.Fprintf(t, "%s\t%d to %d\t%d\t%d\t%s\t%t\t%s\n", l.Log, l.First, l.Last, l.Objects, l.Events,
			l.WrittenAt.UTC().Format(time.RFC3339), l.Closed, l.HeadRoot)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, l := range logs {
		if l.From > 0 {
			fmt.Fprintf(w, "log %s: read from the checkpoint of %d manifests on\n", l.Log, l.From)
		}
		if l.Checkpoints > 0 {
			fmt.Fprintf(w, "log %s: continues %s\n", l.Log, plural(l.Checkpoints, "checkpoint"))
		}
		if t := l.Timestamp; t != nil {
			fmt.Fprintf(w, "log %s: its first %d manifests existed at %s, says %s\n",
				l.Log, t.Size, t.At.Format(time.RFC3339), termsafe.Line(t.By))
		}
		for _, c := range l.Cosignatures {
			fmt.Fprintf(w, "log %s: witnessed by %s at %s\n", l.Log, termsafe.Line(c.Witness), c.At.Format(time.RFC3339))
		}
	}
	return nil
}

// writeVerdict writes the first line of a report.
func writeVerdict(w io.Writer, v ledger.Verdict, reason string) {
	colours := map[ledger.Verdict]string{ledger.Confirmed: "32", ledger.NotConfirmed: "31", ledger.NoVerdict: "33"}
	line := coloured(w, colours[v], string(v))
	if reason != "" {
		line += ": " + termsafe.Line(reason)
	}
	fmt.Fprintln(w, line)
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
