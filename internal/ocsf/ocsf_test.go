package ocsf_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/internal/mapping"
	"github.com/agentaudit/otelcol-agentaudit/internal/ocsf"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// schema is what the schema asks of each object; the class is the object api_activity.
type schema struct {
	Objects map[string]struct {
		AtLeastOne []string `json:"at_least_one"`
		Attributes map[string]struct {
			Type, Object    string
			Required, Array bool
			Enum            map[string]string
		}
	}
}

func loadSchema(t *testing.T) *schema {
	text, err := os.ReadFile(filepath.Join("testdata", "ocsf-1.9.0.json"))
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(text, &s))
	return &s
}

// check gives what is wrong with an object.
func (s *schema) check(name string, v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: not an object", name)
	}
	if name == "object" {
		return nil
	}
	rules := s.Objects[name]
	for attr, rule := range rules.Attributes {
		if _, ok := o[attr]; rule.Required && !ok {
			return fmt.Errorf("%s: no %s", name, attr)
		}
	}
	some := len(rules.AtLeastOne) == 0
	for _, attr := range rules.AtLeastOne {
		_, ok := o[attr]
		some = some || ok
	}
	if !some {
		return fmt.Errorf("%s: none of %v", name, rules.AtLeastOne)
	}
	for attr, value := range o {
		rule, ok := rules.Attributes[attr]
		if !ok {
			return fmt.Errorf("%s: unknown %s", name, attr)
		}
		values := []any{value}
		if rule.Array {
			if values, ok = value.([]any); !ok {
				return fmt.Errorf("%s.%s: not an array", name, attr)
			}
		}
		for _, value := range values {
			if rule.Object != "" {
				if err := s.check(rule.Object, value); err != nil {
					return fmt.Errorf("%s.%s: %w", name, attr, err)
				}
				continue
			}
			if err := scalar(rule.Type, value); err != nil {
				return fmt.Errorf("%s.%s: %w", name, attr, err)
			}
			if rule.Enum == nil {
				continue
			}
			caption, ok := rule.Enum[value.(json.Number).String()]
			if !ok {
				return fmt.Errorf("%s.%s: %v is not in the enum", name, attr, value)
			}
			// The sibling has the caption; for 99 the source's own word.
			sibling, has := strings.TrimSuffix(strings.TrimSuffix(attr, "_id"), "_uid"), false
			for _, word := range []string{sibling, sibling + "_name"} {
				if text, ok := o[word]; ok {
					has = true
					other := strings.HasSuffix(caption, "Other")
					if !other && text != caption || other && (text == "" || text == caption) {
						return fmt.Errorf("%s.%s: %v goes with %q, not %q", name, attr, value, caption, text)
					}
				}
			}
			if !has {
				return fmt.Errorf("%s.%s: no word for it", name, attr)
			}
		}
	}
	return nil
}

func scalar(typ string, v any) error {
	switch typ {
	case "json_t":
		return nil
	case "string_t":
		if s, ok := v.(string); ok && s != "" {
			return nil
		}
	case "boolean_t":
		if _, ok := v.(bool); ok {
			return nil
		}
	case "integer_t", "long_t", "timestamp_t":
		n, ok := v.(json.Number)
		if !ok {
			break
		}
		if i, err := n.Int64(); err == nil && (typ != "integer_t" || i >= math.MinInt32 && i <= math.MaxInt32) {
			return nil
		}
	}
	return fmt.Errorf("%v is no %s", v, typ)
}

func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// convert makes the OCSF event of a line and holds it against the schema and the line.
func convert(s *schema, line []byte) (map[string]any, error) {
	e, err := semconv.ParseLine(line)
	if err != nil {
		return nil, err
	}
	text, err := ocsf.Append(nil, &ocsf.Sealed{Event: e, Line: line, Log: "gw-0", Object: "data/v1/object.jsonl.gz", N: 7}, "1.2.3")
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(text, '\n') != len(text)-1 {
		return nil, fmt.Errorf("not one line: %s", text)
	}
	v, err := decode(text)
	if err != nil {
		return nil, err
	}
	if err := s.check("api_activity", v); err != nil {
		return nil, fmt.Errorf("%w in %s", err, text)
	}
	o := v.(map[string]any)
	sum := sha256.Sum256(line)
	if got := o["raw_data_hash"].(map[string]any)["value"]; got != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("raw_data_hash is %v", got)
	}
	return o, kept(line, o)
}

// kept checks that every field of the line is somewhere in the object, unchanged.
func kept(line []byte, o map[string]any) error {
	v, err := decode(line)
	if err != nil {
		return err
	}
	unmapped, _ := o["unmapped"].(map[string]any)
	for field, want := range v.(map[string]any) {
		if have, ok := unmapped[field]; ok {
			if !reflect.DeepEqual(have, want) {
				return fmt.Errorf("unmapped.%s is %v, want %v", field, have, want)
			}
			continue
		}
		delete(o, "unmapped")
		found := holds(o, want)
		if unmapped != nil {
			o["unmapped"] = unmapped
		}
		if !found {
			return fmt.Errorf("%s (%v) is lost in %v", field, want, o)
		}
	}
	return nil
}

