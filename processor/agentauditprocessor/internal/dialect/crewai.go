package dialect

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// crewAI is CrewAI's telemetry of its own product: counts without arguments, and no
// source for an audit. What its agents do comes through the other dialects.
var crewAI = &Dialect{
	Name:  "crewai",
	Title: "CrewAI's own product telemetry",
	Match: func(r *record.Record) bool { return strings.HasPrefix(r.Scope, "crewai.telemetry") },
	Kind:  func(*record.Record) Kind { return Copy },
}
