package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

var errUnread = errors.New("this version is not to be read")

// TestPlantedLog: whoever may write can make a log id appear. That spoils neither
// the verdict on the logs that the keys signed nor the reading of them.
func TestPlantedLog(t *testing.T) {
	tr := newTrail(t)
	tr.Overwrite(ledger.ManifestKey("a-first", 0), []byte("x"))
	tr.Overwrite(ledger.ManifestKey("z-last", 7), []byte("x"))
	tr.Overwrite(ledger.DataPrefix+"date=2026-11-23/z-last/x.jsonl", []byte("x"))
	r, err := ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}})
	require.NoError(t, err)
	require.Equal(t, ledger.Confirmed, r.Verdict)
	require.Equal(t, int64(15), r.Events)
	require.Len(t, r.Logs, 1)
	require.ElementsMatch(t, []string{
		ledger.CodeUnknownLog, ledger.CodeUnknownLog, ledger.CodeOrphan,
	}, codes(r, ledger.SeverityWarning))

	lines := 0
	for _, err := range ledger.Events(ctx, tr, ledger.ReadOptions{Keys: []ledger.PublicKey{tr.key}}) {
		var f *ledger.Finding
		if err == nil {
			lines++
		} else {
			require.ErrorAs(t, err, &f)
			require.Equal(t, ledger.SeverityWarning, f.Severity)
		}
	}
	require.Equal(t, 15, lines)

	// A log that was asked for by name is no by-catch.
	r, err = ledger.Verify(ctx, tr, ledger.VerifyOptions{Keys: []ledger.PublicKey{tr.key}, Logs: []string{"gw-0", "z-last"}})
	require.ErrorContains(t, err, "z-last")
	require.Equal(t, ledger.NoVerdict, r.Verdict)
}

// TestHugeSquatter: what is too large to be a manifest is not read, by nobody.
func TestHugeSquatter(t *testing.T) {
	tr := newTrail(t)
	next := ledger.ManifestKey("gw-0", 6)
	tr.Plant(next, 5<<40, errUnread)
	chain, _ := reopen(t, tr)
	require.NoError(t, chain.Commit(ctx, ledger.KindHeartbeat, nil))
	require.Equal(t, int64(6), chain.Head().Seq)
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.Confirmed, r.Verdict, "%s %+v", r.Reason, r.Findings)
	require.Equal(t, []string{ledger.CodeForeignManifest}, codes(r, ledger.SeverityWarning))
}

// TestHugeReplacement: a sealed object that gave way to one of another size is
// altered, whether or not that one can be read.
func TestHugeReplacement(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(tr.objects[1].Key)
	tr.Plant(tr.objects[1].Key, 5<<40, errUnread)
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, ledger.NotConfirmed, r.Verdict, r.Reason)
	require.Equal(t, []string{ledger.CodeObjectAltered}, codes(r, ledger.SeverityError))
	require.Contains(t, r.Findings[0].Found, fmt.Sprint(int64(5)<<40))
}

// TestUnreadableManifest: a version that the store refuses to give spoils nothing
// where it may have been planted, and is no verdict where a sealed manifest may be
// behind it.
func TestUnreadableManifest(t *testing.T) {
	denied := fmt.Errorf("%w: its key is disabled", ledger.ErrForbidden)
	for name, c := range map[string]struct {
		do      func(tr *trail)
		verdict ledger.Verdict
	}{
		"over a manifest": {func(tr *trail) { tr.Plant(ledger.ManifestKey("gw-0", 2), 9, denied) }, ledger.Confirmed},
		"past the head":   {func(tr *trail) { tr.Plant(ledger.ManifestKey("gw-0", 6), 9, denied) }, ledger.NoVerdict},
		"instead of a manifest": {func(tr *trail) {
			tr.Purge(ledger.ManifestKey("gw-0", 2))
			tr.Plant(ledger.ManifestKey("gw-0", 2), 9, denied)
		}, ledger.NoVerdict},
		"all of them": {func(tr *trail) {
			for seq := range int64(6) {
				tr.Purge(ledger.ManifestKey("gw-0", seq))
				tr.Plant(ledger.ManifestKey("gw-0", seq), 9, denied)
			}
		}, ledger.NoVerdict},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			c.do(tr)
			r := tr.verify(t, ledger.LevelEvents)
			require.Equal(t, c.verdict, r.Verdict, "%+v", r.Findings)
			if c.verdict == ledger.Confirmed {
				require.Equal(t, []string{ledger.CodeUnreadable}, codes(r, ledger.SeverityWarning))
			} else {
				require.Contains(t, r.Reason, "its key is disabled")
			}
		})
	}
}

