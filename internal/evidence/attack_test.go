package evidence_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// scene is one log whose manifests are written at times of the test's choice.
type scene struct {
	*ledgertest.Store
	t      testing.TB
	log    string
	signer ledger.Signer
	key    ledger.PublicKey
	chain  *ledger.Chain
	now    time.Time
	lock   time.Duration // of every manifest and object
	before []ledger.PublicKey
	filter bool // objects have so many sessions that their set is a filter
}

func newScene(t testing.TB, signer ledger.Signer, earlier ...ledger.PublicKey) *scene {
	t.Helper()
	s := &scene{Store: ledgertest.New(), t: t, log: "gw-0", signer: signer, key: ledgertest.Public(t, signer), lock: 240 * time.Hour}
	s.now = time.Now().UTC().Truncate(time.Hour).Add(-10 * time.Hour)
	s.open(earlier...)
	return s
}

func (s *scene) open(earlier ...ledger.PublicKey) {
	s.t.Helper()
	var err error
	s.chain, err = ledger.OpenChain(ctx, s, ledger.ChainOptions{
		Log: s.log, Signer: s.signer, Earlier: earlier, Now: func() time.Time { return s.now },
		Retention: func(time.Time) ledger.Retention { return s.retention() },
	})
	require.NoError(s.t, err)
}

func (s *scene) retention() ledger.Retention {
	return ledger.Retention{Mode: ledger.Compliance, Until: s.now.Add(s.lock).UTC().Truncate(time.Second)}
}

func (s *scene) commit(kind ledger.Kind, objects ...ledger.Object) {
	s.t.Helper()
	require.NoError(s.t, s.chain.Commit(ctx, kind, objects))
}

// event is an event of a session, that it names itself.
func event(id, session string) semconv.Event {
	return semconv.Event{
		EventType: semconv.TypeToolCall, EventID: id, Timestamp: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		SessionID: session, RunID: "run of " + session, AgentID: "a", StepNumber: semconv.Some(int64(1)), ToolName: "pay",
	}
}

// derived is an event of a run that names no session.
func derived(id, run, session, sender string) semconv.Event {
	e := event(id, session)
	e.RunID, e.DerivedFields = run, []string{"session_id"}
	if sender != "" {
		e.Sender = []byte(`{"name":"` + sender + `","by":"auth"}`)
	}
	return e
}

func from(e semconv.Event, sender string) semconv.Event {
	e.Sender = []byte(`{"name":"` + sender + `","by":"auth"}`)
	return e
}

// put stores an object of events, which is not sealed yet.
func (s *scene) put(events ...semconv.Event) ledger.Object {
	s.t.Helper()
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{Log: s.log, Compression: ledger.Gzip, Retention: s.retention()}, s.now)
	add := func(e semconv.Event) {
		span := ptrace.NewSpan()
		semconv.WriteSpan(&e, span)
		line, m, err := semconv.AppendSpan(nil, span)
		require.NoError(s.t, err)
		b.Add(line, m)
	}
	for _, e := range events {
		add(e)
	}
	for i := 0; s.filter && i < 4200; i++ {
		add(event(fmt.Sprint("other", i), fmt.Sprint("other", i)))
	}
	o, err := b.Finish()
	require.NoError(s.t, err)
	_, err = s.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: s.retention()})
	require.NoError(s.t, err)
	return o.Object
}

// batch seals events in one manifest, an hour after the one before.
func (s *scene) batch(events ...semconv.Event) {
	s.t.Helper()
	s.now = s.now.Add(time.Hour)
	s.commit(ledger.KindBatch, s.put(events...))
}

// rotate hands the log to another key.
func (s *scene) rotate(next ledger.Signer) {
	s.t.Helper()
	require.NoError(s.t, s.chain.Rotate(ctx, ledgertest.Public(s.t, next)))
	s.before = append(s.before, s.key)
	s.signer, s.key = next, ledgertest.Public(s.t, next)
	s.open(s.before...)
}

func (s *scene) prove(o evidence.Options) ([]byte, *evidence.Made, error) {
	if o.Keys == nil {
		o.Keys = []ledger.PublicKey{s.key}
	}
	var out bytes.Buffer
	b, err := evidence.Prove(ctx, s, o, &out)
	return out.Bytes(), b, err
}

func (s *scene) proven(o evidence.Options) []byte {
	s.t.Helper()
	z, _, err := s.prove(o)
	require.NoError(s.t, err)
	return z
}

// manifest is the sealed manifest at a place.
func (s *scene) manifest(seq int64) (*ledger.Manifest, []byte) {
	s.t.Helper()
	body, err := s.Get(ctx, ledger.ManifestKey(s.log, seq), "")
	require.NoError(s.t, err)
	m, err := ledger.ParseEnvelope(body)
	require.NoError(s.t, err)
	return m, body
}

