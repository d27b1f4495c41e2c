package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// counting is a store that counts what is asked of it, and fails when told to.
type counting struct {
	ledger.Reader
	gets, locks, lists, bytes atomic.Int64
	fail                      func(key string) error
}

func (c *counting) Get(ctx context.Context, key, id string) ([]byte, error) {
	if c.fail != nil {
		if err := c.fail(key); err != nil {
			return nil, err
		}
	}
	c.gets.Add(1)
	body, err := c.Reader.Get(ctx, key, id)
	c.bytes.Add(int64(len(body)))
	return body, err
}

func (c *counting) Retention(ctx context.Context, key, id string) (ledger.Retention, error) {
	c.locks.Add(1)
	return c.Reader.Retention(ctx, key, id)
}

func (c *counting) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	c.lists.Add(1)
	return c.Reader.List(ctx, prefix, after)
}

// history is a trail of which a manifest is sealed every hour.
type history struct {
	t     *testing.T
	s     *ledgertest.Store
	c     *ledger.Chain
	key   ledger.PublicKey
	began time.Time
	now   time.Time
	lock  ledger.Retention
	n     int
	by    ledger.Signer
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, s: ledgertest.New(), began: time.Now().Add(-100 * time.Hour).UTC().Truncate(time.Hour)}
	h.lock = ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(100 * time.Hour).UTC().Truncate(time.Hour)}
	h.now = h.began
	h.by = ledgertest.NewSigner(t, "ed25519")
	h.key = ledgertest.Public(t, h.by)
	h.open()
	return h
}

// open starts a writer.
func (h *history) open() {
	h.t.Helper()
	var err error
	h.c, err = ledger.OpenChain(h.t.Context(), h.s, ledger.ChainOptions{
		Log: "gw", Signer: h.by, Retention: func(time.Time) ledger.Retention { return h.lock }, Now: func() time.Time { return h.now },
	})
	require.NoError(h.t, err)
	require.NoError(h.t, h.c.Commit(h.t.Context(), ledger.KindOpen, nil))
}

// put stores what a manifest is to name.
func (h *history) put(o *ledger.SealedObject) ledger.Object {
	h.t.Helper()
	_, err := h.s.Put(h.t.Context(), o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: ledger.Retention{Mode: o.Retention.Mode, Until: o.Retention.Until}})
	require.NoError(h.t, err)
	return o.Object
}

// batch seals an object an hour after the one before, with an event of a session.
func (h *history) batch(session string, more ...ledger.Object) (key string) {
	h.t.Helper()
	h.now = h.now.Add(time.Hour)
	h.n++
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw", Compression: ledger.Gzip, Retention: h.lock}, h.now)
	span := ptrace.NewSpan()
	semconv.WriteSpan(&semconv.Event{EventType: semconv.TypeToolCall, EventID: fmt.Sprint(h.n), Timestamp: h.now, SessionID: session, AgentID: "a", StepNumber: semconv.Some(int64(1))}, span)
	line, m, err := semconv.AppendSpan(nil, span)
	require.NoError(h.t, err)
	b.Add(line, m)
	o, err := b.Finish()
	require.NoError(h.t, err)
	require.NoError(h.t, h.c.Commit(h.t.Context(), ledger.KindBatch, append([]ledger.Object{h.put(o)}, more...)))
	return o.Key
}

func (h *history) prompt(text string) *ledger.SealedObject {
	return ledger.NewPrompt(text, h.now, ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: h.lock.Mode, Until: h.lock.Until})
}

func (h *history) checkpoint() {
	h.t.Helper()
	require.NoError(h.t, h.c.Checkpoint(h.t.Context(), nil))
}

func (h *history) verify(r ledger.Reader, o ledger.VerifyOptions) *ledger.Report {
	h.t.Helper()
	o.Keys = []ledger.PublicKey{h.key}
	report, err := ledger.Verify(h.t.Context(), r, o)
	require.NoError(h.t, err)
	return report
}

func (h *history) verifyDir(dir string, o ledger.VerifyOptions) *ledger.Report {
	h.t.Helper()
	d, err := store.OpenDir(dir)
	require.NoError(h.t, err)
	defer func() { _ = d.Close() }()
	return h.verify(d, o)
}

func codes(r *ledger.Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Code)
	}
	return list
}

