package main

import (
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// expect takes the confirmation back where the auditor named a key for a log of which
// nothing that counts is there: he asked for it, and a log that was removed whole leaves
// no other trace. Where only some logs were asked for, the others are not missed.
func expect(r *ledger.Report, named, only []string) {
	for _, log := range named {
		switch {
		case only != nil && !slices.Contains(only, log):
			continue
		case slices.ContainsFunc(r.Logs, func(l ledger.LogReport) bool { return l.Log == log }):
			continue
		}
		f := ledger.Finding{
			Code: ledger.CodeUnknownLog, Log: log, Object: ledger.ManifestPrefix + log + "/",
			Expected: "manifests signed by the key that was named for this log", Found: "none",
		}
		i := slices.IndexFunc(r.Findings, func(f ledger.Finding) bool {
			return f.Log == log && f.Severity == ledger.SeverityWarning && f.Code == ledger.CodeUnknownLog
		})
		if i >= 0 {
			f.Found = r.Findings[i].Found
			r.Findings, r.Warnings = slices.Delete(r.Findings, i, i+1), r.Warnings-1
		}
		f.Severity = ledger.SeverityUnknown
		f.Message = "nothing is there of a log that you named a key for: it was removed, it is elsewhere, or the key is not its own"
		first := slices.IndexFunc(r.Findings, func(f ledger.Finding) bool { return f.Severity != ledger.SeverityError })
		if first < 0 {
			first = len(r.Findings)
		}
		r.Findings, r.Unknowns = slices.Insert(r.Findings, first, f), r.Unknowns+1
		if r.Verdict == ledger.Confirmed {
			r.Verdict = ledger.NoVerdict
		}
		if r.Verdict == ledger.NoVerdict && r.Reason == "" {
			r.Reason = "log " + log + ": " + f.Message
		}
	}
}