// checkpoint is one that the log's writer signed just now.
func (s *scene) checkpoint(keys ...ledger.PublicKey) *ledger.Checkpoint {
	s.t.Helper()
	require.NoError(s.t, s.chain.Checkpoint(ctx, nil))
	c, err := ledger.NewestCheckpoint(ctx, s, append(keys, s.key), s.log)
	require.NoError(s.t, err)
	require.NotNil(s.t, c)
	return c
}

func check(bundle []byte, o evidence.VerifyOptions) *evidence.Report {
	r, _ := evidence.Verify(bytes.NewReader(bundle), int64(len(bundle)), o)
	return r
}

func trust(keys ...ledger.PublicKey) evidence.VerifyOptions {
	return evidence.VerifyOptions{Keys: keys}
}

func named(k ledger.PublicKey, log string) ledger.PublicKey {
	k.May = &ledger.Span{Logs: []string{log}}
	return k
}

// edit changes a bundle.
func edit(t testing.TB, bundle []byte, change func(files map[string][]byte, b *evidence.Bundle)) []byte {
	t.Helper()
	files := unzip(t, bundle)
	b := &evidence.Bundle{}
	require.NoError(t, json.Unmarshal(files["bundle.json"], b))
	change(files, b)
	text, err := json.Marshal(b)
	require.NoError(t, err)
	files["bundle.json"] = text
	return rezip(t, files)
}

// editLog changes what a bundle says of its first log.
func editLog(t testing.TB, bundle []byte, change func(l *evidence.Log)) []byte {
	t.Helper()
	return edit(t, bundle, func(_ map[string][]byte, b *evidence.Bundle) { change(&b.Logs[0]) })
}

func without(l *evidence.Log, seqs ...int64) {
	l.Manifests = slices.DeleteFunc(l.Manifests, func(m evidence.Manifest) bool { return slices.Contains(seqs, m.Seq) })
}

func requireVerdict(t testing.TB, want ledger.Verdict, r *evidence.Report, says string) {
	t.Helper()
	require.Equal(t, want, r.Verdict, "%s %+v", r.Reason, r.Findings)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(text), `\u003e`, ">"), says)
	if want != ledger.Confirmed {
		require.Empty(t, r.Proven)
	}
}

// TestAttackOtherSession: a line is of what it says itself, and counts once.
func TestAttackOtherSession(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.commit(ledger.KindOpen)
	s.batch(event("e1", "bobs-session"), event("e2", "bobs-session"))
	s.commit(ledger.KindClose)
	z := s.proven(evidence.Options{Session: "bobs-session"})
	r := check(z, trust(s.key))
	requireVerdict(t, ledger.Confirmed, r, "2 sealed events")
	require.Equal(t, []evidence.Condition{{Log: "gw-0", KeyID: s.key.ID, From: 0}}, r.Conditions)
	require.Contains(t, r.Proven[0], "if key "+s.key.ID[:12]+" was still the key of log gw-0")

	r = check(edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session = "anns-session" }), trust(s.key))
	requireVerdict(t, ledger.NotConfirmed, r, "claim_unproven")
	r = check(editLog(t, z, func(l *evidence.Log) { l.Lines = append(l.Lines, l.Lines[0], l.Lines[0]) }), trust(s.key))
	requireVerdict(t, ledger.NotConfirmed, r, "listed twice")
	// Nor under another name of its file.
	r = check(edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
		again := b.Logs[0].Lines[0]
		files["lines/gw-0/again.json"] = files[again.File]
		again.File = "lines/gw-0/again.json"
		b.Logs[0].Lines = append(b.Logs[0].Lines, again)
	}), trust(s.key))
	requireVerdict(t, ledger.NotConfirmed, r, "listed twice")
	r = check(edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session, b.Claim.Event = "", "e1" }), trust(s.key))
	requireVerdict(t, ledger.NotConfirmed, r, "claim_unproven")
}

// TestEventToldTwice: two tellings of one event are one event.
func TestEventToldTwice(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	e := event("e", "s")
	s.batch(e)
	e.StepNumber = semconv.Some(int64(7))
	s.batch(e)
	r := check(s.proven(evidence.Options{Event: "e"}), trust(s.key))
	requireVerdict(t, ledger.Confirmed, r, "1 sealed events")
	require.Equal(t, []int{1, 2}, []int{r.Events, r.Lines})
}

// TestEventIDAcrossAnUpgrade: an event is found by its id in either form.
func TestEventIDAcrossAnUpgrade(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	plain := semconv.PlainEventID(semconv.NewResourceID("shop"), [16]byte{1}, [8]byte{2}, "tool_call")
	s.batch(event(plain, "s"))
	for _, id := range []string{plain, semconv.LegacyEventID(plain)} {
		requireVerdict(t, ledger.Confirmed, check(s.proven(evidence.Options{Event: id}), trust(s.key)), id)
	}
}

