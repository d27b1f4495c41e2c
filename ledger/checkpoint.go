package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// originPrefix, the log id and, where it is known, its genesis are the origin of a
// checkpoint and the name of the log's key in its signature: two logs of one name differ.
const originPrefix = "agentaudit.dev/"

func origin(log, genesis string) string {
	if genesis == "" {
		return originPrefix + log
	}
	return originPrefix + log + "/" + genesis
}

// parseOrigin is the inverse of origin.
func parseOrigin(text string) (log, genesis string, ok bool) {
	rest, ok := strings.CutPrefix(text, originPrefix)
	if !ok {
		return "", "", false
	}
	log, genesis, with := strings.Cut(rest, "/")
	if b, err := hex.DecodeString(genesis); with && (err != nil || len(b) != sha256.Size || hex.EncodeToString(b) != genesis) {
		return "", "", false
	}
	return log, genesis, ValidLog(log)
}

// maxCheckpoint bounds a checkpoint with its cosignatures, in bytes.
const maxCheckpoint = 1 << 20

// Checkpoint is the head of a log's tree as a C2SP signed note (c2sp.org/tlog-checkpoint):
// small enough to be kept elsewhere, and enough to find the log cut or rewritten.
type Checkpoint struct {
	Log string
	// Genesis is the digest of the log's manifest 0, hex; "" where the checkpoint does not
	// say whose log of that name it is, as those of version 1.
	Genesis string
	Size    int64  // manifests, that is the sequence number of the next
	Root    string // hex
	KeyID   string // of the log's key that signed it
	Cosigs  []Cosignature
	Note    []byte // as stored
	// Timestamp, if any, is a time-stamping authority's response over Note (RFC 3161, DER).
	Timestamp []byte

	object string // its key, where it was found in the store with a quorum of cosignatures
}

// Cosignature is a witness's word that it saw the checkpoint continue those it saw
// before (c2sp.org/tlog-cosignature).
type Cosignature struct {
	Witness string    `json:"witness"`
	At      time.Time `json:"at"`
}

// Witness checks cosignatures.
type Witness = note.Verifier

// ParseWitness reads a witness's key as a note verifier key: name+hash+base64.
func ParseWitness(vkey string) (Witness, error) {
	vkey = strings.TrimSpace(vkey)
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return nil, fmt.Errorf("%q is no key of a witness: %w", vkey, err)
	}
	// The hash is over the name and the key: a slip in either shows here. One of a plain
	// Ed25519 key, which counts as well, has a hash of its own.
	if parts := strings.SplitN(vkey, "+", 3); parts[1] != fmt.Sprintf("%08x", v.KeyHash()) {
		if _, err := fnote.VKeyToCosignatureV1(vkey); err != nil {
			return nil, fmt.Errorf("%q is no key of a witness: its hash is not of its name and key", vkey)
		}
	}
	return v, nil
}

// Origin is the first line of the checkpoint, which names its log.
func (c *Checkpoint) Origin() string { return origin(c.Log, c.Genesis) }

// VerifierKey is a log's public key as a note verifier key, for witnesses of a log with
// that origin.
func VerifierKey(k PublicKey, name string) (string, error) {
	if pub, ok := k.Key.(ed25519.PublicKey); ok {
		return note.NewEd25519VerifierKey(name, pub)
	}
	const algECDSAWithSHA256 = 2 // as Sigstore's logs and transparency-dev's tools have it
	der, err := x509.MarshalPKIXPublicKey(k.Key)
	if err != nil {
		return "", err
	}
	id, err := hex.DecodeString(k.ID)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(id), base64.StdEncoding.EncodeToString(append([]byte{algECDSAWithSHA256}, der...))), nil
}

// noteSigner is a log's key as a signer of notes.
type noteSigner struct {
	ctx context.Context // of the one note it signs
	s   Signer
	v   note.Verifier
}

func (n noteSigner) Name() string    { return n.v.Name() }
func (n noteSigner) KeyHash() uint32 { return n.v.KeyHash() }
func (n noteSigner) Sign(msg []byte) ([]byte, error) {
	return n.s.Sign(n.ctx, msg)
}

func noteVerifier(k PublicKey, name string) (note.Verifier, error) {
	vkey, err := VerifierKey(k, name)
	if err != nil {
		return nil, err
	}
	return fnote.NewVerifier(vkey)
}

// signCheckpoint makes the note of a tree's head.
func signCheckpoint(ctx context.Context, name string, t *Tree, s Signer) ([]byte, error) {
	k, err := NewPublicKey(s.Public())
	if err != nil {
		return nil, err
	}
	v, err := noteVerifier(k, name)
	if err != nil {
		return nil, err
	}
	c := log.Checkpoint{Origin: name, Size: t.Size(), Hash: t.Root()}
	return note.Sign(&note.Note{Text: string(c.Marshal())}, noteSigner{ctx, s, v})
}

// ParseCheckpoint reads a checkpoint that one of the keys signed, with the
// cosignatures of those witnesses that are known. A line that is no cosignature of a
// known witness is passed over; one that claims to be and is not is an error.
func ParseCheckpoint(text []byte, keys []PublicKey, witnesses []Witness) (*Checkpoint, error) {
	if len(text) > maxCheckpoint {
		return nil, errors.New("larger than any checkpoint")
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	name := string(first)
	logID, genesis, ok := parseOrigin(name)
	if !ok {
		return nil, fmt.Errorf("no checkpoint of a log: its first line must be %s, a log id and its genesis", originPrefix)
	}
	err := errUntrusted
	for _, k := range keys {
		var v note.Verifier
		if v, err = noteVerifier(k, name); err != nil {
			continue
		}
		head, rest, n, e := log.ParseCheckpoint(text, name, v, witnesses...)
		if e != nil {
			err = e
			continue
		}
		// What a witness could not check, no line of it may carry.
		if len(rest) > 0 || len(head.Hash) != 32 || head.Size == 0 || head.Size > 1<<53 || string(head.Marshal()) != n.Text {
			return nil, errors.New("a checkpoint with unexpected lines")
		}
		c := &Checkpoint{Log: logID, Genesis: genesis, Size: int64(head.Size), Root: hex.EncodeToString(head.Hash), KeyID: k.ID, Note: text}
		for _, s := range n.Sigs {
			if slices.ContainsFunc(witnesses, func(w Witness) bool { return w.Name() == s.Name && w.KeyHash() == s.Hash }) {
				at, err := fnote.CoSigV1Timestamp(s)
				if err != nil {
					return nil, err
				}
				c.Cosigs = append(c.Cosigs, Cosignature{s.Name, at.UTC()})
			}
		}
		return c, nil
	}
	return nil, err
}

// noteOf is the log and the size that a checkpoint names, unchecked.
func noteOf(text string) (log string, size int64, ok bool) {
	if len(text) > maxCheckpoint {
		return "", 0, false
	}
	lines := strings.SplitN(text, "\n", 3)
	if len(lines) < 3 {
		return "", 0, false
	}
	log, _, ok = parseOrigin(lines[0])
	size, err := strconv.ParseInt(lines[1], 10, 64)
	return log, size, ok && err == nil && size > 0
}

// TimestampKey is the key of the timestamp over the checkpoint of a log at a size.
func TimestampKey(log string, size int64) string {
	return strings.TrimSuffix(CheckpointKey(log, size), ".txt") + ".tsr"
}

// CheckpointKey is the key of the checkpoint of a log at a size.
func CheckpointKey(log string, size int64) string {
	return fmt.Sprintf("%s%s/%012d.txt", CheckpointPrefix, log, size)
}
