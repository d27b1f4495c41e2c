package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var (
	errMalformed = errors.New("malformed manifest")
	errUntrusted = errors.New("not signed by a trusted key")
)

// ErrNewerVersion is the error of a manifest, or a line, whose format this program does
// not know: it can be neither confirmed nor refused.
var ErrNewerVersion = errors.New("written by a newer version of this program")

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

// ParseManifest reads a manifest as stored and checks that one of the keys signed it. It
// is strict: one JSON text, no name twice and none that differs from one of this format
// by case alone, the statement and predicate types of this format, subjects and objects
// that agree. A predicate of an unknown version that one of the keys signed is
// ErrNewerVersion.
func ParseManifest(body []byte, keys []PublicKey) (*Manifest, error) {
	m, err := openManifest(body, keys)
	switch {
	case err != nil:
		return nil, err
	case len(m.signers) == 0:
		return nil, errUntrusted
	case m.version() == 0:
		return nil, ErrNewerVersion
	case m.malformed:
		return nil, errMalformed
	}
	m.KeyID = m.signers[0]
	return m, nil
}

// ParseEnvelope reads a manifest without checking who signed it.
func ParseEnvelope(body []byte) (*Manifest, error) {
	m, _, err := parseEnvelope(body)
	switch {
	case err != nil:
		return nil, err
	case m.version() == 0:
		return nil, ErrNewerVersion
	case m.malformed:
		return nil, errMalformed
	}
	return m, nil
}

// openManifest reads a manifest and notes which of the keys signed it: perhaps none. The
// envelope is not signed, so anyone may add signatures to it; each is judged by itself.
func openManifest(body []byte, keys []PublicKey) (*Manifest, error) {
	m, sigs, err := parseEnvelope(body)
	if err != nil {
		return nil, err
	}
	m.Envelope = body
	signed := dsse.PAE(payloadType, m.Payload)
	for _, s := range sigs {
		sig, err := decodeBase64(s.Sig)
		if err != nil {
			return nil, errMalformed
		}
		m.claimed = append(m.claimed, s.KeyID)
		for _, k := range keys {
			if (s.KeyID == "" || s.KeyID == k.ID) && !slices.Contains(m.signers, k.ID) && k.Verify(signed, sig) {
				m.signers = append(m.signers, k.ID)
			}
		}
	}
	return m, nil
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
	if err := m.name(); err != nil {
		return nil, nil, errMalformed
	}
	m.malformed = m.version() != 0 && m.parse() != nil
	return m, e.Signatures, nil
}

// name reads of the payload what every version has: whose manifest it is. Of a version
// that is not known no more is read.
func (m *Manifest) name() error {
	var any struct { // what every version has
		Type          string `json:"_type"`
		PredicateType string `json:"predicateType"`
		Predicate     struct {
			Log     string `json:"log"`
			Genesis string `json:"genesis"`
			Seq     int64  `json:"seq"`
		} `json:"predicate"`
	}
	if err := strictJSON(m.Payload, &any); err != nil {
		return err
	}
	if any.Type != statementType || !strings.HasPrefix(any.PredicateType, predicatePrefix) || !ValidLog(any.Predicate.Log) || any.Predicate.Seq < 0 {
		return errMalformed
	}
	p := &m.Predicate
	m.PredicateType, p.Log, p.Genesis, p.Seq = any.PredicateType, any.Predicate.Log, any.Predicate.Genesis, any.Predicate.Seq
	return exactNames(m.Payload, reflect.TypeOf(any))
}

// parse reads all of the payload, strictly.
func (m *Manifest) parse() error {
	var st Statement
	if err := errors.Join(json.Unmarshal(m.Payload, &st), exactNames(m.Payload, reflect.TypeFor[Statement]())); err != nil {
		return err
	}
	m.Statement = st
	p := &m.Predicate
	if m.version() == 1 { // which has none of these, whatever a signer puts there
		p.Genesis, p.Time, p.Retention, p.PastUntil = "", nil, nil, nil
	}
	if len(m.Subject) != len(p.Objects) || !slices.Contains(kinds, p.Kind) {
		return errMalformed
	}
	for i, s := range m.Subject {
		if s.Name != p.Objects[i].Key || s.Digest["sha256"] != p.Objects[i].SHA256 {
			return errMalformed
		}
	}
	if m.version() == 2 && (p.Time == nil || p.Retention == nil) {
		return errMalformed
	}
	return nil
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

// exactNames checks that no name in a JSON text is that of a field of t but for its case:
// encoding/json would take the one for the other, and most readers would not, so that a
// signer could show one text to the one and another to the others.
func exactNames(text []byte, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if len(text) > 0 && text[0] == 'n' {
		return nil // null
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Struct {
			return nil
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		for _, e := range list {
			if err := exactNames(e, t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[Instant]() {
			return nil
		}
		var names map[string]json.RawMessage
		if err := json.Unmarshal(text, &names); err != nil {
			return err
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			for have, value := range names {
				if have != name && strings.EqualFold(have, name) {
					return errMalformed
				}
				if have == name {
					if err := exactNames(value, t.Field(i).Type); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