// TestAttackSender: of a line that names no session only its own sender can say which it
// is of, in a line of the same run that is in the bundle.
func TestAttackSender(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	said := event("said", "anns")
	said.RunID = "r"
	other := event("other", "bobs")
	other.RunID = "r"
	s.batch(from(said, "ann"), derived("anns-own", "r", "r", "ann"), derived("mallorys", "r", "anns", "mallory"), from(other, "ann"))
	s.batch(derived("late", "r", "r", "ann"), derived("elsewhere", "r9", "r9", "ann"))
	z, made, err := s.prove(evidence.Options{Session: "anns"})
	require.NoError(t, err)
	require.Equal(t, 1, made.LeftOut, "mallory's")
	r := check(z, trust(s.key))
	requireVerdict(t, ledger.Confirmed, r, "3 sealed events")
	requireVerdict(t, ledger.Confirmed, r, "2 of these name no session themselves")
	lines := made.Logs[0].Lines
	require.Equal(t, []string{"", lines[0].File, lines[0].File}, []string{lines[0].EstablishedBy, lines[1].EstablishedBy, lines[2].EstablishedBy})

	for name, change := range map[string]func(l *evidence.Log){
		"by nothing":             func(l *evidence.Log) { l.Lines[1].EstablishedBy = "" },
		"by itself":              func(l *evidence.Log) { l.Lines[1].EstablishedBy = l.Lines[1].File },
		"by another":             func(l *evidence.Log) { l.Lines[1].EstablishedBy = l.Lines[2].File },
		"by what is not there":   func(l *evidence.Log) { l.Lines = l.Lines[1:] },
		"by what is no line":     func(l *evidence.Log) { l.Lines[1].EstablishedBy = l.Manifests[0].File },
		"without the first line": func(l *evidence.Log) { l.Lines = l.Lines[2:] },
	} {
		t.Run(name, func(t *testing.T) {
			requireVerdict(t, ledger.NotConfirmed, check(editLog(t, z, change), trust(s.key)), "claim_unproven")
		})
	}
	// The lines that others sealed in the run, put into the bundle with their true proofs.
	for _, id := range []string{"mallorys", "other", "elsewhere"} {
		t.Run(id, func(t *testing.T) {
			own := s.proven(evidence.Options{Event: id})
			lie := edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
				_ = edit(t, own, func(more map[string][]byte, with *evidence.Bundle) {
					l := with.Logs[0].Lines[0]
					files["lines/gw-0/more.json"] = more[l.File]
					l.File, l.EstablishedBy = "lines/gw-0/more.json", b.Logs[0].Lines[0].File
					b.Logs[0].Lines = append(b.Logs[0].Lines, l)
				})
			})
			requireVerdict(t, ledger.NotConfirmed, check(lie, trust(s.key)), "claim_unproven")
		})
	}
	// A sender that is forged in the line breaks its proof.
	lie := edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
		f := b.Logs[0].Lines[1].File
		files[f] = bytes.Replace(files[f], []byte(`"name":"ann"`), []byte(`"name":"bob"`), 1)
	})
	requireVerdict(t, ledger.NotConfirmed, check(lie, trust(s.key)), "proof_invalid")
	// A run is proven under its own name.
	requireVerdict(t, ledger.Confirmed, check(s.proven(evidence.Options{Session: "r"}), trust(s.key)), "5 sealed events")
}

