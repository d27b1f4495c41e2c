package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// trustFile is what --trust names.
type trustFile struct {
	Keys      []trustedKey `json:"keys"`
	Witnesses []string     `json:"witnesses"` // note verifier keys: name+hash+key
}

// trustedKey is a key, and what narrows it.
type trustedKey struct {
	PublicKey     string    `json:"public_key"`      // PEM, or
	PublicKeyFile string    `json:"public_key_file"` // its path, from the folder of the trust file
	Logs          []string  `json:"logs"`
	Genesis       string    `json:"genesis"`
	LastSHA256    string    `json:"last_sha256"`
	FirstSeq      int64     `json:"first_seq"`
	LastSeq       *int64    `json:"last_seq"`
	NotBefore     time.Time `json:"not_before"`
	NotAfter      time.Time `json:"not_after"`
}

const trustFields = "`keys` with `public_key` or `public_key_file`, `logs`, `genesis`, `last_sha256`, `first_seq`, " +
	"`last_seq`, `not_before`, `not_after`; and `witnesses`"

func readTrust(name string) (keys []ledger.PublicKey, witnesses []string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	t, err := parseTrust(text)
	if err != nil {
		return nil, nil, err
	}
	for i := range t.Keys {
		key, err := t.Keys[i].key(filepath.Dir(name))
		if err != nil {
			return nil, nil, fmt.Errorf("`keys[%d]`: %w", i, err)
		}
		keys = append(keys, key)
	}
	if len(t.Witnesses) > 0 {
		if _, err := ledger.AtLeast(1, t.Witnesses); err != nil {
			return nil, nil, fmt.Errorf("`witnesses`: %w", err)
		}
	}
	return keys, t.Witnesses, nil
}

func parseTrust(text []byte) (*trustFile, error) {
	var t trustFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a bound that is misspelled is no bound
	if err := d.Decode(&t); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return nil, fmt.Errorf("there is no field %s, and nothing that is not understood may widen trust; there are %s",
				field, trustFields)
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return &t, nil
}

// key reads a key whose path is from a folder.
func (t *trustedKey) key(dir string) (k ledger.PublicKey, err error) {
	switch file := t.PublicKeyFile; {
	case (t.PublicKey == "") == (file == ""):
		err = errors.New("give `public_key` or `public_key_file`")
	case file == "":
		k, err = ledger.ParsePublicKey([]byte(t.PublicKey))
	case filepath.IsAbs(file):
		k, err = readKey(file)
	default:
		k, err = readKey(filepath.Join(dir, file))
	}
	if err != nil {
		return k, err
	}
	k.May = &ledger.Span{
		Logs: t.Logs, Genesis: t.Genesis, LastSHA256: t.LastSHA256,
		FirstSeq: t.FirstSeq, LastSeq: t.LastSeq, NotBefore: t.NotBefore, NotAfter: t.NotAfter,
	}
	return k, t.check()
}

const digestOfManifest = "the SHA-256 of a manifest, 64 hexadecimal digits in lower case"

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check refuses bounds that say something else than was meant.
func (t *trustedKey) check() error {
	if t.Logs != nil && len(t.Logs) == 0 {
		return errors.New("`logs` names no log: leave it out for any")
	}
	for _, log := range t.Logs {
		if !ledger.ValidLog(log) {
			return fmt.Errorf("`logs`: %q is no log id", log)
		}
	}
	switch {
	case t.Genesis != "" && !digest.MatchString(t.Genesis):
		return fmt.Errorf("`genesis` %q must be %s", t.Genesis, digestOfManifest)
	case t.LastSHA256 != "" && !digest.MatchString(t.LastSHA256):
		return fmt.Errorf("`last_sha256` %q must be %s", t.LastSHA256, digestOfManifest)
	case t.Genesis+t.LastSHA256 != "" && len(t.Logs) > 1:
		return errors.New("`genesis` and `last_sha256` are of one log: give each log an entry of its own")
	case t.LastSHA256 != "" && t.Genesis == "" && len(t.Logs) == 0:
		return errors.New("`last_sha256` is of one log: name it in `logs`")
	case t.FirstSeq < 0, t.LastSeq != nil && *t.LastSeq < t.FirstSeq:
		return errors.New("`first_seq` must be 0 or more, and `last_seq` not before it")
	case !t.NotBefore.IsZero() && !t.NotAfter.IsZero() && t.NotAfter.Before(t.NotBefore):
		return errors.New("`not_after` must not be before `not_before`")
	}
	return nil
}