func holds(v, want any) bool {
	if reflect.DeepEqual(v, want) {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for _, el := range v {
			if holds(el, want) {
				return true
			}
		}
	case []any:
		for _, el := range v {
			if holds(el, want) {
				return true
			}
		}
	}
	return false
}

// TestRecordings: the events of every recording are events of the schema, and nothing
// of them is lost.
func TestRecordings(t *testing.T) {
	s := loadSchema(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.otlp.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	types := map[any]int{}
	for _, file := range files {
		in, err := os.Open(file)
		require.NoError(t, err)
		defer in.Close()
		var out bytes.Buffer
		m, err := mapping.New(context.Background(), agentauditprocessor.NewFactory().CreateDefaultConfig().(*agentauditprocessor.Config), &out)
		require.NoError(t, err)
		require.NoError(t, m.Read(context.Background(), in), file)
		require.NoError(t, m.Close(context.Background()), file)
		lines := bufio.NewScanner(&out)
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			o, err := convert(s, lines.Bytes())
			require.NoError(t, err, file)
			types[o["metadata"].(map[string]any)["event_code"]]++
		}
		require.NoError(t, lines.Err())
	}
	require.GreaterOrEqual(t, len(types), 6, "%v", types)
}

// TestAnyEvent: so are events with any of the fields, of any type.
func TestAnyEvent(t *testing.T) {
	s := loadSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		e := &semconv.Event{
			EventID: "id", EventType: rapid.SampledFrom(semconv.EventTypes()).Draw(t, "event_type"),
			Timestamp: time.Unix(0, rapid.Int64Range(1, math.MaxInt64/2).Draw(t, "timestamp")).UTC(),
		}
		word := rapid.SampledFrom([]string{"x", "approved", "rejected", "pending", "success", "error", "denied", "blocked", "Pass", "HIGH", "info", "human", "hook", "Ünï\u2028code <&>"})
		for _, f := range semconv.Fields() {
			if !rapid.Bool().Draw(t, f.Name) {
				continue
			}
			w := string(semconv.Text(word.Draw(t, f.Name)))
			var value pcommon.Value
			switch f.Kind {
			case semconv.KindString:
				value = pcommon.NewValueStr(word.Draw(t, f.Name))
			case semconv.KindAny:
				value = pcommon.NewValueStr(w)
			case semconv.KindObject:
				value = pcommon.NewValueStr(`{"service":` + w + `}`)
			case semconv.KindArray, semconv.KindStrings:
				value = pcommon.NewValueStr(`[` + w + `]`)
			case semconv.KindInt:
				value = pcommon.NewValueInt(rapid.Int64().Draw(t, f.Name))
			case semconv.KindFloat:
				value = pcommon.NewValueDouble(0.25)
			case semconv.KindBool:
				value = pcommon.NewValueBool(true)
			case semconv.KindTime:
				value = pcommon.NewValueInt(e.Timestamp.Add(time.Nanosecond).UnixNano())
			}
			switch f.Name {
			case "schema_version", "event_id", "event_type", "timestamp":
				continue
			case "trace_id", "run_id":
				value = pcommon.NewValueStr("01000000000000000000000000000000")
			case "span_id", "parent_span_id":
				value = pcommon.NewValueStr("0200000000000000")
			}
			if !e.Set(f.Name, value) {
				t.Fatalf("%s cannot be %s", f.Name, value.AsString())
			}
		}
		span := ptrace.NewSpan()
		semconv.WriteSpan(e, span)
		line, _, err := semconv.AppendSpan(nil, span)
		if err == nil {
			_, err = convert(s, line)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// What an analyst searches for.
func TestMeaning(t *testing.T) {
	s := loadSchema(t)
	for name, tt := range map[string]struct {
		event semconv.Event
		want  map[string]any
	}{
		"tool call": {
			semconv.Event{EventType: semconv.TypeToolCall, ToolName: "issue_refund", MCPServer: "billing", ToolInput: json.RawMessage(`{"amount":42.5}`), Outcome: "success", UserID: "u-17"},
			map[string]any{"activity_name": "tool_call", "type_uid": "600399", "api.operation": "issue_refund", "api.service.name": "billing", "api.request.data.amount": "42.5", "status": "Success", "severity": "Informational", "actor.user.uid": "u-17", "resources.0.type": "tool"},
		},
		"denied tool": {
			semconv.Event{EventType: semconv.TypeToolCall, ToolName: "rm", Outcome: "denied"},
			map[string]any{"status": "Failure", "action": "Denied", "disposition": "Blocked", "severity": "Low"},
		},
		"failed model call": {
			semconv.Event{EventType: semconv.TypeLLMCall, ModelID: "m", Provider: "p", Operation: "chat", Error: "overloaded", ErrorType: "529"},
			map[string]any{"api.operation": "chat", "status": "Failure", "status_code": "529", "status_detail": "overloaded", "ai_agent.ai_model.model_name": "m", "ai_agent.ai_model.ai_provider": "p"},
		},
		"model call": {
			semconv.Event{EventType: semconv.TypeLLMCall, ModelID: "m", OutputText: "42", InputTokens: semconv.Some[int64](3), OutputTokens: semconv.Some[int64](4), Source: json.RawMessage(`{"service":"shop"}`)},
			map[string]any{"status": "Success", "message_context.response_text": "42", "message_context.total_tokens": "7", "message_context.ai_role": "Assistant", "src_endpoint.svc_name": "shop"},
		},
		"approval by a person": {
			semconv.Event{EventType: semconv.TypeApproval, ToolName: "issue_refund", ApprovalStatus: "rejected", ApproverID: "ann", ApprovalSource: "human", UserID: "u-17", ApprovalReason: "too much"},
			map[string]any{"actor.user.uid": "ann", "actor.user.type": "User", "action": "Denied", "disposition": "Rejected", "status": "Success", "status_detail": "too much", "unmapped.user_id": "u-17", "api.operation": "approval", "resources.0.name": "issue_refund"},
		},
		"approval by a configuration": {
			semconv.Event{EventType: semconv.TypeApproval, ApprovalStatus: "approved", ApproverID: "settings", ApprovalSource: "config"},
			map[string]any{"actor.user.type": "config", "disposition": "Approved"},
		},
		"guardrail": {
			semconv.Event{EventType: semconv.TypeGuardrail, GuardrailName: "pii", Verdict: "blocked"},
			map[string]any{"policy.name": "pii", "is_alert": true, "severity": "Medium", "disposition": "Blocked"},
		},
		"finding": {
			semconv.Event{EventType: semconv.TypeFinding, Severity: "high", Rule: "loop", Message: "it loops"},
			map[string]any{"severity_id": "4", "is_alert": true, "message": "it loops", "unmapped.rule": "loop"},
		},
		"timeout": {
			semconv.Event{EventType: semconv.TypeSessionTimeout, Reason: "deadline"},
			map[string]any{"status": "Failure", "status_detail": "deadline"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := tt.event
			e.EventID, e.SessionID, e.AgentID, e.Timestamp = "id", "session", "agent", time.Date(2026, 11, 23, 10, 15, 0, 120, time.UTC)
			e.StepNumber = semconv.Some[int64](3)
			span := ptrace.NewSpan()
			semconv.WriteSpan(&e, span)
			line, _, err := semconv.AppendSpan(nil, span)
			require.NoError(t, err)
			o, err := convert(s, line)
			require.NoError(t, err)
			for path, want := range map[string]any{
				"metadata.uid": "id", "metadata.version": ocsf.Version, "metadata.product.version": "1.2.3", "metadata.log_name": "gw-0", "metadata.sequence": "3",
				"metadata.original_event_uid": "data/v1/object.jsonl.gz#7", "metadata.original_time": "2026-11-23T10:15:00.000000120Z", "time": "1795428900000",
				"actor.session.uid": "session", "ai_agent.uid": "agent",
			} {
				require.Equal(t, want, at(o, path), path)
			}
			for path, want := range tt.want {
				require.Equal(t, want, at(o, path), path)
			}
		})
	}
}

// at is the value at a path, a number as its text.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch o := v.(type) {
		case map[string]any:
			v = o[name]
		case []any:
			v = o[0]
		}
	}
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	return v
}