// pulled pulls and counts.
func pulled(t *testing.T, r ledger.Reader, dir string, o store.PullOptions) (*counting, store.PullProgress, string) {
	t.Helper()
	c := &counting{Reader: r}
	var told strings.Builder
	o.Tell = func(s string) { told.WriteString(s + "\n") }
	p, err := store.PullInto(t.Context(), c, dir, o)
	require.NoError(t, err)
	return c, p, told.String()
}

func TestPullAgainCostsTheListing(t *testing.T) {
	h := newHistory(t)
	for i := range 5 {
		h.batch(fmt.Sprint(i))
	}
	h.checkpoint()
	dir := t.TempDir()
	first, p, told := pulled(t, h.s, dir, store.PullOptions{})
	require.Empty(t, told)
	all := p.Versions
	require.EqualValues(t, all, first.gets.Load())
	require.EqualValues(t, all, first.locks.Load())
	index, err := os.ReadFile(filepath.Join(dir, ".agentaudit/versions.jsonl"))
	require.NoError(t, err)

	again, p, told := pulled(t, h.s, dir, store.PullOptions{Clock: func() time.Time { return time.Now().Add(time.Hour) }})
	require.Empty(t, told)
	require.Zero(t, again.gets.Load()+again.locks.Load()+again.bytes.Load())
	require.LessOrEqual(t, again.lists.Load(), int64(5))
	require.Equal(t, all, p.Kept)
	require.Zero(t, p.Bytes)
	after, err := os.ReadFile(filepath.Join(dir, ".agentaudit/versions.jsonl"))
	require.NoError(t, err)
	// Of the lines only what the index says of itself is new: when locks were read is not.
	require.Equal(t, bytes.Split(index, []byte{'\n'})[1:all+1], bytes.Split(after, []byte{'\n'})[1:all+1])

	h.batch("new")
	some, p, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.EqualValues(t, 2, some.gets.Load(), "the object and its manifest")
	require.Equal(t, int64(p.Versions-p.Kept), some.locks.Load())
	require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)

	locks, _, _ := pulled(t, h.s, dir, store.PullOptions{Locks: true})
	require.Zero(t, locks.gets.Load())
	require.EqualValues(t, p.Versions, locks.locks.Load())
}

// What a manifest promises anew is looked at anew.
func TestPullReadsLocksThatWereMadeLonger(t *testing.T) {
	h := newHistory(t)
	prompt := h.put(h.prompt("be good"))
	h.batch("1", prompt)
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})

	h.lock.Until = h.lock.Until.Add(24 * time.Hour)
	h.open()
	longer := h.prompt("be good").Object
	require.NoError(t, h.s.ExtendRetention(t.Context(), longer.Key, "", h.lock))
	h.batch("2", longer)
	c, _, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.Equal(t, c.gets.Load()+1, c.locks.Load())
	require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
	lock, err := openDir(t, dir).Retention(t.Context(), longer.Key, "")
	require.NoError(t, err)
	require.True(t, h.lock.Until.Equal(lock.Until))
}

func TestPullGoesOnWhereItWasInterrupted(t *testing.T) {
	h := newHistory(t)
	for i := range 40 {
		h.batch(fmt.Sprint(i))
	}
	h.checkpoint()
	dir := t.TempDir()
	all := len(list(t, h.s, "", ""))
	left := int64(all)
	for _, upTo := range []int64{5, 20, 30} {
		n := atomic.Int64{}
		c := &counting{Reader: h.s, fail: func(string) error {
			if n.Add(1) > upTo {
				return errors.New("the network is gone")
			}
			return nil
		}}
		_, err := store.PullInto(t.Context(), c, dir, store.PullOptions{})
		require.ErrorContains(t, err, "the network is gone")
		require.Equal(t, upTo, c.gets.Load())
		left -= upTo
		_, err = store.OpenDir(dir)
		require.ErrorContains(t, err, "is not whole: `agentaudit pull` into it was interrupted")
	}
	// A crash cuts the journal within a line.
	journal := filepath.Join(dir, ".agentaudit/pulling-manifests.jsonl")
	text, err := os.ReadFile(journal)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(journal, text[:len(text)-20], 0o600))
	c, p, told := pulled(t, h.s, dir, store.PullOptions{})
	require.Empty(t, told)
	require.LessOrEqual(t, c.gets.Load(), left+20, "what was under way is read again, and what stood behind it in the journal")
	require.Greater(t, p.Kept, 20)
	require.Equal(t, keys(list(t, h.s, "", "")), keys(list(t, openDir(t, dir), "", "")))
	require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
	inside, err := os.ReadDir(filepath.Join(dir, ".agentaudit"))
	require.NoError(t, err)
	require.Len(t, inside, 2, "the index and the contents: no journal")
}

