package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var ctx = context.Background()

// world is a store with two logs: in each, manifest n of the hour n holds the events
// of sessions n and n+1, two each.
type world struct {
	*ledgertest.Store
	signer ledger.Signer
	key    ledger.PublicKey
	began  time.Time
	chains map[string]*ledger.Chain
	now    time.Time
}

const hours = 20

func newWorld(t testing.TB, kind string) *world {
	t.Helper()
	w := &world{Store: ledgertest.New(), signer: ledgertest.NewSigner(t, kind), began: time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Hour), chains: map[string]*ledger.Chain{}}
	w.key = ledgertest.Public(t, w.signer)
	for _, log := range []string{"gw-0", "gw-1"} {
		var err error
		w.chains[log], err = ledger.OpenChain(ctx, w, ledger.ChainOptions{
			Log: log, Signer: w.signer, Now: func() time.Time { return w.now },
			Retention: func(time.Time) ledger.Retention {
				return ledger.Retention{Mode: ledger.Compliance, Until: w.began.Add(9999 * time.Hour)}
			},
		})
		require.NoError(t, err)
		for n := range hours {
			w.commit(t, log, n, fmt.Sprintf("%s/s%d", log, n), fmt.Sprintf("%s/s%d", log, n+1))
		}
	}
	return w
}

func (w *world) at(hour float64) time.Time {
	return w.began.Add(time.Duration(hour * float64(time.Hour)))
}

// commit seals two events of each session in one object, at an hour.
func (w *world) commit(t testing.TB, log string, hour int, sessions ...string) {
	t.Helper()
	w.now = w.at(float64(hour))
	retention := ledger.Retention{Mode: ledger.Compliance, Until: w.began.Add(9999 * time.Hour)}
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: log, Compression: ledger.Gzip, Retention: retention}, w.now)
	for _, session := range sessions {
		for n := range 2 {
			s := ptrace.NewSpan()
			semconv.WriteSpan(&semconv.Event{
				EventType: semconv.TypeToolCall, EventID: fmt.Sprintf("%s-%d-%d", session, hour, n), Timestamp: w.now,
				SessionID: session, RunID: "run of " + session, AgentID: "a", StepNumber: semconv.Some(int64(n + 1)), ToolName: "pay", ToolInput: []byte(`{"to":"` + session + `"}`),
			}, s)
			line, m, err := semconv.AppendSpan(nil, s)
			require.NoError(t, err)
			b.Add(line, m)
		}
	}
	o, err := b.Finish()
	require.NoError(t, err)
	_, err = w.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: retention})
	require.NoError(t, err)
	require.NoError(t, w.chains[log].Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object}))
}

func (w *world) prove(t testing.TB, o evidence.Options) []byte {
	t.Helper()
	o.Keys = []ledger.PublicKey{w.key}
	var out bytes.Buffer
	_, err := evidence.Prove(ctx, w, o, &out)
	require.NoError(t, err)
	return out.Bytes()
}

func (w *world) check(bundle []byte) (*evidence.Report, error) {
	return evidence.Verify(bytes.NewReader(bundle), int64(len(bundle)), evidence.VerifyOptions{Keys: []ledger.PublicKey{w.key}})
}

func unzip(t testing.TB, bundle []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	return files
}

func rezip(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range files {
		f, err := z.Create(name)
		require.NoError(t, err)
		_, err = f.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// byHand runs the commands of VERIFY.md, as they stand there.
func (w *world) byHand(t *testing.T, files map[string][]byte, env ...string) error {
	t.Helper()
	for _, tool := range []string{"bash", "openssl", "jq", "sha256sum", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, text, 0o600))
	}
	key := filepath.Join(t.TempDir(), "my.pub")
	require.NoError(t, os.WriteFile(key, ledger.MarshalPublicKey(w.key.Key), 0o600))
	var script strings.Builder
	blocks := block.FindAllSubmatch(files["VERIFY.md"], -1)
	require.Len(t, blocks, 5)
	for _, b := range blocks {
		script.Write(b[1])
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "KEY="+key), env...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		require.Equal(t, 4, strings.Count("\n"+string(out), "\nOK "), "%s", out)
		return nil
	}
	return fmt.Errorf("%w: %s", err, out)
}

