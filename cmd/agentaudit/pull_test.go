package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// asked counts the requests that go to a server, by kind, and the bytes that come back.
type asked struct {
	mu    sync.Mutex
	kinds map[string]int
	bytes int64
}

func (a *asked) reset() { a.mu.Lock(); a.kinds, a.bytes = map[string]int{}, 0; a.mu.Unlock() }

// countRequests puts itself before a server.
func countRequests(t *testing.T, endpoint string) (string, *asked) {
	t.Helper()
	a := &asked{kinds: map[string]int{}}
	to, err := url.Parse(endpoint)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		// The signature is over the name of the host.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			q := r.Request.URL.Query()
			kind := "get"
			if q.Has("versions") {
				kind = "list"
			} else if q.Has("retention") {
				kind = "lock"
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.kinds[kind]++
			a.bytes += r.ContentLength
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL, a
}

// sealSession seals an event of a session, with the full text of a field and a prompt.
func sealSession(t *testing.T, s ledger.Store, c *ledger.Chain, lock ledger.Retention, session, run, id string, derived ...string) string {
	t.Helper()
	ctx := context.Background()
	now := time.Now()
	kept := ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: lock.Mode, Until: lock.Until}
	text, err := ledger.NewBlob("all of "+id, now, kept)
	require.NoError(t, err)
	prompt := ledger.NewPrompt("be good in "+session, now, kept)
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: lock}, now)
	span := ptrace.NewSpan()
	full := sha256.Sum256([]byte("all of " + id))
	semconv.WriteSpan(&semconv.Event{
		EventType: semconv.TypeToolCall, EventID: id, Timestamp: now, SessionID: session, RunID: run, AgentID: "shop", ToolName: "pay", ToolInput: []byte("all of"), Outcome: "success",
		DerivedFields: derived, StepNumber: semconv.Some(int64(1)), SystemPromptHash: fmt.Sprintf("%x", sha256.Sum256([]byte("be good in "+session))),
		Oversize: []byte(fmt.Sprintf(`{"tool_input":{"sha256":"%x","bytes":9}}`, full)),
	}, span)
	line, m, err := semconv.AppendSpan(nil, span)
	require.NoError(t, err)
	b.Add(line, m)
	data, err := b.Finish()
	require.NoError(t, err)
	var named []ledger.Object
	for _, o := range []*ledger.SealedObject{data, text, prompt} {
		if _, err := s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock}); err != nil {
			require.ErrorIs(t, err, ledger.ErrExists)
		}
		named = append(named, o.Object)
	}
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, named))
	return data.Key
}

