package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// trustFlags say whose signatures count.
type trustFlags struct {
	files []string
	file  string
	logs  []string
}

func (f *trustFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.files, "key", nil, "file with a public key that you trust, PEM; may be given more than once")
	cmd.Flags().StringVar(&f.file, "trust", "", "file that says which keys may sign what, and names witnesses, JSON; see docs/verification.md")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "only this log; may be given more than once")
}

// trustFile is what --trust names.
type trustFile struct {
	Keys []struct {
		PublicKey     string    `json:"public_key"`      // PEM, or
		PublicKeyFile string    `json:"public_key_file"` // its path, from the folder of the trust file
		Logs          []string  `json:"logs"`
		FirstSeq      int64     `json:"first_seq"`
		LastSeq       *int64    `json:"last_seq"`
		NotBefore     time.Time `json:"not_before"`
		NotAfter      time.Time `json:"not_after"`
	} `json:"keys"`
	Witnesses []string `json:"witnesses"` // note verifier keys: name+hash+key
}

func (f *trustFlags) keys() ([]ledger.PublicKey, error) {
	keys, _, err := f.trusted()
	return keys, err
}

// trusted are the keys and the witnesses that the user trusts.
func (f *trustFlags) trusted() (keys []ledger.PublicKey, witnesses []ledger.Witness, err error) {
	for _, name := range f.files {
		k, err := readKey(name)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, k)
	}
	if f.file != "" {
		more, w, err := readTrust(f.file)
		if err != nil {
			return nil, nil, fmt.Errorf("--trust %s: %w", f.file, err)
		}
		keys, witnesses = append(keys, more...), w
	}
	if len(keys) == 0 {
		return nil, nil, errors.New("no public key: give your own copy with --key; the one in the bucket proves nothing")
	}
	return keys, witnesses, nil
}

func readKey(name string) (ledger.PublicKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return ledger.PublicKey{}, err
	}
	k, err := ledger.ParsePublicKey(text)
	if err != nil {
		return k, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

func readTrust(name string) (keys []ledger.PublicKey, witnesses []ledger.Witness, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var t trustFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a bound that is misspelled is no bound
	if err := d.Decode(&t); err != nil {
		return nil, nil, err
	}
	for i, k := range t.Keys {
		var key ledger.PublicKey
		switch {
		case (k.PublicKey == "") == (k.PublicKeyFile == ""):
			err = errors.New("give `public_key` or `public_key_file`")
		case k.PublicKeyFile != "":
			file := k.PublicKeyFile
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(name), file)
			}
			key, err = readKey(file)
		default:
			key, err = ledger.ParsePublicKey([]byte(k.PublicKey))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("`keys[%d]`: %w", i, err)
		}
		key.May = &ledger.Span{Logs: k.Logs, FirstSeq: k.FirstSeq, LastSeq: k.LastSeq, NotBefore: k.NotBefore, NotAfter: k.NotAfter}
		keys = append(keys, key)
	}
	for _, vkey := range t.Witnesses {
		w, err := ledger.ParseWitness(vkey)
		if err != nil {
			return nil, nil, err
		}
		witnesses = append(witnesses, w)
	}
	return keys, witnesses, nil
}

// readCheckpoints reads files with checkpoints that a key signed.
func readCheckpoints(names []string, keys []ledger.PublicKey, witnesses []ledger.Witness) ([]*ledger.Checkpoint, error) {
	var list []*ledger.Checkpoint
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := ledger.ParseCheckpoint(text, keys, witnesses)
		if err != nil {
			return nil, fmt.Errorf("%s is no checkpoint that the given key signed: %w", name, err)
		}
		// A timestamp may lie beside it.
		if stamp, err := os.ReadFile(strings.TrimSuffix(name, ".txt") + ".tsr"); err == nil {
			c.Timestamp = stamp
		}
		list = append(list, c)
	}
	return list, nil
}