// TestProve: what is proven holds for the program and for the commands in VERIFY.md,
// and the bundle holds nobody else's events.
func TestProve(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa"} {
		w := newWorld(t, kind)
		since, until := w.at(5.5), w.at(10.5)
		for name, c := range map[string]struct {
			o      evidence.Options
			before func()
			events int
			proven string
			byHand bool // with the other kind of key, too
		}{
			"a session":                        {o: evidence.Options{Session: "gw-0/s3"}, events: 4, proven: "4 sealed events", byHand: true},
			"an event":                         {o: evidence.Options{Event: "gw-1/s3-3-1"}, events: 1, proven: "1 sealed events"},
			"several events":                   {o: evidence.Options{Events: []string{"gw-1/s3-3-1", "gw-0/s3-3-0"}}, events: 2, proven: "2 sealed events, told as of 2 events that the claim names", byHand: true},
			"in the newest manifest":           {o: evidence.Options{Session: "gw-0/s20"}, events: 2, proven: "2 sealed events"},
			"absence":                          {o: evidence.Options{Session: "nobody"}, proven: "no event of session nobody is in the 20 objects that log gw-0 sealed up to manifest 19"},
			"absence in a time":                {o: evidence.Options{Session: "gw-0/s3", Since: since, Until: until}, proven: "in the 5 objects that log gw-0 sealed between", byHand: true},
			"absence before":                   {o: evidence.Options{Session: "gw-0/s15", Until: until}, proven: "in the 11 objects that log gw-0 sealed between the beginning"},
			"absence since":                    {o: evidence.Options{Session: "gw-0/s3", Since: since}, proven: "in the 14 objects that log gw-0 sealed since "},
			"with a checkpoint in the store":   {o: evidence.Options{Session: "gw-0/s3"}, before: func() { require.NoError(t, w.chains["gw-0"].Checkpoint(ctx, nil)) }, events: 4, proven: "4 sealed events"},
			"absence, with a checkpoint there": {o: evidence.Options{Session: "gw-0/s3", Since: w.at(5.1), Until: w.at(5.2)}, before: func() { require.NoError(t, w.chains["gw-0"].Checkpoint(ctx, nil)) }, proven: "in the 0 objects"},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				if c.before != nil {
					c.before()
				}
				bundle := w.prove(t, c.o)
				r, err := w.check(bundle)
				require.NoError(t, err)
				require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
				require.Equal(t, c.events, r.Events)
				require.Contains(t, strings.Join(r.Proven, "\n"), c.proven)
				require.NotEmpty(t, r.Limits)
				files := unzip(t, bundle)
				if kind == "ed25519" || c.byHand { // which takes hundreds of processes
					require.NoError(t, w.byHand(t, files))
				}
				for name, text := range files {
					require.NotContains(t, string(text), "gw-0/s12", name)
				}
			})
		}
	}
}

