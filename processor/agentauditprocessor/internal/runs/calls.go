package runs

import (
	"cmp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// oneCalls links calls that others tell of, too, wherever these stand: a library beside one
// that wraps it and does not nest, a gateway beside an agent, the server of a tool beside its
// client. The later one is the layer. Records of one resource of one request complete each
// other; all others stay what they are.
func (b *batch) oneCalls() {
	var list []*node
	for _, n := range b.nodes {
		if n.main != nil && (n.d.Kind == dialect.LLM && n.d.ResponseID != "" || n.main.ev.EventType == semconv.TypeToolCall && !n.d.Record.Log) {
			list = append(list, n)
		}
	}
	// A call before what lies within it, whose times its own hold.
	slices.SortStableFunc(list, func(x, y *node) int {
		return cmp.Or(x.d.Timestamp.Compare(y.d.Timestamp), y.d.EndTimestamp.Compare(x.d.EndTimestamp))
	})
	byEvent := map[string]*node{}
	for _, n := range list {
		ev, c := n.main.ev, b.callOf(n)
		c.Event, c.LayerOf = ev.EventID, ev.LayerOf
		byEvent[ev.EventID] = n
		first := b.view.Link(n.part, c, b.linkKeys(n, c), func(o *memory.Call) bool { return oneCall(o, c) })
		if first == nil || ev.LayerOf != "" {
			continue
		}
		if ev.LayerOf = or(first.LayerOf, first.Event); ev.LayerOf == ev.EventID {
			ev.LayerOf = "" // told again
		}
		if of := byEvent[ev.LayerOf]; of != nil && of.d.Kind == dialect.LLM && first.Sender == b.sender && sameResource(of.of, n.of) {
			complete(of.d, n.d)
			of.refresh()
		}
	}
}

// linkKeys are what a record of the same call has one of, too.
func (b *batch) linkKeys(n *node, c *memory.Call) []memory.LinkKey {
	if n.d.Kind == dialect.Tool {
		keys := []memory.LinkKey{memory.SpanKey(c.Trace, c.Span)}
		if !c.Parent.IsEmpty() {
			keys = append(keys, memory.SpanKey(c.Trace, c.Parent))
		}
		return keys
	}
	keys := []memory.LinkKey{memory.AnswerKey(b.sender, n.d.ResponseID)}
	if !c.Trace.IsEmpty() {
		keys = append(keys, memory.TraceKey(c.Trace, n.d.ResponseID))
	}
	return keys
}

// callOf is what others who tell of the call of a record may be compared with.
func (b *batch) callOf(n *node) *memory.Call {
	d := n.d
	c := &memory.Call{
		Sender: b.sender, Of: n.of, Trace: n.key.trace, Span: n.key.span, Log: d.Record.Log,
		Input: -1, Output: -1,
	}
	if !d.Timestamp.IsZero() {
		c.Start, c.End = d.Timestamp.UnixNano(), d.Timestamp.UnixNano()
		if d.EndTimestamp.After(d.Timestamp) {
			c.End = d.EndTimestamp.UnixNano()
		}
	}
	if d.Kind == dialect.Tool {
		c.Name, c.ID, c.Parent = memory.DigestOf(d.ToolName), memory.DigestOf(d.ToolCallID), n.callAbove()
		return c
	}
	c.Model, c.Answered = memory.DigestOf(baseModel(d.ModelID)), memory.DigestOf(baseModel(d.ResponseModelID))
	c.Text = memory.DigestOf(d.OutputText)
	var names strings.Builder
	for _, r := range d.Requested {
		names.WriteString(r.Name)
		names.WriteByte(0)
	}
	c.Requested = memory.DigestOf(names.String())
	if d.InputTokens.Valid {
		c.Input = d.InputTokens.Value
	}
	if d.OutputTokens.Valid {
		c.Output = d.OutputTokens.Value
	}
	return c
}

// callAbove is the nearest span above a record, in sight or not, that may tell of its call:
// all those between tell of nothing.
func (n *node) callAbove() pcommon.SpanID {
	at := n.pid
	n.above(func(p *node) bool {
		if p.eventID() != "" {
			at = p.key.span
			return false
		}
		at = p.pid
		return true
	})
	for range maxClimb {
		s, _, known := n.part.Span(at)
		if !known || n.part.Run.EventID(s.Event) != "" {
			break
		}
		at = s.Parent
	}
	return at
}

// baseModel is the name of a model as all who tell of it say it, without the provider that a
// gateway puts before it.
func baseModel(id string) string { return model(id[strings.LastIndexByte(id, '/')+1:]) }

// oneCall reports whether two records tell of one call; those of models state one id of the
// answer. An equal id alone says nothing: there are servers that count from one.
func oneCall(a, b *memory.Call) bool {
	in, within := inTrace(a, b), within(a, b) || within(b, a)
	if a.Sender != b.Sender && (!in || !within || a.Span == b.Span || a.Log && b.Log) {
		return false // what a stranger may have made up
	}
	if a.Name != 0 {
		return in && oneTool(a, b)
	}
	return (in || within) && sameModel(a, b) && !contradict(a, b, within)
}

func inTrace(a, b *memory.Call) bool { return !a.Trace.IsEmpty() && a.Trace == b.Trace }

// within reports whether the time of a call lies in that of another.
func within(in, outer *memory.Call) bool {
	return in.Start != 0 && outer.Start != 0 && outer.Start <= in.Start && in.End <= outer.End
}

// oneTool reports whether a call of a tool is told of by its client and its server: the one
// lies directly below the other.
func oneTool(a, b *memory.Call) bool {
	return a.Span != b.Span && (a.Parent == b.Span || b.Parent == a.Span) && (a.Name == b.Name || a.ID != 0 && a.ID == b.ID)
}

// contradict reports whether two records state different answers. Some count what was read
// from caches with what was sent and some do not.
func contradict(a, b *memory.Call, within bool) bool {
	return differ(a.Text, b.Text) || differ(a.Requested, b.Requested) || differ(a.Output+1, b.Output+1) || !within && differ(a.Input+1, b.Input+1)
}

// differ reports whether two records state a thing, and otherwise.
func differ[T comparable](a, b T) bool {
	var unknown T
	return a != unknown && b != unknown && a != b
}

func sameModel(a, b *memory.Call) bool {
	for _, x := range []memory.Digest{a.Model, a.Answered} {
		if x != 0 && (x == b.Model || x == b.Answered) {
			return true
		}
	}
	return false
}

// sameResource reports whether two records come from one resource; an instance that one of
// them does not state is no difference.
func sameResource(a, b memory.Resource) bool {
	return a.Service == b.Service && (a.Instance == b.Instance || a.Instance == "" || b.Instance == "")
}
