package ask

import (
	"encoding/json"

	"github.com/tidwall/gjson"
)

// likeness is how two values compare.
type likeness int

const (
	same likeness = iota
	// unlike is what differs in what both tell.
	unlike
	// otherForm is what may be the same, told in another way: one has members that the other
	// has not, or a text where that has a number.
	otherForm
)

// maxDepth bounds how deep values are compared; what lies deeper is compared as text.
const maxDepth = 64

// compare compares parameters, as two records tell them.
func compare(a, b json.RawMessage) likeness {
	return compareValues(parsed(a), parsed(b), 0)
}

// parsed is a value; a text that holds a JSON object or array is that.
func parsed(raw json.RawMessage) gjson.Result {
	v := gjson.ParseBytes(raw)
	if v.Type == gjson.String && gjson.Valid(v.Str) {
		if in := gjson.Parse(v.Str); in.IsObject() || in.IsArray() {
			return in
		}
	}
	return v
}

func compareValues(a, b gjson.Result, depth int) likeness {
	switch {
	case depth >= maxDepth:
		if a.Raw == b.Raw {
			return same
		}
		return otherForm
	case a.IsObject() && b.IsObject():
		return compareObjects(a, b, depth)
	case a.IsArray() && b.IsArray():
		return compareArrays(a, b, depth)
	case a.Type != b.Type && !bools(a, b):
		return otherForm
	case a.Type == gjson.Number && a.Num == b.Num, a.Type == gjson.String && a.Str == b.Str,
		a.Type == b.Type && (a.Type == gjson.True || a.Type == gjson.False || a.Type == gjson.Null):
		return same
	case a.IsObject() || b.IsObject() || a.IsArray() || b.IsArray():
		return otherForm
	}
	return unlike
}

func bools(a, b gjson.Result) bool { return a.IsBool() && b.IsBool() }

func compareObjects(a, b gjson.Result, depth int) likeness {
	have := a.Map()
	others := b.Map()
	result := same
	if len(have) != len(others) {
		result = otherForm
	}
	for name, v := range have {
		other, ok := others[name]
		if !ok {
			result = max(result, otherForm)
			continue
		}
		if c := compareValues(v, other, depth+1); c == unlike {
			return unlike
		} else if c == otherForm {
			result = otherForm
		}
	}
	return result
}

func compareArrays(a, b gjson.Result, depth int) likeness {
	x, y := a.Array(), b.Array()
	if len(x) != len(y) {
		return unlike
	}
	result := same
	for i := range x {
		switch compareValues(x[i], y[i], depth+1) {
		case unlike:
			return unlike
		case otherForm:
			result = otherForm
		}
	}
	return result
}
