package ledger

import (
	"context"
	"time"
)

// Forge signs a heartbeat that continues a manifest, as whoever holds a key can.
func Forge(ctx context.Context, before *Manifest, by Signer) (payload, envelope []byte, err error) {
	st := NewStatement(before.Predicate.Log, before.Predicate.Seq+1, KindHeartbeat)
	if err := st.Continue(before); err != nil {
		return nil, nil, err
	}
	return sign(ctx, st, by)
}

// NewStatement is a statement without objects that continues nothing.
func NewStatement(log string, seq int64, kind Kind) *Statement {
	now := time.Now().UTC()
	return &Statement{Type: statementType, PredicateType: predicateV2, Subject: []Subject{}, Predicate: Predicate{
		Log: log, Seq: seq, Kind: kind, WrittenAt: now, Time: &now, Retention: &Lock{Mode: Governance, Until: now.Add(24 * time.Hour).Truncate(time.Hour)},
		Tree: treeHead(NewTree()), Objects: []Object{}, Heads: []HeadRef{},
	}}
}

// WriteV1 has a chain write manifests of version 1.
func (o *ChainOptions) WriteV1() { o.format = 1 }

// Continue puts a statement behind a manifest; nil is the beginning of the log.
func (st *Statement) Continue(before *Manifest) error {
	l := noLink()
	if before != nil {
		var err error
		if l, _, err = before.link(); err != nil {
			return err
		}
	}
	p := &st.Predicate
	p.Previous, p.Tree, p.Genesis, p.RotatedAt, p.PastUntil = l.digest, treeHead(l.tree), l.genesis, l.rotated, l.pastUntil()
	at := latest(l.clock, p.WrittenAt)
	p.Time = &at
	if p.Retention != nil {
		p.Retention.Until = latest(p.Retention.Until, l.until)
	}
	return nil
}

// Sign makes the envelope of any statement.
func Sign(ctx context.Context, st *Statement, by Signer) ([]byte, error) {
	_, envelope, err := sign(ctx, st, by)
	return envelope, err
}

// On is the chain on another view of its store.
func (c *Chain) On(s Store) *Chain {
	other := *c
	other.store = s
	return &other
}
