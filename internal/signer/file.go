// Package signer opens the keys that sign manifests, wherever they are kept.
package signer

import (
	"fmt"
	"io"
	"os"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// maxKeyFile is far above any key, and keeps a wrong path from being read whole.
const maxKeyFile = 64 << 10

// File reads a private key in PEM, and refuses a file that others than its owner can
// read.
func File(path string) (ledger.Signer, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("cannot read the key; `agentaudit keygen` makes one: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the key: %w", err)
	}
	signer, err := ledger.LoadSigner(text)
	if err != nil {
		return nil, fmt.Errorf("%s must hold an Ed25519 or ECDSA P-256 private key in PEM: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, and think of a new key", path, mode)
	}
	return signer, nil
}
