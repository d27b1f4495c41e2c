package agentauditexporter

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keyring has the keys of a log: the one that signs it, and public ones.
type keyring struct {
	cfg    *SigningConfig
	region string // of a key of KMS, where nothing else says it
	watch  watch  // for requests to KMS

	earlier []ledger.PublicKey // that signed this log before
	others  []ledger.PublicKey // of other logs
	signer  ledger.Signer
	close   func()
}

// load reads the public keys.
func (k *keyring) load() (err error) {
	if k.earlier, err = loadKeys("signing::earlier_keys", k.cfg.EarlierKeys); err != nil {
		return err
	}
	k.others, err = loadKeys("signing::watched_keys", k.cfg.WatchedKeys)
	return err
}

// open opens the key that signs, once.
func (k *keyring) open(ctx context.Context, timeout time.Duration) error {
	if k.signer != nil {
		return nil
	}
	if k.cfg.KeyFile != "" {
		key, err := signer.File(k.cfg.KeyFile)
		if err != nil {
			return fmt.Errorf("`signing::key_file`: %w", err)
		}
		k.signer = key
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at := k.cfg.KMS
	if at.Region == "" && signer.KMSRegion(k.cfg.KMSKeyID) == "" {
		at.Region = k.region
	}
	key, err := signer.OpenKMS(ctx, k.cfg.KMSKeyID, at)
	if err != nil {
		return fmt.Errorf("`signing::kms_key_id`: %w", err)
	}
	k.signer, k.close = &watchedSigner{Signer: key, watch: k.watch}, key.Close
	return nil
}

// watched are the keys whose logs this one watches: its own besides.
func (k *keyring) watched() []ledger.PublicKey {
	own := k.signer.Public()
	return append([]ledger.PublicKey{{ID: ledger.KeyID(own), Key: own}}, k.others...)
}

// release lets go of the key that signs.
func (k *keyring) release() {
	if k.close != nil {
		k.close()
	}
}

// watchedSigner is a key that is reached by requests.
type watchedSigner struct {
	ledger.Signer
	watch watch
}

func (w *watchedSigner) Sign(ctx context.Context, data []byte) (sig []byte, err error) {
	err = w.watch.request(ctx, func(ctx context.Context) error {
		sig, err = w.Signer.Sign(ctx, data)
		return err
	})
	return sig, err
}

// loadKeys reads the public keys in files that the configuration names under a key.
func loadKeys(name string, paths []string) ([]ledger.PublicKey, error) {
	var keys []ledger.PublicKey
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("cannot read `%s`: %w", name, err)
		}
		k, err := ledger.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("`%s` %s must hold an Ed25519 or ECDSA P-256 public key in PEM: %w", name, path, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
