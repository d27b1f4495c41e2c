package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// presence proves lines: each in its object, the object's manifest in the log.
func (m *maker) presence(ctx context.Context, found []place) error {
	for len(found) > 0 {
		n := run(found, func(p *place) string { return p.log })
		e := &excerpt{Log: &Log{Log: found[0].log}}
		e.again = func() { m.b.Expired += len(e.Lines) }
		if err := m.presentIn(ctx, e, found[:n]); err != nil {
			return err
		}
		if len(e.Lines) > 0 {
			m.b.Logs = append(m.b.Logs, *e.Log)
		}
		found = found[n:]
	}
	if len(m.b.Logs) == 0 {
		return fmt.Errorf("the events, %d, stand before manifests that have expired: nothing proves them any more", m.b.Expired)
	}
	return nil
}

// run is how many of the places at the beginning have the same of something.
func run(list []place, of func(*place) string) int {
	n := slices.IndexFunc(list, func(p place) bool { return of(&p) != of(&list[0]) })
	if n < 0 {
		return len(list)
	}
	return n
}

func (m *maker) presentIn(ctx context.Context, e *excerpt, found []place) error {
	wanted := map[int64][]place{}
	for _, p := range found {
		wanted[p.seq] = append(wanted[p.seq], p)
	}
	return m.log(ctx, e, func(man *ledger.Manifest) (bool, error) {
		places := wanted[man.Predicate.Seq]
		for len(places) > 0 {
			n := run(places, func(p *place) string { return p.object })
			if err := m.lines(ctx, e.Log, man, places[:n]); err != nil {
				return false, err
			}
			places = places[n:]
		}
		return wanted[man.Predicate.Seq] != nil, nil
	})
}

// lines proves lines of one object.
func (m *maker) lines(ctx context.Context, l *Log, man *ledger.Manifest, places []place) error {
	i := slices.IndexFunc(man.Predicate.Objects, func(o ledger.Object) bool { return o.Key == places[0].object })
	if i < 0 {
		return fmt.Errorf("manifest %d of log %s does not name %s", man.Predicate.Seq, l.Log, places[0].object)
	}
	o := &man.Predicate.Objects[i]
	tree := ledger.NewProofTree(ledger.NewTree())
	if err := ledger.ReadObject(ctx, m.r, man, o, func(line ledger.EventLine) { tree.Append(line.Line) }); err != nil {
		return err
	}
	for _, p := range places {
		if len(p.line) > maxLine {
			return fmt.Errorf("%s line %d has %d bytes, readers of bundles take %d", p.object, p.n, len(p.line), maxLine)
		}
		path, err := tree.Inclusion(uint64(p.n-1), tree.Size())
		if err != nil {
			return err
		}
		texts, err := m.texts(ctx, p.line)
		if err != nil {
			return err
		}
		l.Lines = append(l.Lines, Line{
			File: p.file, Seq: p.seq, Object: o.Key, Line: p.n, Of: o.Events, Path: path, EstablishedBy: p.by, Texts: texts,
		})
		if err := m.out.add(p.file, p.line); err != nil {
			return err
		}
	}
	return nil
}

// texts takes the full texts that a line names, as far as they are in the store.
func (m *maker) texts(ctx context.Context, line []byte) (files []string, err error) {
	for _, digest := range oversize(line) {
		text, err := ledger.ReadBlob(ctx, m.r, digest)
		if f := (*ledger.Finding)(nil); errors.As(err, &f) {
			continue // the line names it all the same
		}
		if err != nil {
			return nil, err
		}
		file := textPrefix + digest
		if err := m.out.add(file, text); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
