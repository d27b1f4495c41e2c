package semconv_test

import (
	"fmt"

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
