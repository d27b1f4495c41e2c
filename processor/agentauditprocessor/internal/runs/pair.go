package runs

import (
	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// pair finds for each tool call the model call that asked for it: by the id of the call,
// else by name and parameters.
func (b *batch) pair() {
	for _, n := range b.nodes {
		if n.isEvent() && (n.d.Kind == dialect.LLM || n.d.Kind == dialect.Message) {
			n.asks()
		}
	}
	var results []*node
	for _, n := range b.nodes {
		if !n.isEvent() || n.d.Kind != dialect.Tool && n.d.Kind != dialect.Approval {
			continue
		}
		if n.d.EventType == semconv.TypeToolResult {
			results = append(results, n)
			continue
		}
		q := requestOf(n.part, n.d)
		if q == nil {
			// The call of another resource: it triggered this one, and says nothing for it.
			if caller := b.caller(n); caller != nil {
				if q = requestOf(caller, n.d); q != nil {
					n.d.ParentEventID = or(n.d.ParentEventID, q.Event)
				}
			}
			continue
		}
		n.d.ParentEventID = or(n.d.ParentEventID, q.Event)
		if n.d.Kind == dialect.Tool {
			q.Claimed = true
			if q.Done = q.Done || n.d.Outcome != "" || n.d.Error != "" || len(n.d.ToolOutput) > 0; !q.Done {
				q.Tool = n.mainID()
			}
			n.takeCall(q)
		}
	}
	if len(results) > 0 {
		b.giveBack(results)
	}
}

// caller is what the resource told of the run that the record's span names as above it,
// where that is another than its own.
func (b *batch) caller(n *node) *memory.Part {
	var of *memory.Part
	top := n
	n.above(func(p *node) bool {
		top = p
		if p.part != nil && p.of != n.of {
			of = p.part
		}
		return of == nil
	})
	if of == nil && !top.pid.IsEmpty() {
		of = n.part.Teller(top.pid)
	}
	return of
}

// takeCall has a tool call have what the model asked for, as far as it does not say
// itself.
func (n *node) takeCall(q *memory.Request) {
	d := n.d
	n.take(&d.ToolCallID, "tool_call_id", q.ID, q.Event)
	switch {
	case len(q.Arguments) == 0:
	case len(d.ToolInput) == 0:
		d.ToolInput = q.Arguments
		d.DeriveFrom("tool_input", q.Event)
	case d.Alone:
		d.Alternates = append(append([]byte(`{"tool_input":`), d.ToolInput...), '}')
		d.ToolInput = q.Arguments
		d.DeriveFrom("tool_input", q.Event)
	}
}

// asks remembers the tool calls that a model call asked for.
func (n *node) asks() {
	id := n.mainID()
	if n.d.Kind == dialect.Message {
		id = semconv.SpanEventID(n.key.trace, n.d.Of, string(semconv.TypeLLMCall))
	}
next:
	for _, c := range n.d.Requested {
		for _, q := range n.part.Requests {
			if c.ID != "" && q.ID == c.ID && q.Name == c.Name {
				if n.d.Kind == dialect.LLM && !n.d.Record.Log {
					q.Event = id
				}
				continue next
			}
		}
		n.part.Ask(c, id)
	}
}

// requestOf is the request of a model that a tool call, or a decision, is about.
func requestOf(part *memory.Part, d *dialect.Draft) *memory.Request {
	if d.ToolCallID != "" {
		for _, q := range part.Requests {
			if q.ID == d.ToolCallID {
				return q
			}
		}
	}
	for _, q := range part.Requests {
		if q.Claimed || q.Name != d.ToolName || d.ToolCallID != "" && q.ID != "" {
			continue
		}
		if len(d.ToolInput) == 0 || string(q.Arguments) == string(d.ToolInput) || d.Alone && onlyValue(q.Arguments) == string(d.ToolInput) {
			return q
		}
	}
	return nil
}

// giveBack finds for results that were told apart the requests that they are of, and has the tool calls of this request that have no result have them.
func (b *batch) giveBack(results []*node) {
	calls := map[factKey]*node{}
	for _, n := range b.nodes {
		if n.isEvent() && n.d.EventType == semconv.TypeToolCall && n.d.ToolCallID != "" && len(n.d.ToolOutput) == 0 && n.d.Error == "" {
			calls[factKey{n.part, n.d.ToolCallID}] = n
		}
	}
	for _, n := range results {
		q := requestOf(n.part, n.d)
		if n.d.ToolCallID == "" {
			q = resultOf(n.part, n.d.ToolName)
		}
		if q != nil {
			q.Back, q.Done = true, true
			n.d.ParentEventID = or(n.d.ParentEventID, q.Event)
			n.take(&n.d.ToolCallID, "tool_call_id", q.ID, q.Event)
		}
		if call := calls[factKey{n.part, n.d.ToolCallID}]; call != nil && n.d.ToolCallID != "" {
			complete(call.d, n.d)
			n.joined = call
		}
	}
}

// resultOf is the request that a result without an id is of: results come back in the order
// of their calls.
func resultOf(part *memory.Part, tool string) *memory.Request {
	for _, q := range part.Requests {
		if !q.Back && q.Name == tool {
			return q
		}
	}
	return nil
}

// onlyValue is the JSON of the one member of an object, "" where there are more.
func onlyValue(object []byte) string {
	raw, n := "", 0
	gjson.ParseBytes(object).ForEach(func(_, v gjson.Result) bool {
		raw = v.Raw
		n++
		return n < 2
	})
	if n != 1 {
		return ""
	}
	return raw
}