// TestNoiseHidesNoError: warnings, which anyone can cause without end, do not push
// an error out of the report.
func TestNoiseHidesNoError(t *testing.T) {
	tr := newTrail(t)
	for i := range 10_050 {
		tr.Overwrite(fmt.Sprintf("manifests/v1/gw-0/!%05d", i), nil)
	}
	tr.Purge(ledger.ManifestKey("gw-0", 3))
	r := tr.verify(t, ledger.LevelEvents)
	require.Equal(t, []string{ledger.CodeManifestMissing}, codes(r, ledger.SeverityError))
	require.Equal(t, ledger.CodeManifestMissing, r.Findings[0].Code)
	require.NotZero(t, r.Omitted)
}

// refusing answers every write with ErrExists and has nothing there.
type refusing struct {
	ledger.Store
	puts int
}

func (r *refusing) Put(context.Context, string, []byte, ledger.PutOptions) (string, error) {
	r.puts++
	return "", ledger.ErrExists
}

// TestRefusedForNoReason: the caller sets the pace of retries; a store that
// contradicts itself must not be asked in a tight loop.
func TestRefusedForNoReason(t *testing.T) {
	s := &refusing{Store: ledgertest.New()}
	chain, err := ledger.OpenChain(ctx, s, options(newSigner(t)))
	require.NoError(t, err)
	require.ErrorIs(t, chain.Commit(ctx, ledger.KindOpen, nil), ledger.ErrExists)
	require.Equal(t, 1, s.puts)
}

// TestOneByteIsPlaced flips each byte of an object in turn: each is found, and a
// line that is named is one that the object has.
func TestOneByteIsPlaced(t *testing.T) {
	tr := newTrail(t)
	o := tr.objects[1]
	size := int(o.Bytes)
	for at := range size {
		flip := func(b []byte) []byte { b[at] ^= 1; return b }
		tr.Alter(o.Key, flip)
		r := tr.verify(t, ledger.LevelObjects)
		tr.Alter(o.Key, flip)
		require.Equal(t, []string{ledger.CodeObjectAltered}, codes(r, ledger.SeverityError), "byte %d", at)
		f := r.Findings[0]
		require.Equal(t, o.Key, f.Object)
		require.LessOrEqual(t, f.Line, int(o.Events)+1, "byte %d: %s", at, f.Message) // one more where it became a newline
		if strings.Contains(f.Message, "checksum") {
			require.Equal(t, int(o.Events), f.Line, "the last line that there is")
		}
		if at >= 10 { // past the gzip header, which holds no part of any line
			require.NotZero(t, f.Line, "byte %d: %s", at, f.Message)
		}
	}
}

