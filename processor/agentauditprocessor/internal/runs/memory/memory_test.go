package memory

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Senders may give any id to an event.
func TestRefGivesTheIDBack(t *testing.T) {
	var r Run
	for _, id := range []string{
		"", "x", "8f14e45f-ceea-867f-a0a0-000000000001", "8F14E45F-CEEA-867F-A0A0-000000000001", "{8f14e45f-ceea-867f-a0a0-000000000001}",
		"8f14e45fceea867fa0a0000000000001", "urn:uuid:8f14e45f-ceea-867f-a0a0-000000000001", "00000000-0000-0000-0000-000000000000", "\xff",
		semconv.RecordEventID("a"),
	} {
		require.Equal(t, id, r.EventID(r.Ref(id)))
	}
}

// Senders may send a span again, and give every event a name, as often as they like.
func TestNamesAreBounded(t *testing.T) {
	var r Run
	for range 10 {
		r.Ref("the same")
	}
	require.Len(t, r.names, 1)
	for i := range 2 * maxFacts {
		r.Ref(fmt.Sprint("name ", i))
	}
	require.Len(t, r.names, maxFacts)
	require.Equal(t, "the same", r.EventID(r.Ref("the same")))
	require.Empty(t, r.EventID(r.Ref("one too many")))
}

func TestSmallIsAMap(t *testing.T) {
	for _, keys := range []int{4, maxList, maxList + 1, 500} {
		var s Small[int, int]
		want := map[int]int{}
		for n := range 2000 {
			k := rand.IntN(keys)
			s.Put(k, n)
			want[k] = n
			require.Equal(t, len(want), s.Len())
		}
		for k := range keys + 1 {
			v, ok := s.Get(k)
			wantV, wantOK := want[k]
			require.Equal(t, []any{wantV, wantOK}, []any{v, ok})
		}
	}
}

func TestOnly(t *testing.T) {
	var o Only
	o.learn("", "", "e0")
	require.Empty(t, o.Known())
	o.learn("a", "", "e1")
	o.learn("a", "Ann", "e2")
	require.Equal(t, Only{Value: "a", Name: "Ann", From: "e1"}, o)
	o.learn("b", "", "e3")
	require.Empty(t, o.Known(), "two say otherwise: nothing is known")
}

func TestPromptsAreTheirAgents(t *testing.T) {
	p := (&Run{}).Part(Resource{})
	p.Learn(&p.Agent, "a", "", "e1")
	p.LearnPrompt("a", "be A", "e1")
	text, from := p.Prompt("")
	require.Equal(t, []string{"be A", "e1"}, []string{text, from})
	p.Learn(&p.Agent, "b", "", "e2")
	p.LearnPrompt("b", "be B", "e2")
	for agent, want := range map[string]string{"a": "be A", "b": "be B", "c": "", "": ""} {
		text, _ := p.Prompt(agent)
		require.Equal(t, want, text, agent)
	}
}

// One sender that sends without an end crowds out itself.
func TestOneSenderHasItsShare(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(100, time.Hour)
	honest, hostile := Sender{Name: "honest"}, Sender{Name: "hostile"}
	key := func(n int) Key { return Trace([16]byte{byte(n), byte(n >> 8)}) }
	for i := range 10 {
		v := s.Open(honest, now, []Key{key(i)})
		v.Run(key(i)).Step = 7
		v.Close()
	}
	evicted := 0
	for i := range 5000 {
		now = now.Add(time.Millisecond)
		v := s.Open(hostile, now, []Key{key(i)})
		v.Run(key(i))
		evicted += v.Close()
	}
	require.Equal(t, 5010-100, evicted)
	for i := range 10 {
		v := s.Open(honest, now, []Key{key(i)})
		require.EqualValues(t, 7, v.Run(key(i)).Step)
		v.Close()
	}
}

// All that is remembered counts, and is forgotten in its time.
func TestBytesAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(1<<20, time.Minute)
	s.maxBytes = 1 << 20
	long := string(make([]byte, 256))
	for i := range 2000 {
		key := Conversation(Resource{Service: "s"}, fmt.Sprint(i))
		v := s.Open(Sender{}, now, []Key{key})
		p := v.Run(key).Part(Resource{Service: "s"})
		for n := range 100 {
			p.Tell(fmt.Sprint(n), fmt.Sprint(long, n), semconv.TypeToolCall, "", false)
		}
		v.Close()
		require.LessOrEqual(t, s.bytes.Load(), int64(1<<20))
	}
	require.Positive(t, s.runs.Load())
	s.Expire(now.Add(2 * time.Minute))
	require.Zero(t, s.runs.Load())
	require.Zero(t, s.bytes.Load())
}

