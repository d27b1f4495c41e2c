package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Lines are sealed as an object, which a signed manifest names; who has the public key alone
// verifies the trail and reads it. The store here is in memory; package store has S3.
func Example() {
	ctx := context.Background()
	signer, key := newKey()
	trail := ledgertest.New()
	now := time.Now()
	lock := ledger.Retention{Mode: ledger.Compliance, Until: now.Add(24 * time.Hour)}

	chain, err := ledger.OpenChain(ctx, trail, ledger.ChainOptions{
		Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock },
	})
	must(err)
	objects := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, now)
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	objects.Add(
		[]byte(`{"schema_version":"1.1","event_id":"e1","event_type":"tool_call","timestamp":"2026-11-23T10:00:00Z",`+
			`"session_id":"s1","step_number":1,"agent_id":"shop","tool_name":"refund"}`),
		semconv.Meta{EventType: "tool_call", EventID: "e1", SessionID: "s1", Timestamp: at},
	)
	object, err := objects.Finish()
	must(err)
	_, err = trail.Put(ctx, object.Key, object.Body, ledger.PutOptions{SHA256: object.Digest, Retention: lock})
	must(err)
	must(chain.Commit(ctx, ledger.KindBatch, []ledger.Object{object.Object}))

	report, err := ledger.Verify(ctx, trail, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}})
	must(err)
	fmt.Println(report.Verdict)
	for line, err := range ledger.Events(ctx, trail, ledger.ReadOptions{Keys: []ledger.PublicKey{key}, Session: "s1"}) {
		must(err)
		e, err := semconv.ParseLine(line.Line)
		must(err)
		fmt.Println(line.Log, line.N, e.EventType, e.ToolName)
	}

	trail.Alter(object.Key, func(body []byte) []byte { body[len(body)/2] ^= 1; return body })
	report, err = ledger.Verify(ctx, trail, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}})
	must(err)
	fmt.Println(report.Verdict, report.Findings[0].Code)
	// Output:
	// CONFIRMED
	// gw-0 1 tool_call refund
	// NOT CONFIRMED object_altered
}

// newKey draws a signing key, which `agentaudit keygen` writes to a file.
func newKey() (ledger.Signer, ledger.PublicKey) {
	_, private, err := ed25519.GenerateKey(nil)
	must(err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(err)
	signer, err := ledger.LoadSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	must(err)
	key, err := ledger.NewPublicKey(signer.Public())
	must(err)
	return signer, key
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
