package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
