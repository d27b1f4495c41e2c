// Package ledger is the formats and the mathematics that make a trail evidence:
// sealed objects of events, signed manifests that chain them, Merkle trees over
// both, and their verification. It sees storage only as the small interface that
// it defines, and does no other I/O.
package ledger
