package dialecttest

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Mutate changes the values of some attributes: their shapes, depths and types, never their
// keys, so that a reader meets under a key that it knows what it does not know.
func Mutate(r *rand.Rand, m pcommon.Map) {
	for _, v := range m.All() {
		if r.IntN(4) == 0 {
			mutate(r, v)
		}
	}
}

func mutate(r *rand.Rand, v pcommon.Value) {
	var raw any
	isText := v.Type() == pcommon.ValueTypeStr
	if in, ok := open(v.AsString()); ok {
		raw = in
	} else {
		raw = v.AsRaw()
	}
	raw = reshape(r, raw, 0)
	if isText || r.IntN(2) == 0 {
		if s, ok := raw.(string); ok {
			v.SetStr(s)
			return
		}
		if text, err := json.Marshal(raw); err == nil {
			v.SetStr(string(text))
		}
		return
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return
	}
	var plain any
	if json.Unmarshal(text, &plain) == nil {
		_ = v.FromRaw(plain)
	}
}

var words = []string{"a b", "text", "content", "parts", "message", "messages", "output", "input", "kwargs", "question", "tool_calls", "args", "value", "x"}

func word(r *rand.Rand) string { return words[r.IntN(len(words))] }

// reshape is a value in another shape, with other leaves now and then.
func reshape(r *rand.Rand, v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if r.IntN(3) == 0 {
				v[k] = reshape(r, v[k], depth+1)
			}
		}
		if r.IntN(4) == 0 {
			v[word(r)] = leaf(r)
		}
		if r.IntN(8) == 0 {
			return []any{v}
		}
		return v
	case []any:
		for i := range v {
			if r.IntN(3) == 0 {
				v[i] = reshape(r, v[i], depth+1)
			}
		}
		if r.IntN(6) == 0 {
			v = append(v, leaf(r))
		}
		if r.IntN(8) == 0 && len(v) > 0 {
			return v[0]
		}
		return v
	}
	switch r.IntN(8) {
	case 0:
		return map[string]any{word(r): v}
	case 1:
		return []any{v, leaf(r)}
	case 2:
		return leaf(r)
	case 3:
		if depth < 3 {
			return map[string]any{word(r): map[string]any{word(r): []any{v}}}
		}
	case 4:
		if text, err := json.Marshal(map[string]any{word(r): v}); err == nil {
			return string(text)
		}
	}
	return v
}

func leaf(r *rand.Rand) any {
	switch r.IntN(5) {
	case 0:
		return float64(r.IntN(1 << 20))
	case 1:
		return r.IntN(2) == 0
	case 2:
		return float64(r.IntN(1000)) / 8
	}
	return "new words " + word(r) + " " + string(rune('a'+r.IntN(26))) + string(rune('a'+r.IntN(26)))
}
