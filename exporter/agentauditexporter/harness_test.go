package agentauditexporter

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/metadata"
	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// trail is one locked bucket on a real S3 server, and the key of its writer.
type trail struct {
	t       *testing.T
	server  *s3test.Server
	store   store.Config
	keyFile string
	public  ledger.PublicKey
}

func newTrail(t *testing.T) *trail {
	server := s3test.Start(t)
	tr := &trail{t: t, server: server, store: server.Bucket(t, s3test.BucketOptions{Prefix: "team/prod"})}
	tr.keyFile, tr.public = newKey(t)
	return tr
}

// newKey writes a signing key to a file that only its owner can read.
func newKey(t *testing.T) (string, ledger.PublicKey) {
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "audit.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return file, ledger.PublicKey{ID: ledger.KeyID(pub), Key: pub}
}

// config is a configuration for the bucket that does not keep a test waiting.
func (tr *trail) config() *Config {
	c := createDefaultConfig().(*Config)
	c.S3 = tr.store
	c.ObjectLock = LockConfig{Mode: "GOVERNANCE", Retention: Duration(day)}
	c.Signing.KeyFile = tr.keyFile
	c.Log.Name = "gw-0"
	c.Batch.MaxAge = 5 * time.Millisecond
	c.BackOffConfig.InitialInterval = 5 * time.Millisecond
	c.BackOffConfig.MaxInterval = 20 * time.Millisecond
	return c
}

// open is the bucket as an auditor sees it, without the exporter or a proxy.
func (tr *trail) open() *store.S3 {
	s, err := store.Open(context.Background(), tr.store)
	require.NoError(tr.t, err)
	tr.t.Cleanup(s.Close)
	return s
}

// verify checks everything, and gives the number of times that each event is in the trail.
func (tr *trail) verify() (*ledger.Report, map[string]int) {
	s := tr.open()
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.public}, Level: ledger.LevelEvents, At: time.Now()})
	require.NoError(tr.t, err)
	sealed := map[string]int{}
	for e, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{tr.public}}) {
		if finding, ok := errors.AsType[*ledger.Finding](err); ok && finding.Severity == ledger.SeverityWarning {
			continue // which the report has too
		}
		require.NoError(tr.t, err)
		event, err := semconv.ParseLine(e.Line)
		require.NoError(tr.t, err)
		sealed[event.EventID]++
	}
	return report, sealed
}

// requireConfirmed is verify, with nothing to complain about.
func (tr *trail) requireConfirmed() map[string]int {
	tr.t.Helper()
	report, sealed := tr.verify()
	require.Equal(tr.t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	return sealed
}

// keys lists the versions and delete markers under a prefix by their keys.
func (tr *trail) keys(prefix string) []string {
	var keys []string
	for v, err := range tr.open().List(context.Background(), prefix, "") {
		require.NoError(tr.t, err)
		keys = append(keys, v.Key)
	}
	return keys
}

// kinds is the kind of each manifest of the log gw-0, read without package ledger:
// of the oldest version that is a manifest.
func (tr *trail) kinds() []string {
	var kinds []string
	last := ""
	for v, err := range tr.open().List(context.Background(), "manifests/v1/gw-0/", "") {
		require.NoError(tr.t, err)
		if v.DeleteMarker || v.Key == last {
			continue
		}
		text, err := tr.open().Get(context.Background(), v.Key, v.ID)
		require.NoError(tr.t, err)
		var envelope struct{ Payload []byte }
		if json.Unmarshal(text, &envelope) != nil {
			continue
		}
		var statement struct{ Predicate struct{ Kind string } }
		require.NoError(tr.t, json.Unmarshal(envelope.Payload, &statement))
		kinds = append(kinds, statement.Predicate.Kind)
		last = v.Key
	}
	return kinds
}

// overwrite is someone else who puts a new version over a key.
func (tr *trail) overwrite(key string, body []byte) {
	_, err := tr.server.Client().PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &tr.store.Bucket, Key: tr.key(key), Body: bytes.NewReader(body),
	})
	require.NoError(tr.t, err)
}

// hide is someone else who puts a delete marker over a key.
func (tr *trail) hide(key string) {
	_, err := tr.server.Client().DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &tr.store.Bucket, Key: tr.key(key)})
	require.NoError(tr.t, err)
}