func TestAlteredContentIsDescribed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, b []byte) []byte
		says   string
		line   int
	}{
		"the same lines": {func(t *testing.T, b []byte) []byte { return gzipped(t, gunzip(t, b)) }, "the lines are those that were signed", 0},
		"other events": {func(t *testing.T, b []byte) []byte {
			return gzipped(t, bytes.Replace(gunzip(t, b), []byte(`{"n":3}`), []byte(`{"n":8}`), 1))
		}, "Merkle root", 0},
		"cut off in line 4": {func(t *testing.T, b []byte) []byte {
			text := gunzip(t, b)
			lines := bytes.SplitAfter(text, []byte("\n"))
			return gzipped(t, append(bytes.Join(lines[:3], nil), lines[3][:9]...))
		}, "no newline", 4},
		"a flood of lines": {func(t *testing.T, b []byte) []byte {
			return gzipped(t, bytes.Repeat(gunzip(t, b), 100))
		}, "more text than was signed", 6},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			tr.Alter(tr.objects[1].Key, func(b []byte) []byte { return c.change(t, b) })
			r := tr.verify(t, ledger.LevelEvents)
			require.Equal(t, []string{ledger.CodeObjectAltered}, codes(r, ledger.SeverityError))
			require.Contains(t, r.Findings[0].Message, c.says)
			require.Equal(t, c.line, r.Findings[0].Line)
		})
	}
}

// TestEnvelopeIsReadOneWay: a reader that is exact about names and one that is not
// must see the same envelope.
func TestEnvelopeIsReadOneWay(t *testing.T) {
	tr := newTrail(t)
	body, err := tr.Get(ctx, ledger.ManifestKey("gw-0", 2), "")
	require.NoError(t, err)
	keys := []ledger.PublicKey{tr.key}
	for name, change := range map[string][2]string{
		"a second payload by another case": {`"payload":`, `"payload":"aa","PAYLOAD":`},
		"the only payload by another case": {`"payload":`, `"Payload":`},
		"a second payload":                 {`"payload":`, `"payload":"aa","payload":`},
		"a line break in the base64":       {`"payload":"`, `"payload":"\n`},
		"a line break in the signature":    {`"sig":"`, `"sig":"\n`},
		"a signature by another case":      {`"sig":`, `"SIG":`},
		"bytes after it":                   {`}]}`, `}]}{}`},
		"null":                             {string(body), `null`},
		"more than an envelope has":        {`{"payloadType"`, `{"note":1,"payloadType"`},
		"more than a signature has":        {`"keyid":`, `"note":1,"keyid":`},
		"a key id that is misspelled":      {`"keyid":`, `"ceyid":`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Replace(body, []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, body, changed)
			_, err := ledger.ParseManifest(changed, keys)
			require.Error(t, err)
		})
	}
}

// TestExpiredStart: manifests may be gone once the locks that were signed have run out, by
// the auditor's own clock, and where he knows whose log it is.
func TestExpiredStart(t *testing.T) {
	tr := newTrail(t)
	tr.Purge(ledger.ManifestKey("gw-0", 0))
	tr.Purge(ledger.ManifestKey("gw-0", 1))
	named := tr.key
	named.May = &ledger.Span{Logs: []string{"gw-0"}}
	later := in(300 * 24 * time.Hour)
	for name, c := range map[string]struct {
		key     ledger.PublicKey
		o       ledger.VerifyOptions
		verdict ledger.Verdict
		code    string
	}{
		"before its time":             {named, ledger.VerifyOptions{}, ledger.NotConfirmed, ledger.CodeStartMissing},
		"at a time that is only said": {named, ledger.VerifyOptions{At: later()}, ledger.NotConfirmed, ledger.CodeStartMissing},
		"after its time":              {named, ledger.VerifyOptions{Clock: later}, ledger.Confirmed, ledger.CodeStartExpired},
		"of any key":                  {tr.key, ledger.VerifyOptions{Clock: later}, ledger.NoVerdict, ledger.CodeStartMissing},
		"at an earlier time":          {named, ledger.VerifyOptions{Clock: later, At: time.Now()}, ledger.NotConfirmed, ledger.CodeStartMissing},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Keys, c.o.Level = []ledger.PublicKey{c.key}, ledger.LevelChain
			r, _ := ledger.Verify(ctx, tr, c.o)
			require.Equal(t, c.verdict, r.Verdict, "%+v", r.Findings)
			require.Contains(t, fmt.Sprint(r.Findings), c.code)
		})
	}
}