// Calls are forgotten with the run that they were told in, and of those with one id the oldest.
func TestLinksAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(10, time.Minute)
	held := func() (n int) {
		for i := range s.links.shards {
			for _, list := range s.links.shards[i].of {
				n += len(list)
			}
		}
		return n
	}
	link := func(n int) (before *Call) {
		key := Trace([16]byte{byte(n), byte(n >> 8), 1})
		v := s.Open(Sender{}, now, []Key{key})
		defer v.Close()
		c := &Call{Event: fmt.Sprint("e", n)}
		return v.Link(v.Run(key).Part(Resource{}), c, []LinkKey{AnswerKey(Sender{}, "chatcmpl-1")}, func(*Call) bool { return true })
	}
	require.Nil(t, link(0))
	require.Equal(t, "e0", link(1).Event)
	require.Nil(t, link(0), "told again")
	for n := range 1000 {
		link(n)
	}
	require.Equal(t, 10, held(), "as many as there are runs")
	s.Expire(now.Add(2 * time.Minute))
	require.Zero(t, held())
	s.maxRuns = 1 << 20
	for n := range 1000 {
		link(n)
	}
	require.Equal(t, maxSame, held())
	s = New(10, time.Minute)
	for n := range 3000 { // of no run
		v := s.Open(Sender{}, now, nil)
		v.Link(v.Unknown().Part(Resource{Service: "svc"}), &Call{Event: fmt.Sprint("e", n)}, []LinkKey{AnswerKey(Sender{}, fmt.Sprint(n))}, func(*Call) bool { return false })
		v.Close()
	}
	require.Equal(t, maxFacts, held(), "the last ones of a resource")
	require.LessOrEqual(t, s.bytes.Load(), int64(maxRunBytes))
	s.Expire(now.Add(2 * time.Minute))
	require.Zero(t, held())
	require.Zero(t, s.bytes.Load())
}

// Nobody crowds out what another told under a key that both know.
func TestLinksOfOthersStay(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(1<<20, time.Minute)
	link := func(sender Sender, n int) (before *Call) {
		key := Trace([16]byte{1, byte(n), byte(n >> 8)})
		v := s.Open(sender, now, []Key{key})
		defer v.Close()
		c := &Call{Sender: sender, Event: fmt.Sprint(sender.Name, n)}
		return v.Link(v.Run(key).Part(Resource{}), c, []LinkKey{TraceKey([16]byte{1}, "r")}, func(*Call) bool { return true })
	}
	me, you := Sender{Name: "me"}, Sender{Name: "you"}
	link(you, 0)
	require.Equal(t, "you0", link(me, 1).Event)
	for n := range 1000 {
		link(you, n)
	}
	require.Equal(t, "me1", link(me, 2).Event, "one's own comes first")
}

// Keys are structured: no session of one sender or resource has the key of another's run.
func TestKeysAreApart(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(100, time.Hour)
	v := s.Open(Sender{Name: "bob"}, now, []Key{Conversation(Resource{}, "x")})
	v.Run(Conversation(Resource{}, "x")).Step = 1
	v.Close()
	for _, o := range []struct {
		sender Sender
		key    Key
	}{
		{Sender{}, Conversation(Resource{}, "x@bob")},
		{Sender{}, Conversation(Resource{}, "x")},
		{Sender{Name: "bob", Issuer: "i"}, Conversation(Resource{}, "x")},
		{Sender{Name: "bob"}, Conversation(Resource{Service: "x"}, "")},
		{Sender{Name: "bob"}, Conversation(Resource{Instance: "x"}, "")},
		{Sender{Name: "bob"}, session(Resource{}, "x")},
	} {
		v := s.Open(o.sender, now, []Key{o.key})
		require.Zero(t, v.Run(o.key).Step)
		v.Close()
	}
}

