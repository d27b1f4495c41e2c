package ledger

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Signer signs manifests. Its Sign is given DSSE's pre-authentication encoding.
type Signer interface {
	dsse.Signer
	Public() crypto.PublicKey
}

// PublicKey checks signatures. ECDSA signatures are ASN.1 DER over SHA-256, Ed25519
// signatures are over the message itself, both as openssl makes and checks them.
type PublicKey struct {
	ID  string // the SHA-256 of the DER SubjectPublicKeyInfo, hex
	Key crypto.PublicKey
	May *Span // what it is trusted for; nil: any log may begin with it
}

// Verify reports whether sig is a signature of data by this key.
func (k PublicKey) Verify(data, sig []byte) bool {
	switch pub := k.Key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, data, sig)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		return ecdsa.VerifyASN1(pub, sum[:], sig)
	}
	return false
}

// NewPublicKey takes an Ed25519 or ECDSA P-256 key; others are an error.
func NewPublicKey(pub crypto.PublicKey) (PublicKey, error) {
	switch p := pub.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if p.Curve != elliptic.P256() {
			return PublicKey{}, fmt.Errorf("ECDSA key on curve %s, need P-256", p.Curve.Params().Name)
		}
	default:
		return PublicKey{}, fmt.Errorf("key of type %T, need Ed25519 or ECDSA P-256", pub)
	}
	return PublicKey{ID: KeyID(pub), Key: pub}, nil
}

// KeyID is the SHA-256 of the DER SubjectPublicKeyInfo, hex; "" for what is no
// public key.
func KeyID(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// ParsePublicKey reads a PKIX public key in PEM.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New("no PEM block of type PUBLIC KEY")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, err
	}
	return NewPublicKey(pub)
}

// MarshalPublicKey writes a public key as PKIX PEM; nil for what is no public key.
func MarshalPublicKey(pub crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// LoadSigner reads a private key in PEM: PKCS#8, or SEC 1 for ECDSA.
func LoadSigner(text []byte) (Signer, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("no private key in PEM")
		}
		text = rest
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default: // such as EC PARAMETERS, which openssl writes before the key
			continue
		}
		if err != nil {
			return nil, err
		}
		s, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("key of type %T, need Ed25519 or ECDSA P-256", key)
		}
		pub, err := NewPublicKey(s.Public())
		if err != nil {
			return nil, err
		}
		return &fileSigner{key: s, id: pub.ID}, nil
	}
}

type fileSigner struct {
	key crypto.Signer
	id  string
}

func (s *fileSigner) KeyID() (string, error)   { return s.id, nil }
func (s *fileSigner) Public() crypto.PublicKey { return s.key.Public() }

func (s *fileSigner) Sign(_ context.Context, data []byte) ([]byte, error) {
	if _, ok := s.key.(ed25519.PrivateKey); ok {
		return s.key.Sign(rand.Reader, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}