// TestShortened: the full text of a field that was too long for its line goes with it.
func TestShortened(t *testing.T) {
	w := newWorld(t, "ed25519")
	w.now = w.at(hours)
	long := strings.Repeat("long ", 1000)
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(long)))
	retention := ledger.Retention{Mode: ledger.Compliance, Until: w.began.Add(9999 * time.Hour)}
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.Gzip, Retention: retention}, w.now)
	s := ptrace.NewSpan()
	semconv.WriteSpan(&semconv.Event{
		EventType: semconv.TypeToolCall, EventID: "shortened", Timestamp: w.now, SessionID: "s", AgentID: "a", StepNumber: semconv.Some(int64(1)), ToolOutput: []byte(`"long"`),
		Oversize: []byte(`{"tool_output":{"bytes":5000,"sha256":"` + digest + `"}}`),
	}, s)
	line, m, err := semconv.AppendSpan(nil, s)
	require.NoError(t, err)
	b.Add(line, m)
	o, err := b.Finish()
	require.NoError(t, err)
	blob, err := ledger.NewBlob(long, w.now, o.Retention)
	require.NoError(t, err)
	for _, o := range []*ledger.SealedObject{o, blob} {
		_, err = w.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: retention})
		require.NoError(t, err)
	}
	require.NoError(t, w.chains["gw-0"].Commit(ctx, ledger.KindBatch, []ledger.Object{o.Object, blob.Object}))

	bundle := w.prove(t, evidence.Options{Event: "shortened"})
	files := unzip(t, bundle)
	require.Equal(t, long, string(files["texts/"+digest]))
	r, err := w.check(bundle)
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.NoError(t, w.byHand(t, files))
	files["texts/"+digest] = []byte("another text")
	r, err = w.check(rezip(t, files))
	require.NoError(t, err)
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	require.Error(t, w.byHand(t, files))
}

// TestProveRefuses: nothing is proven that is not so.
func TestProveRefuses(t *testing.T) {
	w := newWorld(t, "ed25519")
	for name, c := range map[string]struct {
		o     evidence.Options
		error string
	}{
		"a session that was there": {evidence.Options{Session: "gw-0/s7", Since: w.at(5.5), Until: w.at(10.5)}, "the session is in the trail"},
		"no such event":            {evidence.Options{Event: "none"}, "no event"},
		"nothing":                  {evidence.Options{}, "give a session or an event"},
		"both":                     {evidence.Options{Session: "a", Event: "b"}, "give a session or an event"},
		"no such events":           {evidence.Options{Events: []string{"none"}}, "no event"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Keys = []ledger.PublicKey{w.key}
			_, err := evidence.Prove(ctx, w, c.o, io.Discard)
			require.ErrorContains(t, err, c.error)
		})
	}
	w.Purge(ledger.ManifestKey("gw-0", 9))
	_, err := evidence.Prove(ctx, w, evidence.Options{Session: "gw-0/s3", Keys: []ledger.PublicKey{w.key}}, io.Discard)
	require.ErrorContains(t, err, "manifest_missing", "what does not hold proves nothing")
}

// TestFilter: a set of many sessions is a filter, which may say yes wrongly: then the
// object itself is searched, and the bundle says so.
func TestFilter(t *testing.T) {
	w := newWorld(t, "ed25519")
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("many/%d", i)
	}
	w.commit(t, "gw-0", hours, many...)
	body, err := w.Get(ctx, ledger.ManifestKey("gw-0", hours), "")
	require.NoError(t, err)
	m, err := ledger.ParseManifest(body, []ledger.PublicKey{w.key})
	require.NoError(t, err)
	absent := ""
	for n := 0; absent == ""; n++ {
		if s := fmt.Sprintf("absent/%d", n); m.Predicate.Objects[0].Sessions.Has(s) {
			absent = s
		}
	}
	bundle := w.prove(t, evidence.Options{Session: absent})
	r, err := w.check(bundle)
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Contains(t, strings.Join(r.Proven, "\n"), "searched line by line")
	require.NoError(t, w.byHand(t, unzip(t, bundle)))

	r, err = w.check(w.prove(t, evidence.Options{Session: "nobody"}))
	require.NoError(t, err)
	require.Contains(t, strings.Join(r.Proven, "\n"), "excluded by a Bloom filter")
}

