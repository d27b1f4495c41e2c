package docs_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

var seed = flag.Uint64("seed", 20261126, "of what the tests against verify.py change")

// python is one process that judges many copies with verify.py.
type python struct {
	in  io.Writer
	out *bufio.Reader
}

func startPython(t *testing.T) *python {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import cryptography").Run(); err != nil {
		t.Skip("needs python3 with the package cryptography")
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", `
import contextlib, io, json, sys, traceback
sys.path.insert(0, ".")
sys.dont_write_bytecode = True
import verify
for line in sys.stdin:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try: verify.main(json.loads(line))
        except BaseException: print(traceback.format_exc() + "\nFAILED")
    print(json.dumps(out.getvalue()), flush=True)
`)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &python{in, bufio.NewReader(out)}
}

// verdict of verify.py, and what it printed.
func (p *python) verdict(t *testing.T, args ...string) (string, string) {
	t.Helper()
	line, err := json.Marshal(args)
	require.NoError(t, err)
	_, err = p.in.Write(append(line, '\n'))
	require.NoError(t, err)
	answer, err := p.out.ReadBytes('\n')
	require.NoError(t, err)
	var out string
	require.NoError(t, json.Unmarshal(answer, &out))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], out
}

// An auditor has keys, by the log that each is named for ("" for none), and checkpoints.
type auditor struct {
	keys []namedKey
	kept [][]byte
}

type namedKey struct {
	log string
	key ledger.Signer
}

func (a auditor) goVerdict(t *testing.T, dir string) (string, string) {
	t.Helper()
	none := string(ledger.NoVerdict)
	d, err := store.OpenDir(dir)
	if err != nil {
		return none, err.Error()
	}
	defer func() { _ = d.Close() }()
	o := ledger.VerifyOptions{Level: ledger.LevelEvents}
	for _, k := range a.keys {
		p := ledgertest.Public(t, k.key)
		if k.log != "" {
			p.May = &ledger.Span{Logs: []string{k.log}}
		}
		o.Keys = append(o.Keys, p)
	}
	for _, text := range a.kept {
		c, err := ledger.ParseCheckpoint(text, o.Keys, nil)
		if err != nil {
			return none, err.Error()
		}
		o.Checkpoints = append(o.Checkpoints, c)
	}
	r, err := ledger.Verify(t.Context(), d, o)
	if r == nil {
		return none, err.Error()
	}
	text, err := json.MarshalIndent(r.Findings, "", " ")
	require.NoError(t, err)
	return string(r.Verdict), r.Reason + "\n" + string(text)
}

func (a auditor) arguments(t *testing.T, dir string) []string {
	t.Helper()
	args, tmp := []string{dir}, t.TempDir()
	for i, k := range a.keys {
		file := filepath.Join(tmp, fmt.Sprintf("%d.pub", i))
		require.NoError(t, os.WriteFile(file, ledger.MarshalPublicKey(k.key.Public()), 0o600))
		if k.log != "" {
			file = k.log + "=" + file
		}
		args = append(args, file)
	}
	for i, text := range a.kept {
		file := filepath.Join(tmp, fmt.Sprintf("%d.txt", i))
		require.NoError(t, os.WriteFile(file, text, 0o600))
		args = append(args, "--checkpoint", file)
	}
	return args
}

func pull(t *testing.T, s ledger.Reader) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, store.Pull(t.Context(), s, dir, nil))
	return dir
}

// A scene is a log gw-0 that its tests attack: 0 open, 1 batch, then a checkpoint, 2
// heartbeat, 3 batch, all by key, whose clock is now and whose locks end after term.
type scene struct {
	t     *testing.T
	s     *ledgertest.Store
	key   ledger.Signer
	now   time.Time
	term  time.Duration
	extra *auditor
}

func (w *scene) until() time.Time { return w.now.Add(w.term).UTC().Truncate(time.Second) }

func (w *scene) chain(log string, by ledger.Signer, earlier ...ledger.Signer) *ledger.Chain {
	w.t.Helper()
	var keys []ledger.PublicKey
	for _, k := range earlier {
		keys = append(keys, ledgertest.Public(w.t, k))
	}
	c, err := ledger.OpenChain(w.t.Context(), w.s, ledger.ChainOptions{
		Log: log, Signer: by, Earlier: keys, Now: func() time.Time { return w.now },
		Retention: func(time.Time) ledger.Retention {
			return ledger.Retention{Mode: ledger.Compliance, Until: w.until()}
		},
	})
	require.NoError(w.t, err)
	return c
}

func (w *scene) commit(c *ledger.Chain, kind ledger.Kind, objects ...ledger.Object) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	require.NoError(w.t, c.Commit(w.t.Context(), kind, objects))
}

// lines stores an object of those lines that says of itself what object says of it.
func (w *scene) object(change func(text []byte) []byte) ledger.Object {
	w.t.Helper()
	o := object(w.t, w.s, 3)
	o.Retention.Until = w.until()
	if change == nil {
		return o
	}
	r, err := gzip.NewReader(bytes.NewReader(w.body(o.Key)))
	require.NoError(w.t, err)
	text, err := io.ReadAll(r)
	require.NoError(w.t, err)
	return w.refill(o, change(text))
}

// refill gives the object another text, and says so in what needs no look at its lines.
func (w *scene) refill(o ledger.Object, text []byte) ledger.Object {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	_, _ = z.Write(text)
	_ = z.Close()
	tree := ledger.NewTree()
	for _, l := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		tree.Append(l)
	}
	o.UncompressedBytes, o.MerkleRoot = int64(len(text)), hex.EncodeToString(tree.Root())
	return w.store(o, body.Bytes())
}

// store gives the object another body.
func (w *scene) store(o ledger.Object, body []byte) ledger.Object {
	w.s.Alter(o.Key, func([]byte) []byte { return body })
	sum := sha256.Sum256(body)
	o.SHA256, o.Bytes = hex.EncodeToString(sum[:]), int64(len(body))
	return o
}

func (w *scene) body(key string) []byte {
	w.t.Helper()
	b, err := w.s.Get(w.t.Context(), key, "")
	require.NoError(w.t, err)
	return b
}

func newScene(t *testing.T, now time.Time, term time.Duration) *scene {
	t.Helper()
	w := &scene{t: t, s: ledgertest.New(), key: ledgertest.NewSigner(t, "ed25519"), now: now, term: term}
	c := w.chain("gw-0", w.key)
	w.commit(c, ledger.KindOpen)
	w.commit(c, ledger.KindBatch, w.object(nil), w.blob("ü, and so on"))
	require.NoError(t, c.Checkpoint(t.Context(), nil))
	w.commit(c, ledger.KindHeartbeat)
	w.commit(c, ledger.KindBatch, w.object(nil))
	return w
}

// payload is what the newest version at a place says.
func (w *scene) payload(log string, seq int64) string {
	w.t.Helper()
	m, err := ledger.ParseEnvelope(w.body(ledger.ManifestKey(log, seq)))
	require.NoError(w.t, err)
	return string(m.Payload)
}

const payloadType = "application/vnd.in-toto+json"

func (w *scene) sign(by ledger.Signer, payload string) []byte {
	w.t.Helper()
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	sig, err := by.Sign(w.t.Context(), pae)
	require.NoError(w.t, err)
	return fmt.Appendf(nil, `{"payloadType":%q,"payload":%q,"signatures":[{"keyid":%q,"sig":%q}]}`, payloadType,
		base64.StdEncoding.EncodeToString([]byte(payload)), ledger.KeyID(by.Public()), base64.StdEncoding.EncodeToString(sig))
}

// edit makes a key say something else at a place, in the place of what stood there.
func (w *scene) edit(by ledger.Signer, seq int64, pairs ...string) {
	w.t.Helper()
	text := w.payload("gw-0", seq)
	require.NotEqual(w.t, text, strings.NewReplacer(pairs...).Replace(text), "nothing to replace")
	body := w.sign(by, strings.NewReplacer(pairs...).Replace(text))
	w.s.Alter(ledger.ManifestKey("gw-0", seq), func([]byte) []byte { return body })
}

func (w *scene) fields(by ledger.Signer, seq int64, change func(p map[string]any)) {
	w.t.Helper()
	body := w.sign(by, w.changed("gw-0", seq, change))
	w.s.Alter(ledger.ManifestKey("gw-0", seq), func([]byte) []byte { return body })
}

func (w *scene) changed(log string, seq int64, change func(p map[string]any)) string {
	w.t.Helper()
	d := json.NewDecoder(strings.NewReader(w.payload(log, seq)))
	d.UseNumber()
	var st map[string]any
	require.NoError(w.t, d.Decode(&st))
	change(st["predicate"].(map[string]any))
	text, err := json.Marshal(st)
	require.NoError(w.t, err)
	return string(text)
}

// after is a manifest that continues the newest of gw-0, with changes.
func (w *scene) after(seq int64, change func(p map[string]any)) string {
	w.t.Helper()
	c := ledgertest.New()
	for v, err := range w.s.List(w.t.Context(), "manifests/", "") {
		require.NoError(w.t, err)
		b, err := w.s.Get(w.t.Context(), v.Key, v.ID)
		require.NoError(w.t, err)
		c.Overwrite(v.Key, b)
	}
	other := &scene{t: w.t, s: c, key: w.key, now: w.now, term: w.term}
	other.commit(other.chain("gw-0", w.key), ledger.KindHeartbeat)
	return other.changed("gw-0", seq, change)
}

func same(map[string]any) {}

const (
	yes, no, none = "CONFIRMED", "NOT CONFIRMED", "NO VERDICT"
)

// TestIndependentVerifierAgrees attacks a trail: verify.py says what the verifier says.
func TestIndependentVerifierAgrees(t *testing.T) {
	p := startPython(t)
	day := 24 * time.Hour
	type attack struct {
		name, want string
		do         func(w *scene)
	}
	// Where the two do not agree: what verify.py says, by ledger.md.
	differ := map[string]string{
		"a checkpoint of the newer key, the older given": yes, // the verifier takes checkpoints of given keys only
	}
	set := func(name string, v any) func(map[string]any) { return func(p map[string]any) { p[name] = v } }
	saw := func(w *scene, seq int64, note string) {
		other := ledgertest.NewSigner(w.t, "ed25519")
		w.commit(w.chain("gw-1", other), ledger.KindOpen)
		body := w.sign(other, w.changed("gw-1", 0, set("heads", []any{map[string]any{"log": "gw-0", "seq": seq, "sha256": strings.Repeat("0", 64), "note": note}})))
		w.s.Alter(ledger.ManifestKey("gw-1", 0), func([]byte) []byte { return body })
		w.extra = &auditor{keys: []namedKey{{"", w.key}, {"", other}}}
	}
	rotate := func(w *scene) ledger.Signer {
		next := ledgertest.NewSigner(w.t, "ecdsa")
		require.NoError(w.t, w.chain("gw-0", w.key).Rotate(w.t.Context(), ledgertest.Public(w.t, next)))
		c := w.chain("gw-0", next, w.key)
		w.commit(c, ledger.KindOpen)
		w.commit(c, ledger.KindBatch, w.object(nil))
		return next
	}
	under := func(w *scene, change func(map[string]any)) {
		key := ledger.ManifestKey("gw-0", 2)
		body := w.body(key)
		w.fields(w.key, 2, change)
		w.s.Overwrite(key, body)
		w.s.Unlock(key, ledger.Retention{Mode: ledger.Compliance, Until: w.until()})
	}
	attacks := []attack{
		{"nothing", yes, func(*scene) {}},
		{"a version laid over the newest manifest by the same key", none, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 3), w.sign(w.key, w.changed("gw-0", 3, set("kind", "close"))))
		}},
		{"a version laid over a manifest by the same key", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 2), w.sign(w.key, w.changed("gw-0", 2, set("kind", "close"))))
		}},
		{"a version laid under a manifest by the same key", none, func(w *scene) {
			body, laid := w.body(ledger.ManifestKey("gw-0", 2)), w.sign(w.key, w.changed("gw-0", 2, set("kind", "close")))
			w.s.Alter(ledger.ManifestKey("gw-0", 2), func([]byte) []byte { return laid })
			w.s.Overwrite(ledger.ManifestKey("gw-0", 2), body)
		}},
		{"a version laid under a manifest by the same key that does not fit", none, func(w *scene) { under(w, set("previous", strings.Repeat("0", 64))) }},
		{"a malformed version laid under a manifest by the same key", none, func(w *scene) { under(w, set("kind", "nap")) }},
		{"a version of another genesis laid under a manifest by the same key", yes, func(w *scene) { under(w, set("genesis", strings.Repeat("0", 64))) }},
		{"a malformed version laid over a manifest by the same key", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 2), w.sign(w.key, w.changed("gw-0", 2, set("kind", "nap"))))
		}},
		{"a malformed first manifest, and nothing else", no, func(w *scene) {
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(1+i)))
			}
			w.fields(w.key, 0, set("heads", "x"))
		}},
		{"a malformed first manifest, and the log behind it", none, func(w *scene) { w.fields(w.key, 0, set("heads", "x")) }},
		{"a malformed oldest manifest", no, func(w *scene) {
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			w.fields(w.key, 1, set("heads", "x"))
		}},
		{"a version laid over the first manifest by the same key", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 0), w.sign(w.key, w.changed("gw-0", 0, set("kind", "close"))))
		}},
		{"a rotation laid over the head", none, func(w *scene) {
			next := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 3), w.sign(w.key, w.changed("gw-0", 3, func(p map[string]any) {
				p["kind"], p["next_key"] = "key_rotation", map[string]any{"key_id": ledger.KeyID(next.Public()), "public_key": string(ledger.MarshalPublicKey(next.Public()))}
			})))
		}},
		{"a rotation laid over a manifest in the middle", yes, func(w *scene) {
			next := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 2), w.sign(w.key, w.changed("gw-0", 2, func(p map[string]any) {
				p["kind"], p["next_key"] = "key_rotation", map[string]any{"key_id": ledger.KeyID(next.Public()), "public_key": string(ledger.MarshalPublicKey(next.Public()))}
			})))
		}},
		{"a version laid over by the same key that does not fit", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 3), w.sign(w.key, w.changed("gw-0", 3, set("time", "2031-01-01T00:00:00Z"))))
		}},
		{"retired", yes, func(w *scene) { require.NoError(w.t, w.chain("gw-0", w.key).Retire(w.t.Context())) }},
		{"retired, and opened again", yes, func(w *scene) {
			away := w.chain("gw-0", w.key)
			require.NoError(w.t, w.chain("gw-0", w.key).Retire(w.t.Context()))
			w.commit(away, ledger.KindBatch, w.object(nil)) // behind an `open`
			require.Contains(w.t, w.payload("gw-0", 5), `"kind":"open"`)
		}},
		{"retired, and not opened again", yes, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Retire(w.t.Context()))
			w.commit(w.chain("gw-0", w.key), ledger.KindBatch, w.object(nil))
		}},
		{"retired by another key", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 4), w.sign(ledgertest.NewSigner(w.t, "ed25519"), w.after(4, set("kind", "retire"))))
		}},
		{"retired by a key that was replaced", yes, func(w *scene) {
			text := w.after(4, set("kind", "retire"))
			rotate(w)
			w.s.Overwrite(ledger.ManifestKey("gw-0", 4), w.sign(w.key, text))
		}},
		{"retired behind a gap", no, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Retire(w.t.Context()))
			w.s.Purge(ledger.ManifestKey("gw-0", 3))
		}},
		{"retired where the end had been cut off, its checkpoint put back", no, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			text := w.body(ledger.CheckpointKey("gw-0", 4))
			w.s.Purge(ledger.CheckpointKey("gw-0", 4))
			w.s.Purge(ledger.ManifestKey("gw-0", 3))
			require.NoError(w.t, w.chain("gw-0", w.key).Retire(w.t.Context()))
			w.s.Overwrite(ledger.CheckpointKey("gw-0", 4), text)
		}},
		{"a delete marker", yes, func(w *scene) { w.s.Delete(ledger.ManifestKey("gw-0", 1)) }},
		{"an unreadable version over the head", yes, func(w *scene) { w.s.Plant(ledger.ManifestKey("gw-0", 3), 10, ledger.ErrForbidden) }},
		{"an unreadable version at the next place", none, func(w *scene) { w.s.Plant(ledger.ManifestKey("gw-0", 4), 10, ledger.ErrForbidden) }},
		{"an unreadable version far ahead", none, func(w *scene) { w.s.Plant(ledger.ManifestKey("gw-0", 9), 10, ledger.ErrForbidden) }},
		{"an unreadable version over an object", yes, func(w *scene) { w.s.Plant(w.s.Keys("data/")[0], 10, ledger.ErrForbidden) }},
		{"the head rewritten to continue something else", no, func(w *scene) { w.fields(w.key, 3, set("previous", strings.Repeat("0", 64))) }},
		{"the head by another key", yes, func(w *scene) { w.edit(ledgertest.NewSigner(w.t, "ed25519"), 3, "batch", "close") }},
		{"a gap", no, func(w *scene) { w.s.Purge(ledger.ManifestKey("gw-0", 2)) }},
		{"a beginning that is gone before its time", no, func(w *scene) { w.s.Purge(ledger.ManifestKey("gw-0", 0)) }},
		{"a beginning that is gone before its time, the key named", no, func(w *scene) {
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}}
		}},
		{"a cut tail", yes, func(w *scene) { w.s.Purge(ledger.ManifestKey("gw-0", 3)) }},
		{"a cut tail with the checkpoint left", no, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			w.s.Purge(ledger.ManifestKey("gw-0", 3))
		}},
		{"a cut tail with a checkpoint held", no, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			text := w.body(ledger.CheckpointKey("gw-0", 4))
			w.s.Purge(ledger.CheckpointKey("gw-0", 4))
			w.s.Purge(ledger.ManifestKey("gw-0", 3))
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{text}}
		}},
		{"all of a log gone with a checkpoint held", none, func(w *scene) {
			text := w.body(ledger.CheckpointKey("gw-0", 2))
			c := w.chain("gw-1", w.key)
			w.commit(c, ledger.KindOpen)
			for i := range 4 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(i)))
			}
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{text}}
		}},
		{"a checkpoint of another tree of the same log", no, func(w *scene) {
			other := &scene{t: w.t, s: ledgertest.New(), key: w.key, now: w.now, term: w.term}
			other.s.Overwrite(ledger.ManifestKey("gw-0", 0), w.body(ledger.ManifestKey("gw-0", 0)))
			c := other.chain("gw-0", w.key)
			other.commit(c, ledger.KindOpen)
			require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{other.body(ledger.CheckpointKey("gw-0", 2))}}
		}},
		{"all of a log gone with a checkpoint held, the key named", none, func(w *scene) {
			text := w.body(ledger.CheckpointKey("gw-0", 2))
			c := w.chain("gw-1", w.key)
			w.commit(c, ledger.KindOpen)
			for i := range 4 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(i)))
			}
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}, {"gw-1", w.key}}, kept: [][]byte{text}}
		}},
		{"a checkpoint of another genesis, the key named", none, func(w *scene) {
			other := &scene{t: w.t, s: ledgertest.New(), key: w.key, now: w.now, term: w.term}
			c := other.chain("gw-0", w.key)
			other.commit(c, ledger.KindOpen)
			require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}, kept: [][]byte{other.body(ledger.CheckpointKey("gw-0", 1))}}
		}},
		{"another genesis, the key named", none, func(w *scene) {
			w.fields(w.key, 3, set("genesis", strings.Repeat("0", 64)))
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}}
		}},
		{"a checkpoint of another genesis", none, func(w *scene) {
			other := newScene(w.t, w.now, w.term)
			other.s, other.key = ledgertest.New(), w.key
			c := other.chain("gw-0", w.key)
			other.commit(c, ledger.KindOpen)
			require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{other.body(ledger.CheckpointKey("gw-0", 1))}}
		}},
		{"a checkpoint of another tree in the store", yes, func(w *scene) {
			other := newScene(w.t, w.now, w.term)
			other.s, other.key = ledgertest.New(), w.key
			c := other.chain("gw-0", w.key)
			other.commit(c, ledger.KindOpen)
			require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
			w.s.Overwrite(ledger.CheckpointKey("gw-0", 1), other.body(ledger.CheckpointKey("gw-0", 1)))
		}},
		{"a checkpoint that another signed", yes, func(w *scene) {
			other := newScene(w.t, w.now, w.term)
			w.s.Overwrite(ledger.CheckpointKey("gw-0", 9), other.body(ledger.CheckpointKey("gw-0", 2)))
		}},
		{"the wrong key", none, func(w *scene) {
			w.extra = &auditor{keys: []namedKey{{"", ledgertest.NewSigner(w.t, "ed25519")}}}
		}},
		{"a key named for another log", none, func(w *scene) { w.extra = &auditor{keys: []namedKey{{"gw-1", w.key}}} }},
		{"two keys that each began the log", none, func(w *scene) {
			other := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 0), w.sign(other, w.payload("gw-0", 0)))
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"", other}}}
		}},
		{"two keys that each began the log, one named", yes, func(w *scene) {
			other := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 0), w.sign(other, w.payload("gw-0", 0)))
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}, {"", other}}}
		}},
		{"another key named", none, func(w *scene) {
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"gw-0", ledgertest.NewSigner(w.t, "ed25519")}}}
		}},
		{"another log's key at the next place", yes, func(w *scene) {
			other := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 4), w.sign(other, w.after(4, same)))
			w.commit(w.chain("gw-1", other), ledger.KindOpen)
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"", other}}}
		}},
		{"another log's key far ahead", yes, func(w *scene) {
			other := ledgertest.NewSigner(w.t, "ed25519")
			w.s.Overwrite(ledger.ManifestKey("gw-0", 9), w.sign(other, w.after(4, set("seq", 9))))
			w.commit(w.chain("gw-1", other), ledger.KindOpen)
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"", other}}}
		}},
		{"the log's own key far ahead", no, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 9), w.sign(w.key, w.after(4, set("seq", 9))))
		}},
		{"the log's own key at another number's place", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 9), w.sign(w.key, w.payload("gw-0", 3)))
		}},
		{"the log's own key at another log's place", yes, func(w *scene) {
			w.commit(w.chain("gw-1", w.key), ledger.KindOpen)
			w.s.Overwrite(ledger.ManifestKey("gw-0", 4), w.sign(w.key, w.payload("gw-1", 0)))
		}},
		{"another log that saw another manifest", yes, func(w *scene) { saw(w, 2, "") }},
		{"another log that saw a later manifest", yes, func(w *scene) { saw(w, 9, "") }},
		{"another log that saw a checkpoint of more", no, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			text := string(w.body(ledger.CheckpointKey("gw-0", 4)))
			w.s.Purge(ledger.CheckpointKey("gw-0", 4))
			w.s.Purge(ledger.ManifestKey("gw-0", 3))
			saw(w, 2, text)
		}},
		{"another log that saw a checkpoint of another key", yes, func(w *scene) {
			other := newScene(w.t, w.now, w.term)
			saw(w, 9, string(other.body(ledger.CheckpointKey("gw-0", 2))))
		}},
		{"a rotation", yes, func(w *scene) { rotate(w) }},
		{"a replaced key that goes on signing", yes, func(w *scene) {
			rotate(w)
			next := w.key
			body := w.sign(next, strings.Replace(w.payload("gw-0", 6), `"seq":6`, `"seq":7`, 1))
			w.s.Overwrite(ledger.ManifestKey("gw-0", 7), body)
		}},
		{"a replaced key at the rotation's next place", yes, func(w *scene) {
			rotate(w)
			body := w.sign(w.key, w.changed("gw-0", 5, set("kind", "close")))
			w.s.Overwrite(ledger.ManifestKey("gw-0", 5), body)
		}},
		{"the manifests behind a rotation replaced by the old key's", yes, func(w *scene) {
			rotate(w)
			w.edit(w.key, 5, `"kind":"open"`, `"kind":"close"`)
			w.s.Purge(ledger.ManifestKey("gw-0", 6))
		}},
		{"a rotation back to the first key", no, func(w *scene) {
			next := rotate(w)
			w.fields(next, 6, func(p map[string]any) {
				p["kind"], p["next_key"] = "key_rotation", map[string]any{"key_id": ledger.KeyID(w.key.Public()), "public_key": string(ledger.MarshalPublicKey(w.key.Public()))}
			})
		}},
		{"a rotation to itself", no, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) {
				p["kind"], p["next_key"] = "key_rotation", map[string]any{"key_id": ledger.KeyID(w.key.Public()), "public_key": string(ledger.MarshalPublicKey(w.key.Public()))}
			})
		}},
		{"a rotation removed, both keys given", none, func(w *scene) {
			next := rotate(w)
			w.s.Purge(ledger.ManifestKey("gw-0", 4))
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"", next}}}
		}},
		{"a rotation removed, both keys named", no, func(w *scene) {
			next := rotate(w)
			w.s.Purge(ledger.ManifestKey("gw-0", 4))
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}, {"gw-0", next}}}
		}},
		{"a rotation and all behind it removed, both keys named", yes, func(w *scene) {
			next := rotate(w)
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(4+i)))
			}
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}, {"gw-0", next}}}
		}},
		{"only the newer key given", none, func(w *scene) {
			next := rotate(w)
			w.extra = &auditor{keys: []namedKey{{"", next}}}
		}},
		{"only the newer key given, named", none, func(w *scene) {
			next := rotate(w)
			w.extra = &auditor{keys: []namedKey{{"gw-0", next}}}
		}},
		{"only the newer key given, the beginning gone", no, func(w *scene) {
			next := rotate(w)
			for i := range 5 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(i)))
			}
			w.extra = &auditor{keys: []namedKey{{"gw-0", next}}}
		}},
		{"a checkpoint of the newer key, the older given", "", func(w *scene) {
			next := rotate(w)
			require.NoError(w.t, w.chain("gw-0", next, w.key).Checkpoint(w.t.Context(), nil))
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{w.body(ledger.CheckpointKey("gw-0", 7))}}
		}},
		{"a checkpoint of a replaced key behind its time", yes, func(w *scene) {
			w.after(4, same)
			other := &scene{t: w.t, s: ledgertest.New(), key: w.key, now: w.now, term: w.term}
			c := other.chain("gw-0", w.key)
			for range 9 {
				other.commit(c, ledger.KindHeartbeat)
			}
			rotate(w)
			require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
			w.s.Overwrite(ledger.CheckpointKey("gw-0", 9), other.body(ledger.CheckpointKey("gw-0", 9)))
		}},
		{"a name in another case", no, func(w *scene) { w.edit(w.key, 3, `"objects":`, `"Objects":[],"objects":`) }},
		{"a name in another case, at the next place", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 4), w.sign(w.key, strings.Replace(w.after(4, same), `"seq":`, `"Seq":1,"seq":`, 1)))
		}},
		{"a name in another case, in an object", no, func(w *scene) { w.edit(w.key, 3, `"merkle_root":`, `"Merkle_Root":"","merkle_root":`) }},
		{"a name in another case, in the middle", no, func(w *scene) { w.edit(w.key, 2, `"heads":`, `"Heads":[],"heads":`) }},
		{"a name in another case, long s", yes, func(w *scene) { w.edit(w.key, 3, `"seq":`, `"ſeq":1,"seq":`) }},
		{"a name of another place", yes, func(w *scene) { w.edit(w.key, 3, `"seq":`, `"SHA256":1,"seq":`) }},
		{"a name that nobody knows", yes, func(w *scene) { w.edit(w.key, 3, `"seq":`, `"sequence":1,"seq":`) }},
		{"a field twice", yes, func(w *scene) { w.edit(w.key, 3, `"kind":"batch"`, `"kind":"close","kind":"batch"`) }},
		{"an unknown field twice", yes, func(w *scene) { w.edit(w.key, 3, `"kind":"batch"`, `"new":"close","new":1,"kind":"batch"`) }},
		{"an event type twice", yes, func(w *scene) { w.edit(w.key, 3, `"event_types":{`, `"event_types":{"tool_call":7,`) }},
		{"an unknown kind", no, func(w *scene) { w.fields(w.key, 3, set("kind", "nap")) }},
		{"a null kind", no, func(w *scene) { w.fields(w.key, 3, set("kind", nil)) }},
		{"no heads", yes, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { delete(p, "heads") }) }},
		{"a number with a point", yes, func(w *scene) { w.edit(w.key, 3, `"seq":3`, `"seq":3.0`) }},
		{"a time ahead", no, func(w *scene) { w.fields(w.key, 3, set("time", "2031-01-01T00:00:00Z")) }},
		{"a time back", no, func(w *scene) { w.fields(w.key, 3, set("time", "2001-01-01T00:00:00Z")) }},
		{"written at back", no, func(w *scene) { w.fields(w.key, 3, set("written_at", "2001-01-01T00:00:00Z")) }},
		{"no time", no, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { delete(p, "time") }) }},
		{"times with an offset", yes, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) {
				for _, f := range []string{"time", "written_at"} {
					p[f] = strings.Replace(p[f].(string), "Z", "+00:00", 1)
				}
			})
		}},
		{"no past_until", no, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { delete(p, "past_until") }) }},
		{"past_until back", no, func(w *scene) { w.fields(w.key, 3, set("past_until", "2001-01-01T00:00:00Z")) }},
		{"past_until in the first", no, func(w *scene) {
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(1+i)))
			}
			w.s.Purge(ledger.CheckpointKey("gw-0", 2))
			w.fields(w.key, 0, set("past_until", "2001-01-01T00:00:00Z"))
		}},
		{"a lock shorter than those before", no, func(w *scene) {
			w.fields(w.key, 3, set("retention", map[string]any{"mode": "COMPLIANCE", "until": "2001-01-01T00:00:00Z"}))
		}},
		{"no lock", no, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { delete(p, "retention") }) }},
		{"no lock in the first", no, func(w *scene) {
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(1+i)))
			}
			w.s.Purge(ledger.CheckpointKey("gw-0", 2))
			w.fields(w.key, 0, func(p map[string]any) { delete(p, "retention") })
		}},
		{"a lock in another mode", yes, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) { p["retention"].(map[string]any)["mode"] = "GOVERNANCE" })
		}},
		{"no frontier", no, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) { delete(p["tree"].(map[string]any), "frontier") })
		}},
		{"another frontier", no, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) {
				f := p["tree"].(map[string]any)["frontier"].([]any)
				f[0], f[1] = f[1], f[0]
			})
		}},
		{"another root", no, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) { p["tree"].(map[string]any)["root"] = strings.Repeat("0", 64) })
		}},
		{"another root in the oldest, which has not expired", no, func(w *scene) {
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			w.fields(w.key, 1, func(p map[string]any) { p["tree"].(map[string]any)["root"] = strings.Repeat("0", 64) })
		}},
		{"a manifest 9 alone, under the name of another log", no, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-7", 9), w.sign(w.key, w.after(4, func(p map[string]any) { p["log"], p["seq"] = "gw-7", 9 })))
		}},
		{"another size", no, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { p["tree"].(map[string]any)["size"] = 4 }) }},
		{"upper case hex", no, func(w *scene) {
			w.fields(w.key, 3, func(p map[string]any) {
				tree := p["tree"].(map[string]any)
				tree["root"] = strings.ToUpper(tree["root"].(string))
			})
		}},
		{"a rotated_at", no, func(w *scene) { w.fields(w.key, 3, set("rotated_at", 1)) }},
		{"no rotated_at", no, func(w *scene) {
			next := rotate(w)
			w.fields(next, 6, func(p map[string]any) { delete(p, "rotated_at") })
		}},
		{"another genesis", none, func(w *scene) { w.fields(w.key, 3, set("genesis", strings.Repeat("0", 64))) }},
		{"no genesis", none, func(w *scene) { w.fields(w.key, 3, func(p map[string]any) { delete(p, "genesis") }) }},
		{"a genesis in the first", none, func(w *scene) { w.fields(w.key, 0, set("genesis", strings.Repeat("0", 64))) }},
		{"a newer version", none, func(w *scene) { w.edit(w.key, 3, "manifest/v2", "manifest/v3") }},
		{"a newer version in the middle", none, func(w *scene) { w.edit(w.key, 2, "manifest/v2", "manifest/v3") }},
		{"a newer version laid over", yes, func(w *scene) {
			w.s.Overwrite(ledger.ManifestKey("gw-0", 3), w.sign(w.key, strings.Replace(w.payload("gw-0", 3), "manifest/v2", "manifest/v3", 1)))
		}},
		{"another predicate", yes, func(w *scene) { w.edit(w.key, 3, "agentaudit.dev/manifest/v2", "example.org/other") }},
		{"another statement", yes, func(w *scene) { w.edit(w.key, 3, "Statement/v1", "Statement/v2") }},
		{"no version, back to the first", yes, func(w *scene) { w.edit(w.key, 3, "manifest/v2", "manifest/v1") }},
		{"subject and objects differ", no, func(w *scene) { w.edit(w.key, 3, `"subject":[{"name":"data`, `"subject":[{"name":"nata`) }},
		{"no subject", no, func(w *scene) { w.edit(w.key, 3, `"subject":`, `"subjects":`) }},
		{"an envelope with another name", yes, func(w *scene) {
			w.s.Alter(ledger.ManifestKey("gw-0", 3), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`{"payloadType"`), []byte(`{"x":1,"payloadType"`), 1)
			})
		}},
		{"an envelope with a second signature", yes, func(w *scene) {
			w.s.Alter(ledger.ManifestKey("gw-0", 3), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"signatures":[`), []byte(`"signatures":[{"keyid":"","sig":"AAAA"},`), 1)
			})
		}},
		{"an envelope without keyid", yes, func(w *scene) {
			w.s.Alter(ledger.ManifestKey("gw-0", 3), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"keyid":"`+ledger.KeyID(w.key.Public())+`",`), nil, 1)
			})
		}},
		{"an object altered", no, func(w *scene) { w.s.Alter(w.s.Keys("data/")[0], func(b []byte) []byte { b[20] ^= 1; return b }) }},
		{"a line altered", no, func(w *scene) {
			w.s.Alter(w.s.Keys("data/")[0], func(b []byte) []byte {
				r, err := gzip.NewReader(bytes.NewReader(b))
				require.NoError(w.t, err)
				text, err := io.ReadAll(r)
				require.NoError(w.t, err)
				var out bytes.Buffer
				z := gzip.NewWriter(&out)
				_, _ = z.Write(bytes.Replace(text, []byte("tool_call"), []byte("tool_cull"), 1))
				_ = z.Close()
				return out.Bytes()
			})
		}},
		{"an object gone", no, func(w *scene) { w.s.Purge(w.s.Keys("data/")[0]) }},
		{"a blob gone", no, func(w *scene) { w.s.Purge(w.s.Keys("blobs/")[0]) }},
		{"a later version of an object", yes, func(w *scene) { w.s.Overwrite(w.s.Keys("data/")[0], []byte("x")) }},
		{"an object under a delete marker", yes, func(w *scene) { w.s.Delete(w.s.Keys("data/")[0]) }},
		{"an object without a lock", no, func(w *scene) { w.s.Unlock(w.s.Keys("data/")[0], ledger.Retention{}) }},
		{"a manifest without a lock", no, func(w *scene) { w.s.Unlock(ledger.ManifestKey("gw-0", 1), ledger.Retention{}) }},
		{"an orphan", yes, func(w *scene) { w.object(nil) }},
		{"a foreign object", yes, func(w *scene) { w.s.Overwrite("x/y", []byte("z")) }},
		{"an unknown log", yes, func(w *scene) { w.commit(w.chain("gw-9", ledgertest.NewSigner(w.t, "ed25519")), ledger.KindOpen) }},
	}
	batch := func(name, want string, make func(w *scene) ledger.Object) {
		attacks = append(attacks, attack{"object: " + name, want, func(w *scene) { w.commit(w.chain("gw-0", w.key), ledger.KindBatch, make(w)) }})
	}
	said := func(name, want string, change func(o *ledger.Object)) {
		batch(name, want, func(w *scene) ledger.Object { o := w.object(nil); change(&o); return o })
	}
	line := func(name, want, from, to string) {
		batch(name, want, func(w *scene) ledger.Object {
			return w.object(func(b []byte) []byte {
				changed := bytes.Replace(b, []byte(from), []byte(to), 1)
				require.NotEqual(w.t, string(b), string(changed))
				return changed
			})
		})
	}
	said("as it is", yes, func(*ledger.Object) {})
	said("events", no, func(o *ledger.Object) { o.Events++ })
	said("bytes", no, func(o *ledger.Object) { o.Bytes++ })
	said("uncompressed bytes", no, func(o *ledger.Object) { o.UncompressedBytes++ })
	said("fewer uncompressed bytes", no, func(o *ledger.Object) { o.UncompressedBytes-- })
	said("root", no, func(o *ledger.Object) { o.MerkleRoot = strings.Repeat("0", 64) })
	said("types", no, func(o *ledger.Object) { o.EventTypes = map[string]int64{"llm_call": 3} })
	said("a type with none", no, func(o *ledger.Object) { o.EventTypes["llm_call"] = 0 })
	said("missing fields", no, func(o *ledger.Object) { o.MissingFields = nil })
	said("min", no, func(o *ledger.Object) { o.MinTimestamp.Time = o.MinTimestamp.Add(-1) })
	said("max", no, func(o *ledger.Object) { o.MaxTimestamp.Time = o.MaxTimestamp.Add(1) })
	said("sessions", no, func(o *ledger.Object) { o.Sessions.Prefixes = o.Sessions.Prefixes[1:] })
	said("count of sessions", no, func(o *ledger.Object) { o.Sessions.Count++ })
	said("a filter for few", no, func(o *ledger.Object) {
		o.Sessions.Prefixes, o.Sessions.Bloom = nil, &ledger.Bloom{Hashes: 1, Bits: "//////////8="}
	})
	said("kind", none, func(o *ledger.Object) { o.Kind = "blob" })
	said("an unknown kind", none, func(o *ledger.Object) { o.Kind = "other" })
	said("no kind", yes, func(o *ledger.Object) { o.Kind = "" })
	said("another class", no, func(o *ledger.Object) { o.Retention.Class = "other" })
	said("a weaker lock promised", yes, func(o *ledger.Object) { o.Retention.Mode = "GOVERNANCE" })
	said("a longer lock promised", no, func(o *ledger.Object) { o.Retention.Until = o.Retention.Until.Add(1000 * day) })
	line("a field twice", no, `"step_number":1`, `"step_number":1,"step_number":1`)
	line("a field twice, deep", no, `{"\u0000":1}`, `{"a":1,"a":1}`)
	line("a field twice by an escape", no, `{"\u0000":1}`, `{"a":1,"\u0061":1}`)
	line("an unknown field", no, `"step_number":1`, `"step":1`)
	line("a field of another type", yes, `"step_number":1`, `"step_number":1,"documents":[]`)
	line("a wrong type", no, `"step_number":1`, `"step_number":"1"`)
	line("a number with a point", no, `"step_number":1`, `"step_number":1.0`)
	line("null", no, `"step_number":1`, `"step_number":null`)
	line("a space", yes, `"step_number":1`, `"step_number": 1`)
	line("a newer schema", none, `"schema_version":"1.1"`, `"schema_version":"1.2"`)
	line("a newer schema, a number", no, `"schema_version":"1.1"`, `"schema_version":2`)
	line("schema 1", yes, `"schema_version":"1.1"`, `"schema_version":"1"`)
	line("no schema", no, `"schema_version":"1.1",`, ``)
	line("not a number", no, `{"\u0000":1}`, `{"a":NaN}`)
	line("a large number", no, `{"\u0000":1}`, `{"a":1e999}`)
	line("half a surrogate", yes, `{"\u0000":1}`, `{"a":"\ud800"}`)
	line("no UTF-8", no, `{"\u0000":1}`, "{\"a\":\"\xff\"}")
	line("a time with an offset", no, `.000000000Z`, `.000000000+00:00`)
	line("a time of ten digits", yes, `.000000000Z`, `.0000000000Z`)
	line("a time of six digits", yes, `.000000000Z`, `.000000Z`)
	line("a leap second", no, `10:00:00.000000000Z`, `10:00:60.000000000Z`)
	line("an empty session", no, `"session_id":"sitzung ü 0"`, `"session_id":""`)
	line("a carriage return", yes, "}\n", "}\r\n")
	line("an oversize that no blob holds", yes, `"step_number":1`, `"step_number":1,"oversize":{"tool_input":{"sha256":"`+strings.Repeat("0", 64)+`","bytes":9}}`)
	line("an oversize of another form", yes, `"step_number":1`, `"step_number":1,"oversize":{"tool_input":7}`)
	batch("no last newline", no, func(w *scene) ledger.Object {
		return w.object(func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) })
	})
	batch("an empty line", no, func(w *scene) ledger.Object { return w.object(func(b []byte) []byte { return append(b, '\n') }) })
	batch("two members", no, func(w *scene) ledger.Object {
		o := w.object(nil)
		return w.store(o, append(w.body(o.Key), w.body(o.Key)...))
	})
	batch("an empty second member", no, func(w *scene) ledger.Object {
		var empty bytes.Buffer
		_ = gzip.NewWriter(&empty).Close()
		o := w.object(nil)
		return w.store(o, append(w.body(o.Key), empty.Bytes()...))
	})
	batch("zeros behind", no, func(w *scene) ledger.Object { o := w.object(nil); return w.store(o, append(w.body(o.Key), 0, 0)) })
	batch("cut", no, func(w *scene) ledger.Object { o := w.object(nil); return w.store(o, w.body(o.Key)[:100]) })
	batch("cut in its checksum", no, func(w *scene) ledger.Object {
		o := w.object(nil)
		return w.store(o, w.body(o.Key)[:len(w.body(o.Key))-3])
	})
	batch("another blob under the name", no, func(w *scene) ledger.Object {
		o := w.blob("u, and so on")
		var body bytes.Buffer
		z := gzip.NewWriter(&body)
		_, _ = z.Write([]byte("u, and so on!"))
		_ = z.Close()
		return w.store(o, body.Bytes())
	})
	batch("a blob of events", no, func(w *scene) ledger.Object { o := w.blob("u, and so on"); o.Events = 1; return o })
	batch("a prompt", yes, func(w *scene) ledger.Object { return w.prompt("You are a clerk.") })
	batch("another prompt under the name", no, func(w *scene) ledger.Object {
		o := w.prompt("You are a clerk.")
		return w.store(o, []byte("You are a thief."))
	})
	batch("a prompt of events", no, func(w *scene) ledger.Object { o := w.prompt("You are a clerk."); o.Events = 1; return o })
	attacks = append(attacks, attack{"object: named in two manifests", yes, func(w *scene) {
		c, o := w.chain("gw-0", w.key), w.object(nil)
		w.commit(c, ledger.KindBatch, o)
		w.commit(c, ledger.KindBatch, o)
	}})
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			w := newScene(t, time.Now().Add(-time.Hour), 100*time.Hour)
			w.t = t
			a.do(w)
			w.agree(p, a.want, differ[a.name])
		})
	}
}

func (w *scene) blob(text string) ledger.Object {
	o, err := ledger.NewBlob(text, w.now, ledger.ObjectRetention{Class: "default", Mode: lock.Mode, Until: w.until()})
	require.NoError(w.t, err)
	_, err = w.s.Put(w.t.Context(), o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
	require.NoError(w.t, err)
	return o.Object
}

func (w *scene) prompt(text string) ledger.Object {
	o := ledger.NewPrompt(text, w.now, ledger.ObjectRetention{Class: "default", Mode: lock.Mode, Until: w.until()})
	_, err := w.s.Put(w.t.Context(), o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
	require.NoError(w.t, err)
	return o.Object
}

// agree requires that both verifiers say the same, and what is wanted where it is given.
func (w *scene) agree(p *python, want, differs string) {
	w.t.Helper()
	a := auditor{keys: []namedKey{{"", w.key}}}
	if w.extra != nil {
		a = *w.extra
	}
	dir := pull(w.t, w.s)
	ours, why := a.goVerdict(w.t, dir)
	theirs, out := p.verdict(w.t, a.arguments(w.t, dir)...)
	if differs != "" {
		require.Equal(w.t, differs, theirs, out)
		require.NotEqual(w.t, ours, theirs, "they agree: say so in the test")
		return
	}
	if want == "" {
		w.t.Logf("ASK: go %s, python %s", ours, theirs)
	}
	require.Equal(w.t, ours, theirs, "verify.py:\n%s\nthe verifier:\n%s", out, why)
	if want != "" {
		require.Equal(w.t, want, ours, "verify.py:\n%s\nthe verifier:\n%s", out, why)
	}
}

// TestIndependentVerifierAgreesOnExpiry: what is gone after its time, and what is not.
func TestIndependentVerifierAgreesOnExpiry(t *testing.T) {
	p := startPython(t)
	named := func(w *scene) { w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}} }
	purge := func(w *scene, places ...int64) {
		for _, n := range places {
			w.s.Purge(ledger.ManifestKey("gw-0", n))
		}
	}
	running := func(w *scene) { // the log goes on with locks that run
		w.now, w.term = time.Now(), 90*time.Hour
		c := w.chain("gw-0", w.key)
		for range 3 {
			w.commit(c, ledger.KindBatch, w.object(nil))
		}
	}
	for _, a := range []struct {
		name, want string
		do         func(w *scene)
	}{
		{"nothing", yes, func(*scene) {}},
		{"the beginning", none, func(w *scene) { purge(w, 0) }},
		{"the beginning, the key named", yes, func(w *scene) { purge(w, 0); named(w) }},
		{"the beginning, another key named", none, func(w *scene) {
			purge(w, 0)
			w.extra = &auditor{keys: []namedKey{{"", w.key}, {"gw-0", ledgertest.NewSigner(w.t, "ed25519")}}}
		}},
		{"the beginning, a checkpoint held", yes, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			text := w.body(ledger.CheckpointKey("gw-0", 4))
			purge(w, 0)
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{text}}
		}},
		{"the beginning, a checkpoint held of what is gone", none, func(w *scene) {
			text := w.body(ledger.CheckpointKey("gw-0", 2))
			purge(w, 0, 1, 2)
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}, kept: [][]byte{text}}
		}},
		{"the beginning, the stored checkpoint of what is gone", yes, func(w *scene) { purge(w, 0, 1, 2); named(w) }},
		{"all but the head", yes, func(w *scene) { purge(w, 0, 1, 2); named(w) }},
		{"a gap in the middle", none, func(w *scene) { purge(w, 1) }},
		{"another root in the oldest, before what has expired, the key named", yes, func(w *scene) {
			purge(w, 0)
			w.fields(w.key, 1, func(p map[string]any) { p["tree"].(map[string]any)["root"] = strings.Repeat("0", 64) })
			named(w)
		}},
		{"another root in the newest behind a gap, the key named", no, func(w *scene) {
			purge(w, 1, 2)
			w.fields(w.key, 3, func(p map[string]any) { p["tree"].(map[string]any)["root"] = strings.Repeat("0", 64) })
			named(w)
		}},
		{"the newest manifest of another log alone", none, func(w *scene) {
			c := w.chain("gw-7", w.key)
			for range 3 {
				w.commit(c, ledger.KindHeartbeat)
			}
			w.s.Purge(ledger.ManifestKey("gw-7", 0))
			w.s.Purge(ledger.ManifestKey("gw-7", 1))
		}},
		{"another manifest put back before the head, the key named", yes, func(w *scene) {
			purge(w, 0, 1)
			w.fields(w.key, 2, func(p map[string]any) { p["kind"] = "close" })
			named(w)
		}},
		{"a malformed manifest put back before the head, the key named", yes, func(w *scene) {
			purge(w, 0, 1)
			w.fields(w.key, 2, func(p map[string]any) { p["kind"] = "nap" })
			named(w)
		}},
		{"another manifest put under one, the key named", yes, func(w *scene) {
			key := ledger.ManifestKey("gw-0", 2)
			body := w.body(key)
			w.fields(w.key, 2, func(p map[string]any) { p["previous"] = strings.Repeat("0", 64) })
			w.s.Overwrite(key, body)
			named(w)
		}},
		{"a gap in the middle, the key named", yes, func(w *scene) { purge(w, 1); named(w) }},
		{"in what runs, one that says all before it has expired, under one that fits", none, func(w *scene) {
			running(w)
			key := ledger.ManifestKey("gw-0", 6)
			fits, lie := w.body(key), w.changed("gw-0", 6, func(p map[string]any) { p["past_until"] = "2001-01-01T00:00:00Z" })
			w.s.Purge(key)
			w.s.Overwrite(key, w.sign(w.key, lie))
			w.s.Overwrite(key, fits)
			w.s.Unlock(key, ledger.Retention{Mode: ledger.Compliance, Until: w.until()})
			named(w)
		}},
		{"behind the one that runs, one that says that all before it has expired", no, func(w *scene) {
			w.now, w.term = time.Now(), 90*time.Hour
			c := w.chain("gw-0", w.key)
			w.commit(c, ledger.KindHeartbeat)
			w.commit(c, ledger.KindHeartbeat)
			key := ledger.ManifestKey("gw-0", 5)
			lie := w.changed("gw-0", 5, func(p map[string]any) { p["past_until"] = "2001-01-01T00:00:00Z" })
			w.s.Purge(key)
			w.s.Overwrite(key, w.sign(w.key, lie))
			w.s.Unlock(key, ledger.Retention{Mode: ledger.Compliance, Until: w.until()})
			purge(w, 0, 1, 2, 3)
			named(w)
		}},
		{"two gaps, the key named", yes, func(w *scene) { running(w); purge(w, 1, 3); named(w) }},
		{"a gap, then what runs, the key named", yes, func(w *scene) { running(w); purge(w, 0, 2); named(w) }},
		{"a gap in what runs, the key named", no, func(w *scene) { running(w); purge(w, 0, 5); named(w) }},
		{"the first of what runs gone, the key named", no, func(w *scene) { running(w); purge(w, 0, 1, 2, 3, 4); named(w) }},
		{"the last that expired gone, the key named", yes, func(w *scene) { running(w); purge(w, 0, 1, 2, 3); named(w) }},
		{"the head, its checkpoint left", none, func(w *scene) {
			require.NoError(w.t, w.chain("gw-0", w.key).Checkpoint(w.t.Context(), nil))
			purge(w, 3)
		}},
		{"an older manifest under the oldest, by a key that is not given, the other named", none, func(w *scene) {
			key := ledger.ManifestKey("gw-0", 2)
			body, older := w.body(key), w.sign(ledgertest.NewSigner(w.t, "ed25519"), w.payload("gw-0", 2))
			purge(w, 0, 1, 2)
			w.s.Overwrite(key, older)
			w.s.Overwrite(key, body)
			named(w)
		}},
		{"a manifest 0 laid where the oldest expired, by the only key that is given", none, func(w *scene) {
			by := ledgertest.NewSigner(w.t, "ed25519")
			first := w.sign(by, w.payload("gw-0", 0))
			purge(w, 0)
			w.s.Overwrite(ledger.ManifestKey("gw-0", 0), first)
			w.extra = &auditor{keys: []namedKey{{"gw-0", by}}}
		}},
		{"an object", yes, func(w *scene) { w.s.Purge(w.s.Keys("data/")[0]) }},
		{"an object altered", yes, func(w *scene) { w.s.Alter(w.s.Keys("data/")[0], func(b []byte) []byte { b[20] ^= 1; return b }) }},
		{"an object put back", yes, func(w *scene) {
			key := w.s.Keys("data/")[0]
			b := w.body(key)
			w.s.Purge(key)
			w.s.Overwrite(key, b)
		}},
		{"a key that was replaced in what has expired", yes, func(w *scene) {
			rotated(w)
			purge(w, 0, 4)
			named(w)
		}},
		{"a key that was replaced in what has expired, both named", yes, func(w *scene) {
			next := rotated(w)
			purge(w, 0, 4)
			w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}, {"gw-0", next}}}
		}},
		{"the beginning behind a rotation that is there", yes, func(w *scene) {
			rotated(w)
			purge(w, 0, 1)
			named(w)
		}},
		{"an object, and another in its place", yes, func(w *scene) {
			key := w.s.Keys("data/")[0]
			w.s.Purge(key)
			w.s.Overwrite(key, []byte("x"))
		}},
	} {
		t.Run(a.name, func(t *testing.T) {
			w := newScene(t, time.Now().Add(-1000*time.Hour), time.Hour)
			a.do(w)
			w.agree(p, a.want, "")
		})
	}
}

// recorded is a log of version 1 that a program at commit 90c5905 wrote: 0 open, 1 batch,
// a checkpoint, 2 heartbeat, locked until 2100.
func recorded(t *testing.T) *scene {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join("testdata", "v1-key.pem"))
	require.NoError(t, err)
	key, err := ledger.LoadSigner(pem)
	require.NoError(t, err)
	d, err := store.OpenDir(filepath.Join("testdata", "v1"))
	require.NoError(t, err)
	defer func() { _ = d.Close() }()
	w := &scene{t: t, s: ledgertest.New(), key: key, now: time.Now(), term: 100 * 365 * 24 * time.Hour}
	for v, err := range d.List(t.Context(), "", "") {
		require.NoError(t, err)
		body, err := d.Get(t.Context(), v.Key, v.ID)
		require.NoError(t, err)
		r, err := d.Retention(t.Context(), v.Key, v.ID)
		require.NoError(t, err)
		_, err = w.s.Put(t.Context(), v.Key, body, ledger.PutOptions{SHA256: sha256.Sum256(body), Retention: r})
		require.NoError(t, err)
	}
	return w
}

// TestIndependentVerifierAgreesOnVersionOne: a log of version 1, and one that went over.
func TestIndependentVerifierAgreesOnVersionOne(t *testing.T) {
	p := startPython(t)
	over := func(w *scene) {
		c := w.chain("gw-0", w.key)
		w.commit(c, ledger.KindOpen)
		w.commit(c, ledger.KindBatch)
		w.commit(c, ledger.KindClose)
		require.NoError(w.t, c.Checkpoint(w.t.Context(), nil))
	}
	named := func(w *scene) { w.extra = &auditor{keys: []namedKey{{"gw-0", w.key}}} }
	set := func(name string, v any) func(map[string]any) { return func(p map[string]any) { p[name] = v } }
	for _, a := range []struct {
		name, want string
		do         func(w *scene)
	}{
		{"as it is", yes, func(*scene) {}},
		{"gone over", yes, over},
		{"gone over, its checkpoint held", yes, func(w *scene) {
			over(w)
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{w.body(ledger.CheckpointKey("gw-0", 6)), w.body(ledger.CheckpointKey("gw-0", 2))}}
		}},
		{"gone over, with a past_until", no, func(w *scene) { over(w); w.fields(w.key, 5, set("past_until", "2099-01-01T00:00:00Z")) }},
		{"gone over, another genesis", none, func(w *scene) { over(w); w.fields(w.key, 5, set("genesis", strings.Repeat("0", 64))) }},
		{"gone over, no genesis", none, func(w *scene) { over(w); w.fields(w.key, 5, func(p map[string]any) { delete(p, "genesis") }) }},
		{"gone over, and back", none, func(w *scene) { over(w); w.edit(w.key, 5, "manifest/v2", "manifest/v1") }},
		{"gone over, the beginning gone", none, func(w *scene) { over(w); w.s.Purge(ledger.ManifestKey("gw-0", 0)) }},
		{"gone over, the beginning gone, the key named", none, func(w *scene) { over(w); w.s.Purge(ledger.ManifestKey("gw-0", 0)); named(w) }},
		{"gone over, the beginning gone, a checkpoint held", yes, func(w *scene) {
			over(w)
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{w.body(ledger.CheckpointKey("gw-0", 6))}}
		}},
		{"gone over, all of version 1 gone, a checkpoint held", yes, func(w *scene) {
			over(w)
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(i)))
			}
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{w.body(ledger.CheckpointKey("gw-0", 6))}}
		}},
		{"gone over when the beginning had gone", none, func(w *scene) {
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			over(w)
			named(w)
		}},
		{"gone over, which says that all before it has expired", none, func(w *scene) {
			over(w)
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			w.fields(w.key, 3, set("past_until", "2001-01-01T00:00:00Z"))
			named(w)
		}},
		{"gone over when the beginning had gone, which was put back", yes, func(w *scene) {
			first := w.body(ledger.ManifestKey("gw-0", 0))
			w.s.Purge(ledger.ManifestKey("gw-0", 0))
			over(w)
			_, err := w.s.Put(w.t.Context(), ledger.ManifestKey("gw-0", 0), first, ledger.PutOptions{Retention: ledger.Retention{Mode: ledger.Compliance, Until: w.until()}})
			require.NoError(w.t, err)
			named(w)
		}},
		{"another trail's from the beginning on, over what is left", none, func(w *scene) {
			key := ledger.ManifestKey("gw-0", 2)
			fits, left := w.body(key), w.changed("gw-0", 2, set("previous", strings.Repeat("0", 64)))
			w.s.Purge(key)
			w.s.Overwrite(key, w.sign(w.key, left))
			w.s.Overwrite(key, fits)
			w.s.Unlock(key, ledger.Retention{Mode: ledger.Compliance, Until: time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)})
			named(w)
		}},
		{"behind version 1, one that says all before it has expired, under one that fits", none, func(w *scene) {
			over(w)
			key := ledger.ManifestKey("gw-0", 3)
			fits, lie := w.body(key), w.changed("gw-0", 3, set("past_until", "2001-01-01T00:00:00Z"))
			w.s.Purge(key)
			w.s.Overwrite(key, w.sign(w.key, lie))
			w.s.Overwrite(key, fits)
			w.s.Unlock(key, ledger.Retention{Mode: ledger.Compliance, Until: w.until()})
			named(w)
		}},
		{"gone over, another trail's in the place of the last that expired", none, func(w *scene) {
			over(w)
			for i := range 3 {
				w.s.Purge(ledger.ManifestKey("gw-0", int64(i)))
			}
			twin := recorded(w.t)
			twin.fields(w.key, 2, set("written_at", "2026-11-01T00:00:00Z"))
			w.s.Overwrite(ledger.ManifestKey("gw-0", 2), twin.body(ledger.ManifestKey("gw-0", 2)))
			named(w)
		}},
		{"a gap", none, func(w *scene) { w.s.Purge(ledger.ManifestKey("gw-0", 1)) }},
		{"a gap, gone over", none, func(w *scene) { over(w); w.s.Purge(ledger.ManifestKey("gw-0", 1)) }},
		{"a gap behind the passage", none, func(w *scene) { over(w); w.s.Purge(ledger.ManifestKey("gw-0", 4)) }},
		{"a cut tail", none, func(w *scene) { w.s.Purge(ledger.ManifestKey("gw-0", 1)); w.s.Purge(ledger.ManifestKey("gw-0", 2)) }},
		{"a cut tail, a checkpoint held", none, func(w *scene) {
			w.extra = &auditor{keys: []namedKey{{"", w.key}}, kept: [][]byte{w.body(ledger.CheckpointKey("gw-0", 2))}}
			w.s.Purge(ledger.ManifestKey("gw-0", 1))
			w.s.Purge(ledger.ManifestKey("gw-0", 2))
		}},
		{"a head that does not fit", none, func(w *scene) { w.fields(w.key, 2, set("previous", strings.Repeat("0", 64))) }},
		{"a time back", yes, func(w *scene) { w.fields(w.key, 2, set("written_at", "2001-01-01T00:00:00Z")) }},
		{"an object altered", no, func(w *scene) { w.s.Alter(w.s.Keys("data/")[0], func(b []byte) []byte { b[20] ^= 1; return b }) }},
		{"a blob gone", no, func(w *scene) { w.s.Purge(w.s.Keys("blobs/")[0]) }},
	} {
		t.Run(a.name, func(t *testing.T) {
			w := recorded(t)
			a.do(w)
			w.agree(p, a.want, "")
		})
	}
}

// TestIndependentVerifierFuzz flips bytes and moves lines in copies: neither verifier
// confirms what the other refuses.
func TestIndependentVerifierFuzz(t *testing.T) {
	t.Parallel()
	p := startPython(t)
	w := newScene(t, time.Now().Add(-time.Hour), 100*time.Hour)
	next := ledgertest.NewSigner(t, "ecdsa")
	require.NoError(t, w.chain("gw-0", w.key).Rotate(t.Context(), ledgertest.Public(t, next)))
	c := w.chain("gw-0", next, w.key)
	w.commit(c, ledger.KindOpen)
	require.NoError(t, c.Checkpoint(t.Context(), nil))
	w.s.Overwrite(ledger.ManifestKey("gw-0", 2), []byte("{}"))
	a := auditor{keys: []namedKey{{"", w.key}}}
	dir := pull(t, w.s)
	args := a.arguments(t, dir)
	index := filepath.Join(dir, ".agentaudit", "versions.jsonl")
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path != index {
			files = append(files, path)
		}
		return err
	}))
	whole, err := os.ReadFile(index)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(*seed, 1))
	verdicts := map[string]int{}
	for i := range 300 {
		file := files[r.IntN(len(files))]
		if i%10 == 0 {
			file = index
		}
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		after := bytes.Clone(before)
		at := r.IntN(len(after))
		what := fmt.Sprintf("%d: %s at %d, %q", i, strings.TrimPrefix(file, dir), at, before[max(at-10, 0):min(at+10, len(before))])
		switch i % 4 {
		case 0, 1:
			after[at] ^= 1 << r.IntN(8)
		case 2:
			after = append(after[:at:at], after[at+1:]...)
		case 3:
			after = append(after, after[at:]...)
		}
		require.NoError(t, os.WriteFile(file, after, 0o600))
		if file != index && i%3 != 0 { // who changes a file can change what the copy says of it
			require.NoError(t, os.WriteFile(index, reindexed(whole, before, after), 0o600))
		}
		ours, why := a.goVerdict(t, dir)
		theirs, out := p.verdict(t, args...)
		require.Equal(t, ours, theirs, "%s\nverify.py:\n%s\nthe verifier:\n%s", what, out, why)
		verdicts[ours]++
		require.NoError(t, os.WriteFile(file, before, 0o600))
		require.NoError(t, os.WriteFile(index, whole, 0o600))
	}
	t.Log(verdicts)
	require.Len(t, verdicts, 3, "all three were met")
}

// TestIndependentVerifierFuzzSigned has the log's own key say odd things.
func TestIndependentVerifierFuzzSigned(t *testing.T) {
	t.Parallel()
	p := startPython(t)
	w := newScene(t, time.Now().Add(-time.Hour), 100*time.Hour)
	a := auditor{keys: []namedKey{{"", w.key}}}
	dir := pull(t, w.s)
	args := a.arguments(t, dir)
	index := filepath.Join(dir, ".agentaudit", "versions.jsonl")
	whole, err := os.ReadFile(index)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(*seed, 2))
	verdicts := map[string]int{}
	for i := range 300 {
		seq := int64(3) // mostly the head, where nothing behind it speaks
		if i%4 == 0 {
			seq = r.Int64N(4)
		}
		what := ""
		body := w.sign(w.key, func() string {
			d := json.NewDecoder(strings.NewReader(w.payload("gw-0", seq)))
			d.UseNumber()
			var st any
			require.NoError(t, d.Decode(&st))
			st, what = mutate(r, st, "")
			text, err := json.Marshal(st)
			require.NoError(t, err)
			return string(text)
		}())
		file := filepath.Join(dir, filepath.FromSlash(ledger.ManifestKey("gw-0", seq)))
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, body, 0o600))
		require.NoError(t, os.WriteFile(index, reindexed(whole, before, body), 0o600))
		ours, why := a.goVerdict(t, dir)
		theirs, out := p.verdict(t, args...)
		require.NoError(t, os.WriteFile(file, before, 0o600))
		if ours != theirs {
			t.Errorf("DIFF %d: manifest %d, %s: go %s, python %s\nverify.py:\n%s\nthe verifier:\n%s", i, seq, what, ours, theirs, out, why)
		}
		verdicts[ours]++
	}
	t.Log(verdicts)
}

// mutate changes one value somewhere in a JSON text, and says which.
func mutate(r *rand.Rand, v any, path string) (any, string) {
	odd := []any{nil, 0, 1, -1, 1.5, json.Number("3.0"), json.Number("1e30"), "", "x", "close", "2099-01-01T00:00:00Z", []any{}, []any{nil}, map[string]any{}, true}
	switch e := v.(type) {
	case map[string]any:
		if len(e) == 0 || path != "" && r.IntN(8) == 0 {
			break
		}
		keys := slices.Sorted(maps.Keys(e))
		k := keys[r.IntN(len(keys))]
		if path == "" && r.IntN(5) > 0 {
			k = "predicate"
		}
		if at := path + "." + k; r.IntN(8) > 0 {
			e[k], at = mutate(r, e[k], at)
			return e, at
		} else if r.IntN(2) == 0 {
			delete(e, k)
			return e, at + " left out"
		} else {
			e[strings.ToUpper(k[:1])+k[1:]] = e[k]
			return e, at + " also in another case"
		}
	case []any:
		if len(e) == 0 || r.IntN(8) == 0 {
			break
		}
		i := r.IntN(len(e))
		if r.IntN(8) == 0 {
			return slices.Insert(e, i, e[i]), fmt.Sprintf("%s[%d] twice", path, i)
		}
		var at string
		e[i], at = mutate(r, e[i], fmt.Sprintf("%s[%d]", path, i))
		return e, at
	}
	o := odd[r.IntN(len(odd))]
	return o, fmt.Sprintf("%s = %#v", path, o)
}

// reindexed is an index that tells of a file as it is now.
func reindexed(index, before, after []byte) []byte {
	digest := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	lines := bytes.SplitAfter(index, []byte("\n"))
	var out []byte
	for _, l := range lines[:len(lines)-2] {
		if bytes.Contains(l, []byte(digest(before))) {
			l = bytes.Replace(l, []byte(digest(before)), []byte(digest(after)), 1)
			l = bytes.Replace(l, fmt.Appendf(nil, `"size":%d,`, len(before)), fmt.Appendf(nil, `"size":%d,`, len(after)), 1)
		}
		out = append(out, l...)
	}
	return fmt.Appendf(out, "{\"index_sha256\":%q}\n", digest(out))
}

// rotated hands gw-0 over to a new key, which then seals a batch.
func rotated(w *scene) ledger.Signer {
	next := ledgertest.NewSigner(w.t, "ecdsa")
	require.NoError(w.t, w.chain("gw-0", w.key).Rotate(w.t.Context(), ledgertest.Public(w.t, next)))
	c := w.chain("gw-0", next, w.key)
	w.commit(c, ledger.KindOpen)
	w.commit(c, ledger.KindBatch, w.object(nil))
	return next
}