// purge is an administrator with governance bypass who removes all versions of a key.
func (tr *trail) purge(key string) {
	versions, err := tr.open().Versions(context.Background(), key)
	require.NoError(tr.t, err)
	for _, v := range versions {
		_, err := tr.server.Client().DeleteObject(context.Background(), &s3.DeleteObjectInput{
			Bucket: &tr.store.Bucket, Key: tr.key(key), VersionId: aws.String(v.ID), BypassGovernanceRetention: aws.Bool(true),
		})
		require.NoError(tr.t, err)
	}
}

// defaultRetention gives a bucket a default of its own.
func (tr *trail) defaultRetention(bucket string, days int32) {
	_, err := tr.server.Client().PutObjectLockConfiguration(context.Background(), &s3.PutObjectLockConfigurationInput{
		Bucket: &bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionModeCompliance, Days: &days,
			}},
		},
	})
	require.NoError(tr.t, err)
}

func (tr *trail) key(key string) *string {
	return aws.String(path.Join(tr.store.Prefix, key))
}

// running is an exporter for both signals.
type running struct {
	t      *testing.T
	traces exporter.Traces
	logs   exporter.Logs
	status chan componentstatus.Status
}

type statusHost struct {
	component.Host
	status chan componentstatus.Status
}

func (h statusHost) Report(e *componentstatus.Event) { h.status <- e.Status() }

// startWith starts an exporter, which is not stopped by itself.
func startWith(t *testing.T, f exporter.Factory, set exporter.Settings, c *Config) (*running, error) {
	ctx := context.Background()
	r := &running{t: t, status: make(chan componentstatus.Status, 1000)}
	var err error
	r.traces, err = f.CreateTraces(ctx, set, c)
	require.NoError(t, err)
	r.logs, err = f.CreateLogs(ctx, set, c)
	require.NoError(t, err)
	host := statusHost{Host: componenttest.NewNopHost(), status: r.status}
	if err := r.traces.Start(ctx, host); err != nil {
		require.NoError(t, r.traces.Shutdown(ctx))
		require.NoError(t, r.logs.Shutdown(ctx))
		return nil, err
	}
	require.NoError(t, r.logs.Start(ctx, componenttest.NewNopHost()))
	return r, nil
}

func start(t *testing.T, c *Config) *running {
	r, err := startWith(t, NewFactory(), exportertest.NewNopSettings(metadata.Type), c)
	require.NoError(t, err)
	return r
}

func (r *running) stop() {
	require.NoError(r.t, r.traces.Shutdown(context.Background()))
	require.NoError(r.t, r.logs.Shutdown(context.Background()))
}

// event is the n-th event of a test; its id tells the tests apart no further.
func event(n int) *semconv.Event {
	return &semconv.Event{
		EventID: fmt.Sprintf("event-%d", n), EventType: semconv.TypeToolCall,
		Timestamp: time.Now(), RecordedAt: time.Now(),
		SessionID: fmt.Sprintf("session-%d", n%7), AgentID: "agent", ToolName: "search",
		StepNumber: semconv.Some(int64(n)),
	}
}

func spans(events ...*semconv.Event) ptrace.Traces {
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, e := range events {
		semconv.WriteSpan(e, list.AppendEmpty())
	}
	return td
}

func records(events ...*semconv.Event) plog.Logs {
	ld := plog.NewLogs()
	list := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, e := range events {
		semconv.WriteLog(e, list.AppendEmpty())
	}
	return ld
}

// proxy stands between the exporter and the server, and may spoil what passes.
type proxy struct {
	// before and after are asked about each request, and the second when it has
	// taken effect; true is a failure that only the exporter sees.
	before, after func(*http.Request) bool
	// refuse is asked which requests are forbidden, with 403 AccessDenied unless refusal says
	// otherwise.
	refuse  func(*http.Request) bool
	refusal struct {
		status        int
		code, message string
	}
}

// start gives the configuration of the bucket behind the proxy.
func (p *proxy) start(tr *trail) store.Config {
	target, err := url.Parse(tr.server.Endpoint)
	require.NoError(tr.t, err)
	transport := &http.Transport{}
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.before != nil && p.before(r) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if p.refuse != nil && p.refuse(r) {
			a := p.refusal
			if a.status == 0 {
				a.status, a.code, a.message = http.StatusForbidden, "AccessDenied", "Access Denied"
			}
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(a.status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", a.code, a.message)
			return
		}
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		if p.after != nil && p.after(r) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	tr.t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	c := tr.store
	c.Endpoint = server.URL
	return c
}