func TestPart(t *testing.T) {
	r := &Run{}
	p, other := r.Part(Resource{Service: "a"}), r.Part(Resource{Service: "b"})
	require.Same(t, p, r.Part(Resource{Service: "a"}))

	at := time.Unix(5, 0)
	p.LearnUser(at, func() string { return "hi" })
	p.LearnUser(at, func() string { t.Error("not asked again"); return "" })
	require.Equal(t, "hi", p.UserText(at, at))
	require.Empty(t, p.UserText(at.Add(1), at.Add(2)))
	require.Empty(t, p.UserText(at.Add(-2), at.Add(-1)))
	p.LearnAnswer(Answer{Text: "done", Agent: "a", At: at}, nil)
	p.LearnAnswer(Answer{Text: "begun", Agent: "b", At: at.Add(-1)}, nil)
	require.Equal(t, []string{"done", "a"}, []string{p.Last.Text, p.Last.Agent})
	p.LearnAnswer(Answer{At: at}, []chat.Call{{ID: "c"}})
	p.Ask(chat.Call{ID: "c", Name: "pay"}, "e")
	require.Len(t, p.Undone(), 1)
	p.Requests[0].Done = true
	require.Empty(t, p.Undone())
	require.Empty(t, p.Last.Text)

	require.Nil(t, p.Pending([8]byte{1}))
	require.True(t, p.Await([8]byte{1}, &dialect.Draft{}, 10))
	require.NotNil(t, p.Pending([8]byte{1}))
	p.Came([8]byte{1})
	require.Nil(t, p.Pending([8]byte{1}))
	require.False(t, p.Await([8]byte{1}, &dialect.Draft{}, 2<<20), "more than a run may hold")
	require.False(t, p.Room(2<<20))

	for i := range maxFacts + 3 {
		p.Ask(chat.Call{ID: fmt.Sprint(i), Name: "f", Arguments: []byte(`{}`)}, "e")
	}
	require.Len(t, p.Requests, maxFacts)
	require.Equal(t, "3", p.Requests[0].ID, "the oldest are forgotten")

	p.AddFrame(Frame{"s", "e", "a"})
	require.Equal(t, []Frame{{"s", "e", "a"}}, p.Frames)

	p.Tell("k", "e1", semconv.TypeToolCall, "r1", true)
	p.Tell("k", "e2", semconv.TypeLLMCall, "r2", false)
	f, ok := p.Told("k")
	require.True(t, ok && f.Log && f.Is(semconv.TypeToolCall) && f.May("r1") && f.May("") && !f.May("r2"))
	require.Equal(t, "e1", r.EventID(f.Event))
	_, ok = other.Told("k")
	require.False(t, ok, "of another resource")
}

func TestSpans(t *testing.T) {
	r := &Run{}
	p, other := r.Part(Resource{Service: "a"}), r.Part(Resource{Service: "b"})
	id := func(n byte) [8]byte { return [8]byte{n} }
	p.AddSpan(id(1), [8]byte{}, "root", "", false, Agent{ID: "a", From: "root"})
	p.AddSpan(id(2), id(1), "call", "r", true, Agent{})
	other.AddSpan(id(3), id(2), "theirs", "", false, Agent{ID: "b"})
	p.AddSpan(id(4), id(3), "", "", false, Agent{})
	other.AddSpan(id(2), id(9), "forged", "", false, Agent{ID: "b"})

	s, own, ok := p.Span(id(2))
	require.True(t, own && ok && s.Call && s.May("r") && !s.May("x"))
	require.Equal(t, "call", r.EventID(s.Event), "the first that told of it")
	_, own, ok = other.Span(id(2))
	require.True(t, ok && !own)

	a, whole := p.Above(id(4))
	require.True(t, whole)
	require.Equal(t, &Agent{"a", "", "root"}, a, "through a span of another resource, whose agent it is not")
	a, whole = other.Above(id(2))
	require.Nil(t, a)
	require.True(t, whole, "up to the root")
	_, whole = p.Above(id(99))
	require.False(t, whole)
	require.Same(t, other, p.Teller(id(3)))
	require.Nil(t, p.Teller(id(2)))
	require.Nil(t, p.Teller(id(99)))

	p.AddKid(id(1), "call", "r")
	p.AddKid(id(1), "call 2", "")
	require.EqualValues(t, 2, p.Kids(id(1)).N)
	require.Equal(t, "call", r.EventID(p.Kids(id(1)).First))
	require.Zero(t, other.Kids(id(1)).N)
}

func TestRequestsOfSessionsAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(100, time.Minute)
	v := s.Open(Sender{}, now, nil)
	v.Session(Resource{}, "many", true, func(x *Session) {
		for range maxFacts {
			x.Ask(Ask{Event: "e", Run: "r"})
		}
		x.Ask(Ask{Event: "last", Run: "r"})
		require.False(t, x.Waiting("last"), "there is no room")
		x.Open()[0].Answer("r", false)
		x.Ask(Ask{Event: "last", Run: "r"})
		require.True(t, x.Waiting("last"), "in the place of one that was answered")
	})
	v.Close()
}