// TestAttackReplacedKeyBundle: a thief of a key that was replaced makes a bundle of events
// that never were.
func TestAttackReplacedKeyBundle(t *testing.T) {
	old, next, own := ledgertest.NewSigner(t, "ed25519"), ledgertest.NewSigner(t, "ed25519"), ledgertest.NewSigner(t, "ed25519")
	ko, kn := ledgertest.Public(t, old), ledgertest.Public(t, next)
	truth := newScene(t, old)
	truth.commit(ledger.KindOpen)
	truth.rotate(next)
	truth.batch(event("true", "true-session"))
	checkpoint := truth.checkpoint()
	rotation, _ := truth.manifest(1)
	_, open := truth.manifest(0)

	// The thief goes on from the true beginning, in a store of his own.
	thief := func() *scene {
		s := newScene(t, old)
		_, err := s.Put(ctx, ledger.ManifestKey("gw-0", 0), open, ledger.PutOptions{})
		require.NoError(t, err)
		s.open()
		s.batch(event("forged", "forged-session"))
		s.now = s.now.Add(-time.Minute)
		return s
	}
	fork := thief()
	require.NoError(t, fork.chain.Checkpoint(ctx, nil))
	forged := fork.proven(evidence.Options{Session: "forged-session"})
	turned := thief() // and names a key of his own as the next
	turned.rotate(own)
	turned.commit(ledger.KindClose)
	further := turned.proven(evidence.Options{Session: "forged-session", Keys: []ledger.PublicKey{ko}})

	one, nine := int64(1), int64(9)
	until := func(k ledger.PublicKey, s ledger.Span) ledger.PublicKey {
		s.Logs = []string{"gw-0"}
		k.May = &s
		return k
	}
	pinned := until(ko, ledger.Span{LastSHA256: fmt.Sprintf("%x", rotation.Digest)})
	for _, z := range [][]byte{forged, further} {
		requireVerdict(t, ledger.NoVerdict, check(z, trust(ko, kn)), "signed nothing here")
		requireVerdict(t, ledger.NoVerdict, check(z, trust(named(ko, "gw-0"), named(kn, "gw-0"))), "signed nothing here")
		requireVerdict(t, ledger.NoVerdict, check(z, trust(until(ko, ledger.Span{LastSeq: &nine}), kn)), "is known to end")
		require.NotEqual(t, ledger.Confirmed, check(z, trust(until(ko, ledger.Span{LastSeq: &one}), kn)).Verdict)
		requireVerdict(t, ledger.NoVerdict, check(z, trust(until(ko, ledger.Span{NotAfter: time.Now()}), kn)), "is known to end")
		require.NotEqual(t, ledger.Confirmed, check(z, trust(pinned, kn)).Verdict)
		o := trust(ko, kn)
		o.Checkpoints = []*ledger.Checkpoint{checkpoint}
		require.NotEqual(t, ledger.Confirmed, check(z, o).Verdict)
		// Who has the old key alone cannot know; the report says on what the verdict rests.
		r := check(z, trust(ko))
		requireVerdict(t, ledger.Confirmed, r, "was still the key of log gw-0")
		require.Equal(t, ko.ID, r.Conditions[0].KeyID)
	}
	requireVerdict(t, ledger.NotConfirmed, check(further, trust(pinned)), "log_rewound")

	// What is true, by any of these.
	z := truth.proven(evidence.Options{Session: "true-session", Keys: []ledger.PublicKey{pinned}})
	for _, o := range []evidence.VerifyOptions{
		trust(ko), trust(ko, kn), trust(named(ko, "gw-0"), named(kn, "gw-0")), trust(until(ko, ledger.Span{LastSeq: &one}), named(kn, "gw-0")), trust(pinned),
	} {
		requireVerdict(t, ledger.Confirmed, check(z, o), kn.ID)
	}
	// Where the first key's end is known by number alone, the next key must be given too.
	requireVerdict(t, ledger.NoVerdict, check(z, trust(until(ko, ledger.Span{LastSeq: &one}))), "is known to end")
	o := trust(ko)
	o.Checkpoints = []*ledger.Checkpoint{checkpoint}
	r := check(z, o)
	requireVerdict(t, ledger.Confirmed, r, "is the one of the checkpoint of 3 manifests that you hold")
	require.Empty(t, r.Conditions, "the checkpoint vouches for all that the claim rests on")
}

// TestAttackRotationLeftOut: the key of a place is known only where no rotation is missing.
func TestAttackRotationLeftOut(t *testing.T) {
	first, second, third := ledgertest.NewSigner(t, "ed25519"), ledgertest.NewSigner(t, "ed25519"), ledgertest.NewSigner(t, "ed25519")
	s := newScene(t, first)
	genesis := s.key
	s.commit(ledger.KindOpen)
	s.batch(event("e1", "s"))
	s.rotate(second)
	s.batch(event("e2", "s"))
	s.rotate(third)
	s.batch(event("e3", "s"))
	z := s.proven(evidence.Options{Session: "s", Keys: []ledger.PublicKey{genesis}})
	r := check(z, trust(genesis))
	requireVerdict(t, ledger.Confirmed, r, "3 sealed events")
	require.Len(t, r.Conditions, 3)
	headless := editLog(t, z, func(l *evidence.Log) { l.Manifests = l.Manifests[:len(l.Manifests)-1]; l.Lines = l.Lines[:2] })
	requireVerdict(t, ledger.NotConfirmed, check(headless, trust(genesis)), "the newest manifest")
	for _, seq := range []int64{2, 4} {
		lie := editLog(t, z, func(l *evidence.Log) { without(l, seq) })
		for _, keys := range [][]ledger.PublicKey{{genesis}, {genesis, ledgertest.Public(t, second), ledgertest.Public(t, third)}} {
			requireVerdict(t, ledger.NotConfirmed, check(lie, trust(keys...)), "")
		}
	}
}

