package agentauditexporter

import (
	"context"
	"fmt"
	"os"

	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// openSigner opens the key that signs the manifests, with the function that lets go of
// it.
func (s *sealer) openSigner(ctx context.Context) (ledger.Signer, func(), error) {
	c := &s.cfg.Signing
	if c.KeyFile != "" {
		key, err := signer.File(c.KeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("`signing::key_file`: %w", err)
		}
		return key, func() {}, nil
	}
	at := c.KMS
	if at.Region == "" && signer.KMSRegion(c.KMSKeyID) == "" {
		at.Region = s.cfg.S3.Region
	}
	key, err := signer.OpenKMS(ctx, c.KMSKeyID, at)
	if err != nil {
		return nil, nil, fmt.Errorf("`signing::kms_key_id`: %w", err)
	}
	return &watchedSigner{Signer: key, watch: s.watch("the key")}, key.Close, nil
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

// publicKey is the object that publishes the signer's public key.
func publicKey(s ledger.Signer) kept {
	return kept{
		key:         ledger.KeyPrefix + ledger.KeyID(s.Public()) + ".pem",
		body:        ledger.MarshalPublicKey(s.Public()),
		contentType: "application/x-pem-file",
	}
}
