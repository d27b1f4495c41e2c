package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// place is where an event is sealed.
type place struct {
	said
	log    string
	seq    int64
	object string
	n      int
	line   []byte

	file, by string // in the bundle, and the file of the line that establishes it
}

// broken reports whether something that reading met keeps a trail from proving anything.
func broken(err error) bool {
	var f *ledger.Finding
	return !errors.As(err, &f) || f.Severity == ledger.SeverityError || f.Severity == ledger.SeverityUnknown
}

// find gathers the lines that may be proven, in the order of the logs; none for absence in
// a time, which the manifests tell.
func (m *maker) find(ctx context.Context) (list []place, err error) {
	switch {
	case m.o.Event != "":
		list, err = m.findEvent(ctx)
	case m.o.Since.IsZero() && m.o.Until.IsZero():
		list, err = m.findSession(ctx)
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(
			cmp.Compare(a.log, b.log), cmp.Compare(a.seq, b.seq), cmp.Compare(a.object, b.object), cmp.Compare(a.n, b.n),
		)
	})
	return list, err
}

func (m *maker) findEvent(ctx context.Context) (list []place, err error) {
	o := ledger.ReadOptions{Keys: m.o.Keys, Logs: m.o.Logs, Clock: m.o.Clock}
	for l, err := range ledger.Events(ctx, m.r, o) {
		if err != nil {
			if broken(err) {
				return nil, err
			}
			continue
		}
		e, err := semconv.ParseLine(l.Line)
		if err != nil {
			continue // no event of that id that anyone could read
		}
		if s := saidBy(e); s.itself(&m.b.Claim) {
			line := slices.Clone(l.Line)
			list = append(list, place{said: s, log: l.Log, seq: l.Seq, object: l.Object, n: l.N, line: line})
		}
	}
	return list, nil
}

func (m *maker) findSession(ctx context.Context) (list []place, err error) {
	t, err := trail.Read(ctx, m.r, m.o.Keys, m.o.Logs, m.o.Session)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Problems {
		if broken(p) {
			return nil, p
		}
	}
	for ev := range t.All() {
		// The trail completes events from others of their run; a bundle proves lines.
		e, err := semconv.ParseLine(ev.Line)
		if err != nil {
			return nil, err
		}
		list = append(list, place{said: saidBy(e), log: ev.Log, seq: ev.Seq, object: ev.Object, n: ev.N, line: ev.Line})
	}
	return list, nil
}

// establish names the files of the lines, and for each that does not say itself what is
// claimed the one that establishes it. What nothing establishes is left out.
func (m *maker) establish(found []place) (list []place) {
	c := &m.b.Claim
	type from struct{ run, sender string }
	first := map[from]int{} // of the lines that name the session themselves
	for i := range found {
		p := &found[i]
		p.file = fmt.Sprintf("lines/%s/%012d-%06d.json", p.log, p.seq, i+1)
		k := from{p.run, p.sender}
		if _, ok := first[k]; !ok && c.Event == "" && p.session == c.Session {
			first[k] = i
		}
	}
	for _, p := range found {
		if !p.itself(c) {
			i, ok := first[from{p.run, p.sender}]
			if !ok || !p.said.by(found[i].said, c) {
				m.b.LeftOut++
				continue
			}
			p.by = found[i].file
		}
		list = append(list, p)
	}
	return list
}
