package adversary

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keypair is a key as its holder has it, and as an auditor and a writer do.
type keypair struct {
	name   string
	id     string
	pem    string // of the public half
	sign   func([]byte) []byte
	der    []byte
	raw    ed25519.PublicKey // nil for ECDSA
	public ledger.PublicKey
	signer ledger.Signer
}

// newKey makes the key of a name. Those of Ed25519 are the same in every run.
func newKey(name string, ec bool) *keypair {
	k := &keypair{name: name}
	var private crypto.Signer
	if ec {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		private = key
		k.sign = func(data []byte) []byte {
			sum := sha256.Sum256(data)
			sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
			if err != nil {
				panic(err)
			}
			return sig
		}
	} else {
		seed := sha256.Sum256([]byte(name))
		key := ed25519.NewKeyFromSeed(seed[:])
		private, k.raw = key, key.Public().(ed25519.PublicKey)
		k.sign = func(data []byte) []byte { return ed25519.Sign(key, data) }
	}
	k.der, _ = x509.MarshalPKIXPublicKey(private.Public())
	k.id = digest(k.der)
	k.pem = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der}))
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err == nil {
		k.signer, err = ledger.LoadSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	}
	if err == nil {
		k.public, err = ledger.NewPublicKey(k.signer.Public())
	}
	if err != nil {
		panic(err)
	}
	return k
}

// noteHash is what begins a signature of a note by this key under a name.
func (k *keypair) noteHash(name string) []byte {
	if k.raw == nil {
		b, _ := hex.DecodeString(k.id[:8])
		return b
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n\x01%s", name, k.raw))
	return sum[:4]
}

// keys are made once: a history takes them in their order.
var keys = func() (list []*keypair) {
	for i := range 12 {
		list = append(list, newKey(fmt.Sprintf("K%d", i), i%4 == 3))
	}
	return list
}()

// stranger is a key that no auditor has; thief is one that an attacker hands a log on to.
var stranger, thief = newKey("stranger", false), newKey("thief", false)
