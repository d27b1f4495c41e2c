package index

import (
	"time"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// decision is what was decided about a tool call.
type decision struct {
	status, by, source string
	at                 time.Time
	conflict           bool // several say different things: nothing is taken
}

// call is a tool call of a run, by the model's id of it.
type call struct{ sender, run, id string }

// decisions are what approvals say of the tool calls of a run, by the id that both name.
type decisions map[call]*decision

func callOf(r *factRow) call { return call{r.Sender, r.RunID, r.ToolCallID} }

func (d decisions) add(r *factRow) {
	if r.EventType != string(semconv.TypeApproval) || r.ToolCallID == "" || r.RunID == "" || r.Approval == "" || r.Approval == "pending" {
		return
	}
	next := decision{status: r.Approval, by: r.ApproverID, source: r.ApprovalBy, at: r.approvalAt()}
	was := d[callOf(r)]
	if was == nil {
		d[callOf(r)] = &next
		return
	}
	if was.status != next.status || was.by != next.by || was.source != next.source {
		*was = decision{conflict: true}
	}
}

// of is what was decided about a tool call, nil where nothing is known.
func (d decisions) of(r *factRow) *decision {
	if r.EventType != string(semconv.TypeToolCall) || r.ToolCallID == "" || r.RunID == "" {
		return nil
	}
	return d[callOf(r)]
}

func (r *factRow) approvalAt() time.Time {
	if r.ApprovalAt.IsZero() {
		return time.Time{}
	}
	return r.ApprovalAt.Add(time.Duration(r.AtNanos))
}

// beside is what a decision adds to what the tool call says itself: nothing where it says that
// something else was decided.
func (d *decision) beside(r *factRow) decision {
	if d.conflict || r.Approval != "" && r.Approval != d.status && r.Approval != "pending" {
		return decision{}
	}
	add := *d
	if r.Approval != "" {
		add.status = ""
	}
	if r.ApproverID != "" {
		add.by = ""
	}
	if r.ApprovalBy != "" {
		add.source = ""
	}
	if !r.ApprovalAt.IsZero() {
		add.at = time.Time{}
	}
	return add
}

// names are the columns that it sets.
func (d *decision) names() (list []string) {
	for _, c := range []struct {
		name string
		set  bool
	}{
		{"approval_status", d.status != ""},
		{"approver_id", d.by != ""},
		{"approval_source", d.source != ""},
		{"approval_at", !d.at.IsZero()},
	} {
		if c.set {
			list = append(list, c.name)
		}
	}
	return list
}
