package record

import (
	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// JSON is an attribute as JSON: maps and arrays as they are, a string opened
// where it holds JSON, scalars as JSON scalars.
func JSON(v pcommon.Value) gjson.Result {
	if v.Type() == pcommon.ValueTypeStr {
		if r, ok := jsontext.Open(v.Str()); ok {
			return jsontext.OpenString(r)
		}
		return jsontext.Quote(v.Str())
	}
	return jsontext.Parse(semconv.AppendValue(nil, v))
}

// Leaf is a value inside a message: text stays text, even where it is JSON, except
// a list of content blocks that was put into a string.
func Leaf(key string, v pcommon.Value) gjson.Result {
	if v.Type() != pcommon.ValueTypeStr {
		return JSON(v)
	}
	if key == "content" || key == "message" || key == "tool_calls" {
		if r, ok := jsontext.Open(v.Str()); ok {
			if first := jsontext.Get(r, "0"); r.IsArray() && first.IsObject() || r.IsObject() && key == "message" {
				return r
			}
		}
	}
	return jsontext.Quote(v.Str())
}
