package ledgertest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// TB is what a test must be able to do: of testing.TB and of rapid.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// PrivateKey makes a private key in PEM: Ed25519, or ECDSA P-256 where kind is ecdsa.
func PrivateKey(t TB, kind string) []byte {
	t.Helper()
	var key any
	var err error
	if kind == "ecdsa" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// NewSigner makes a key of a kind, as PrivateKey does.
func NewSigner(t TB, kind string) ledger.Signer {
	t.Helper()
	s, err := ledger.LoadSigner(PrivateKey(t, kind))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// Public is the public half of a signer's key.
func Public(t TB, s ledger.Signer) ledger.PublicKey {
	t.Helper()
	k, err := ledger.NewPublicKey(s.Public())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return k
}
