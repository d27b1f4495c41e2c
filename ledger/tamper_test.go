package ledger_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestConfirmed(t *testing.T) {
	tr := newTrail(t)
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Empty(t, r.Findings)
	require.Equal(t, int64(15), r.Events)
	require.Equal(t, int64(3), r.Objects)
	require.Equal(t, int64(5), r.Logs[0].Last)
	require.True(t, r.Logs[0].Closed)
	require.Equal(t, 0, r.ExitCode(true))
}

// rewrite decodes a manifest's payload, changes it, and encodes it again without
// signing it anew.
func rewrite(t *testing.T, body []byte, change func(payload string) string) []byte {
	t.Helper()
	var e map[string]any
	require.NoError(t, json.Unmarshal(body, &e))
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	require.NoError(t, err)
	changed := change(string(payload))
	require.NotEqual(t, string(payload), changed)
	e["payload"] = base64.StdEncoding.EncodeToString([]byte(changed))
	out, err := json.Marshal(e)
	require.NoError(t, err)
	return out
}

func gunzip(t *testing.T, body []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(z)
	require.NoError(t, err)
	return out.Bytes()
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed) // not the writer's own level
	require.NoError(t, err)
	_, err = z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

// TestTampering changes a sealed trail in every way and names what tells of it.
func TestTampering(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	m := func(seq int64) string { return ledger.ManifestKey("gw-0", seq) }
	for name, c := range map[string]struct {
		tamper func(t *testing.T, tr *trail)
		level  ledger.Level
		errors []string
		warns  []string
	}{
		"a byte of a data object": {
			tamper: func(_ *testing.T, tr *trail) { tr.Alter(tr.objects[1].Key, flip(60)) },
			errors: []string{ledger.CodeObjectAltered},
		},
		"a data object shortened": {tamper: func(_ *testing.T, tr *trail) {
			tr.Alter(tr.objects[1].Key, func(b []byte) []byte { return b[:len(b)-9] })
		}, errors: []string{ledger.CodeObjectAltered}},
		"bytes after the object": {tamper: func(_ *testing.T, tr *trail) {
			tr.Alter(tr.objects[1].Key, func(b []byte) []byte { return append(b, 'x') })
		}, errors: []string{ledger.CodeObjectAltered}},
		"recompressed": {tamper: func(t *testing.T, tr *trail) {
			tr.Alter(tr.objects[1].Key, func(b []byte) []byte { return gzipped(t, gunzip(t, b)) })
		}, errors: []string{ledger.CodeObjectAltered}},
		"a data object gone": {tamper: func(_ *testing.T, tr *trail) { tr.Purge(tr.objects[1].Key) }, errors: []string{ledger.CodeObjectMissing}},
		"objects swapped": {
			tamper: func(_ *testing.T, tr *trail) {
				a, _ := tr.Get(ctx, tr.objects[0].Key, "")
				b, _ := tr.Get(ctx, tr.objects[1].Key, "")
				tr.Alter(tr.objects[0].Key, func([]byte) []byte { return b })
				tr.Alter(tr.objects[1].Key, func([]byte) []byte { return a })
			},
			errors: []string{ledger.CodeObjectAltered, ledger.CodeObjectAltered},
		},
		"a manifest gone":           {tamper: func(_ *testing.T, tr *trail) { tr.Purge(m(2)) }, errors: []string{ledger.CodeManifestMissing}, warns: []string{ledger.CodeOrphan}},
		"the oldest manifests gone": {tamper: func(_ *testing.T, tr *trail) { tr.Purge(m(0)); tr.Purge(m(1)) }, errors: []string{ledger.CodeStartMissing}, warns: []string{ledger.CodeOrphan}},
		"a manifest's payload": {tamper: func(t *testing.T, tr *trail) {
			tr.Alter(m(2), func(b []byte) []byte {
				return rewrite(t, b, func(p string) string { return strings.Replace(p, `"events":5`, `"events":4`, 1) })
			})
		}, errors: []string{ledger.CodeManifestMissing}, warns: []string{ledger.CodeForeignManifest, ledger.CodeOrphan}},
		"a manifest's bytes": {tamper: func(_ *testing.T, tr *trail) { tr.Alter(m(3), flip(200)) }, errors: []string{ledger.CodeManifestMissing}, warns: []string{ledger.CodeForeignManifest, ledger.CodeOrphan}},
		"a manifest replayed elsewhere": {tamper: func(_ *testing.T, tr *trail) {
			b, _ := tr.Get(ctx, m(1), "")
			tr.Alter(m(2), func([]byte) []byte { return b })
		}, errors: []string{ledger.CodeManifestMissing}, warns: []string{ledger.CodeForeignManifest, ledger.CodeOrphan}},
		"the lock taken off": {tamper: func(_ *testing.T, tr *trail) { tr.Unlock(tr.objects[0].Key, ledger.Retention{}) }, errors: []string{ledger.CodeNotLocked}},
		"the lock shortened": {tamper: func(_ *testing.T, tr *trail) {
			tr.Unlock(tr.objects[0].Key, ledger.Retention{Mode: ledger.Compliance, Until: time.Now().Add(time.Hour)})
		}, errors: []string{ledger.CodeNotLocked}},
		"the lock weakened": {tamper: func(_ *testing.T, tr *trail) {
			tr.Unlock(tr.objects[0].Key, ledger.Retention{Mode: ledger.Governance, Until: until()})
		}, errors: []string{ledger.CodeNotLocked}},
		"a manifest's lock taken off": {tamper: func(_ *testing.T, tr *trail) { tr.Unlock(m(1), ledger.Retention{}) }, errors: []string{ledger.CodeNotLocked}},

		// What others do around the sealed content spoils nothing.
		"a delete marker over data":       {tamper: func(_ *testing.T, tr *trail) { tr.Delete(tr.objects[0].Key) }, warns: []string{ledger.CodeDeleteMarker}},
		"a version over data":             {tamper: func(_ *testing.T, tr *trail) { tr.Overwrite(tr.objects[0].Key, []byte("x")) }, warns: []string{ledger.CodeLaterVersion}},
		"a delete marker over a manifest": {tamper: func(_ *testing.T, tr *trail) { tr.Delete(m(2)) }, warns: []string{ledger.CodeDeleteMarker}},
		"a version over a manifest":       {tamper: func(_ *testing.T, tr *trail) { tr.Overwrite(m(2), []byte("{}")) }, warns: []string{ledger.CodeForeignManifest}},
		"a squatted next manifest":        {tamper: func(_ *testing.T, tr *trail) { tr.Overwrite(m(6), []byte("garbage")) }, warns: []string{ledger.CodeForeignManifest}},
		"an orphan":                       {tamper: func(t *testing.T, tr *trail) { seal(t, tr, ledger.ObjectOptions{}, "s9", 1, 2) }, warns: []string{ledger.CodeOrphan}},
		"a foreign object":                {tamper: func(_ *testing.T, tr *trail) { tr.Overwrite("notes.txt", []byte("x")) }, warns: []string{ledger.CodeForeignObject}},

		"data gone, seen only from the chain": {tamper: func(_ *testing.T, tr *trail) { tr.Purge(tr.objects[1].Key) }, level: ledger.LevelChain},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			c.tamper(t, tr)
			level := c.level
			if level == 0 {
				level = ledger.LevelEvents
			}
			r := tr.verify(t, level)
			require.ElementsMatch(t, c.errors, codes(r, ledger.SeverityError), "%+v", r.Findings)
			require.ElementsMatch(t, c.warns, codes(r, ledger.SeverityWarning), "%+v", r.Findings)
			if len(c.errors) > 0 {
				require.Equal(t, ledger.NotConfirmed, r.Verdict)
				require.Equal(t, 1, r.ExitCode(false))
				return
			}
			require.Equal(t, ledger.Confirmed, r.Verdict)
			require.Equal(t, 0, r.ExitCode(false))
			if len(c.warns) > 0 {
				require.Equal(t, 3, r.ExitCode(true))
			}
		})
	}
}