// An index that was written before stays true while a pull goes on, and where that fails.
func TestPullThatFailsLeavesTheCopy(t *testing.T) {
	h := newHistory(t)
	key := h.batch("1")
	h.checkpoint()
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})
	h.s.Overwrite(key, []byte("over it"))
	h.batch("2", h.put(h.prompt("be good")))
	c := &counting{Reader: h.s, fail: func(key string) error {
		if strings.HasPrefix(key, ledger.PromptPrefix) {
			return errors.New("away")
		}
		return nil
	}}
	_, err := store.PullInto(t.Context(), c, dir, store.PullOptions{})
	require.ErrorContains(t, err, "away")
	r := h.verifyDir(dir, ledger.VerifyOptions{})
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.EqualValues(t, 1, r.Logs[0].Last)

	pulled(t, h.s, dir, store.PullOptions{})
	require.Equal(t, keys(list(t, h.s, "", "")), keys(list(t, openDir(t, dir), "", "")))
	r = h.verifyDir(dir, ledger.VerifyOptions{})
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Equal(t, []string{ledger.CodeLaterVersion}, codes(r))
}

func TestPullMendsWhatWasAltered(t *testing.T) {
	h := newHistory(t)
	key := h.batch("1")
	other, third := h.batch("2"), h.batch("3")
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})
	require.NoError(t, os.WriteFile(filepath.Join(dir, key), []byte("altered"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, other)))
	require.NoError(t, os.Remove(filepath.Join(dir, third)))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, third, "folder"), 0o700))
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("mine"), 0o600))
	manifest := filepath.Join(dir, ledger.ManifestKey("gw", 1))
	require.NoError(t, os.Remove(manifest))
	require.NoError(t, os.Symlink(outside, manifest))
	require.Equal(t, ledger.NotConfirmed, func() ledger.Verdict {
		require.NoError(t, os.Remove(manifest))
		defer func() { require.NoError(t, os.Symlink(outside, manifest)) }()
		return h.verifyDir(dir, ledger.VerifyOptions{}).Verdict
	}())

	c, p, told := pulled(t, h.s, dir, store.PullOptions{})
	require.EqualValues(t, 4, c.gets.Load())
	require.Equal(t, 4, p.Versions-p.Kept)
	require.Contains(t, told, key+" is not as it was pulled, and is pulled anew: it has 7 bytes")
	require.Contains(t, told, other+" is not as it was pulled, and is pulled anew: it is not there")
	require.Contains(t, told, third+" is a folder, not a regular file")
	require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
	body, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "mine", string(body), "nothing is written through a link")
}

// A copy outlives the bucket. What it says of locks does not.
func TestPullKeepsWhatIsGone(t *testing.T) {
	h := newHistory(t)
	soon := h.lock
	h.lock.Until = time.Now().Add(2 * time.Second).UTC().Truncate(time.Second)
	expires := h.batch("1")
	h.lock = soon
	removed := h.batch("2")
	h.checkpoint()
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})
	time.Sleep(time.Until(time.Now().Add(2100 * time.Millisecond)))

	h.s.Purge(expires)
	_, p, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.Equal(t, 1, p.Gone)
	r := h.verifyDir(dir, ledger.VerifyOptions{})
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.EqualValues(t, 2, r.Events, "the copy still holds it")
	require.Contains(t, fmt.Sprint(r.Limits), "Why the store does not have 1 versions of this copy any more")
	require.NotContains(t, codes(r), ledger.CodeExpired)

	// Of what should be there still, the copy has the content, and no lock.
	h.s.Purge(removed)
	_, p, _ = pulled(t, h.s, dir, store.PullOptions{})
	require.Equal(t, 2, p.Gone)
	r = h.verifyDir(dir, ledger.VerifyOptions{})
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	require.Equal(t, []string{ledger.CodeNotLocked}, codes(r))
	require.Contains(t, r.Findings[0].Found, "was gone from the store at ")
	body, err := openDir(t, dir).Get(t.Context(), removed, "")
	require.NoError(t, err)
	require.NotEmpty(t, body)
	c, p, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.Zero(t, c.gets.Load())
	require.Equal(t, 2, p.Gone)

	// Of an emptied bucket nothing is said, and nothing of the copy is lost.
	_, err = store.PullInto(t.Context(), ledgertest.New(), dir, store.PullOptions{})
	require.ErrorContains(t, err, "the copy was left as it was")
	require.Equal(t, []string{ledger.CodeNotLocked}, codes(h.verifyDir(dir, ledger.VerifyOptions{})))
}