// TestPullCommand pulls from a real server as an operator does: again, verified, and
// within a bound.
func TestPullCommand(t *testing.T) {
	s3 := s3test.Start(t)
	cfg := s3.Bucket(t, s3test.BucketOptions{Prefix: "trail"})
	s, err := store.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer s.Close()
	dir := t.TempDir()
	_, err = keygen(filepath.Join(dir, "audit"), "ed25519")
	require.NoError(t, err)
	private, err := os.ReadFile(filepath.Join(dir, "audit.key"))
	require.NoError(t, err)
	signer, err := ledger.LoadSigner(private)
	require.NoError(t, err)
	lock := ledger.Retention{Mode: ledger.Governance, Until: time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)}
	c, err := ledger.OpenChain(t.Context(), s, ledger.ChainOptions{Log: "gw-0", Signer: signer, Retention: func(time.Time) ledger.Retention { return lock }})
	require.NoError(t, err)
	require.NoError(t, c.Commit(t.Context(), ledger.KindOpen, nil))
	first := sealSession(t, s, c, lock, "s-1", "r-1", "1")
	// An event of the run that knew of no session.
	second := sealSession(t, s, c, lock, "r-1", "r-1", "2", "session_id")
	time.Sleep(20 * time.Millisecond)
	half := time.Now().UTC()
	third := sealSession(t, s, c, lock, "s-2", "r-2", "3")
	require.NoError(t, c.Checkpoint(t.Context(), nil))

	endpoint, count := countRequests(t, s3.Endpoint)
	from := "s3://" + cfg.Bucket + "/trail"
	key := filepath.Join(dir, "audit.pub")
	pull := func(args ...string) (string, error) {
		count.reset()
		return command(t, append([]string{"pull", from}, append(args, "--endpoint", endpoint, "--force-path-style", "--region", "us-east-1")...)...)
	}
	whole := filepath.Join(dir, "whole")
	out, err := pull(whole)
	require.NoError(t, err, out)
	require.Contains(t, out, " versions copied to "+whole)
	require.Contains(t, out, "nothing was verified: give --key")
	versions := count.kinds["get"]
	require.Equal(t, versions, count.kinds["lock"])

	out, err = pull(whole, "--key", key)
	require.NoError(t, err, out)
	require.Contains(t, out, fmt.Sprintf("0 versions copied to %s, 0 bytes; %d were there", whole, versions))
	require.Contains(t, out, "\nCONFIRMED\n")
	t.Logf("a second pull of %d versions: %v, %d bytes", versions, count.kinds, count.bytes)
	require.Zero(t, count.kinds["get"]+count.kinds["lock"])
	require.LessOrEqual(t, count.kinds["list"], 5)

	// What is wrong is the exit code.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.pub"), ledger.MarshalPublicKey(signer.Public()), 0o600))
	_, err = keygen(filepath.Join(dir, "stranger"), "ed25519")
	require.NoError(t, err)
	out, err = pull(whole, "--key", filepath.Join(dir, "stranger.pub"))
	require.ErrorIs(t, err, exitError(2))
	require.Contains(t, out, "NO VERDICT")
	_, err = pull(filepath.Join(dir, "none"), "--key", filepath.Join(dir, "nosuch.pub"))
	require.ErrorContains(t, err, "nosuch.pub")
	require.NoDirExists(t, filepath.Join(dir, "none"))
	require.NoError(t, os.WriteFile(filepath.Join(whole, first), []byte("altered"), 0o600))
	out, err = pull(whole, "--key", key)
	require.NoError(t, err, out)
	require.Contains(t, out, first+" is not as it was pulled, and is pulled anew")
	require.Equal(t, 1, count.kinds["get"])

	// A window.
	window := filepath.Join(dir, "window")
	out, err = pull(window, "--since", half.Format(time.RFC3339Nano), "--key", key)
	require.NoError(t, err, out)
	require.Contains(t, out, "; the content of 6 is outside of the bound and was not copied")
	require.Contains(t, out, "\nCONFIRMED\n")
	require.FileExists(t, filepath.Join(window, third))
	require.NoFileExists(t, filepath.Join(window, first))
	out, err = command(t, "verify", window, "--key", key, "--since", half.Format(time.RFC3339Nano))
	require.NoError(t, err, out)
	require.Contains(t, out, "6 versions that were not pulled: the copy was bounded to what was sealed from ")
	out, err = command(t, "verify", window, "--key", key)
	require.ErrorIs(t, err, exitError(2))
	require.Contains(t, out, "unknown not_copied, log gw-0, 6 times")
	require.NotContains(t, out, "object_missing")

	// A session, with its run, its full texts and its prompt.
	session := filepath.Join(dir, "session")
	out, err = pull(session, "--session", "s-1", "--key", key)
	require.NoError(t, err, out)
	require.Contains(t, out, "Session s-1: 2 events, each as it was sealed")
	require.Contains(t, out, "to session s-1")
	require.FileExists(t, filepath.Join(session, second))
	require.NoFileExists(t, filepath.Join(session, third))
	want, err := command(t, "trail", "s-1", from, "--key", key, "-o", "json", "--endpoint", s3.Endpoint, "--force-path-style", "--region", "us-east-1")
	require.NoError(t, err, want)
	require.Contains(t, want, "all of 2")
	have, err := command(t, "trail", "s-1", session, "--key", key, "-o", "json")
	require.NoError(t, err, have)
	require.Equal(t, want, have)
	_, err = command(t, "trail", "s-2", session, "--key", key)
	require.Error(t, err, "of another session nothing is said")
	out, err = pull(session, "--session", "s-1")
	require.NoError(t, err, out)
	require.Zero(t, count.kinds["get"]+count.kinds["lock"])

	_, err = pull(filepath.Join(dir, "no"), "--session", "nobody")
	require.ErrorContains(t, err, `no event says that it is of session "nobody"`)
	_, err = pull(filepath.Join(dir, "no"), "--session", "s-1", "--since", "24h")
	require.ErrorContains(t, err, "not both")

	// A copy stays of the bucket that it is of.
	_, err = command(t, "pull", "s3://another/trail", whole, "--endpoint", s3.Endpoint, "--force-path-style", "--region", "us-east-1")
	require.ErrorContains(t, err, "is a copy of "+from+", not of s3://another/trail")
}

func TestPullErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{
		{&os.PathError{Op: "write", Path: "data/v1/x", Err: syscall.ENOSPC}, "there is no room left for the copy: write data/v1/x: "},
		{&os.PathError{Op: "open", Path: "data", Err: syscall.EACCES}, "the folder of the copy may not be written: "},
		{fmt.Errorf("retention of x: %w", ledger.ErrForbidden), "these credentials need s3:ListBucketVersions"},
		{context.Canceled, "interrupted: "},
		{errors.New("something else"), "something else"},
	} {
		err := explainPull(c.err, store.PullProgress{Versions: 3})
		require.ErrorIs(t, err, c.err)
		require.Contains(t, err.Error(), c.says)
		require.Contains(t, err.Error(), "; what was copied stays: the same command goes on from there")
		require.NotContains(t, explainPull(c.err, store.PullProgress{}).Error(), "what was copied")
	}
}
