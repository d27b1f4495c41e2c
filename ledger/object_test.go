package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

func TestObjectOfEachCompression(t *testing.T) {
	for compression, suffix := range map[string]string{ledger.Gzip: ".jsonl.gz", ledger.Zstd: ".jsonl.zst", ledger.None: ".jsonl"} {
		t.Run(compression, func(t *testing.T) {
			tr := newTrail(t)
			c, _ := reopen(t, tr)
			o := seal(t, tr, ledger.ObjectOptions{Compression: compression, Quarantine: true}, "s", 1, 200)
			require.Regexp(t, `^quarantine/v1/date=\d{4}-\d\d-\d\d/gw-0/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}`+strings.ReplaceAll(suffix, ".", `\.`)+"$", o.Key)
			require.NoError(t, c.Commit(ctx, ledger.KindBatch, []ledger.Object{o}))
			r := tr.verify(t, ledger.LevelEvents)
			require.Equal(t, ledger.Confirmed, r.Verdict, "%+v", r.Findings)
			require.Equal(t, int64(215), r.Events)
			if compression != ledger.None {
				tr.Alter(o.Key, func(b []byte) []byte { return append(b, b...) }) // two members, two frames
				require.Equal(t, ledger.NotConfirmed, tr.verify(t, ledger.LevelEvents).Verdict)
			}
		})
	}
}

func TestObjectOptionsThatAreWrong(t *testing.T) {
	_, err := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: "lz4"}, time.Now()).Finish()
	require.ErrorContains(t, err, `compression "lz4" must be gzip, zstd or none`)
	_, err = ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "A", Compression: "gzip"}, time.Now()).Finish()
	require.ErrorContains(t, err, `log id "A"`)
}

func TestSessionsHaveNoFalseNegatives(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 4097, 6000} {
		b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: "gw-0", Compression: ledger.None}, time.Now())
		for i := range n {
			b.Add([]byte("{}"), semconv.Meta{SessionID: fmt.Sprint("s", i)})
		}
		o, err := b.Finish()
		require.NoError(t, err)
		require.Equal(t, n, o.Sessions.Count)
		require.Equal(t, n <= 4096, o.Sessions.Exact())
		wrong := 0
		for i := range n {
			require.True(t, o.Sessions.Has(fmt.Sprint("s", i)))
			require.True(t, ledger.NewSessionIDs("other", fmt.Sprint("s", i)).In(&o.Sessions))
			require.Equal(t, o.Sessions.Has(fmt.Sprint("t", i)), ledger.NewSessionIDs(fmt.Sprint("t", i)).In(&o.Sessions))
			if o.Sessions.Has(fmt.Sprint("t", i)) {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, n/20)
		require.False(t, n <= 4096 && wrong > 0, "an exact set is never wrong")
		require.False(t, ledger.NewSessionIDs().In(&o.Sessions))
	}
}

func TestReadEvents(t *testing.T) {
	tr := newTrail(t)
	read := func(session string) (lines []string, problems []error) {
		for l, err := range ledger.Events(ctx, tr, ledger.ReadOptions{Keys: []ledger.PublicKey{tr.key}, Session: session}) {
			if err != nil {
				problems = append(problems, err)
				continue
			}
			lines = append(lines, string(l.Line))
		}
		return lines, problems
	}
	lines, problems := read("s1")
	require.Empty(t, problems)
	require.Len(t, lines, 5)
	require.Contains(t, lines[0], `"session_id":"s1"`)
	lines, _ = read("")
	require.Len(t, lines, 15)

	tr.Alter(tr.objects[1].Key, func(b []byte) []byte { b[50] ^= 1; return b })
	lines, problems = read("")
	require.Len(t, lines, 10, "no line of an object that is not what was signed")
	require.Len(t, problems, 1)
	var f *ledger.Finding
	require.ErrorAs(t, problems[0], &f)
	require.Equal(t, ledger.CodeObjectAltered, f.Code)
}
