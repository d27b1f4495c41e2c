package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Place is a manifest of a log.
type Place struct {
	Log string
	Seq int64
}

// Where says where the events are looked for: in what some manifests name, or in what was
// sealed in a time. From a checkpoint that the caller holds, the rest of the log is not read.
// A presence is proven as well without it, since nothing is claimed of the rest.
type Where struct {
	Manifests    []Place
	Since, Until time.Time // of the sealing; zero: no bound
}

func (w *Where) given() bool {
	return len(w.Manifests) > 0 || !w.Since.IsZero() || !w.Until.IsZero()
}

// of is the places in a log.
func (w *Where) of(log string) (seqs []int64) {
	for _, p := range w.Manifests {
		if p.Log == log {
			seqs = append(seqs, p.Seq)
		}
	}
	return seqs
}

// timed reports whether a manifest was sealed in the time.
func (w *Where) timed(man *ledger.Manifest) bool {
	at := man.SealedAt()
	return len(w.Manifests) == 0 && !at.Before(w.Since) && (w.Until.IsZero() || !at.After(w.Until))
}

// findAt gathers the lines that may be proven where the caller says that they are.
func (m *maker) findAt(ctx context.Context) ([]place, error) {
	logs, err := m.logsAt(ctx)
	if err != nil {
		return nil, err
	}
	c := &candidates{m: m, runs: map[[2]string]bool{}}
	known := false
	for _, log := range logs {
		list, err := m.manifestsAt(ctx, log)
		if errors.Is(err, ledger.ErrUnknownLog) && m.o.Logs == nil && len(m.o.Where.Manifests) == 0 {
			continue // planted, or its key was not given
		}
		if err != nil {
			return nil, err
		}
		known = true
		for _, man := range list {
			if err := c.manifest(ctx, man); err != nil {
				return nil, err
			}
		}
	}
	if !known {
		return nil, fmt.Errorf("of all logs of this trail %w", ledger.ErrUnknownLog)
	}
	return c.sure(), nil
}

// logsAt are those to look in.
func (m *maker) logsAt(ctx context.Context) (logs []string, err error) {
	if len(m.o.Where.Manifests) == 0 {
		if logs = m.o.Logs; logs == nil {
			logs, err = ledger.Logs(ctx, m.r)
		}
		return logs, err
	}
	for _, p := range m.o.Where.Manifests {
		if !slices.Contains(logs, p.Log) {
			logs = append(logs, p.Log)
		}
	}
	slices.Sort(logs)
	return logs, nil
}

// wants reports whether a manifest may name what is looked for.
func (m *maker) wants(man *ledger.Manifest) bool {
	return slices.ContainsFunc(man.Predicate.Objects, func(o ledger.Object) bool {
		return ledger.KindOf(&o) == ledger.ObjectEvents && (m.b.Claim.ofEvents() || o.Sessions.Has(m.o.Session))
	})
}

// manifestsAt reads the manifests of a log to look in: without the others, where a checkpoint
// and the log's tiles allow it.
func (m *maker) manifestsAt(ctx context.Context, log string) (list []*ledger.Manifest, err error) {
	seqs := m.o.Where.of(log)
	wanted := func(man *ledger.Manifest) bool {
		return slices.Contains(seqs, man.Predicate.Seq) || m.o.Where.timed(man) && m.wants(man)
	}
	o := ledger.VerifyOptions{Keys: m.o.Keys, Checkpoints: m.o.Checkpoints, Witnesses: m.o.Witnesses, Clock: m.o.Clock}
	if len(seqs) == 0 {
		o.Since, o.Until = m.o.Where.Since, m.o.Where.Until
	}
	var p *ledger.Places
	err = ledger.ErrNoShortcut
	if len(seqs) > 0 || !o.Since.IsZero() {
		p, err = ledger.ReadPlaces(ctx, m.r, o, log, seqs, m.wants)
	}
	switch {
	case err == nil:
		m.short[log] = p
		list = p.Manifests
	case errors.Is(err, ledger.ErrNoShortcut):
		each := func(man *ledger.Manifest, _ *ledger.Tree) error {
			if wanted(man) {
				list = append(list, man)
			}
			return nil
		}
		_, err = ledger.ReadLog(ctx, m.r, m.o.Keys, m.o.Checkpoints, m.o.now(), log, each)
	}
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(man *ledger.Manifest) bool { return !wanted(man) })
	for _, seq := range seqs {
		if !slices.ContainsFunc(list, func(man *ledger.Manifest) bool { return man.Predicate.Seq == seq }) {
			return nil, fmt.Errorf("log %s has no manifest %d", log, seq)
		}
	}
	return list, nil
}

// candidates are lines that may be proven.
type candidates struct {
	m    *maker
	list []place
	runs map[[2]string]bool // with their senders, that a line says are of the session
}

// manifest reads the lines of the objects of a manifest.
func (c *candidates) manifest(ctx context.Context, man *ledger.Manifest) error {
	for i := range man.Predicate.Objects {
		o := &man.Predicate.Objects[i]
		if ledger.KindOf(o) != ledger.ObjectEvents {
			continue
		}
		err := ledger.ReadObject(ctx, c.m.r, man, o, func(l ledger.EventLine) {
			e, err := semconv.ParseLine(l.Line)
			if err != nil {
				return // no event that anyone could read
			}
			s := saidBy(e)
			if s.session == c.m.o.Session && s.session != "" {
				c.runs[[2]string{s.run, s.sender}] = true
			}
			if claim := &c.m.b.Claim; s.itself(claim) || !claim.ofEvents() && s.session == "" && s.run != "" {
				line := slices.Clone(l.Line)
				c.list = append(c.list, place{
					said: s, log: man.Predicate.Log, seq: man.Predicate.Seq, object: o.Key, n: l.N, line: line,
					errata: resolve.Errata(e, line, man.Predicate.Writer.Version),
				})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sure are the lines that say themselves what is claimed, and those of runs that another says
// to be of the session.
func (c *candidates) sure() (list []place) {
	for _, p := range c.list {
		if p.itself(&c.m.b.Claim) || c.runs[[2]string{p.run, p.sender}] {
			p.order = len(list) + 1
			list = append(list, p)
		}
	}
	return list
}
