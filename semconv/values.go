package semconv

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

func asInt(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		return ParseInt(strconv.FormatFloat(v.Double(), 'f', -1, 64))
	case pcommon.ValueTypeStr:
		return ParseInt(v.Str())
	}
	return 0, false
}

// ParseInt reads a whole number, also one written as a float ("18.0").
func ParseInt(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	x, ok := ParseFloat(s)
	if !ok || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, false
	}
	return int64(x), true
}

// ParseFloat reads a finite number.
func ParseFloat(s string) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

func asFloat(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeDouble:
		return v.Double(), !math.IsNaN(v.Double()) && !math.IsInf(v.Double(), 0)
	case pcommon.ValueTypeStr:
		return ParseFloat(v.Str())
	}
	return 0, false
}

func asBool(v pcommon.Value) (value, ok bool) {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool(), true
	case pcommon.ValueTypeStr:
		switch v.Str() {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return false, false
}

func parseTime(v pcommon.Value) (time.Time, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		t, err := time.Parse(time.RFC3339Nano, v.Str())
		return t.UTC(), err == nil && t.UTC().Year() >= 0 && t.UTC().Year() <= 9999
	case pcommon.ValueTypeInt:
		return time.Unix(0, v.Int()).UTC(), true
	}
	return time.Time{}, false
}

// plainList reports whether a text is a JSON array of strings as appendStrings writes
// them, of printable ASCII and without escapes, as nearly all are.
func plainList(s string) bool {
	if len(s) < 4 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	for s = s[1 : len(s)-1]; ; s = s[1:] {
		if len(s) < 2 || s[0] != '"' {
			return false
		}
		end := 1
		for end < len(s) && s[end] != '"' {
			if s[end] < ' ' || s[end] > '~' || s[end] == '\\' {
				return false
			}
			end++
		}
		if end == len(s) {
			return false
		}
		if s = s[end+1:]; s == "" {
			return true
		}
		if s[0] != ',' {
			return false
		}
	}
}

// stringList reads a list of strings from an array, a string that holds a JSON
// array, or a single string.
func stringList(v pcommon.Value) []string {
	var list []string
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		for _, el := range v.Slice().All() {
			if isScalar(el) && el.AsString() != "" {
				list = append(list, el.AsString())
			}
		}
	case pcommon.ValueTypeStr:
		if strings.HasPrefix(v.Str(), "[") {
			if json.Unmarshal([]byte(v.Str()), &list) == nil {
				return list
			}
		}
		if v.Str() != "" {
			return []string{v.Str()}
		}
	}
	return list
}

// Text returns the JSON string s as a JSON value, for fields that hold JSON.
func Text(s string) json.RawMessage { return jsontext.AppendString(nil, s) }

// AppendJSON appends a JSON text in the one form that lines hold: see jsontext.Append.
func AppendJSON[T string | []byte](dst []byte, src T) ([]byte, bool) {
	return jsontext.Append(dst, src)
}
