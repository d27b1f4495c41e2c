// Package adversary holds a model-based test of the verdict. It draws a history
// through the real writers, then an attacker with a role and what he does to the
// store's bytes, then an auditor's question, and holds the verdict against what it
// knows to be true. Neither its forger nor its oracle shares code with package ledger:
// they are written from docs/ledger.md.
//
// `make adversary SEED=…` runs 100,000 histories; `make adversary-mutants` brings back
// old faults, one at a time, each of which the test must find.
package adversary
