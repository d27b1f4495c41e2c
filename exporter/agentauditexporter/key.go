package agentauditexporter

import (
	"fmt"
	"io"
	"os"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// maxKeyFile is far above any key, and keeps a wrong path from being read whole.
const maxKeyFile = 64 << 10

// loadSigner reads the signing key, and refuses a file that others than its owner can read.
func loadSigner(path string) (ledger.Signer, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("cannot read `signing::key_file`; `agentaudit keygen` makes one: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read `signing::key_file`: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("`signing::key_file` %s can be read by others (mode %04o): chmod 600 it, and think of a new key", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read `signing::key_file`: %w", err)
	}
	signer, err := ledger.LoadSigner(text)
	if err != nil {
		return nil, fmt.Errorf("`signing::key_file` %s must hold an Ed25519 or ECDSA P-256 private key in PEM: %w", path, err)
	}
	return signer, nil
}

// loadTrusted reads the public keys of other writers.
func loadTrusted(paths []string) ([]ledger.PublicKey, error) {
	var keys []ledger.PublicKey
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("cannot read `signing::trusted_keys`: %w", err)
		}
		k, err := ledger.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("`signing::trusted_keys` %s must hold an Ed25519 or ECDSA P-256 public key in PEM: %w", path, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// publicKey is the object that publishes the signer's public key.
func publicKey(s ledger.Signer) kept {
	return kept{
		key:         ledger.KeyPrefix + ledger.KeyID(s.Public()) + ".pem",
		body:        ledger.MarshalPublicKey(s.Public()),
		contentType: "application/x-pem-file",
	}
}
