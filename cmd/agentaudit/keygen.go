package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func keygenCmd() *cobra.Command {
	var out, kind string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key pair for signing manifests",
		Long: `Make a key pair for signing manifests: NAME.key for the collector, readable by its
owner only, and NAME.pub for everyone who verifies. Files that exist are left alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := keygen(out, kind)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s.key  private key, for `signing::key_file`\n%s.pub  public key, for those who verify\nkey id %s\n", out, out, id)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "audit", "path of the files without their suffix")
	cmd.Flags().StringVar(&kind, "type", "ed25519", "ed25519 or ecdsa-p256")
	offer(cmd, "type", "ed25519", "ecdsa-p256")
	return cmd
}

// keygen writes a key pair and returns the key id.
func keygen(out, kind string) (string, error) {
	var private any
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa-p256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return "", fmt.Errorf("--type %q must be ed25519 or ecdsa-p256", kind)
	}
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	signer, err := ledger.LoadSigner(text)
	if err != nil {
		return "", err
	}
	if err := writeNew(out+".pub", ledger.MarshalPublicKey(signer.Public()), 0o644); err != nil {
		return "", err
	}
	if err := writeNew(out+".key", text, 0o600); err != nil {
		return "", errors.Join(err, os.Remove(out+".pub")) // half a pair is of no use
	}
	return signer.KeyID()
}

// writeNew writes a file that must not be there, and leaves none that is not whole.
func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not written over: choose another --out", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