func TestSessions(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := New(100, time.Minute)
	v := s.Open(Sender{}, now, nil)
	v.Session(Resource{}, "s", false, func(*Session) { t.Error("there is none") })
	v.Session(Resource{}, "s", true, func(x *Session) {
		x.Ask(Ask{Call: chat.Call{ID: "c", Name: "pay"}, Event: "e", Run: "r"})
		x.Ask(Ask{Call: chat.Call{ID: "d", Name: "pay"}, Event: "f", Run: "r"})
		x.Leave(Ask{Call: chat.Call{ID: "d", Name: "pay", Arguments: []byte("{}")}, Run: "r", End: "end"})
		x.Heard(&Silent{Service: "svc", Last: semconv.Event{SessionID: "s"}})
	})
	v.Session(Resource{Service: "other"}, "s", false, func(*Session) { t.Error("of another resource") })
	v.Session(Resource{}, "s", false, func(x *Session) {
		require.True(t, x.Waits("r"))
		require.False(t, x.Waits("other"))
		x.Ended("r", "end")
		open := x.Open()
		require.Len(t, open, 2)
		require.Equal(t, "end", open[0].End)
		open[0].Answer("r", false)
		require.True(t, x.Waits("r"))
		require.False(t, x.Waiting("e"))
		open[1].Answer("later", true)
		require.Empty(t, x.Open())
		require.True(t, x.Waits("r"), "it was answered in another run")
		require.Len(t, x.Undecided("later"), 1)
		require.Empty(t, x.Undecided("r"))
		require.True(t, x.Waiting("f"))
		require.Nil(t, x.TakeLeft("r", "pay", []byte("{}")), "nothing goes on with itself")
		require.Nil(t, x.TakeLeft("later", "pay", []byte(`{"n":1}`)))
		require.Equal(t, "end", x.TakeLeft("later", "pay", []byte("{}")).End)
		require.Nil(t, x.TakeLeft("later", "pay", []byte("{}")), "once")
		require.Equal(t, "svc", x.Silent().Service)
	})
	v.Close()
	s.Expire(now.Add(time.Second))
	require.Empty(t, s.FellSilent())
	s.Expire(now.Add(2 * time.Minute))
	require.Len(t, s.FellSilent(), 1)
	require.Empty(t, s.FellSilent(), "each once")
	require.Empty(t, s.senders[Sender{}].shards[sessionShard].entries.Keys())
}

// Requests of several senders and runs at once.
func TestAtOnce(t *testing.T) {
	s := New(50, time.Minute)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				keys := []Key{Trace([16]byte{byte(i % 7)}), Trace([16]byte{byte(i % 11), 1}), Conversation(Resource{}, fmt.Sprint(i))}
				v := s.Open(Sender{Name: fmt.Sprint(g % 3)}, time.Unix(1e9+int64(i), 0), keys)
				for _, k := range keys {
					v.Run(k).Part(Resource{}).Tell("k", "e", semconv.TypeToolCall, "", false)
				}
				v.Session(Resource{}, "s", true, func(x *Session) { x.Ask(Ask{}) })
				v.Close()
				s.Expire(time.Unix(1e9+int64(i), 0))
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, s.runs.Load(), int64(50))
	s.Expire(time.Unix(2e9, 0))
	require.Zero(t, s.bytes.Load())
}

// TestCosts: what a run is said to hold is what it holds.
func TestCosts(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	id := func(r, i int) [8]byte { return [8]byte{byte(r), byte(i), byte(i >> 8), 1} }
	store := &Store{}
	for name, fill := range map[string]func(p *Part, r, i int){
		"facts":    func(p *Part, r, i int) { p.Tell(fmt.Sprint(r, i), "", semconv.TypeToolCall, "", false) },
		"spans":    func(p *Part, r, i int) { p.AddSpan(id(r, i), [8]byte{}, "", "", false, Agent{}) },
		"kids":     func(p *Part, r, i int) { p.AddKid(id(r, i), "", "") },
		"names":    func(p *Part, r, i int) { p.Run.Ref(fmt.Sprintf("%0100d", r*10000+i)) },
		"requests": func(p *Part, _, i int) { p.Ask(chat.Call{ID: fmt.Sprintf("%0100d", i)}, "e") },
		"calls": func(p *Part, r, i int) {
			v := &View{store: store}
			v.Link(p, &Call{Event: fmt.Sprintf("%036d", i), Trace: [16]byte{byte(r)}}, []LinkKey{AnswerKey(Sender{}, fmt.Sprint(r, i)), TraceKey([16]byte{byte(r)}, fmt.Sprint(i))}, func(*Call) bool { return false })
		},
		"nothing": func(*Part, int, int) {},
	} {
		const runs = 50
		before := heap()
		var all []*Run
		said := 0
		for r := range runs {
			x := &Run{size: costRun, kept: true}
			p := x.Part(Resource{Service: "s"})
			for i := range 1000 {
				fill(p, r, i)
			}
			all = append(all, x)
			said += x.size
		}
		held := heap() - before
		require.LessOrEqual(t, held, said*5/4+1<<16, "%s: %d bytes a run are held, %d are said", name, held/runs, said/runs)
		runtime.KeepAlive(all)
		store = &Store{}
	}
}
