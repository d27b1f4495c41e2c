package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
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

	saysSo []string // the ids of events of its run that name the session
	order  int      // its place in the session, from 1
	errata []resolve.Erratum

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
	case m.o.Where.given():
		list, err = m.findAt(ctx)
	case m.b.Claim.ofEvents():
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
			list = append(list, place{
				said: s, log: l.Log, seq: l.Seq, object: l.Object, n: l.N, line: line,
				order: len(list) + 1, errata: resolve.Errata(e, line, l.Writer),
			})
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
	m.b.LeftOut += t.Apart
	for ev := range t.All() {
		// The trail completes events from others of their run; a bundle proves lines.
		p := place{
			said: saidBy(ev.Sealed), log: ev.Log, seq: ev.Seq, object: ev.Object, n: ev.N, line: ev.Line,
			order: len(list) + 1, errata: ev.Errata,
		}
		if ev.Session != nil {
			p.saysSo = ev.Session.From
		}
		list = append(list, p)
	}
	return list, nil
}

// establish names the files of the lines, by their places in the session, and for each line
// that does not say itself what is claimed the one that establishes it: which its run is
// resolved by, else the first of its run and sender. What nothing establishes is left out.
func (m *maker) establish(found []place) (list []place) {
	c := &m.b.Claim
	type from struct{ run, sender string }
	first := map[from]int{} // of the lines that name the session themselves
	byID := map[string]int{}
	for i := range found {
		p := &found[i]
		p.file = fmt.Sprintf("lines/%s/%06d.json", p.log, p.order)
		if c.ofEvents() || p.session != c.Session {
			continue
		}
		byID[p.event] = i
		if k := (from{p.run, p.sender}); first[k] == 0 {
			first[k] = i + 1
		}
	}
	established := map[string]int{} // places in m.b.Established, by file
	for _, p := range found {
		m.errata(&p)
		if p.itself(c) {
			list = append(list, p)
			continue
		}
		by := first[from{p.run, p.sender}] - 1
		for _, id := range p.saysSo {
			if i, ok := byID[semconv.LegacyEventID(id)]; ok && p.said.by(found[i].said, c) {
				by = i
				break
			}
		}
		if by < 0 || !p.said.by(found[by].said, c) {
			m.b.LeftOut++
			continue
		}
		p.by = found[by].file
		list = append(list, p)
		i, ok := established[p.by]
		if !ok {
			i = len(m.b.Established)
			established[p.by] = i
			m.b.Established = append(m.b.Established, Established{By: p.by, Run: p.run})
		}
		m.b.Established[i].Lines++
	}
	return list
}

// errata notes what is known to be told wrongly in a line.
func (m *maker) errata(p *place) {
	for _, x := range p.errata {
		m.b.Errata = append(m.b.Errata, LineErratum{File: p.file, ID: x.ID, Field: x.Field, Says: x.Says})
	}
}
