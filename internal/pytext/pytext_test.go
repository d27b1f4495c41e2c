package pytext

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{'order_id': 'A-1001', 'total': 42.5, 'paid': True, 'note': None}`: `{"order_id":"A-1001","total":42.5,"paid":true,"note":null}`,
		`[('a', 1), (), ('b',)]`:                 `[["a",1],[],["b"]]`,
		`{'it': "it's", 'nl': 'a\nb\x41\u00e9'}`: `{"it":"it's","nl":"a\nbA\u00e9"}`,
		`{1: 'x'}`:                               `{"1":"x"}`,
		`{}`:                                     `{}`,
		`ResponseFunctionToolCall(arguments='{"order_id":"A-1001"}', call_id='call_1', name='lookup_order', status=None)`: `{"__class__":"ResponseFunctionToolCall","arguments":"{\"order_id\":\"A-1001\"}","call_id":"call_1","name":"lookup_order","status":null}`,
		`ChatMessage(role=<MessageRole.SYSTEM: 'system'>, blocks=[TextBlock(text='hi')])`:                                 `{"__class__":"ChatMessage","role":"system","blocks":[{"__class__":"TextBlock","text":"hi"}]}`,
		`Turn(at=datetime.datetime(2026, 1, 1), f=<function f at 0x7f>)`:                                                  `{"__class__":"Turn","at":{"__class__":"datetime.datetime","_0":2026,"_1":1,"_2":1},"f":"<function f at 0x7f>"}`,
	} {
		got, ok := JSON(in)
		require.True(t, ok, in)
		require.JSONEq(t, want, got)
	}
	for _, in := range []string{
		``, `hello`, `'a'`, `3`, `None`, `{'a': 1`, `{'a' 1}`, `{'a': 1} and more`, `[1 2]`, `[[1] 2]`, `f(x)`, `Look(at this)`, `{1, 2}`, `{'a': 'b\q'}`, `[a, b]`, `Name(a=1`,
		`(see the note)`, strings.Repeat("[", 100) + strings.Repeat("]", 100), `{'a': <b}`, `{"a": 'x`, `{'\ud8'}`, `{"":000}`, `[007]`, `{"":10,}`, `[1,]`,
	} {
		_, ok := JSON(in)
		require.False(t, ok, in)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{'a': [1, None, "x"]}`)
	f.Add(`A(b=<C.D: 'e'>, f=(1,))`)
	f.Fuzz(func(t *testing.T, s string) {
		if out, ok := JSON(s); ok && !json.Valid([]byte(out)) {
			t.Fatalf("%q gives %q", s, out)
		}
	})
}