func TestAlteredLineIsNamed(t *testing.T) {
	tr := newTrail(t)
	tr.Alter(tr.objects[1].Key, func(b []byte) []byte {
		lines := bytes.SplitAfter(gunzip(t, b), []byte("\n"))
		lines[2] = bytes.Replace(lines[2], []byte(`"tool_name"`), []byte(`"tool_nane"`), 1)
		return gzipped(t, bytes.Join(lines, nil))
	})
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, []string{ledger.CodeObjectAltered}, codes(r, ledger.SeverityError))
	require.Equal(t, tr.objects[1].Key, r.Findings[0].Object)
	require.Equal(t, 3, r.Findings[0].Line)
	require.NotEmpty(t, r.Findings[0].Expected)
	require.NotEmpty(t, r.Findings[0].Found)
}

func TestExpired(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(tr.objects[0].Key)
	r, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Clock: in(300 * 24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
	require.Equal(t, []string{ledger.CodeExpired}, codes(r, ledger.SeverityInfo))
}

func TestStaleHead(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(ledger.ManifestKey("gw-0", 5)) // the close, cut from the tail
	r, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, At: time.Now().Add(time.Hour), MaxAge: time.Minute})
	require.NoError(t, err)
	require.Equal(t, []string{ledger.CodeStaleHead}, codes(r, ledger.SeverityWarning))
}

