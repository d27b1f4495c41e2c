package ledger_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func hexSHA(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// naiveRoot is RFC 6962, section 2.1, as it is written there.
func naiveRoot(leaves [][]byte) []byte {
	h := func(parts ...[]byte) []byte {
		d := sha256.New()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	switch n := len(leaves); n {
	case 0:
		return h()
	case 1:
		return h([]byte{0}, leaves[0])
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		return h([]byte{1}, naiveRoot(leaves[:k]), naiveRoot(leaves[k:]))
	}
}

func TestTreeIsRFC6962(t *testing.T) {
	tree := ledger.NewTree()
	var leaves [][]byte
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex.EncodeToString(tree.Root()), "the empty tree is the SHA-256 of nothing")
	for n := range 300 {
		leaf := []byte(fmt.Sprint(n))
		leaves = append(leaves, leaf)
		tree.Append(leaf)
		require.Equal(t, naiveRoot(leaves), tree.Root())
		resumed, err := ledger.ResumeTree(tree.Size(), tree.Frontier())
		require.NoError(t, err)
		require.Equal(t, tree.Root(), resumed.Root())
	}
	require.Equal(t, rfc6962.DefaultHasher.HashLeaf([]byte("x")), naiveRoot([][]byte{[]byte("x")}))
}

func TestResumeTreeRefusesNonsense(t *testing.T) {
	tree := ledger.NewTree()
	for range 5 {
		tree.Append([]byte("x"))
	}
	_, err := ledger.ResumeTree(4, tree.Frontier())
	require.Error(t, err)
	_, err = ledger.ResumeTree(5, [][]byte{{1}, {2}})
	require.Error(t, err)
}

// TestOpenSSL checks a manifest with openssl alone, as an auditor would.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	require.NoError(t, err, "this test needs openssl")
	for _, kind := range []string{"ed25519", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			signer, err := ledger.LoadSigner(privatePEM(t, kind))
			require.NoError(t, err)
			tr := &trail{Store: newTrail(t).Store}
			o := options(signer)
			o.Log = "gw-1"
			c, err := ledger.OpenChain(ctx, tr, o)
			require.NoError(t, err)
			require.NoError(t, c.Commit(ctx, ledger.KindOpen, nil))
			body, err := tr.Get(ctx, ledger.ManifestKey("gw-1", 0), "")
			require.NoError(t, err)

			var e struct {
				PayloadType, Payload string
				Signatures           []struct{ KeyID, Sig string }
			}
			require.NoError(t, json.Unmarshal(body, &e))
			payload, err := base64.StdEncoding.DecodeString(e.Payload)
			require.NoError(t, err)
			sig, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
			require.NoError(t, err)
			dir := t.TempDir()
			write := func(name string, data []byte) string {
				p := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(p, data, 0o600))
				return p
			}
			// DSSE's pre-authentication encoding, by hand.
			pae := write("pae", []byte(fmt.Sprintf("DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(payload), payload)))
			pub := write("pub.pem", ledger.MarshalPublicKey(signer.Public()))
			sigFile := write("sig", sig)
			args := []string{"pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-in", pae, "-sigfile", sigFile}
			if kind == "ecdsa" {
				args = []string{"dgst", "-sha256", "-verify", pub, "-signature", sigFile, pae}
			}
			out, err := exec.Command(openssl, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)

			der, err := exec.Command(openssl, "pkey", "-pubin", "-in", pub, "-outform", "DER").Output()
			require.NoError(t, err)
			require.Equal(t, hexSHA(der), e.Signatures[0].KeyID)
			require.Equal(t, hexSHA(payload), c.Head().SHA256)
		})
	}
}

func TestAnotherDSSELibrary(t *testing.T) {
	tr := newTrail(t)
	ev, err := dsse.NewEnvelopeVerifier(publicVerifier{tr.key})
	require.NoError(t, err)
	for _, key := range tr.Keys(ledger.ManifestPrefix) {
		body, err := tr.Get(ctx, key, "")
		require.NoError(t, err)
		var e dsse.Envelope
		require.NoError(t, json.Unmarshal(body, &e))
		accepted, err := ev.Verify(ctx, &e)
		require.NoError(t, err)
		require.Len(t, accepted, 1)
	}
}

// publicVerifier is a key as go-securesystemslib wants it.
type publicVerifier struct{ key ledger.PublicKey }

func (v publicVerifier) Verify(_ context.Context, data, sig []byte) error {
	if !v.key.Verify(data, sig) {
		return fmt.Errorf("bad signature")
	}
	return nil
}
func (v publicVerifier) KeyID() (string, error)   { return v.key.ID, nil }
func (v publicVerifier) Public() crypto.PublicKey { return v.key.Key }
