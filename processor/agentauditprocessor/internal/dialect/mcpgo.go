package dialect

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// mcpGo is the tracing of mark3labs/mcp-go: the client's span of a request names no tool, the
// server's does, and so does that of the tool below it. Source: mark3labs/mcp-go, otel/.
var mcpGo = &Dialect{
	Name:  "mcp-go",
	Title: "mcp-go",
	Match: func(r *record.Record) bool {
		return !r.Log && r.Scope == "github.com/mark3labs/mcp-go/otel"
	},
	Kind: func(r *record.Record) Kind {
		if r.Has("mcp.tool.name") {
			return Tool
		}
		return Other // the client's view of a call, and requests that run nothing
	},
	Fields: []Source{
		{Field: "tool_name", Keys: []string{"mcp.tool.name"}},
	},
	Ignore: []record.Ignored{{"mcp.method", "the record's name"}},
}
