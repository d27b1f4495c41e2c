package dialect_test

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// A span is recognised by the first dialect whose rule it meets, and becomes a draft.
func Example() {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	scope := resource.ScopeSpans().AppendEmpty()
	span := scope.Spans().AppendEmpty()
	span.SetName("execute_tool refund")
	span.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
	span.Attributes().PutStr("gen_ai.tool.name", "refund")
	span.Attributes().PutStr("gen_ai.tool.call.arguments", `{"order": 7}`)
	span.Attributes().PutStr("gen_ai.tool.call.result", `{"refund_id": "R-1"}`)

	r := record.NewScope(resource.Resource(), scope.Scope()).Span(span)
	d := dialect.Detect(r)
	draft := d.Map(r)
	fmt.Println(d.Name, draft.EventType, draft.ToolName, string(draft.ToolInput), string(draft.ToolOutput))
	fmt.Println(draft.Outcome, draft.DerivedFields)
	// Output:
	// otel-genai tool_call refund {"order":7} {"refund_id":"R-1"}
	// success [outcome]
}
