// Package examples tests the configurations beside it with the built distribution.
package examples

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

const collectorBinary = "../build/otelcol-agentaudit/otelcol-agentaudit"

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{t: t, key: key}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, &key.PublicKey)
	return a
}

func (a *authority) sign(c, parent *x509.Certificate, pub *ecdsa.PublicKey) *x509.Certificate {
	c.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<60))
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, a.key)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert
}

func (a *authority) leaf(c *x509.Certificate) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{a.sign(c, a.cert, &key.PublicKey).Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// issuer is an identity provider on loopback: discovery, keys, and tokens.
type issuer struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &issuer{t: t, key: key}
	mux := http.NewServeMux()
	answer := func(path string, v func() any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v())
		})
	}
	answer("/.well-known/openid-configuration", func() any {
		return map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}}
	})
	answer("/keys", func() any {
		return map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}}
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(subject, audience string, expires time.Duration) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(i.t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]string{"alg": "RS256", "kid": "1"}) + "." +
		part(map[string]any{"iss": i.URL, "sub": subject, "aud": audience, "exp": time.Now().Add(expires).Unix()})
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	require.NoError(i.t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// telemetry is a tool call that claims to be another agent's, and approved.
func telemetry(id byte) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("execute_tool pay")
	s.SetTraceID(pcommon.TraceID{id})
	s.SetSpanID(pcommon.SpanID{id})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	for k, v := range map[string]string{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.agent.id": "billing",
		"audit.approval_status": "approved", "audit.approver_id": "ann@example.com",
	} {
		s.Attributes().PutStr(k, v)
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func TestSecure(t *testing.T) {
	_, err := os.Stat(collectorBinary)
	require.NoError(t, err, "run `make build` first")
	server := s3test.Start(t)
	bucket := server.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	dir := t.TempDir()
	ca, clients, other := newAuthority(t), newAuthority(t), newAuthority(t)
	identity := newIssuer(t)

	leaf := ca.leaf(&x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	writePEM(t, filepath.Join(dir, "server.crt"), "CERTIFICATE", leaf.Certificate[0])
	der, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	require.NoError(t, err)
	writePEM(t, filepath.Join(dir, "server.key"), "PRIVATE KEY", der)
	writePEM(t, filepath.Join(dir, "clients-ca.crt"), "CERTIFICATE", clients.cert.Raw)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens"), []byte("static-token\n"), 0o600))
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err = x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	writePEM(t, filepath.Join(dir, "audit.key"), "PRIVATE KEY", der)

	doors, err := localcollector.FreeAddresses(5)
	require.NoError(t, err)
	for k, v := range map[string]string{
		"CONFIG_DIR": dir, "OIDC_ISSUER": identity.URL, "AUDIT_BUCKET": bucket.Bucket, "AUDIT_PREFIX": bucket.Prefix, "AUDIT_RETENTION": "1d",
		"S3_ENDPOINT": bucket.Endpoint, "S3_FORCE_PATH_STYLE": "true", "AWS_REGION": s3test.Region,
		"GRPC_ENDPOINT": doors[0], "HTTP_ENDPOINT": doors[1], "CERTIFICATE_ENDPOINT": doors[2], "TOKEN_ENDPOINT": doors[3], "HEALTH_ENDPOINT": doors[4],
	} {
		t.Setenv(k, v)
	}
	c, err := localcollector.Run(localcollector.Process{
		Binary: collectorBinary, File: "secure.yaml", LogFile: filepath.Join(dir, "log"), Health: doors[4],
	})
	require.NoError(t, err)
	require.NoError(t, c.AwaitReady(context.Background()))

	trusting := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.pool(), Certificates: certs}
	}
	client := func(by *authority, c *x509.Certificate) tls.Certificate {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		return by.leaf(c)
	}
	spiffe := &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/agent-2"}
	send := func(id byte, door string, conf *tls.Config, token string) codes.Code {
		conn, err := grpc.NewClient(door, grpc.WithTransportCredentials(credentials.NewTLS(conf)))
		require.NoError(t, err)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		}
		_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, telemetry(id))
		return status.Code(err)
	}
	post := func(id byte, token string) int {
		body, err := telemetry(id).MarshalProto()
		require.NoError(t, err)
		req, err := http.NewRequest(http.MethodPost, "https://"+doors[1]+"/v1/traces", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("Authorization", "Bearer "+token)
		tr := &http.Transport{TLSClientConfig: trusting()}
		defer tr.CloseIdleConnections()
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}

	good := identity.token("agent-1", "agentaudit", time.Hour)
	require.Equal(t, codes.OK, send(1, doors[0], trusting(), good))
	require.Equal(t, http.StatusOK, post(2, good))
	require.Equal(t, codes.OK, send(3, doors[2], trusting(client(clients, &x509.Certificate{URIs: []*url.URL{spiffe}})), ""))
	require.Equal(t, codes.OK, send(4, doors[3], trusting(), "static-token"))

	for name, token := range map[string]string{
		"none": "", "no token at all": "static-token", "of another audience": identity.token("agent-1", "other", time.Hour),
		"expired": identity.token("agent-1", "agentaudit", -time.Hour), "of another issuer": newIssuer(t).token("agent-1", "agentaudit", time.Hour),
	} {
		require.Equal(t, codes.Unauthenticated, send(5, doors[0], trusting(), token), name)
		require.Equal(t, http.StatusUnauthorized, post(5, token), name)
	}
	require.Equal(t, codes.Unauthenticated, send(5, doors[3], trusting(), "guess"))
	require.Equal(t, codes.Unavailable, send(5, doors[2], trusting(), ""), "no client certificate")
	require.Equal(t, codes.Unavailable, send(5, doors[2], trusting(client(other, &x509.Certificate{})), ""), "of another authority")
	require.Equal(t, codes.Unavailable, send(5, doors[0], &tls.Config{RootCAs: other.pool()}, good), "a client does not talk to another server")
	require.NoError(t, c.Stop())

	s, err := store.Open(context.Background(), bucket)
	require.NoError(t, err)
	defer s.Close()
	key, err := ledger.NewPublicKey(pub)
	require.NoError(t, err)
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{key}, Level: ledger.LevelEvents, At: time.Now()})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	agents, senders := map[byte]string{}, map[byte]string{}
	for sealed, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{key}}) {
		require.NoError(t, err)
		e, err := semconv.ParseLine(sealed.Line)
		require.NoError(t, err)
		if e.EventType != semconv.TypeToolCall {
			continue
		}
		id := e.SpanID[1] - '0'
		agents[id] = e.AgentID
		var by struct{ Name string }
		if len(e.Sender) > 0 {
			require.NoError(t, json.Unmarshal(e.Sender, &by))
		}
		senders[id] = by.Name
		require.Empty(t, e.ApprovalStatus, "an agent does not approve its own actions")
		require.Contains(t, string(e.Content), "ann@example.com")
		require.JSONEq(t, `{"agent_id":"billing"}`, string(e.Alternates))
		require.NotContains(t, string(sealed.Line), good, "no token is kept")
	}
	require.Equal(t, map[byte]string{1: "agent-1", 2: "agent-1", 3: spiffe.String(), 4: ""}, senders, "and nothing of those who were refused")
	require.Equal(t, map[byte]string{1: "agent-1", 2: "agent-1", 3: spiffe.String(), 4: "shop"}, agents)
}
