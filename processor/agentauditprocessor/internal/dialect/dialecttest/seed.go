package dialecttest

import (
	"encoding/json"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// LineBreak stands for a line break in a record for fuzzing, which is text of lines that no mutation can break: the signal, the
// scope, the name (or the body, as JSON), and then key and value by turns. A key that
// begins with a tab belongs to the span event of the name before the next tab, one
// that begins with ^ to the resource. A value that is JSON, but no string, is given
// its type; other values are strings. Line breaks within are \x1e.
const LineBreak = "\x1e"

func fuzzLines(record []byte) []string {
	lines := strings.Split(string(record), "\n")
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], LineBreak, "\n")
	}
	return append(lines, "", "", "", "")
}

func setFuzzed(v pcommon.Value, text string) {
	if text != "" && strings.ContainsRune("{[0123456789-tf", rune(text[0])) {
		var raw any
		if text[0] != '{' && text[0] != '[' && json.Unmarshal([]byte(text), &raw) == nil {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				raw = n
			}
			_ = v.FromRaw(raw)
			return
		}
		if strings.HasSuffix(text, "\t") && json.Unmarshal([]byte(text), &raw) == nil { // a map or list of OTLP
			_ = v.FromRaw(raw)
			return
		}
	}
	v.SetStr(text)
}

// SpanOf is a record for fuzzing as a request of a span, without one where it is none.
func SpanOf(record []byte) ptrace.Traces {
	td := ptrace.NewTraces()
	lines := fuzzLines(record)
	if lines[0] != "span" {
		return td
	}
	rs := td.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(lines[1])
	s := ss.Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{1})
	s.SetName(lines[2])
	s.SetStartTimestamp(1e18)
	s.SetEndTimestamp(2e18)
	events := map[string]pcommon.Map{}
	for i := 3; i+1 < len(lines); i += 2 {
		key := lines[i]
		switch {
		case key == "":
		case key == "^status":
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage(lines[i+1])
		case key[0] == '^':
			setFuzzed(rs.Resource().Attributes().PutEmpty(key[1:]), lines[i+1])
		case key[0] == '\t':
			name, attr, _ := strings.Cut(key[1:], "\t")
			m, ok := events[name]
			if !ok {
				e := s.Events().AppendEmpty()
				e.SetName(name)
				m = e.Attributes()
				events[name] = m
			}
			setFuzzed(m.PutEmpty(attr), lines[i+1])
		default:
			setFuzzed(s.Attributes().PutEmpty(key), lines[i+1])
		}
	}
	return td
}

// LogOf is a record for fuzzing as a request of a log record.
func LogOf(record []byte) plog.Logs {
	ld := plog.NewLogs()
	lines := fuzzLines(record)
	rl := ld.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(lines[1])
	r := sl.LogRecords().AppendEmpty()
	r.SetTraceID([16]byte{1})
	r.SetSpanID([8]byte{1})
	setFuzzed(r.Body(), lines[2])
	for i := 3; i+1 < len(lines); i += 2 {
		switch key := lines[i]; {
		case key == "":
		case key == "^event":
			r.SetEventName(lines[i+1])
		case key[0] == '^':
			setFuzzed(rl.Resource().Attributes().PutEmpty(key[1:]), lines[i+1])
		default:
			setFuzzed(r.Attributes().PutEmpty(key), lines[i+1])
		}
	}
	return ld
}

// Seed is the record in a file of a fuzzing corpus.
func Seed(file []byte) ([]byte, bool) {
	_, quoted, ok := strings.Cut(string(file), "[]byte(")
	if !ok {
		return nil, false
	}
	text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(quoted), ")"))
	return []byte(text), err == nil
}
