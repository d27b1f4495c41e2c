package ledger

import (
	"context"
	"time"
)

// Forge signs a heartbeat that continues a manifest, as whoever holds a key can.
func Forge(ctx context.Context, before *Manifest, by Signer) (payload, envelope []byte, err error) {
	l, err := before.link()
	if err != nil {
		return nil, nil, err
	}
	return sign(ctx, &Statement{Type: statementType, PredicateType: predicateType, Subject: []Subject{}, Predicate: Predicate{
		Log: before.Predicate.Log, Seq: l.seq + 1, Kind: KindHeartbeat, Previous: l.digest, WrittenAt: time.Now().UTC(),
		Tree: treeHead(l.tree), Objects: []Object{}, Heads: []HeadRef{},
	}}, by)
}