// An older version that was removed stays before the newer ones; a delete marker that was
// taken away does not stay.
func TestPullKeepsTheOrderOfWhatIsGone(t *testing.T) {
	h := newHistory(t)
	key := h.batch("1")
	old, err := h.s.Get(t.Context(), key, "")
	require.NoError(t, err)
	dir := t.TempDir()
	h.s.Delete(key)
	pulled(t, h.s, dir, store.PullOptions{})
	h.s.Purge(key)
	h.s.Overwrite(key, []byte("another"))
	pulled(t, h.s, dir, store.PullOptions{})
	d := openDir(t, dir)
	versions, err := d.Versions(t.Context(), key)
	require.NoError(t, err)
	require.Len(t, versions, 2)
	require.False(t, versions[0].Latest)
	require.True(t, versions[1].Latest)
	for i, want := range [][]byte{old, []byte("another")} {
		body, err := d.Get(t.Context(), key, versions[i].ID)
		require.NoError(t, err)
		require.Equal(t, want, body)
	}
}

func TestPullsIntoOneFolder(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	started, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	c := &counting{Reader: h.s, fail: func(string) error {
		if once.CompareAndSwap(false, true) {
			close(started)
			<-release
		}
		return nil
	}}
	first := make(chan error)
	go func() {
		_, err := store.PullInto(context.WithoutCancel(t.Context()), c, dir, store.PullOptions{})
		first <- err
	}()
	<-started
	_, err := store.PullInto(t.Context(), h.s, dir, store.PullOptions{})
	require.ErrorContains(t, err, "another pull into "+dir+" is under way")
	close(release)
	require.NoError(t, <-first)
	pulled(t, h.s, dir, store.PullOptions{})
}

func TestPullIntoWhatIsNoCopy(t *testing.T) {
	h := newHistory(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600))
	_, err := store.PullInto(t.Context(), h.s, dir, store.PullOptions{})
	require.ErrorContains(t, err, "is not empty and is no copy of a trail")
	require.NoDirExists(t, filepath.Join(dir, ".agentaudit"))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".agentaudit"), 0o700))
	_, err = store.PullInto(t.Context(), h.s, dir, store.PullOptions{})
	require.ErrorContains(t, err, "is not empty and is no copy of a trail")

	dir = t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{From: "s3://a/trail"})
	_, err = store.PullInto(t.Context(), h.s, dir, store.PullOptions{From: "s3://b/trail"})
	require.ErrorContains(t, err, "is a copy of s3://a/trail, not of s3://b/trail")

	index := filepath.Join(dir, ".agentaudit/versions.jsonl")
	text, err := os.ReadFile(index)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(index, bytes.Replace(text, []byte(`"size":`), []byte(`"size":1`), 1), 0o600))
	_, err = store.PullInto(t.Context(), h.s, dir, store.PullOptions{From: "s3://a/trail"})
	require.ErrorContains(t, err, "was changed since it was pulled")
	// One that lacks its end is no index of an older version.
	cut := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	require.NoError(t, os.WriteFile(index, text[:cut], 0o600))
	_, err = store.OpenDir(dir)
	require.ErrorContains(t, err, "was changed since it was pulled")
}

// Copies of older versions have no line about themselves, and perhaps no seal.
func TestPullIntoACopyOfAnOlderVersion(t *testing.T) {
	h := newHistory(t)
	h.batch("1")
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})
	index := filepath.Join(dir, ".agentaudit/versions.jsonl")
	text, err := os.ReadFile(index)
	require.NoError(t, err)
	lines := bytes.SplitAfter(text, []byte{'\n'})
	old := bytes.Join(lines[1:len(lines)-2], nil)
	for _, old := range [][]byte{old, append(bytes.Clone(old), fmt.Sprintf("{\"index_sha256\":\"%x\"}\n", sha256.Sum256(old))...)} {
		require.NoError(t, os.WriteFile(index, old, 0o600))
		require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
		c, _, _ := pulled(t, h.s, dir, store.PullOptions{From: "s3://a"})
		require.Zero(t, c.gets.Load())
		require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{}).Verdict)
	}
}

