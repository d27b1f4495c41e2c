// Package ledger is the formats and the mathematics that make a trail evidence:
// sealed objects of events, signed manifests that chain them, Merkle trees over
// both, and their verification. It sees storage only as the small interface that
// it defines, and does no other I/O.
//
// The formats: manifest, envelope (DSSE), object, blob, checkpoint, names, tiles.
//
// A writer: chain (commit after commit), head (where a log ends), chaintiles.
//
// A verifier: verify asks for each log, one after the other or several at once. What
// counts at a place is in link (the promises of one manifest after another) and span
// (whose key); walk goes through the places, with begin (the oldest manifest), gaps (what
// is missing or does not fit) and strangers (what is not the log's); shortcut takes a window
// from a checkpoint that is held. Then checks holds checkpoints against the log, witnessed
// what logs kept of each other, verifyobject the objects, compare the events of all;
// report and scope say what came of it. The rule is in docs/verification.md.
package ledger
