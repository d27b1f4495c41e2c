package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Kind is what a manifest is for.
type Kind string

// The kinds of manifests.
const (
	KindOpen        Kind = "open"         // a writer started
	KindBatch       Kind = "batch"        // objects were sealed
	KindHeartbeat   Kind = "heartbeat"    // nothing happened
	KindKeyRotation Kind = "key_rotation" // another key signs from here on
	KindClose       Kind = "close"        // the writer stopped cleanly
	KindRetire      Kind = "retire"       // a neighbour closed the log of a writer that is gone
	KindTombstone   Kind = "tombstone"    // says that objects have expired; proves nothing by itself
)

var kinds = []Kind{KindOpen, KindBatch, KindHeartbeat, KindKeyRotation, KindClose, KindRetire, KindTombstone}

// Ends reports whether a manifest of this kind leaves its log without a writer.
func (k Kind) Ends() bool { return k == KindClose || k == KindRetire }

const (
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"

	// predicatePrefix and a version name the format of a manifest. Version 1 did not say
	// whose log it is and how long the manifests before it are locked.
	predicatePrefix = "https://agentaudit.dev/manifest/v"
	predicateV1     = predicatePrefix + "1"
	predicateV2     = predicatePrefix + "2"

	// maxManifest bounds a manifest as stored, in bytes.
	maxManifest = 64 << 20
)

// Statement is the payload of a manifest: an in-toto Statement v1.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject names a sealed object.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Predicate is what a manifest says. Fields that version 1 does not have are empty there.
type Predicate struct {
	Log string `json:"log"`
	// Genesis is the digest of the log's manifest 0, hex; empty in that manifest, and where
	// it had expired before the log passed from version 1 to 2.
	Genesis   string    `json:"genesis,omitempty"`
	Seq       int64     `json:"seq"`
	Kind      Kind      `json:"kind"`
	Previous  string    `json:"previous"`   // SHA-256 of the previous payload, hex; "" for the first
	WrittenAt time.Time `json:"written_at"` // by the writer's clock
	// Time is the later of WrittenAt and the Time of the manifest before: it never goes back.
	Time *time.Time `json:"time,omitempty"`
	// Retention is the lock that this manifest was promised. It is never shorter than
	// PastUntil, so that only a prefix of a log expires.
	Retention *Lock `json:"retention,omitempty"`
	// PastUntil is the latest lock of all manifests before; nil in the first, and where it is
	// not known since a manifest of version 1 did not say.
	PastUntil *time.Time `json:"past_until,omitempty"`
	Tree      TreeHead   `json:"tree"`
	Objects   []Object   `json:"objects"`
	Heads     []HeadRef  `json:"heads"`
	Writer    Writer     `json:"writer"`
	Instance  string     `json:"instance,omitempty"`   // in `open`: the process that writes, drawn at its start
	KeyStore  string     `json:"key_store,omitempty"`  // in `open`: the store of the keys of content kept apart
	NextKey   *NextKey   `json:"next_key,omitempty"`   // in manifests of kind key_rotation
	RotatedAt *int64     `json:"rotated_at,omitempty"` // the place of the log's newest manifest of that kind before this one
}

// Lock is a lock that was promised.
type Lock struct {
	Mode  string    `json:"mode"`
	Until time.Time `json:"until"`
}

// NextKey is the key that signs the manifests after this one.
type NextKey struct {
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"` // PEM
}

// TreeHead is the RFC 6962 tree over the payloads of the manifests before this one.
type TreeHead struct {
	Size     int64    `json:"size"`
	Root     string   `json:"root"`
	Frontier []string `json:"frontier"` // from the largest complete subtree to the smallest
}

// HeadRef is the newest manifest of another log that a writer has seen.
type HeadRef struct {
	Log    string `json:"log"`
	Seq    int64  `json:"seq"`
	SHA256 string `json:"sha256"`
	// Note is the other log's own newest checkpoint, as it signed it: what it says needs
	// nobody to believe the writer.
	Note string `json:"note,omitempty"`
}

// Writer says what wrote a manifest.
type Writer struct {
	Version      string `json:"version"`
	ConfigSHA256 string `json:"config_sha256,omitempty"`
	RulesSHA256  string `json:"rules_sha256,omitempty"`
	Host         string `json:"host,omitempty"`
}

// Manifest is a manifest whose signature was checked.
type Manifest struct {
	Statement
	Envelope []byte   // as stored
	Payload  []byte   // byte for byte what is signed and hashed
	Digest   [32]byte // SHA-256 of Payload
	KeyID    string   // of the key that signed it

	signers []string // ids of the given keys that signed it
	// malformed is set where no more is known than whose manifest it is: the rest is not of
	// its version's format.
	malformed bool
	claimed   []string // ids of the keys that the envelope says signed it: nobody vouches for them
}

// version is that of the manifest's format: 1 or 2, 0 for one that is not known.
func (m *Manifest) version() int {
	switch m.PredicateType {
	case predicateV1:
		return 1
	case predicateV2:
		return 2
	}
	return 0
}

// SealedAt is when the manifest was written, by a clock that does not go back: its `time`.
// Version 1 has only the writer's own clock.
func (m *Manifest) SealedAt() time.Time {
	if t := m.Predicate.Time; t != nil {
		return *t
	}
	return m.Predicate.WrittenAt
}

// NextKey is the key that signs from the next manifest on, nil where it is the same.
func (m *Manifest) NextKey() (*PublicKey, error) {
	if m.Predicate.Kind != KindKeyRotation {
		return nil, nil
	}
	if m.Predicate.NextKey == nil {
		return nil, errors.New("no `next_key`")
	}
	k, err := ParsePublicKey([]byte(m.Predicate.NextKey.PublicKey))
	if err == nil && k.ID != m.Predicate.NextKey.KeyID {
		err = fmt.Errorf("`next_key` has the id %s, its key %s", m.Predicate.NextKey.KeyID, k.ID)
	}
	return &k, err
}

// tree is the tree that the manifest says was before it.
func (m *Manifest) tree() (*Tree, error) {
	head := &m.Predicate.Tree
	frontier := make([][]byte, len(head.Frontier))
	for i, h := range head.Frontier {
		b, err := hex.DecodeString(h)
		if err != nil {
			return nil, err
		}
		frontier[i] = b
	}
	if head.Size != m.Predicate.Seq {
		return nil, fmt.Errorf("tree of size %d at sequence number %d", head.Size, m.Predicate.Seq)
	}
	t, err := ResumeTree(uint64(head.Size), frontier)
	if err != nil {
		return nil, err
	}
	if root := hex.EncodeToString(t.Root()); root != head.Root {
		return nil, fmt.Errorf("the frontier gives the root %s, the manifest says %s", root, head.Root)
	}
	return t, nil
}

// treeHead describes a tree for a manifest.
func treeHead(t *Tree) TreeHead {
	h := TreeHead{Size: int64(t.Size()), Root: hex.EncodeToString(t.Root()), Frontier: []string{}}
	for _, n := range t.Frontier() {
		h.Frontier = append(h.Frontier, hex.EncodeToString(n))
	}
	return h
}
