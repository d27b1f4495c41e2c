package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// maxExamples is how many findings of a kind are shown, and maxLogs of how many logs, where
// not all are asked for: anyone who may write to the bucket can cause as many as he likes.
const (
	maxExamples = 3
	maxLogs     = 5
)

// findings gathers what was found by kind: a severity, a code and a log. It grows with the
// kinds, not with what is found, unless all of it is kept.
type findings struct {
	all   bool
	more  string // how to have all of it
	kinds map[kindName]*kind
	order []kindName
}

type kindName struct {
	severity  ledger.Severity
	code, log string
}

type kind struct {
	count int
	first []ledger.Finding
}

// severities are in the order in which they are shown.
var severities = []ledger.Severity{
	ledger.SeverityError, ledger.SeverityUnknown, ledger.SeverityWarning, ledger.SeverityInfo,
}

func (g *findings) add(f *ledger.Finding) {
	name := kindName{f.Severity, f.Code, f.Log}
	k := g.kinds[name]
	if k == nil {
		if g.kinds == nil {
			g.kinds = map[kindName]*kind{}
		}
		k = &kind{}
		g.kinds[name], g.order = k, append(g.order, name)
	}
	if k.count++; g.all || len(k.first) < maxExamples {
		k.first = append(k.first, *f)
	}
}

// write writes a block for each kind, the gravest first. What is only information is
// counted, unless all is asked for.
func (g *findings) write(w io.Writer) {
	for _, s := range severities {
		for _, code := range g.codes(s) {
			g.writeCode(w, s, code)
		}
	}
}

// codes are those of a severity, in the order in which they were found.
func (g *findings) codes(s ledger.Severity) (codes []string) {
	for _, name := range g.order {
		if name.severity == s && !slices.Contains(codes, name.code) {
			codes = append(codes, name.code)
		}
	}
	return codes
}

func (g *findings) writeCode(w io.Writer, s ledger.Severity, code string) {
	logs, rest, counted := 0, 0, 0
	for _, name := range g.order {
		if name.severity != s || name.code != code {
			continue
		}
		k := g.kinds[name]
		switch logs++; {
		case g.all, logs <= maxLogs && s != ledger.SeverityInfo:
			g.writeKind(w, name, k)
		default:
			rest, counted = rest+1, counted+k.count
		}
	}
	switch {
	case counted == 0:
	case s == ledger.SeverityInfo:
		fmt.Fprintf(w, "\n%s %s, %s in %s (%s)\n", s, code, times(counted), plural(rest, "log"), g.more)
	default:
		fmt.Fprintf(w, "\n%s %s, %s in %d more logs (%s)\n", s, code, times(counted), rest, g.more)
	}
}

func (g *findings) writeKind(w io.Writer, name kindName, k *kind) {
	fmt.Fprintf(w, "\n%s %s", name.severity, name.code)
	if name.log != "" {
		fmt.Fprintf(w, ", log %s", termsafe.Line(name.log))
	}
	if k.count > 1 {
		fmt.Fprintf(w, ", %s", times(k.count))
	}
	fmt.Fprintln(w)
	if i := slices.IndexFunc(ledger.Rules, func(r ledger.Rule) bool { return r.Code == name.code }); i >= 0 {
		fmt.Fprintf(w, "%s\n", strings.ReplaceAll(ledger.Rules[i].Means, "`", ""))
	}
	for i := range k.first {
		f := &k.first[i]
		if at := place(f); at != "" {
			fmt.Fprintf(w, "  %s\n", at)
		}
		writeDetails(w, f)
	}
	if n := k.count - len(k.first); n > 0 {
		fmt.Fprintf(w, "  and %d more (%s)\n", n, g.more)
	}
}

// conclude writes what was found beside what a command read, and ends it: with err, or
// with 1 where something does not hold, and 2 where something could not be judged.
func (g *findings) conclude(w io.Writer, err error) error {
	if errors.Is(err, ledger.ErrUnknownLog) {
		return fmt.Errorf("%w: %s", err, keyHint) // which says all that was found
	}
	g.write(w)
	switch {
	case err != nil:
		return err
	case len(g.codes(ledger.SeverityError)) > 0:
		fmt.Fprintln(w, "\nagentaudit: part of the trail does not hold, so events may be missing: "+runVerify)
		return exitError(1)
	case len(g.codes(ledger.SeverityUnknown)) > 0:
		fmt.Fprintln(w, "\nagentaudit: part of the trail could not be judged, so events may be missing: "+runVerify)
		return exitError(2)
	}
	return nil
}

const runVerify = "run `agentaudit verify`"

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// place is where a finding is, "" for the trail as a whole.
func place(f *ledger.Finding) string {
	at := termsafe.Line(f.Object)
	if f.Line > 0 {
		at += fmt.Sprintf(" line %d", f.Line)
	}
	return at
}

// writeFinding writes one finding: what, where, and what was expected and found.
func writeFinding(w io.Writer, f *ledger.Finding) {
	at := place(f)
	if at == "" && f.Log != "" {
		at = "log " + termsafe.Line(f.Log)
	}
	fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Code, at)))
	writeDetails(w, f)
}

func writeDetails(w io.Writer, f *ledger.Finding) {
	fmt.Fprintf(w, "    %s\n", termsafe.Short(f.Message, 500))
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