// TestAttackAbsenceBeginning: a maker who wants absence of what is there leaves out the
// beginning of the log.
func TestAttackAbsenceBeginning(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.commit(ledger.KindOpen)
	s.batch(event("e1", "guilty"))
	s.batch(event("e2", "other"))
	s.commit(ledger.KindClose)
	s.checkpoint()
	z := s.proven(evidence.Options{Session: "nobody"})
	requireVerdict(t, ledger.Confirmed, check(z, trust(s.key)), "2 objects that log gw-0 sealed up to manifest 3")
	for name, seqs := range map[string][]int64{
		"the beginning": {0, 1}, "all but the newest": {0, 1, 2}, "what is guilty": {1}, "the newest": {3}, "all but the first": {1, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) {
				b.Claim.Session = "guilty"
				without(&b.Logs[0], seqs...)
			})
			for _, k := range []ledger.PublicKey{s.key, named(s.key, "gw-0")} {
				requireVerdict(t, ledger.NotConfirmed, check(lie, trust(k)), "")
			}
		})
	}
	for name, change := range map[string]func(b *evidence.Bundle){
		"no log":        func(b *evidence.Bundle) { b.Logs = nil },
		"a time before": func(b *evidence.Bundle) { at := s.now.Add(-99 * time.Hour); b.Claim.Until = &at },
	} {
		t.Run(name, func(t *testing.T) {
			lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { change(b) })
			requireVerdict(t, ledger.NoVerdict, check(lie, trust(s.key)), "")
		})
	}
	at := s.now.Add(99 * time.Hour)
	lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Since = &at })
	requireVerdict(t, ledger.NoVerdict, check(lie, trust(s.key)), "no log says anything of the time")
	_, _, err := s.prove(evidence.Options{Session: "nobody", Since: at})
	require.ErrorContains(t, err, "no log says anything of the time")
}

// TestAttackAbsenceClock: the clock of the writer went back across the claim's end.
func TestAttackAbsenceClock(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	base := s.now
	s.commit(ledger.KindOpen)
	at := func(d time.Duration) { s.now = base.Add(d) }
	at(10 * time.Minute)
	s.commit(ledger.KindHeartbeat)
	at(20*time.Minute + 2*time.Second)
	s.commit(ledger.KindHeartbeat) // behind the time
	at(20*time.Minute - 3*time.Second)
	s.commit(ledger.KindBatch, s.put(event("e", "guilty"))) // a step back: in the time
	at(30 * time.Minute)
	s.commit(ledger.KindClose)
	o := evidence.Options{Session: "guilty", Since: base.Add(5 * time.Minute), Until: base.Add(20 * time.Minute)}
	_, _, err := s.prove(o)
	require.ErrorIs(t, err, evidence.ErrPresent)
	o.Session = "nobody"
	z := s.proven(o)
	requireVerdict(t, ledger.Confirmed, check(z, trust(s.key)), "no event of session nobody")
	lie := func(seqs ...int64) []byte {
		return edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) {
			b.Claim.Session = "guilty"
			without(&b.Logs[0], seqs...)
		})
	}
	for _, seqs := range [][]int64{nil, {3}, {2, 3}, {1}} {
		requireVerdict(t, ledger.NotConfirmed, check(lie(seqs...), trust(s.key)), "")
	}
}

// TestAbsenceOfARetiredLog: a log that another ended is not said to have been closed: its own
// writer may have had more.
func TestAbsenceOfARetiredLog(t *testing.T) {
	for kind, says := range map[ledger.Kind]string{ledger.KindClose: "log gw-1 was closed before that time", ledger.KindRetire: "log gw-1 was retired before that time"} {
		s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
		base := s.now
		s.log = "gw-1"
		s.open()
		s.commit(ledger.KindOpen)
		s.commit(kind)
		s.log = "gw-0"
		s.open()
		s.now = base.Add(10 * time.Minute)
		s.commit(ledger.KindOpen)
		s.now = base.Add(30 * time.Minute)
		s.commit(ledger.KindClose)
		z := s.proven(evidence.Options{Session: "nobody", Since: base.Add(15 * time.Minute), Until: base.Add(20 * time.Minute)})
		r := check(z, trust(s.key))
		requireVerdict(t, ledger.Confirmed, r, says)
		require.Equal(t, kind == ledger.KindRetire, strings.Contains(strings.Join(r.Limits, " "), "what its own writer had not sealed"))
	}
}