func TestPullOfAWindow(t *testing.T) {
	h := newHistory(t)
	blob := func() ledger.Object {
		b, err := ledger.NewBlob(fmt.Sprint("text ", h.n), h.now, ledger.ObjectRetention{Class: ledger.DefaultClass, Mode: h.lock.Mode, Until: h.lock.Until})
		require.NoError(t, err)
		return h.put(b)
	}
	for i := range 20 {
		h.batch(fmt.Sprint(i), blob())
		h.checkpoint()
	}
	since, until := h.began.Add(8*time.Hour), h.began.Add(11*time.Hour)
	dir := t.TempDir()
	_, p, _ := pulled(t, h.s, dir, store.PullOptions{Since: since, Until: until})
	require.Equal(t, 2*(20-4), p.NotPulled)

	// Within the bound the copy says what the bucket says.
	for _, w := range [][2]time.Time{{since, until}, {since.Add(time.Hour), until}, {since.Add(90 * time.Minute), until.Add(-time.Minute)}} {
		o := ledger.VerifyOptions{Since: w[0], Until: w[1]}
		want, have := h.verify(h.s, o), h.verifyDir(dir, o)
		require.Equal(t, ledger.Confirmed, have.Verdict, "%+v", have.Findings)
		require.Equal(t, want.Objects, have.Objects)
		require.Equal(t, want.Logs, have.Logs)
		require.Contains(t, fmt.Sprint(have.Limits), "What is in 32 versions that were not pulled: the copy was bounded to what was sealed from ")
	}
	require.Equal(t, ledger.Confirmed, h.verifyDir(dir, ledger.VerifyOptions{Level: ledger.LevelChain}).Verdict)

	// Beyond it, nothing: neither that objects are there, nor that they are missing.
	for _, o := range []ledger.VerifyOptions{{}, {Since: since.Add(-time.Hour)}, {Level: ledger.LevelObjects}} {
		r := h.verifyDir(dir, o)
		require.Equal(t, ledger.NoVerdict, r.Verdict)
		for _, code := range codes(r) {
			require.Equal(t, ledger.CodeNotCopied, code)
		}
	}
	// What is wrong within it is found, beyond it too where the listing shows it.
	gone := h.s.Keys(ledger.DataPrefix)[0]
	h.s.Purge(gone)
	pulled(t, h.s, dir, store.PullOptions{Since: since, Until: until})
	r := h.verifyDir(dir, ledger.VerifyOptions{})
	require.Equal(t, ledger.NotConfirmed, r.Verdict)
	require.Contains(t, codes(r), ledger.CodeObjectMissing)

	// Without a bound, the rest is pulled, and no more than that.
	c, p, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.EqualValues(t, 2*(20-4)-1, c.gets.Load())
	require.Zero(t, p.NotPulled)
	require.Equal(t, []string{ledger.CodeObjectMissing}, codes(h.verifyDir(dir, ledger.VerifyOptions{})))
}

// A log that goes on while a long pull goes through it: what others say of it is in the
// copy only with what they say it of.
func TestPullOfATrailThatGoesOn(t *testing.T) {
	t.Run("undisturbed", func(t *testing.T) {
		h := newHistory(t)
		require.Empty(t, pullGoingOn(t, h, store.PullOptions{}))
	})
	t.Run("with manifests that nobody signed laid ahead of it", func(t *testing.T) {
		h := newHistory(t)
		genuine, err := h.s.Get(t.Context(), ledger.ManifestKey("gw", 0), "")
		require.NoError(t, err)
		h.s.Overwrite(ledger.ManifestKey("gw", 7), genuine) // which is of another place
		m, err := ledger.ParseEnvelope(genuine)
		require.NoError(t, err)
		for _, seq := range []int{1, 2, 999} {
			payload := strings.Replace(string(m.Payload), `"seq":0`, fmt.Sprintf(`"seq":%d`, seq), 1)
			h.s.Overwrite(ledger.ManifestKey("gw", int64(seq)), fmt.Appendf(nil, `{"payloadType":"application/vnd.in-toto+json","payload":%q,"signatures":[{"sig":"AAAA"}]}`, base64.StdEncoding.EncodeToString([]byte(payload))))
		}
		for _, f := range pullGoingOn(t, h, store.PullOptions{Keys: []ledger.PublicKey{h.key}}) {
			require.Equal(t, ledger.CodeForeignManifest, f.Code)
		}
	})
}

