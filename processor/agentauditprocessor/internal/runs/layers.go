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
// one thing. The mark is on the inner one, else on the one that came later. Across
// resources an event is only marked by what its own record says: what another resource
// sends makes nothing a layer but itself.
func (b *batch) layers() {
	inner := b.innerCalls()
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
		if n.main != nil && !n.d.Record.Log && n.d.Kind == dialect.LLM && len(inner[n]) == 0 && n.main.ev.LayerOf == "" {
			n.main.ev.LayerOf = n.earlierLayer()
		}
		n.earlierFrame()
		if n.waited != nil && n.waited.main != nil && n.main != nil {
			n.waited.main.ev.LayerOf = n.main.ev.EventID
		}
	}
	b.oneCalls()
}

// innerCalls finds the calls that lie in another span of the same call, by the outer one.
func (b *batch) innerCalls() map[*node][]*node {
	inner := map[*node][]*node{}
	for _, n := range b.nodes {
		if n.main == nil || n.d.Record.Log || n.d.Kind != dialect.LLM && n.d.Kind != dialect.Tool {
			continue
		}
		n.above(func(p *node) bool {
			if p.d == nil || p.main == nil && !p.isRun {
				return true
			}
			switch {
			case p.main == nil || !sameCall(p, n):
			case p.of == n.of:
				inner[p] = append(inner[p], n)
			case n.d.Kind == dialect.Tool || n.d.ResponseID != "" && n.d.ResponseID == p.d.ResponseID:
				n.main.ev.LayerOf = p.main.ev.EventID
			}
			return false
		})
	}
	return inner
}

// earlierLayer is the event of an earlier request that tells the same model call. The inner
// span ends first and may have come before; seldom the outer one has.
func (n *node) earlierLayer() string {
	if below := n.part.Kids(n.key.span); below.N > 0 && below.May(n.d.ResponseID) {
		return n.part.Run.EventID(below.First)
	}
	if up, own, ok := n.part.Span(n.pid); ok && own && up.Call && up.May(n.d.ResponseID) && n.parent == nil && n.part.Kids(n.pid).N == 0 {
		return n.part.Run.EventID(up.Event)
	}
	return ""
}

// earlierFrame marks a workflow around a run that was told of before.
func (n *node) earlierFrame() {
	if n.start == nil || n.frame != nil || !n.pid.IsEmpty() || len(n.part.Frames) != 1 {
		return
	}
	f := n.part.Frames[0]
	if f.Start == n.start.ev.EventID || handsOver(n.d.AgentID, f.Agent) {
		return
	}
	n.start.ev.LayerOf = f.Start
	if n.end != nil {
		n.end.ev.LayerOf = f.End
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
		return sameResponse(outer.d, in.d)
	}
	return outer.d.ToolCallID != "" && outer.d.ToolCallID == in.d.ToolCallID || outer.d.ToolName == in.d.ToolName
}

// knownFact finds the event of this or an earlier request that tells the same fact.
func (b *batch) knownFact(p *placed) {
	log := p.n.d.Record.Log
	for _, k := range p.keys() {
		key := factKey{p.n.part, k}
		if first := b.told[key]; first != nil {
			// A refused call is told by its decision, and may have a record of its own yet.
			refused := first.n.main != first && first.ev.Outcome == semconv.OutcomeDenied
			if first != p && first.ev.EventType == p.ev.EventType && p.ev.LayerOf == "" && sameResponse(first.n.d, p.n.d) && (first.n.d.Record.Log != log || first.n.key == p.n.key || refused) {
				p.ev.LayerOf = first.ev.EventID
			}
			continue
		}
		b.told[key] = p
		f, ok := p.n.part.Told(k)
		if ok && f.Is(p.ev.EventType) && f.May(p.n.d.ResponseID) && (f.Log != log || log && strings.HasPrefix(k, "llm/")) && p.ev.LayerOf == "" {
			if id := p.n.part.Run.EventID(f.Event); id != p.ev.EventID {
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