// TestAttackMixed: manifests of another log, or of another log of the same name, are not
// of this one, whoever signed them.
func TestAttackMixed(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	make := func(log string) *scene {
		s := newScene(t, signer)
		s.log = log
		s.open()
		s.commit(ledger.KindOpen)
		for i := range 4 {
			s.batch(event(fmt.Sprint("e", i), fmt.Sprintf("s%d", i)))
		}
		s.commit(ledger.KindClose)
		return s
	}
	a, b := make("gw-0"), make("gw-0")
	z, other := a.proven(evidence.Options{Session: "s2"}), b.proven(evidence.Options{Session: "s2"})
	for _, seq := range []int64{0, 3, 5} {
		t.Run(fmt.Sprint("another genesis at ", seq), func(t *testing.T) {
			lie := edit(t, z, func(files map[string][]byte, into *evidence.Bundle) {
				_ = edit(t, other, func(more map[string][]byte, from *evidence.Bundle) {
					for i, m := range from.Logs[0].Manifests {
						if m.Seq == seq {
							files[m.File], into.Logs[0].Manifests[i] = more[m.File], m
						}
					}
					if seq == 5 {
						into.Logs[0].Tree = from.Logs[0].Tree
					}
				})
			})
			requireVerdict(t, ledger.NotConfirmed, check(lie, trust(a.key)), "")
		})
	}
	z = make("gw-1").proven(evidence.Options{Session: "s2"})
	lie := editLog(t, z, func(l *evidence.Log) { l.Log = "gw-0" })
	requireVerdict(t, ledger.NotConfirmed, check(lie, trust(a.key)), "a manifest of another log")
	lie = edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { b.Logs = append(b.Logs, b.Logs[0]) })
	requireVerdict(t, ledger.NotConfirmed, check(lie, trust(a.key)), "is there twice")
	// A log of which another key is named is not this one.
	requireVerdict(t, ledger.NoVerdict, check(z, trust(a.key, named(ledgertest.Public(t, ledgertest.NewSigner(t, "ed25519")), "gw-1"))), "not trusted for this log")
}

// TestAttackTimeOfPresence: a bundle is believed in nothing that was not checked.
func TestAttackTimeOfPresence(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"))
	z := s.proven(evidence.Options{Session: "s"})
	for name, change := range map[string]func(b *evidence.Bundle){
		"with a time":   func(b *evidence.Bundle) { b.Claim.Since = &s.now },
		"two claims":    func(b *evidence.Bundle) { b.Claim.Event = "e" },
		"no claim":      func(b *evidence.Bundle) { b.Claim.Session = "" },
		"another claim": func(b *evidence.Bundle) { b.Claim.Kind = "all" },
		"no lines":      func(b *evidence.Bundle) { b.Logs[0].Lines = nil },
		"no time": func(b *evidence.Bundle) {
			b.Claim.Kind, b.Claim.Until, b.Logs[0].Lines = "absence", new(time.Time), nil
		},
		"backwards": func(b *evidence.Bundle) {
			b.Claim.Kind, b.Claim.Since, b.Claim.Until = "absence", &s.now, new(time.Time)
		},
		"with objects":      func(b *evidence.Bundle) { b.Logs[0].Objects = []evidence.Object{{}} },
		"of another digest": func(b *evidence.Bundle) { b.Logs[0].Manifests[0].SHA256 = strings.Repeat("0", 64) },
		"of another number": func(b *evidence.Bundle) { b.Logs[0].Manifests[0].Seq, b.Logs[0].Tree.Size = 1, 1 },
		"of a line 0":       func(b *evidence.Bundle) { b.Logs[0].Lines[0].Line = 0 },
		"of a line 2":       func(b *evidence.Bundle) { b.Logs[0].Lines[0].Line = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			lie := edit(t, z, func(_ map[string][]byte, b *evidence.Bundle) { change(b) })
			requireVerdict(t, ledger.NotConfirmed, check(lie, trust(s.key)), "")
		})
	}
}

// TestAttackObject: where a set of sessions cannot exclude one, the object itself must.
func TestAttackObject(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.filter = true
	s.batch(event("e", "guilty"))
	m, _ := s.manifest(0)
	o := m.Predicate.Objects[0]
	absent := ""
	for n := 0; absent == ""; n++ {
		if name := fmt.Sprint("absent", n); o.Sessions.Has(name) {
			absent = name
		}
	}
	z := s.proven(evidence.Options{Session: absent})
	requireVerdict(t, ledger.Confirmed, check(z, trust(s.key)), "searched line by line")
	for name, change := range map[string]func(files map[string][]byte, b *evidence.Bundle){
		"not there":      func(files map[string][]byte, b *evidence.Bundle) { delete(files, b.Logs[0].Objects[0].File) },
		"not named":      func(_ map[string][]byte, b *evidence.Bundle) { b.Logs[0].Objects = nil },
		"another claim":  func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session = "guilty" },
		"the run's name": func(_ map[string][]byte, b *evidence.Bundle) { b.Claim.Session = "run of guilty" },
		"a line less": func(files map[string][]byte, b *evidence.Bundle) {
			f := b.Logs[0].Objects[0].File
			_, files[f], _ = bytes.Cut(files[f], []byte("\n"))
		},
		"a line more": func(files map[string][]byte, b *evidence.Bundle) {
			f := b.Logs[0].Objects[0].File
			files[f] = append(files[f], files[f][:bytes.IndexByte(files[f], '\n')+1]...)
		},
		"cut": func(files map[string][]byte, b *evidence.Bundle) {
			f := b.Logs[0].Objects[0].File
			files[f] = files[f][:len(files[f])-1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "the run's name" && !o.Sessions.Has("run of guilty") {
				t.Skip("the filter excludes it") // what is not asked for is not there
			}
			requireVerdict(t, ledger.NotConfirmed, check(edit(t, z, change), trust(s.key)), "")
		})
	}
	s.Purge(o.Key)
	_, _, err := s.prove(evidence.Options{Session: absent})
	require.ErrorContains(t, err, "object_missing")
	s.Plant(o.Key, o.Bytes, ledger.ErrForbidden)
	_, _, err = s.prove(evidence.Options{Session: absent})
	require.ErrorContains(t, err, "unreadable")
}

