package runs

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// joinRecords completes events with the records that tell of the same thing: an
// answer logged beside its request, the children of a tool's span, messages that
// came as log records before their span.
func (b *batch) joinRecords() {
	byKey := map[string]*node{}
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		for _, k := range n.d.Keys {
			if key := n.runKey + k; byKey[key] == nil {
				byKey[key] = n
			}
		}
	}
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		for _, k := range n.d.Joins {
			if of := byKey[n.runKey+k]; of != nil && of != n {
				complete(of.d, n.d)
				n.joined = of
				break
			}
		}
	}
	b.joinParts()
	for _, n := range b.nodes {
		switch {
		case n.d == nil || n.joined != nil:
		case n.d.Kind == dialect.Message && n.d.Record.Log && !n.d.Of.IsEmpty():
			n.run.wait(n.d)
		case n.d.Kind == dialect.LLM && !n.d.Record.Log:
			if p := n.run.pending[n.key.span]; p != nil {
				complete(n.d, p.conversation())
			}
		case n.d.Kind == dialect.LLM && n.d.Record.Log && !n.key.span.IsEmpty():
			n.run.waitWhole(n.d)
		}
	}
}

// joinParts lets a tool's span have what its children say: whether it ran, and what
// was decided on it.
func (b *batch) joinParts() {
	type parts struct{ executed, blocked *dialect.Draft }
	of := map[spanKey]*parts{}
	for _, n := range b.nodes {
		if n.d == nil || n.d.Of.IsEmpty() || n.d.Record.Log {
			continue
		}
		key := spanKey{n.key.trace, n.d.Of}
		if of[key] == nil {
			of[key] = &parts{}
		}
		if n.d.Kind == dialect.Part {
			of[key].executed = n.d
		} else {
			of[key].blocked = n.d
			if tool := b.bySpan[key]; tool != nil && tool.d != nil {
				fill(&n.d.ToolName, tool.d.ToolName)
				fill(&n.d.ToolCallID, tool.d.ToolCallID)
				if len(n.d.ToolInput) == 0 {
					n.d.ToolInput = tool.d.ToolInput
				}
			}
		}
	}
	for _, n := range b.nodes {
		if n.d == nil || !n.d.Parts {
			continue
		}
		switch p := of[n.key]; {
		case p == nil:
		case p.executed != nil:
			if p.executed.Outcome != "" {
				n.d.Outcome = p.executed.Outcome
			}
			fill(&n.d.Error, p.executed.Error)
			fill(&n.d.ErrorType, p.executed.ErrorType)
		case p.blocked != nil:
			// It was asked about and never ran.
			n.d.Outcome = semconv.OutcomeDenied
		}
		if p := of[n.key]; p != nil && p.blocked != nil {
			fill(&n.d.ApprovalStatus, p.blocked.ApprovalStatus)
			fill(&n.d.ApproverID, p.blocked.ApproverID)
		}
	}
}

// complete fills what d lacks from another record of the same thing.
func complete(d, from *dialect.Draft) {
	if len(d.InputMessages) == 0 {
		d.InputMessages = from.InputMessages
	}
	if len(d.OutputMessages) == 0 {
		d.OutputMessages = from.OutputMessages
		fill(&d.OutputText, from.OutputText)
		fill(&d.Reasoning, from.Reasoning)
		if len(d.Requested) == 0 {
			d.Requested = from.Requested
		}
		if len(d.ToolCallsRequested) == 0 {
			d.ToolCallsRequested = from.ToolCallsRequested
		}
	}
	if len(d.FinishReasons) == 0 {
		d.FinishReasons = from.FinishReasons
	}
	if len(d.ToolsAvailable) == 0 {
		d.ToolsAvailable, d.ToolsHash = from.ToolsAvailable, from.ToolsHash
	}
	fill(&d.Prompt, from.Prompt)
	fill(&d.UserJSON, from.UserJSON)
	fill(&d.ModelID, from.ModelID)
	fill(&d.ResponseModelID, from.ResponseModelID)
	fill(&d.ResponseID, from.ResponseID)
	fill(&d.SessionID, from.SessionID)
	fill(&d.UserID, from.UserID)
	for _, p := range [][2]*semconv.Optional[int64]{
		{&d.InputTokens, &from.InputTokens},
		{&d.OutputTokens, &from.OutputTokens},
		{&d.CachedInputTokens, &from.CachedInputTokens},
		{&d.ReasoningTokens, &from.ReasoningTokens},
	} {
		if !p[0].Valid {
			*p[0] = *p[1]
		}
	}
	if d.Kind == dialect.Tool {
		completeTool(d, from)
	}
	d.Secrets = append(d.Secrets, from.Secrets...)
	if d.ContentState == semconv.ContentNotCaptured && (len(d.InputMessages) > 0 || len(d.OutputMessages) > 0) {
		d.ContentState = semconv.ContentPresent
	}
}

// completeTool takes the result and the failure from the layer that ran the tool.
func completeTool(d, from *dialect.Draft) {
	if len(d.ToolInput) == 0 {
		d.ToolInput = from.ToolInput
	}
	if len(d.ToolOutput) == 0 {
		d.ToolOutput = from.ToolOutput
	}
	fill(&d.ToolCallID, from.ToolCallID)
	fill(&d.MCPServer, from.MCPServer)
	fill(&d.MCPSessionID, from.MCPSessionID)
	if d.Error == "" && from.Outcome != semconv.OutcomeSuccess && from.Outcome != "" {
		d.Outcome, d.Error, d.ErrorType = from.Outcome, from.Error, from.ErrorType
	}
	if d.ContentState == semconv.ContentNotCaptured && len(d.ToolInput)+len(d.ToolOutput) > 0 {
		d.ContentState = semconv.ContentPresent
	}
}

