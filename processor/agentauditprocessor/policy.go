package agentauditprocessor

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// contentFields hold what was said: the text of messages and tools.
var contentFields = []string{
	"content", "user_message", "final_output", "input_messages", "output_messages", "output_text", "reasoning",
	"tool_calls_requested", "tool_input", "tool_output", "query", "documents", "alternates", "approved_input",
}

// withhold applies the content policy: hash leaves the digest and the length of each
// field, drop leaves nothing.
func withhold(e *semconv.Event, policy string) {
	if policy == contentFull {
		return
	}
	for _, name := range contentFields {
		text, isJSON := e.Text(name)
		if text == "" {
			continue
		}
		if e.ContentState == semconv.ContentPresent {
			e.ContentState = semconv.ContentWithheld
		}
		if policy == contentDrop {
			e.Clear(name)
			continue
		}
		replace(e, name, isJSON, digest(text))
	}
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	out := append([]byte(`{"sha256":"`), hex.EncodeToString(sum[:])...)
	out = strconv.AppendInt(append(out, `","bytes":`...), int64(len(text)), 10)
	return append(out, '}')
}

// replace puts a JSON object in the place of a field's value, in the field's shape.
func replace(e *semconv.Event, name string, isJSON bool, object []byte) {
	if !isJSON {
		e.Set(name, pcommon.NewValueStr(string(object)))
		return
	}
	if !e.SetJSON(name, object) {
		e.SetJSON(name, append(append([]byte{'['}, object...), ']'))
	}
}

// shorten cuts each field that is longer than limit bytes. It keeps the beginning,
// as text, and names the field in oversize with its full length and digest. It
// returns the full texts of what was cut, by the names of the fields.
func shorten(e *semconv.Event, limit int) (whole map[string]string) {
	marks := []byte{'{'}
	for _, f := range e.Longer(limit) {
		if f.Name == "oversize" {
			continue
		}
		text, isJSON := e.Text(f.Name)
		if whole == nil {
			whole = map[string]string{}
		} else {
			marks = append(marks, ',')
		}
		text = jsontext.ValidText(text) // what is hashed is what is stored
		whole[f.Name] = text
		marks = append(append(append(marks, '"'), f.Name...), `":`...)
		marks = append(marks, digest(text)...)
		begin := strings.ToValidUTF8(text[:limit], "\ufffd")
		for limit := limit - 1; len(begin) > 0 && !utf8.ValidString(text[:len(begin)]); limit-- {
			begin = text[:limit]
		}
		if !isJSON {
			e.Set(f.Name, pcommon.NewValueStr(begin))
			continue
		}
		short := jsontext.AppendString(nil, begin)
		if f.Kind == semconv.KindArray {
			short = append(append([]byte{'['}, short...), ']')
		}
		if f.Kind == semconv.KindObject {
			short = append(append([]byte(`{"text":`), short...), '}')
		}
		e.SetJSON(f.Name, short)
	}
	if whole != nil {
		e.SetJSON("oversize", append(marks, '}'))
	}
	return whole
}

// required are the fields that the schema requires.
var required = func() map[semconv.EventType][]*semconv.Field {
	m := map[semconv.EventType][]*semconv.Field{}
	for _, t := range semconv.EventTypes() {
		for _, name := range semconv.Required(t) {
			m[t] = append(m[t], semconv.FieldNamed(name))
		}
	}
	return m
}()

// missing lists the required fields that an event does not hold.
func missing(e *semconv.Event, more map[string][]string) []string {
	var list []string
	for _, f := range required[e.EventType] {
		if !f.Has(e) {
			list = append(list, f.Name)
		}
	}
	if len(more) == 0 {
		return list
	}
	for _, fields := range [][]string{more[allTypes], more[string(e.EventType)]} {
		for _, f := range fields {
			if !e.Has(f) && !slices.Contains(list, f) {
				list = append(list, f)
			}
		}
	}
	return list
}