// TestForgedBundles: whatever is changed in a bundle, it does not prove the claim.
func TestForgedBundles(t *testing.T) {
	w := newWorld(t, "ed25519")
	require.NoError(t, w.chains["gw-0"].Checkpoint(ctx, nil))
	presence := w.prove(t, evidence.Options{Session: "gw-0/s3"})
	absence := w.prove(t, evidence.Options{Session: "gw-0/s3", Since: w.at(5.5), Until: w.at(10.5)})
	for name, bundle := range map[string][]byte{"presence": presence, "absence": absence} {
		files := unzip(t, bundle)
		for file := range files {
			if file == "VERIFY.md" || strings.HasPrefix(file, "keys/") {
				continue // for people; nothing is taken from them
			}
			t.Run(name+"/without "+file, func(t *testing.T) {
				forged := unzip(t, bundle)
				delete(forged, file)
				r, _ := w.check(rezip(t, forged))
				require.NotEqual(t, ledger.Confirmed, r.Verdict)
			})
			if file == "bundle.json" {
				continue
			}
			t.Run(name+"/changed "+file, func(t *testing.T) {
				forged := unzip(t, bundle)
				// Something that is signed, or proven: a digit of the payload, of the event, or of
				// the checkpoint's size.
				old, changed := "1", "2"
				if strings.HasPrefix(file, "checkpoints/") {
					old, changed = "\n20\n", "\n21\n"
				}
				require.Contains(t, string(forged[file]), old)
				forged[file] = bytes.Replace(forged[file], []byte(old), []byte(changed), 1)
				r, _ := w.check(rezip(t, forged))
				require.NotEqual(t, ledger.Confirmed, r.Verdict)
				if name == "presence" {
					require.Error(t, w.byHand(t, forged))
				}
			})
		}
	}
	edit := func(bundle []byte, old, text string) []byte {
		forged := unzip(t, bundle)
		require.Contains(t, string(forged["bundle.json"]), old)
		forged["bundle.json"] = []byte(strings.Replace(string(forged["bundle.json"]), old, text, 1))
		return rezip(t, forged)
	}
	for name, forged := range map[string][]byte{
		"another session's absence":  edit(absence, `"gw-0/s3"`, `"gw-0/s8"`),
		"a longer time":              edit(absence, w.at(10.5).Format(time.RFC3339), w.at(15.5).Format(time.RFC3339)),
		"an earlier time":            edit(absence, w.at(5.5).Format(time.RFC3339), w.at(2.5).Format(time.RFC3339)),
		"absence of what is present": edit(presence, `"presence"`, `"absence"`),
		"another line":               edit(presence, `"line": 1`, `"line": 2`),
		"another event's proof":      edit(w.prove(t, evidence.Options{Event: "gw-1/s3-3-1"}), `"gw-1/s3-3-1"`, `"gw-1/s3-3-0"`),
		"another format":             edit(presence, "evidence/v2", "evidence/v3"),
		"an older format":            edit(presence, `"presence"`, `"absence"`),
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := w.check(forged)
			require.NotEqual(t, ledger.Confirmed, r.Verdict)
		})
	}
	other := newWorld(t, "ed25519")
	r, err := other.check(presence)
	require.NoError(t, err)
	require.Equal(t, ledger.NoVerdict, r.Verdict, "signed by a key that was not given: nothing is known")
	require.Contains(t, r.Reason, "no given key signed log gw-0")
}

// FuzzBundle: bundles come from strangers.
func FuzzBundle(f *testing.F) {
	w := newWorld(f, "ed25519")
	presence := unzip(f, w.prove(f, evidence.Options{Session: "gw-0/s3"}))
	absence := unzip(f, w.prove(f, evidence.Options{Session: "nobody", Until: w.at(2)}))
	f.Add(presence["bundle.json"], true)
	f.Add(absence["bundle.json"], false)
	f.Fuzz(func(t *testing.T, text []byte, present bool) {
		files := absence
		if present {
			files = presence
		}
		forged := map[string][]byte{}
		for name, text := range files {
			forged[name] = text
		}
		forged["bundle.json"] = text
		r, err := w.check(rezip(t, forged))
		if err != nil {
			require.Equal(t, ledger.NoVerdict, r.Verdict)
			require.Equal(t, err.Error(), r.Reason)
		}
	})
}
