package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
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
)

const (
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://agentaudit.dev/manifest/v1"

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

// Predicate is what a manifest says.
type Predicate struct {
	Log       string    `json:"log"`
	Seq       int64     `json:"seq"`
	Kind      Kind      `json:"kind"`
	Previous  string    `json:"previous"` // SHA-256 of the previous payload, hex; "" for the first
	WrittenAt time.Time `json:"written_at"`
	Tree      TreeHead  `json:"tree"`
	Objects   []Object  `json:"objects"`
	Heads     []HeadRef `json:"heads"`
	Writer    Writer    `json:"writer"`
	NextKey   *NextKey  `json:"next_key,omitempty"`   // in manifests of kind key_rotation
	RotatedAt *int64    `json:"rotated_at,omitempty"` // the place of the log's newest manifest of that kind before this one
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
}

var (
	errMalformed = errors.New("malformed manifest")
	errUntrusted = errors.New("not signed by a trusted key")
)

// sign makes the manifest of a statement: its payload and its envelope as stored.
func sign(ctx context.Context, st *Statement, s Signer) (payload, envelope []byte, err error) {
	if payload, err = json.Marshal(st); err != nil {
		return nil, nil, err
	}
	id, err := s.KeyID()
	if err != nil {
		return nil, nil, err
	}
	sig, err := s.Sign(ctx, dsse.PAE(payloadType, payload))
	if err != nil {
		return nil, nil, fmt.Errorf("sign the manifest: %w", err)
	}
	envelope, err = json.Marshal(dsse.Envelope{
		PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload),
		Signatures: []dsse.Signature{{KeyID: id, Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	if err == nil && len(envelope) > maxManifest {
		err = fmt.Errorf("the manifest has %d bytes, readers take %d: commit fewer objects at once", len(envelope), maxManifest)
	}
	return payload, envelope, err
}

// ParseManifest reads a manifest as stored and checks that one of the keys signed
// it. It is strict: one JSON text, no key twice, the statement and predicate types of
// this format, subjects and objects that agree.
func ParseManifest(body []byte, keys []PublicKey) (*Manifest, error) {
	m, sigs, err := parseEnvelope(body)
	if err != nil {
		return nil, err
	}
	signed := dsse.PAE(payloadType, m.Payload)
	for _, s := range sigs {
		sig, err := decodeBase64(s.Sig)
		if err != nil {
			return nil, errMalformed
		}
		for _, k := range keys {
			if (s.KeyID == "" || s.KeyID == k.ID) && k.Verify(signed, sig) {
				m.KeyID, m.Envelope = k.ID, body
				return m, nil
			}
		}
	}
	return nil, errUntrusted
}

// ParseEnvelope reads a manifest without checking who signed it.
func ParseEnvelope(body []byte) (*Manifest, error) {
	m, _, err := parseEnvelope(body)
	return m, err
}

// manifestBody reads a version at a manifest's key, nil where it can be none: it is
// gone, or larger than any manifest. Anyone may have put it there: it is not read
// before its size is known.
func manifestBody(ctx context.Context, r Reader, v Version) ([]byte, error) {
	if v.Size > maxManifest {
		return nil, nil
	}
	body, err := r.Get(ctx, v.Key, v.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return body, err
}

func parseEnvelope(body []byte) (*Manifest, []dsse.Signature, error) {
	if len(body) > maxManifest {
		return nil, nil, errMalformed
	}
	e, err := parseDSSE(body)
	if err != nil || e.PayloadType != payloadType || len(e.Signatures) == 0 || len(e.Signatures) > 16 {
		return nil, nil, errMalformed
	}
	payload, err := decodeBase64(e.Payload)
	if err != nil {
		return nil, nil, errMalformed
	}
	m := &Manifest{Payload: payload, Digest: sha256.Sum256(payload)}
	if err := strictJSON(payload, &m.Statement); err != nil || m.Type != statementType || m.PredicateType != predicateType {
		return nil, nil, errMalformed
	}
	p := &m.Predicate
	if !ValidLog(p.Log) || p.Seq < 0 || len(m.Subject) != len(p.Objects) {
		return nil, nil, errMalformed
	}
	for i, s := range m.Subject {
		if s.Name != p.Objects[i].Key || s.Digest["sha256"] != p.Objects[i].SHA256 {
			return nil, nil, errMalformed
		}
	}
	return m, e.Signatures, nil
}

// parseDSSE reads an envelope, whose names nobody signs, by their exact spelling:
// encoding/json would also take them in another case, and so see another envelope
// than most readers do.
func parseDSSE(body []byte) (*dsse.Envelope, error) {
	var names map[string]json.RawMessage
	if err := strictJSON(body, &names); err != nil {
		return nil, err
	}
	if len(names) != 3 {
		return nil, errMalformed // what nobody signs has no room for more
	}
	var signatures []map[string]json.RawMessage
	e := &dsse.Envelope{}
	if err := errors.Join(
		json.Unmarshal(names["payloadType"], &e.PayloadType),
		json.Unmarshal(names["payload"], &e.Payload),
		json.Unmarshal(names["signatures"], &signatures),
	); err != nil {
		return nil, err
	}
	for _, s := range signatures {
		var sig dsse.Signature
		if err := json.Unmarshal(s["sig"], &sig.Sig); err != nil {
			return nil, err
		}
		id, ok := s["keyid"] // optional in DSSE
		if ok {
			if err := json.Unmarshal(id, &sig.KeyID); err != nil {
				return nil, err
			}
		}
		if ok && len(s) != 2 || !ok && len(s) != 1 {
			return nil, errMalformed
		}
		e.Signatures = append(e.Signatures, sig)
	}
	return e, nil
}

// decodeBase64 takes the standard alphabet with padding and nothing else; Go's
// decoder passes over line breaks.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errMalformed
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

// strictJSON decodes one JSON text in which no key comes twice.
func strictJSON(text []byte, v any) error {
	if _, ok := semconv.AppendJSON(nil, text); !ok {
		return errMalformed
	}
	return json.NewDecoder(bytes.NewReader(text)).Decode(v)
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

// link is a place in a chain: the manifest there and the tree up to and with it.
type link struct {
	seq     int64 // -1 before the first manifest
	digest  string
	tree    *Tree
	at      time.Time
	kind    Kind
	rotated *int64 // the place of the newest rotation up to here
}

func noLink() *link { return &link{seq: -1, tree: NewTree()} }

// link is the place of a manifest, whose own word for the tree before it is taken.
func (m *Manifest) link() (*link, error) {
	t, err := m.tree()
	if err != nil {
		return nil, err
	}
	return m.linkOn(t), nil
}

// linkOn is the place of a manifest on the tree before it, which grows.
func (m *Manifest) linkOn(t *Tree) *link {
	t.Append(m.Payload)
	p := &m.Predicate
	l := &link{seq: p.Seq, digest: hexDigest(m.Digest), tree: t, at: p.WrittenAt, kind: p.Kind, rotated: p.RotatedAt}
	if p.Kind == KindKeyRotation {
		seq := p.Seq
		l.rotated = &seq
	}
	return l
}

// follows checks that a manifest continues the chain after a place.
func (m *Manifest) follows(l *link) error {
	p := &m.Predicate
	switch {
	case p.Seq != l.seq+1:
		return fmt.Errorf("sequence number %d after %d", p.Seq, l.seq)
	case p.Previous != l.digest:
		return fmt.Errorf("`previous` is %q, the manifest before has the digest %q", p.Previous, l.digest)
	case p.Tree.Size != int64(l.tree.Size()) || p.Tree.Root != hex.EncodeToString(l.tree.Root()):
		return fmt.Errorf("`tree` is %d/%s, the manifests before give %d/%s", p.Tree.Size, p.Tree.Root, l.tree.Size(), hex.EncodeToString(l.tree.Root()))
	}
	_, err := m.tree()
	return err
}
