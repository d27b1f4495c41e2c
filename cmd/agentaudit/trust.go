package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// trustFlags say whose signatures count.
type trustFlags struct {
	given []string // [LOG=]FILE
	file  string
	logs  []string
}

func (f *trustFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "key", nil,
		"`[LOG=]FILE`: a public key that you trust, PEM, for that log or, without LOG, for any; may be given more than once")
	cmd.Flags().StringVar(&f.file, "trust", "",
		"file that says which keys may sign what, and names witnesses, JSON; see docs/verification.md")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "only this log; may be given more than once")
}

func (f *trustFlags) keys() ([]ledger.PublicKey, error) {
	keys, _, err := f.trusted()
	return keys, err
}

// trusted are the keys that the user trusts, and the verifier keys of witnesses.
func (f *trustFlags) trusted() (keys []ledger.PublicKey, witnesses []string, err error) {
	for _, log := range f.logs {
		if !ledger.ValidLog(log) {
			return nil, nil, fmt.Errorf("--log %q is no log id", log)
		}
	}
	given, err := givenKeys(f.given)
	if err != nil {
		return nil, nil, err
	}
	if f.file != "" {
		if keys, witnesses, err = readTrust(f.file); err != nil {
			return nil, nil, fmt.Errorf("--trust %s: %w", f.file, err)
		}
	}
	if keys, err = narrowed(keys, given); err != nil {
		return nil, nil, fmt.Errorf("--trust %s: %w", f.file, err)
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
		if !slices.ContainsFunc(keysOf(keys, c.Log), func(k ledger.PublicKey) bool { return k.ID == c.KeyID }) {
			return nil, fmt.Errorf("%s is a checkpoint of log %s, signed by a key that was named for others alone", name, c.Log)
		}
		// A timestamp may lie beside it.
		if stamp, err := os.ReadFile(strings.TrimSuffix(name, ".txt") + ".tsr"); err == nil {
			c.Timestamp = stamp
		}
		list = append(list, c)
	}
	return list, nil
}