func TestNoVerdict(t *testing.T) {
	tr := newTrail(t)
	for name, o := range map[string]ledger.VerifyOptions{
		"no key":      {},
		"another key": {Keys: []ledger.PublicKey{public(t, newSigner(t))}},
		"no such log": {Keys: []ledger.PublicKey{tr.key}, Logs: []string{"gw-9"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ledger.Verify(ctx, tr, o)
			require.Error(t, err)
			require.Equal(t, ledger.NoVerdict, r.Verdict)
			require.Equal(t, 2, r.ExitCode(false))
		})
	}
}

func TestOneIDTwoContents(t *testing.T) {
	tr := newTrail(t)
	c, err := ledger.OpenChain(ctx, tr, options(tr.signer))
	require.NoError(t, err)
	same := seal(t, tr, ledger.ObjectOptions{}, "s0", 1, 2) // as resent
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{same}))
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, int64(2), r.Doubles)
	require.Empty(t, codes(r, ledger.SeverityWarning))

	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.None, Retention: ledger.Retention{Mode: ledger.Compliance, Until: until()}}, time.Now())
	l, m := line(t, "s0", 1)
	b.Add(bytes.Replace(l, []byte(`"n":1`), []byte(`"n":9`), 1), m)
	forged, err := b.Finish()
	require.NoError(t, err)
	_, err = tr.Put(ctx, forged.Key, forged.Body, ledger.PutOptions{Retention: ledger.Retention{Mode: ledger.Compliance, Until: until()}})
	require.NoError(t, err)
	require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{forged.Object}))
	r = tr.verify(t, ledger.LevelEvents)
	require.Equal(t, []string{ledger.CodeEventIDReused}, codes(r, ledger.SeverityWarning))
	require.Equal(t, ledger.Confirmed, r.Verdict, "a sender must not be able to spoil a trail")
	told := r.Findings[0]
	places := fmt.Sprintf("%s line %d, %s", told.Object, told.Line, told.Expected)
	require.Contains(t, places, forged.Key+" line 1", "both are shown")
	require.Regexp(t, regexp.QuoteMeta(tr.objects[0].Key)+" line 1|"+regexp.QuoteMeta(same.Key)+" line 1", places, "both are shown")
}

// TestStrictParsing signs objects that lenient readers would take.
func TestStrictParsing(t *testing.T) {
	l1, _ := line(t, "s", 1)
	for name, c := range map[string]struct {
		body func(t *testing.T, text []byte) []byte
		code string
	}{
		"two gzip members": {func(t *testing.T, text []byte) []byte { return append(gzipped(t, text), gzipped(t, text)...) }, ledger.CodeEncodingInvalid},
		"trailing bytes":   {func(t *testing.T, text []byte) []byte { return append(gzipped(t, text), 0) }, ledger.CodeEncodingInvalid},
		"no final newline": {func(t *testing.T, text []byte) []byte { return gzipped(t, text[:len(text)-1]) }, ledger.CodeEncodingInvalid},
		"a duplicate key": {func(t *testing.T, text []byte) []byte {
			return gzipped(t, bytes.Replace(text, []byte(`{`), []byte(`{"schema_version":"1",`), 1))
		}, ledger.CodeLineInvalid},
		"an unknown field": {func(t *testing.T, text []byte) []byte {
			return gzipped(t, bytes.Replace(text, []byte(`"agent_id"`), []byte(`"agent_ID"`), 1))
		}, ledger.CodeLineInvalid},
		"another line count": {func(t *testing.T, text []byte) []byte { return gzipped(t, append(text, append(l1, '\n')...)) }, ledger.CodeCountMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			o := seal(t, tr, ledger.ObjectOptions{}, "x", 1, 3)
			tr.Alter(o.Key, func(b []byte) []byte { return c.body(t, gunzip(t, b)) })
			body, err := tr.Get(ctx, o.Key, "")
			require.NoError(t, err)
			o.SHA256, o.Bytes = hexSHA(body), int64(len(body))
			ch, err := ledger.OpenChain(ctx, tr, options(tr.signer))
			require.NoError(t, err)
			require.NoError(t, ch.Commit(ctx, ledger.KindBatch, []ledger.Object{o}))
			require.Contains(t, codes(tr.verify(t, ledger.LevelEvents), ledger.SeverityError), c.code)
		})
	}
}
