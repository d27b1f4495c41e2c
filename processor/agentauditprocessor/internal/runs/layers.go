package runs

import (
	"maps"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// layers marks events that tell what another tells already: an SDK's span inside
// a framework's span for one model call or tool call, a span and a log record of
// one thing. The mark is on the inner one, else on the one that came later.
func (b *batch) layers() {
	inner := map[*node][]*node{}
	for _, n := range b.nodes {
		if n.main == nil || n.d.Record.Log || n.d.Kind != dialect.LLM && n.d.Kind != dialect.Tool {
			continue
		}
		n.above(func(p *node) bool {
			if p.d == nil || p.main == nil && !p.isRun {
				return true
			}
			if p.main != nil && sameCall(p, n) {
				inner[p] = append(inner[p], n)
			}
			return false
		})
	}
	// From the innermost on: what an inner one knows completes the call on its way out.
	outers := slices.SortedFunc(maps.Keys(inner), func(a, b *node) int { return b.depth() - a.depth() })
	for _, outer := range outers {
		list := inner[outer]
		if len(list) == 1 {
			list[0].main.ev.LayerOf = outer.main.ev.EventID
			complete(outer.d, list[0].d)
			outer.refresh()
			continue
		}
		// Around several calls, the outer one is no call of its own.
		outer.main.ev.LayerOf = list[0].main.ev.EventID
	}
	for _, p := range b.out {
		b.knownFact(p)
	}
	for _, n := range b.nodes {
		if n.main == nil || n.d.Record.Log || n.d.Kind != dialect.LLM || len(inner[n]) > 0 || n.main.ev.LayerOf != "" {
			continue
		}
		// The inner span ends first and may have come in an earlier request; seldom the
		// outer one has.
		if below, _ := n.run.llmKids.get(n.key.span); below.n == 1 {
			n.main.ev.LayerOf = n.run.eventID(below.first)
		} else if up, ok := n.run.spans.get(n.pid); ok && up.call && n.parent == nil {
			if beside, _ := n.run.llmKids.get(n.pid); beside.n == 0 {
				n.main.ev.LayerOf = n.run.eventID(up.event)
			}
		}
	}
	for _, n := range b.nodes {
		// A workflow around a run that was told of before.
		if n.start != nil && n.frame == nil && n.pid.IsEmpty() && len(n.run.frames) == 1 && n.run.frames[0].start != n.start.ev.EventID && !handsOver(n.d.AgentID, n.run.frames[0].agent) {
			n.start.ev.LayerOf = n.run.frames[0].start
			if n.end != nil {
				n.end.ev.LayerOf = n.run.frames[0].end
			}
		}
	}
}

// refresh has the event know the prompts that completed its draft, which it is otherwise.
func (n *node) refresh() {
	n.main.ev.Prompt, n.main.ev.Secrets = n.d.Prompt, n.d.Secrets
}

// sameCall reports whether a span directly below another, of the same kind, is the
// same call seen by another layer.
func sameCall(outer, in *node) bool {
	if outer.d.Kind != in.d.Kind {
		return false
	}
	if in.d.Kind == dialect.LLM {
		return true
	}
	return outer.d.ToolCallID != "" && outer.d.ToolCallID == in.d.ToolCallID || outer.d.ToolName == in.d.ToolName
}

// knownFact finds the event of this or an earlier request that tells the same fact.
func (b *batch) knownFact(p *placed) {
	log := p.n.d.Record.Log
	for _, k := range p.keys() {
		key := factKey{p.n.runKey, k}
		if first := b.facts[key]; first != nil {
			// A refused call is told by its decision, and may have a record of its own yet.
			refused := first.n.main != first && first.ev.Outcome == semconv.OutcomeDenied
			if first != p && first.ev.EventType == p.ev.EventType && p.ev.LayerOf == "" && (first.n.d.Record.Log != log || first.n.key == p.n.key || refused) {
				p.ev.LayerOf = first.ev.EventID
			}
			continue
		}
		b.facts[key] = p
		if f, ok := p.n.run.told(k); ok && f.typ == typeNumber[p.ev.EventType] && (f.log != log || log && strings.HasPrefix(k, "llm/")) && p.ev.LayerOf == "" {
			if id := p.n.run.eventID(f.event); id != p.ev.EventID {
				p.ev.LayerOf = id
			}
		}
	}
}

// keys names the facts that an event tells, beside its own id. They say enough only
// between a span and a log record: two spans with one key are two things.
func (p *placed) keys() []string {
	if !p.keyed {
		p.keyed, p.facts = true, p.makeKeys()
	}
	return p.facts
}

func (p *placed) makeKeys() []string {
	var keys []string
	if p == p.n.main || p == p.n.start {
		keys = append(keys, p.n.d.Keys...)
	}
	if p.ev.EventType == semconv.TypeToolCall && p.ev.ToolCallID != "" {
		keys = append(keys, "tool/"+p.ev.ToolCallID)
	}
	if p.ev.EventType == semconv.TypeLLMCall && !p.n.key.span.IsEmpty() && !p.n.d.Record.Log {
		keys = append(keys, "llm/"+p.n.d.SpanID)
	}
	return keys
}

// parents links events to what triggered them: a tool call to the model call that
// asked for it, else anything to the event of the nearest span above that has one.
func (b *batch) parents() {
	for _, p := range b.out {
		n := p.n
		switch {
		case p == n.end:
			if n.start != nil {
				p.ev.ParentEventID = n.start.ev.EventID
			}
			if n.start == nil && n.resume != nil && n.resume.start != nil {
				p.ev.ParentEventID = n.resume.start.ev.EventID
			}
			continue
		case p.ev.ParentEventID != "":
			continue
		case n.asked != nil && n.asked.main != nil:
			p.ev.ParentEventID = n.asked.main.ev.EventID
			continue
		case n.d.Kind == dialect.Message && !n.d.Of.IsEmpty():
			p.ev.ParentEventID = semconv.SpanEventID(n.key.trace, n.d.Of, string(semconv.TypeLLMCall))
			continue
		}
		p.ev.ParentEventID = b.above(n)
		if p.ev.ParentEventID == p.ev.EventID {
			p.ev.ParentEventID = ""
		}
	}
}

func (b *batch) above(n *node) string {
	id := ""
	top := n
	n.above(func(p *node) bool {
		top = p
		id = p.eventID()
		return id == ""
	})
	if id != "" || top.pid.IsEmpty() || n.run == nil {
		return id
	}
	// Above what is in sight: spans that came in earlier requests.
	at := top.pid
	for range 64 {
		s, ok := n.run.spans.get(at)
		if !ok {
			return ""
		}
		if id := n.run.eventID(s.event); id != "" {
			return id
		}
		at = s.parent
	}
	return ""
}

// eventID is the event that stands for a span as a parent.
func (n *node) eventID() string {
	switch {
	case n.start != nil:
		return n.start.ev.EventID
	case n.main != nil:
		return n.main.ev.EventID
	case n.resume != nil && n.resume.start != nil:
		return n.resume.start.ev.EventID
	}
	return ""
}

// remember keeps for later requests what this one told.
func (b *batch) remember() {
	for _, n := range b.nodes {
		if n.d != nil && n.d.SessionID != "" && (len(n.d.Asks) > 0 || len(n.d.Decisions) > 0) {
			for _, a := range b.session(n).asks {
				a.run = nil // its request ends here
			}
		}
	}
	for _, p := range b.out {
		r := p.n.run
		r.events++
		for _, k := range p.keys() {
			r.tell(k, p)
		}
	}
	for key, p := range b.facts {
		if !slices.Contains(p.keys(), key.key) { // of an answer
			p.n.run.tell(key.key, p)
		}
	}
	for _, n := range b.nodes {
		if n.d == nil || n.d.Record.Log {
			continue
		}
		if n.run.spans.len() < maxFacts {
			n.run.spans.put(n.key.span, spanFact{n.pid, n.run.ref(n.eventID()), n.main != nil && n.d.Kind == dialect.LLM})
		}
		if n.main != nil && n.d.Kind == dialect.LLM && n.parent == nil && !n.pid.IsEmpty() && n.run.llmKids.len() < maxFacts {
			below, _ := n.run.llmKids.get(n.pid)
			if below.n++; below.n == 1 {
				below.first = n.run.ref(n.main.ev.EventID)
			}
			n.run.llmKids.put(n.pid, below)
		}
		if n.start != nil && n.end != nil && len(n.run.frames) < maxFacts {
			n.run.frames = append(n.run.frames, frameFact{n.start.ev.EventID, n.end.ev.EventID, n.d.AgentID})
		}
		if n.d.Kind == dialect.LLM {
			if p := n.run.pending[n.key.span]; p != nil {
				delete(n.run.pending, n.key.span)
			}
		}
	}
	for _, n := range b.nodes {
		if n.run != nil {
			b.cache.count(n.run)
		}
	}
}

// contents gives each event what no field of it took.
func (b *batch) contents() {
	for _, p := range b.out {
		if len(p.ev.Content) == 0 && p == p.n.main {
			p.ev.Content = p.n.d.Leftover()
		}
	}
}