func BenchmarkAppend(b *testing.B) {
	e := &semconv.Event{
		EventID: "id", EventType: semconv.TypeLLMCall, Timestamp: time.Now(), EndTimestamp: time.Now().Add(time.Second), SessionID: "session", AgentID: "agent", UserID: "u-17",
		TraceID: "01000000000000000000000000000000", SpanID: "0200000000000000", ModelID: "m", Provider: "p", StepNumber: semconv.Some[int64](3),
		InputMessages: json.RawMessage(`[{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("word ", 200) + `"}]}]`), OutputText: strings.Repeat("word ", 50),
		Source: json.RawMessage(`{"dialect":"otel","service":"shop"}`), InputTokens: semconv.Some[int64](300), OutputTokens: semconv.Some[int64](60),
	}
	span := ptrace.NewSpan()
	semconv.WriteSpan(e, span)
	line, _, err := semconv.AppendSpan(nil, span)
	require.NoError(b, err)
	b.SetBytes(int64(len(line)))
	var out []byte
	for b.Loop() {
		parsed, err := semconv.ParseLine(line)
		if err == nil {
			out, err = ocsf.Append(out[:0], &ocsf.Sealed{Event: parsed, Line: line, Log: "gw-0", Object: "data/v1/object.jsonl.gz", N: 7}, "1.2.3")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