func pullGoingOn(t *testing.T, h *history, o store.PullOptions) []ledger.Finding {
	h.checkpoint()
	other := *h
	other.by = ledgertest.NewSigner(t, "ed25519")
	var seen []ledger.HeadRef
	c, err := ledger.OpenChain(t.Context(), h.s, ledger.ChainOptions{
		Log: "zz", Signer: other.by, Retention: func(time.Time) ledger.Retention { return h.lock }, Heads: func() []ledger.HeadRef { return seen },
	})
	require.NoError(t, err)
	require.NoError(t, c.Commit(t.Context(), ledger.KindOpen, nil))
	if o.Keys != nil {
		o.Keys = append(o.Keys, ledgertest.Public(t, other.by))
	}
	slow := &onList{Reader: h.s, prefix: ledger.ManifestPrefix, then: func() {
		h.batch("new")
		require.NoError(t, h.c.Checkpoint(t.Context(), nil))
		note, err := h.s.Get(t.Context(), ledger.CheckpointKey("gw", 2), "")
		require.NoError(t, err)
		m, err := h.s.Get(t.Context(), ledger.ManifestKey("gw", 1), "")
		require.NoError(t, err)
		parsed, err := ledger.ParseEnvelope(m)
		require.NoError(t, err)
		seen = []ledger.HeadRef{{Log: "gw", Seq: 1, SHA256: fmt.Sprintf("%x", parsed.Digest), Note: string(note)}}
		require.NoError(t, c.Commit(t.Context(), ledger.KindHeartbeat, nil))
	}}
	dir := t.TempDir()
	pulled(t, slow, dir, o)
	d := openDir(t, dir)
	report, err := ledger.Verify(t.Context(), d, ledger.VerifyOptions{Keys: []ledger.PublicKey{h.key, ledgertest.Public(t, other.by)}})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	require.EqualValues(t, 1, report.Logs[0].Last)
	require.EqualValues(t, 1, report.Logs[1].Last)
	c2, _, _ := pulled(t, h.s, dir, store.PullOptions{})
	require.EqualValues(t, 1, c2.gets.Load(), "the checkpoint")
	return report.Findings
}

// onList does something once the first version under a prefix was listed.
type onList struct {
	ledger.Reader
	prefix string
	then   func()
	done   bool
}

func (o *onList) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		for v, err := range o.Reader.List(ctx, prefix, after) {
			if o.prefix == prefix && !o.done && strings.HasPrefix(v.Key, o.prefix+"zz") {
				o.done = true
				o.then()
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Who makes a copy cannot leave something out as out of bound that the chain needs.
func TestNothingNeededIsOutOfBound(t *testing.T) {
	h := newHistory(t)
	h.batch("1")
	h.checkpoint()
	dir := t.TempDir()
	pulled(t, h.s, dir, store.PullOptions{})
	index := filepath.Join(dir, ".agentaudit/versions.jsonl")
	text, err := os.ReadFile(index)
	require.NoError(t, err)
	var lines []string
	for l := range strings.Lines(string(text)) {
		if strings.Contains(l, `"key":"manifests/v1/gw/000000000001.json"`) {
			head, _, _ := strings.Cut(l, `,"file"`)
			l = head + ",\"not_pulled\":true}\n"
		}
		if !strings.HasPrefix(l, `{"index_sha256"`) && !strings.HasPrefix(l, `{"copy"`) {
			lines = append(lines, l)
		}
	}
	require.NoError(t, os.WriteFile(index, []byte(strings.Join(lines, "")), 0o600))
	r := h.verifyDir(dir, ledger.VerifyOptions{Level: ledger.LevelChain})
	require.NotEqual(t, ledger.Confirmed, r.Verdict)
}

// synthetic is a bucket of many objects that holds nothing in memory.
type synthetic struct {
	bucketOf
	n int
}

func (s synthetic) List(_ context.Context, prefix, after string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		for i := range s.n {
			key := fmt.Sprintf("data/v1/date=2026-11-23/gw/20261123T101500.123Z-%08x.jsonl.gz", i)
			if strings.HasPrefix(key, prefix) && key > after && !yield(ledger.Version{Key: key, ID: "v", Size: 4, ETag: "e", Latest: true, LastModified: time.Unix(1, 0)}, nil) {
				return
			}
		}
	}
}

func (s synthetic) Get(context.Context, string, string) ([]byte, error) { return []byte("text"), nil }

// A folder without room, or without permission, is said as the system says it.
func TestPullSaysWhatTheFolderRefuses(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err := store.PullInto(t.Context(), synthetic{n: 3}, dir, store.PullOptions{})
	require.ErrorIs(t, err, fs.ErrPermission)
}
