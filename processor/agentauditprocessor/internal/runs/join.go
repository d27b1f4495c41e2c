package runs

import (
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// join completes events with the records that tell of the same thing: an answer logged
// beside its request, the children of a tool's span, messages that came as log records
// before their span. Only what one resource told of one run is joined.
func (b *batch) join() {
	byKey := map[factKey]*node{}
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		for _, k := range n.d.Keys {
			if key := (factKey{n.part, k}); byKey[key] == nil {
				byKey[key] = n
			}
		}
	}
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		for _, k := range n.d.Joins {
			if of := byKey[factKey{n.part, k}]; of != nil && of != n {
				complete(of.d, n.d)
				n.joined = of
				break
			}
		}
	}
	b.joinParts()
	for _, n := range b.nodes { // what spans below a call say of it, before the call is asked
		if n.d != nil && n.joined == nil && n.d.Kind == dialect.Message && !n.d.Record.Log {
			n.awaits()
		}
	}
	for _, n := range b.nodes {
		if n.d != nil && n.joined == nil && (n.d.Kind != dialect.Message || n.d.Record.Log) {
			n.awaits()
		}
	}
}

// awaits has a log record wait for its span, or the span have what waited for it.
func (n *node) awaits() {
	switch d := n.d; {
	case d.Kind == dialect.Message && !d.Of.IsEmpty():
		awaitMessage(n.part, d)
	case d.Kind == dialect.LLM && !d.Record.Log:
		of := n.key.span
		if !d.Of.IsEmpty() {
			of = d.Of // what belongs to it is known by another id
		}
		if p := n.part.Pending(of); p != nil && sameResponse(d, p.Draft) {
			complete(d, p.Draft)
		}
	case d.Kind == dialect.LLM && d.Record.Log && !n.key.span.IsEmpty():
		awaitCall(n.part, d)
	}
}

// parts are what children of a tool's span say of it.
type parts struct{ executed, blocked *dialect.Draft }

// joinParts lets a tool's span have what its children say: whether it ran, and what
// was decided on it.
func (b *batch) joinParts() {
	of := map[twinKey]*parts{}
	for _, n := range b.nodes {
		if n.d == nil || n.d.Of.IsEmpty() || n.d.Record.Log {
			continue
		}
		key := twinKey{spanKey{n.key.trace, n.d.Of}, n.of}
		if of[key] == nil {
			of[key] = &parts{}
		}
		if n.d.Kind == dialect.Part {
			of[key].executed = n.d
			continue
		}
		of[key].blocked = n.d
		if tool := b.find(key.spanKey, n.of); tool != nil && tool.d != nil && tool.of == n.of {
			n.d.ToolName, n.d.ToolCallID = or(n.d.ToolName, tool.d.ToolName), or(n.d.ToolCallID, tool.d.ToolCallID)
			if len(n.d.ToolInput) == 0 {
				n.d.ToolInput = tool.d.ToolInput
			}
		}
	}
	for _, n := range b.nodes {
		if n.d == nil || !n.d.Parts {
			continue
		}
		if p := of[twinKey{n.key, n.of}]; p != nil {
			p.complete(n.d)
		}
	}
}

func (p *parts) complete(d *dialect.Draft) {
	switch {
	case p.executed != nil:
		if p.executed.Outcome != "" {
			d.Outcome = p.executed.Outcome
			d.Underive("outcome")
		}
		d.Error, d.ErrorType = or(d.Error, p.executed.Error), or(d.ErrorType, p.executed.ErrorType)
	case p.blocked != nil:
		// It was asked about and never ran.
		d.Outcome = semconv.OutcomeDenied
		d.Underive("outcome")
	}
	if p.blocked != nil {
		d.ApprovalStatus, d.ApproverID = or(d.ApprovalStatus, p.blocked.ApprovalStatus), or(d.ApproverID, p.blocked.ApproverID)
	}
}

// sameResponse reports whether two records may tell of one call: unequal ids of the
// answer never do.
func sameResponse(a, b *dialect.Draft) bool {
	return a.ResponseID == "" || b.ResponseID == "" || a.ResponseID == b.ResponseID
}

// awaitMessage keeps a message for the span that it belongs to.
func awaitMessage(part *memory.Part, d *dialect.Draft) {
	size := len(d.InputMessages) + len(d.OutputMessages) + len(d.OutputText) + len(d.Prompt)
	p := part.Pending(d.Of)
	switch {
	case p == nil:
		p = &memory.Pending{Draft: &dialect.Draft{Kind: dialect.LLM}}
		p.Draft.EventType = semconv.TypeLLMCall
		if !part.Await(d.Of, p.Draft, size) {
			return
		}
	case !part.Room(size):
		return
	}
	w := p.Draft
	joinMessages(&w.Event, &d.Event)
	w.Requested = append(w.Requested, d.Requested...)
	if d.Prompt != "" {
		if w.Prompt != "" {
			w.Prompt += "\n"
		}
		w.Prompt += d.Prompt
	}
	w.UserJSON = or(w.UserJSON, strings.Clone(d.UserJSON)) // or all is remembered that it is a part of
	w.Secrets = append(w.Secrets, d.Secrets...)
}

// joinMessages puts what a message says behind what those before it said.
func joinMessages(d, from *semconv.Event) {
	for i := range merges.parts {
		s := &merges.parts[i]
		if !s.Has(from) {
			continue
		}
		if !s.Has(d) {
			s.Copy(d, from)
			continue
		}
		switch s.Name {
		case "input_messages":
			d.InputMessages = joinLists(d.InputMessages, from.InputMessages)
		case "output_messages":
			d.OutputMessages = joinLists(d.OutputMessages, from.OutputMessages)
		case "tool_calls_requested":
			d.ToolCallsRequested = joinLists(d.ToolCallsRequested, from.ToolCallsRequested)
		case "output_text":
			d.OutputText += "\n" + from.OutputText
		case "finish_reasons":
			d.FinishReasons = slices.Concat(d.FinishReasons, from.FinishReasons)
		}
	}
}

// awaitCall keeps a log record that tells of a whole call.
func awaitCall(part *memory.Part, d *dialect.Draft) {
	if p := part.Pending(d.Record.SpanID); p != nil {
		if sameResponse(p.Draft, d) {
			complete(p.Draft, d)
		}
		return
	}
	kept := *d
	kept.Record, kept.Frame = nil, nil // or all of the request is remembered
	part.Await(d.Record.SpanID, &kept, len(d.InputMessages)+len(d.OutputMessages)+len(d.OutputText)+len(d.Prompt)+len(d.ToolsAvailable))
}

// joinLists is the elements of two JSON lists.
func joinLists(a, b []byte) []byte {
	switch {
	case len(b) < 3:
		return a
	case len(a) < 3:
		return b
	}
	out := append(append([]byte(nil), a[:len(a)-1]...), ',')
	return append(out, b[1:]...)
}
