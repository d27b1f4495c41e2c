package semconv_test

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// An application tells who approved an action on the span of the action; any SDK in
// any language sets the same keys.
func Example() {
	span := ptrace.NewSpan()
	span.Attributes().PutBool(semconv.AttrRequiresApproval, true)
	span.Attributes().PutStr(semconv.AttrApprovalStatus, semconv.ApprovalApproved)
	span.Attributes().PutStr(semconv.AttrApproverID, "ann@example.com")
	span.Attributes().PutStr(semconv.AttrApprovalReason, "within her limit")
	for k, v := range span.Attributes().All() {
		fmt.Println(k, v.AsString())
	}
	// Output:
	// audit.requires_approval true
	// audit.approval_status approved
	// audit.approver_id ann@example.com
	// audit.approval_reason within her limit
}

// An event is written as a span, which stock processors may change, and encoded as a line,
// which a strict reader reads.
func ExampleParseLine() {
	e := &semconv.Event{
		EventID: "8f14e45f-ceea-867f-a0a0-000000000001", EventType: semconv.TypeToolCall, Timestamp: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		SessionID: "s1", AgentID: "shop", StepNumber: semconv.Some(int64(3)), ToolName: "refund", ToolInput: []byte(`{"order":7}`),
	}
	span := ptrace.NewSpan()
	semconv.WriteSpan(e, span)
	line, meta, err := semconv.AppendSpan(nil, span)
	if err != nil {
		panic(err)
	}
	read, err := semconv.ParseLine(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(meta.EventType, read.ToolName, string(read.ToolInput), read.StepNumber.Value, read.Outcome == "")
	// Output: tool_call refund {"order":7} 3 true
}
