package runs

import (
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/runs/memory"
)

func resourceOf(r *record.Record) Resource { return NewResource(r.Service, r.Instance) }

// NewResource is a resource by its service.name and service.instance.id.
func NewResource(service, instance string) Resource {
	return Resource{Service: dialect.ShortID(service), Instance: dialect.ShortID(instance)}
}

// key is what a record's run is remembered under: its trace, or its session where it has
// none. A record that names neither is a run of its own, or it would be given what others
// said that name neither.
func (n *node) runKey() (k memory.Key, known bool) {
	if !n.key.trace.IsEmpty() {
		return memory.Trace(n.key.trace), true
	}
	session := n.d.SessionID
	if session == "" {
		session = n.d.Record.FromResource("session_id")
	}
	return memory.Conversation(n.of, dialect.ShortID(session)), session != ""
}

// keys are the runs that the request tells of.
func (b *batch) keys() (keys []memory.Key) {
	var last *node
	for _, n := range b.nodes {
		if n.d == nil || last != nil && !n.key.trace.IsEmpty() && last.key.trace == n.key.trace {
			continue
		}
		if k, known := n.runKey(); known {
			keys = append(keys, k)
		}
		last = n
	}
	return keys
}

// identify finds the run of each record, and what its resource told of it.
func (b *batch) identify() {
	var last *node // the spans of a run mostly come together
	var into *list
	lists := map[*memory.Part]*list{}
	for _, n := range b.nodes {
		if n.d == nil {
			continue
		}
		d := n.d
		sameTrace := last != nil && !n.key.trace.IsEmpty() && last.key.trace == n.key.trace
		switch {
		case sameTrace:
			d.RunID, d.TraceID = last.d.RunID, last.d.TraceID
		case !n.key.trace.IsEmpty():
			d.RunID = n.key.trace.String()
			d.TraceID = d.RunID
		}
		if !n.key.span.IsEmpty() {
			d.SpanID = n.key.span.String()
		}
		if !n.pid.IsEmpty() {
			d.ParentSpanID = n.pid.String()
		}
		if !sameTrace || last.of != n.of {
			n.part = b.partOf(n)
			if into = lists[n.part]; into == nil {
				into = &list{part: n.part}
				lists[n.part] = into
				b.parts = append(b.parts, into)
			}
			last = n
		}
		n.part = into.part
		into.nodes = append(into.nodes, n)
	}
}

func (b *batch) partOf(n *node) *memory.Part {
	k, known := n.runKey()
	if !known {
		return b.view.Unknown().Part(n.of)
	}
	return b.view.Run(k).Part(n.of)
}
