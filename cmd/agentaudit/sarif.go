package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/owenrumney/go-sarif/v3/pkg/report"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

var sarifLevels = map[ledger.Severity]string{ledger.SeverityError: "error", ledger.SeverityWarning: "warning", ledger.SeverityInfo: "note"}

// writeSARIF writes the findings as SARIF 2.1.0, with objects as artifacts relative to
// the trail's prefix. The verdict is the run's `properties.verdict`.
func writeSARIF(w io.Writer, r *ledger.Report) error {
	out := report.NewV210Report()
	run := sarif.NewRunWithInformationURI("agentaudit", "https://github.com/agentaudit/otelcol-agentaudit")
	run.Tool.Driver.WithSemanticVersion(version())
	for _, rule := range ledger.Rules {
		run.AddRule(rule.Code).WithDescription(rule.Means).WithHelp(sarif.NewMultiformatMessageString().WithText(rule.Do)).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevels[rule.Severity]))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		text := f.Message
		if f.Expected != "" || f.Found != "" {
			text += fmt.Sprintf(" (expected %s, found %s)", f.Expected, f.Found)
		}
		result := run.CreateResultForRule(f.Code).WithLevel(sarifLevels[f.Severity]).WithMessage(sarif.NewTextMessage(text))
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
	properties.Add("verdict", string(r.Verdict))
	if r.Reason != "" {
		properties.Add("reason", r.Reason)
	}
	run.WithProperties(properties)
	out.AddRun(run)
	return out.PrettyWrite(w)
}
