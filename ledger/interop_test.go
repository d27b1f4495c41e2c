package ledger_test

import (
	"crypto"
	"encoding/json"
	"testing"

	attestation "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// standard gives a verifier of others the key id that our envelopes carry: DSSE leaves
// it to the parties what that is.
type standard struct {
	dsse.Verifier
	public crypto.PublicKey
}

func (s standard) KeyID() (string, error) { return ledger.KeyID(s.public), nil }

// TestStandardTooling: a manifest verifies with the verifier and the keys of
// go-securesystemslib, which in-toto's and Sigstore's tools use, and is a statement to
// in-toto's own code.
func TestStandardTooling(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			signer, err := ledger.LoadSigner(privatePEM(t, kind))
			require.NoError(t, err)
			s := ledgertest.New()
			c, err := ledger.OpenChain(ctx, s, options(signer))
			require.NoError(t, err)
			sealed := seal(t, s, ledger.ObjectOptions{}, "s", 1, 3)
			require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{sealed}))
			body, err := s.Get(ctx, ledger.ManifestKey("gw-0", 0), "")
			require.NoError(t, err)

			key, err := signerverifier.LoadKey(ledger.MarshalPublicKey(signer.Public()))
			require.NoError(t, err)
			var theirs dsse.Verifier
			if kind == "ecdsa" {
				theirs, err = signerverifier.NewECDSASignerVerifierFromSSLibKey(key)
			} else {
				theirs, err = signerverifier.NewED25519SignerVerifierFromSSLibKey(key)
			}
			require.NoError(t, err)
			verifier, err := dsse.NewEnvelopeVerifier(standard{theirs, signer.Public()})
			require.NoError(t, err)
			var envelope dsse.Envelope
			require.NoError(t, json.Unmarshal(body, &envelope))
			accepted, err := verifier.Verify(ctx, &envelope)
			require.NoError(t, err)
			require.Len(t, accepted, 1)

			payload, err := envelope.DecodeB64Payload()
			require.NoError(t, err)
			var statement attestation.Statement
			require.NoError(t, protojson.Unmarshal(payload, &statement))
			require.NoError(t, statement.Validate())
			require.Equal(t, sealed.Key, statement.GetSubject()[0].GetName())
			require.Equal(t, sealed.SHA256, statement.GetSubject()[0].GetDigest()["sha256"])
			require.Equal(t, "gw-0", statement.GetPredicate().AsMap()["log"])
		})
	}
}
