package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func found(g *findings, n int, s ledger.Severity, code, log string) {
	for i := range n {
		g.add(&ledger.Finding{Severity: s, Code: code, Log: log, Object: fmt.Sprintf("%s/%d", log, i), Message: "m"})
	}
}

func TestFindingsAreGathered(t *testing.T) {
	fill := func(g *findings) string {
		found(g, 2, ledger.SeverityInfo, ledger.CodeExpired, "gw-0")
		found(g, 5, ledger.SeverityWarning, ledger.CodeOrphan, "gw-0")
		found(g, 1, ledger.SeverityUnknown, ledger.CodeUnreadable, "gw-1")
		found(g, 1, ledger.SeverityError, ledger.CodeObjectMissing, "gw-1")
		found(g, 1, ledger.SeverityWarning, ledger.CodeUnreadable, "gw-0")
		var out bytes.Buffer
		g.write(&out)
		return out.String()
	}
	got := fill(&findings{more: "--all"})
	require.Equal(t, strings.Join([]string{
		"",
		"error object_missing, log gw-1",
		"A sealed data object is gone before its retention ended.",
		"  gw-1/0",
		"    m",
		"",
		"unknown unreadable, log gw-1",
		"UNREADABLE",
		"  gw-1/0",
		"    m",
		"",
		"warning orphan, log gw-0, 5 times",
		"ORPHAN",
		"  gw-0/0",
		"    m",
		"  gw-0/1",
		"    m",
		"  gw-0/2",
		"    m",
		"  and 2 more (--all)",
		"",
		"warning unreadable, log gw-0",
		"UNREADABLE",
		"  gw-0/0",
		"    m",
		"",
		"info expired, 2 times in 1 log (--all)",
		"",
	}, "\n"), strings.NewReplacer(
		means(t, ledger.CodeUnreadable), "UNREADABLE", means(t, ledger.CodeOrphan), "ORPHAN",
	).Replace(got))

	all := fill(&findings{all: true})
	require.Contains(t, all, "  gw-0/4\n")
	require.Contains(t, all, "info expired, log gw-0, 2 times\n")
	require.NotContains(t, all, "more (")
}

func means(t *testing.T, code string) string {
	t.Helper()
	for _, r := range ledger.Rules {
		if r.Code == code {
			return strings.ReplaceAll(r.Means, "`", "")
		}
	}
	t.Fatal(code)
	return ""
}

// Who may write to the bucket can begin as many logs as he likes.
func TestFindingsOfManyLogs(t *testing.T) {
	g := findings{more: "--all"}
	for i := range 1000 {
		found(&g, 2, ledger.SeverityWarning, ledger.CodeUnknownLog, fmt.Sprintf("planted-%03d", i))
	}
	var out bytes.Buffer
	g.write(&out)
	require.Contains(t, out.String(), "warning unknown_log, log planted-004, 2 times\n")
	require.NotContains(t, out.String(), "planted-005")
	require.Contains(t, out.String(), "\nwarning unknown_log, 1990 times in 995 more logs (--all)\n")
}

func TestConclude(t *testing.T) {
	for name, c := range map[string]struct {
		severity ledger.Severity
		err      error
		want     error
		says     string
	}{
		"nothing": {},
		"warning": {severity: ledger.SeverityWarning, says: "warning orphan"},
		"unknown": {severity: ledger.SeverityUnknown, want: exitError(2), says: "could not be judged"},
		"error":   {severity: ledger.SeverityError, want: exitError(1), says: "does not hold"},
		"failed":  {severity: ledger.SeverityError, err: errors.ErrUnsupported, want: errors.ErrUnsupported, says: "error orphan"},
		"no key":  {severity: ledger.SeverityWarning, err: ledger.ErrUnknownLog, want: ledger.ErrUnknownLog},
	} {
		t.Run(name, func(t *testing.T) {
			g := findings{more: "--all"}
			if c.severity != "" {
				found(&g, 1, c.severity, ledger.CodeOrphan, "gw-0")
			}
			var out bytes.Buffer
			require.ErrorIs(t, g.conclude(&out, c.err), c.want)
			if c.says == "" {
				require.Empty(t, out.String())
			}
			require.Contains(t, out.String(), c.says)
		})
	}
}

func TestScopeOfManyLogs(t *testing.T) {
	r := &ledger.Report{Verdict: ledger.Confirmed}
	for i := range 50 {
		r.Logs = append(r.Logs, ledger.LogReport{Log: fmt.Sprintf("gw-%d", i)})
		r.Scope = append(r.Scope, fmt.Sprintf("Log gw-%d: all.", i))
	}
	r.Scope = append(r.Scope, "How deep.")
	got := scope(r, false)
	require.Len(t, got, maxScope+2)
	require.Equal(t, "30 more logs, from and to the manifests in the table below (--all describes each).", got[maxScope])
	require.Equal(t, "How deep.", got[maxScope+1])
	require.Equal(t, r.Scope, scope(r, true))
}
