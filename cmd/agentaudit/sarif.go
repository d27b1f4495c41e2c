package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/owenrumney/go-sarif/v3/pkg/report"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// sarifLevels has no level for what could not be judged: that is a warning whose
// `properties.severity` says more.
var sarifLevels = map[ledger.Severity]string{
	ledger.SeverityError: "error", ledger.SeverityUnknown: "warning",
	ledger.SeverityWarning: "warning", ledger.SeverityInfo: "note",
}

// writeSARIF writes the findings as SARIF 2.1.0, with objects as artifacts relative to
// the trail's prefix. The run's properties say the verdict, what it is about, and what
// nobody can know from it.
func writeSARIF(w io.Writer, r *ledger.Report) error {
	out := report.NewV210Report()
	run := sarif.NewRunWithInformationURI("agentaudit", "https://github.com/agentaudit/otelcol-agentaudit")
	run.Tool.Driver.WithSemanticVersion(version())
	for _, rule := range ledger.Rules {
		run.AddRule(rule.Code).WithDescription(rule.Means).WithHelp(sarif.NewMultiformatMessageString().WithText(rule.Do)).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevels[rule.Severity])).
			WithProperties(severity(rule.Severity))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		text := f.Message
		if f.Expected != "" || f.Found != "" {
			text += fmt.Sprintf(" (expected %s, found %s)", f.Expected, f.Found)
		}
		result := run.CreateResultForRule(f.Code).WithLevel(sarifLevels[f.Severity]).WithKind("fail").
			WithMessage(sarif.NewTextMessage(text)).WithProperties(severity(f.Severity))
		if f.Severity == ledger.SeverityInfo {
			result.WithKind("informational").WithLevel("none") // the only level for what is no failure
		}
		if f.Object != "" {
			// Keys may hold any byte; a SARIF location is a URI.
			at := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation((&url.URL{Path: f.Object}).EscapedPath()))
			if f.Line > 0 {
				at.WithRegion(sarif.NewSimpleRegion(f.Line, f.Line))
			}
			result.AddLocation(sarif.NewLocationWithPhysicalLocation(at))
		}
	}
	properties := sarif.NewPropertyBag()
	properties.Add("verdict", string(r.Verdict)).Add("scope", r.Scope).Add("limits", r.Limits)
	properties.Add("errors", r.Errors).Add("unknowns", r.Unknowns).Add("warnings", r.Warnings)
	if r.Reason != "" {
		properties.Add("reason", r.Reason)
	}
	run.WithProperties(properties)
	out.AddRun(run)
	return out.PrettyWrite(w)
}

func severity(s ledger.Severity) *sarif.PropertyBag {
	bag := sarif.NewPropertyBag()
	bag.Add("severity", string(s))
	return bag
}