// TestAttackSignedAgain: who has a key that was replaced signs what followed with it, and
// leaves out that it was replaced.
func TestAttackSignedAgain(t *testing.T) {
	first := ledgertest.NewSigner(t, "ed25519")
	s := newScene(t, first)
	genesis := s.key
	s.commit(ledger.KindOpen)
	s.rotate(ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"))
	z := s.proven(evidence.Options{Session: "s", Keys: []ledger.PublicKey{genesis}})
	m, _ := s.manifest(2)
	thief := &scene{t: t, signer: first, key: genesis}
	lie := edit(t, z, func(files map[string][]byte, b *evidence.Bundle) {
		without(&b.Logs[0], 1)
		files["manifests/gw-0/000000000002.json"] = thief.sign(m.Payload)
	})
	r := check(lie, trust(genesis))
	requireVerdict(t, ledger.NotConfirmed, r, "chain_broken")
	requireVerdict(t, ledger.NotConfirmed, r, "the newest rotation before it here is none")
}

// TestAttackTreeWithin: whoever has the key signs a manifest that gives the tree of the true
// log, in a tree in which what is before it is forged: the checkpoint of the true log that
// an auditor holds is not of that.
func TestAttackTreeWithin(t *testing.T) {
	signer := ledgertest.NewSigner(t, "ed25519")
	truth := newScene(t, signer)
	truth.commit(ledger.KindOpen)
	truth.batch(event("true", "s"))
	truth.commit(ledger.KindHeartbeat)
	held := truth.checkpoint()
	began, first := truth.manifest(0)
	second, _ := truth.manifest(1)
	true3 := ledger.NewTree()
	for seq := range int64(3) {
		m, _ := truth.manifest(seq)
		true3.Append(m.Payload)
	}

	forgedBy := func(signer ledger.Signer, change func(st *ledger.Statement)) []byte {
		s := newScene(t, signer)
		object := s.put(event("forged", "forged"))
		tree := ledger.NewProofTree(ledger.NewTree())
		tree.Append(began.Payload)
		envelopes := map[int64][]byte{0: first}
		digest := began.Digest
		for seq := int64(1); seq <= 5; seq++ {
			st := second.Statement // as a pattern
			st.Subject = []ledger.Subject{}
			p := &st.Predicate
			p.Kind, p.Objects = ledger.KindHeartbeat, []ledger.Object{}
			p.Seq, p.Previous, p.Tree = seq, hex.EncodeToString(digest[:]), headOf(tree.Tree)
			if seq == 1 {
				p.Kind, p.Objects = ledger.KindBatch, []ledger.Object{object}
			}
			if seq > 1 {
				p.PastUntil = &p.Retention.Until
			}
			if seq == 3 && change != nil {
				change(&st)
			}
			envelopes[seq] = s.signed(&st)
			m, err := ledger.ParseEnvelope(envelopes[seq])
			require.NoError(t, err)
			tree.Append(m.Payload)
			digest = m.Digest
		}
		return bundleOf(t, envelopes, tree, []int64{0, 1, 3, 5}, s, object)
	}
	forged := func(change func(st *ledger.Statement)) []byte { return forgedBy(signer, change) }
	stranger := ledgertest.NewSigner(t, "ed25519")
	strange := forgedBy(stranger, nil)
	requireVerdict(t, ledger.NotConfirmed, check(strange, trust(truth.key)), "not signed by the key that signs this place")
	for _, keys := range [][]ledger.PublicKey{{truth.key, ledgertest.Public(t, stranger)}, {named(truth.key, "gw-0"), ledgertest.Public(t, stranger)}} {
		requireVerdict(t, ledger.NotConfirmed, check(strange, trust(keys...)), "signature_invalid")
	}
	twice := editLog(t, forged(nil), func(l *evidence.Log) { l.Manifests = slices.Insert(l.Manifests, 1, l.Manifests[1]) })
	requireVerdict(t, ledger.NotConfirmed, check(twice, trust(truth.key)), "sequence number 1 after 1")
	o := trust(truth.key)
	o.Checkpoints = []*ledger.Checkpoint{held}
	requireVerdict(t, ledger.Confirmed, check(forged(nil), trust(truth.key)), "was still the key")
	requireVerdict(t, ledger.NotConfirmed, check(forged(nil), o), "checkpoint_mismatch")
	within := forged(func(st *ledger.Statement) { st.Predicate.Tree = headOf(true3) })
	requireVerdict(t, ledger.NotConfirmed, check(within, o), "the tree that the manifest says was before it is another")
	// What else a manifest behind a gap must have of those before it.
	early := began.Predicate.WrittenAt.Add(-time.Hour)
	for name, change := range map[string]func(st *ledger.Statement){
		"`genesis`":    func(st *ledger.Statement) { st.Predicate.Genesis = strings.Repeat("0", 64) },
		"`time`":       func(st *ledger.Statement) { st.Predicate.Time, st.Predicate.WrittenAt = &early, early },
		"`rotated_at`": func(st *ledger.Statement) { st.Predicate.RotatedAt = &st.Predicate.Seq },
		"`past_until`": func(st *ledger.Statement) { st.Predicate.PastUntil = nil },
		"is shorter": func(st *ledger.Statement) {
			st.Predicate.Retention = &ledger.Lock{Mode: ledger.Compliance, Until: early}
		},
		"`previous`":         func(st *ledger.Statement) { st.Predicate.Previous = "" },
		"of version 1 after": func(st *ledger.Statement) { st.PredicateType = "https://agentaudit.dev/manifest/v1" },
		"names no key":       func(st *ledger.Statement) { st.Predicate.Kind = ledger.KindKeyRotation },
		"has signed the log ": func(st *ledger.Statement) {
			st.Predicate.Kind, st.Predicate.NextKey = ledger.KindKeyRotation, nextKey(truth.key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(forged(change), trust(truth.key))
			require.NotEqual(t, ledger.Confirmed, r.Verdict)
			require.Contains(t, r.Findings[0].Message+r.Findings[0].Found, name)
		})
	}
}

// TestNewerManifest: what goes on in a format of a newer version is not judged.
func TestNewerManifest(t *testing.T) {
	s := newScene(t, ledgertest.NewSigner(t, "ed25519"))
	s.batch(event("e", "s"))
	s.commit(ledger.KindClose)
	m, _ := s.manifest(1)
	newer := s.sign(bytes.Replace(m.Payload, []byte("manifest/v2"), []byte("manifest/v3"), 1))
	z := edit(t, s.proven(evidence.Options{Session: "s"}), func(files map[string][]byte, _ *evidence.Bundle) {
		files["manifests/gw-0/000000000001.json"] = newer
	})
	requireVerdict(t, ledger.NoVerdict, check(z, trust(s.key)), "newer version of this program")
}

func nextKey(k ledger.PublicKey) *ledger.NextKey {
	return &ledger.NextKey{KeyID: k.ID, PublicKey: string(ledger.MarshalPublicKey(k.Key))}
}

// bundleOf makes a bundle of manifests, as a maker can who has a program of his own, that
// proves the line of an object that manifest 1 names.
func bundleOf(t testing.TB, envelopes map[int64][]byte, tree *ledger.ProofTree, seqs []int64, s *scene, object ledger.Object) []byte {
	t.Helper()
	last := seqs[len(seqs)-1]
	files := map[string][]byte{}
	l := evidence.Log{Log: "gw-0"}
	for _, seq := range seqs {
		m, err := ledger.ParseEnvelope(envelopes[seq])
		require.NoError(t, err)
		of := evidence.Manifest{Seq: seq, File: fmt.Sprintf("manifests/gw-0/%012d.json", seq), SHA256: hex.EncodeToString(m.Digest[:])}
		if seq == last {
			l.Tree = evidence.Tree{Size: seq, Root: m.Predicate.Tree.Root, File: of.File}
		} else {
			of.Path, err = tree.Inclusion(uint64(seq), uint64(last))
			require.NoError(t, err)
		}
		l.Manifests, files[of.File] = append(l.Manifests, of), envelopes[seq]
	}
	body, err := s.Get(ctx, object.Key, "")
	require.NoError(t, err)
	z, err := gzip.NewReader(bytes.NewReader(body))
	require.NoError(t, err)
	line, err := io.ReadAll(z)
	require.NoError(t, err)
	files["lines/gw-0/1.json"] = bytes.TrimSpace(line)
	l.Lines = []evidence.Line{{File: "lines/gw-0/1.json", Seq: 1, Object: object.Key, Line: 1, Of: 1, Path: []string{}}}
	text, err := json.Marshal(&evidence.Bundle{
		Format: evidence.Format, Claim: evidence.Claim{Kind: evidence.Presence, Session: "forged"}, Logs: []evidence.Log{l},
	})
	require.NoError(t, err)
	files["bundle.json"] = text
	return rezip(t, files)
}
