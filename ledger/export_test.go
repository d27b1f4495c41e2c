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
	return &Statement{Type: statementType, PredicateType: predicateType, Subject: []Subject{}, Predicate: Predicate{
		Log: log, Seq: seq, Kind: kind, WrittenAt: time.Now().UTC(), Tree: treeHead(NewTree()), Objects: []Object{}, Heads: []HeadRef{},
	}}
}

// Continue puts a statement behind a manifest; nil is the beginning of the log.
func (st *Statement) Continue(before *Manifest) error {
	l := noLink()
	if before != nil {
		var err error
		if l, err = before.link(); err != nil {
			return err
		}
	}
	st.Predicate.Previous, st.Predicate.Tree = l.digest, treeHead(l.tree)
	return nil
}

// Sign makes the envelope of any statement.
func Sign(ctx context.Context, st *Statement, by Signer) ([]byte, error) {
	_, envelope, err := sign(ctx, st, by)
	return envelope, err
}