// wait keeps a message for the span that it belongs to.
func (r *run) wait(d *dialect.Draft) {
	p := r.pending[d.Of]
	size := len(d.InputMessages) + len(d.OutputMessages)
	if p == nil && len(r.pending) >= maxPending || !r.room(size) {
		return
	}
	if p == nil {
		p = &pending{draft: &dialect.Draft{Kind: dialect.LLM}}
		r.await(d.Of, p)
	}
	if len(d.InputMessages) > 2 {
		p.in = append(p.in, d.InputMessages[1:len(d.InputMessages)-1])
	}
	if len(d.OutputMessages) > 2 {
		p.out = append(p.out, d.OutputMessages[1:len(d.OutputMessages)-1])
		p.draft.Requested = append(p.draft.Requested, d.Requested...)
		p.draft.ToolCallsRequested = joinLists(p.draft.ToolCallsRequested, d.ToolCallsRequested)
		if p.draft.OutputText != "" && d.OutputText != "" {
			p.draft.OutputText += "\n"
		}
		p.draft.OutputText += d.OutputText
		fill(&p.draft.Reasoning, d.Reasoning)
		p.draft.FinishReasons = append(p.draft.FinishReasons, d.FinishReasons...)
	}
	if d.Prompt != "" {
		if p.draft.Prompt != "" {
			p.draft.Prompt += "\n"
		}
		p.draft.Prompt += d.Prompt
	}
	fill(&p.draft.UserJSON, strings.Clone(d.UserJSON)) // or all is remembered that it is a part of
	p.draft.Secrets = append(p.draft.Secrets, d.Secrets...)
}

// waitWhole keeps a log record that tells of a whole call.
func (r *run) waitWhole(d *dialect.Draft) {
	if p := r.pending[d.Record.SpanID]; p != nil {
		complete(p.draft, d)
		return
	}
	size := len(d.InputMessages) + len(d.OutputMessages)
	if len(r.pending) >= maxPending || !r.room(size) {
		return
	}
	kept := *d
	r.await(d.Record.SpanID, &pending{draft: &kept})
}

func (p *pending) conversation() *dialect.Draft {
	d := *p.draft
	if len(p.in) > 0 {
		d.InputMessages = list(p.in)
	}
	if len(p.out) > 0 {
		d.OutputMessages = list(p.out)
	}
	return &d
}

func list(inner [][]byte) []byte {
	out := []byte{'['}
	for i, m := range inner {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m...)
	}
	return append(out, ']')
}

func joinLists(a, b []byte) []byte {
	switch {
	case len(b) < 3:
		return a
	case len(a) < 3:
		return b
	}
	return list([][]byte{a[1 : len(a)-1], b[1 : len(b)-1]})
}

// pairCalls finds for each tool call the model call that asked for it: by the id of
// the call, else by name and parameters.
func (b *batch) pairCalls() {
	for _, n := range b.nodes {
		if n.isEvent() && (n.d.Kind == dialect.LLM || n.d.Kind == dialect.Message) {
			n.run.ask(n)
		}
	}
	for _, n := range b.nodes {
		if !n.isEvent() || n.d.Kind != dialect.Tool && n.d.Kind != dialect.Approval {
			continue
		}
		q := n.run.find(n.d)
		if q == nil {
			continue
		}
		if n.d.Kind == dialect.Tool {
			q.claimed = true
			if n.d.ToolCallID == "" && q.ID != "" {
				n.d.ToolCallID = q.ID
				n.d.Derive("tool_call_id")
			}
			if len(n.d.ToolInput) == 0 && len(q.Arguments) > 0 {
				n.d.ToolInput = q.Arguments
				n.d.Derive("tool_input")
			}
			if n.d.Alone && len(q.Arguments) > 0 {
				n.d.Alternates = append(append([]byte(`{"tool_input":`), n.d.ToolInput...), '}')
				n.d.ToolInput = q.Arguments
				n.d.Derive("tool_input")
			}
		}
		n.d.ParentEventID = q.event
	}
}

// ask remembers the tool calls that a model call asked for.
func (r *run) ask(n *node) {
	id := n.mainID()
	if n.d.Kind == dialect.Message {
		id = semconv.SpanEventID(n.key.trace, n.d.Of, string(semconv.TypeLLMCall))
	}
next:
	for _, c := range n.d.Requested {
		for _, q := range r.requests {
			if c.ID != "" && q.ID == c.ID {
				if n.d.Kind == dialect.LLM && !n.d.Record.Log {
					q.event = id
				}
				continue next
			}
		}
		if !r.room(len(c.Arguments)) {
			c.Arguments = nil // known by its id and name
		}
		if len(r.requests) >= maxFacts {
			r.requests = r.requests[1:]
		}
		c.ID, c.Name = strings.Clone(c.ID), strings.Clone(c.Name)
		r.requests = append(r.requests, &request{Call: c, event: id})
	}
}

func (r *run) find(d *dialect.Draft) *request {
	if d.ToolCallID != "" {
		for _, q := range r.requests {
			if q.ID == d.ToolCallID {
				return q
			}
		}
	}
	for _, q := range r.requests {
		if q.claimed || q.Name != d.ToolName || d.ToolCallID != "" && q.ID != "" {
			continue
		}
		if len(d.ToolInput) == 0 || string(q.Arguments) == string(d.ToolInput) || d.Alone && onlyValue(q.Arguments) == string(d.ToolInput) {
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
