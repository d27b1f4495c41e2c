//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/agentaudit/otelcol-agentaudit/internal/otlptest"
)

// template is an export request, marshalled once. Each trace and span id in it is
// written anew for each request that is sent, wherever it stands.
type template struct {
	body   []byte
	ids    []id
	spans  int
	traces int          // of them that give events; 0 until counted
	sent   atomic.Int64 // how often it was acknowledged
}

// id is where a trace or span id stands: in its span, and where others name it.
type id struct {
	size int
	at   []int
}

// mix is a kind of traffic.
type mix struct {
	name      string
	about     string
	only      *regexp.Regexp // the systems that it is sent to; nil: all
	templates []*template
}

// perSpan is how many bytes of OTLP a span has on average.
func (m *mix) perSpan() int {
	size, spans := 0, 0
	for _, t := range m.templates {
		size += len(t.body)
		spans += t.spans
	}
	return size / spans
}

// next is a request with ids that no other has.
func (t *template) next() []byte {
	body := bytes.Clone(t.body)
	var fresh [16]byte
	for _, id := range t.ids {
		binary.LittleEndian.PutUint64(fresh[:], rand.Uint64())
		binary.LittleEndian.PutUint64(fresh[8:], rand.Uint64())
		for _, at := range id.at {
			copy(body[at:], fresh[:id.size])
		}
	}
	return body
}

func newTemplate(td ptrace.Traces) (*template, error) {
	// Ids that stand nowhere else, so that they are found in what is marshalled.
	traces, spans := map[pcommon.TraceID]pcommon.TraceID{}, map[pcommon.SpanID]pcommon.SpanID{}
	trace := func(old pcommon.TraceID) pcommon.TraceID {
		fresh, ok := traces[old]
		if !ok {
			binary.LittleEndian.PutUint64(fresh[:], rand.Uint64())
			binary.LittleEndian.PutUint64(fresh[8:], rand.Uint64())
			traces[old] = fresh
		}
		return fresh
	}
	span := func(old pcommon.SpanID) pcommon.SpanID {
		fresh, ok := spans[old]
		if !ok && !old.IsEmpty() {
			binary.LittleEndian.PutUint64(fresh[:], rand.Uint64())
			spans[old] = fresh
		}
		return fresh
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				s.SetTraceID(trace(s.TraceID()))
				s.SetSpanID(span(s.SpanID()))
				s.SetParentSpanID(span(s.ParentSpanID()))
			}
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return nil, err
	}
	t := &template{body: body, spans: td.SpanCount()}
	find := func(mark []byte) {
		x := id{size: len(mark)}
		for at := 0; ; {
			i := bytes.Index(body[at:], mark)
			if i < 0 {
				break
			}
			x.at = append(x.at, at+i)
			at += i + len(mark)
		}
		t.ids = append(t.ids, x)
	}
	for _, fresh := range traces {
		find(fresh[:])
	}
	for _, fresh := range spans {
		find(fresh[:])
	}
	return t, nil
}

// words are those of this project's own pages: text that compresses as text does.
func words() ([]string, error) {
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, f := range append(files, "README.md") {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		list = append(list, strings.Fields(string(text))...)
	}
	return list, nil
}

// mixes makes the traffic. Made-up traces are of one agent run each: model calls that
// ask for tools, and the tools.
func mixes() ([]*mix, error) {
	vocabulary, err := words()
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(vocabulary[rng.IntN(len(vocabulary))])
			b.WriteByte(' ')
		}
		return b.String()[:n]
	}
	made := func(traces, content int) ptrace.Traces {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "shop-agent")
		rs.Resource().Attributes().PutStr("service.version", "1.4.2")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
		began := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
		for t := range traces {
			session, user := fmt.Sprintf("session-%06d", rng.IntN(1e6)), fmt.Sprintf("user-%05d", rng.IntN(1e5))
			at := began.Add(time.Duration(rng.Int64N(int64(time.Hour))))
			span := func(n byte, name, op string) ptrace.Span {
				s := ss.Spans().AppendEmpty()
				s.SetName(name)
				s.SetTraceID(pcommon.TraceID{byte(t + 1)})
				var id pcommon.SpanID
				binary.BigEndian.PutUint64(id[:], rng.Uint64()>>8<<8|uint64(n))
				s.SetSpanID(id)
				s.SetKind(ptrace.SpanKindClient)
				s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
				at = at.Add(time.Duration(rng.Int64N(int64(2 * time.Second))))
				s.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
				a := s.Attributes()
				a.PutStr("gen_ai.operation.name", op)
				a.PutStr("gen_ai.conversation.id", session)
				a.PutStr("gen_ai.agent.name", "support")
				a.PutStr("user.id", user)
				return s
			}
			root := span(0, "invoke_agent support", "invoke_agent")
			root.SetKind(ptrace.SpanKindInternal)
			// What was said before is sent again with every call.
			history := []any{said("user", text(content*3/5))}
			for n := byte(1); n < 10; n += 2 {
				call := fmt.Sprintf("call_%016x", rng.Uint64())
				llm := span(n, "chat gpt-5", "chat")
				llm.SetParentSpanID(root.SpanID())
				a := llm.Attributes()
				a.PutStr("gen_ai.provider.name", "openai")
				a.PutStr("gen_ai.request.model", "gpt-5")
				a.PutStr("gen_ai.response.model", "gpt-5-2026-08-01")
				a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%016x", rng.Uint64()))
				a.PutInt("gen_ai.usage.input_tokens", int64(rng.IntN(8000)))
				a.PutInt("gen_ai.usage.output_tokens", int64(rng.IntN(800)))
				a.PutDouble("gen_ai.request.temperature", 0.2)
				a.PutInt("gen_ai.request.max_tokens", 4096)
				a.PutStr("server.address", "api.openai.com")
				a.PutInt("server.port", 443)
				a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("tool_calls")
				tool := span(n+1, "execute_tool lookup_order", "execute_tool")
				tool.SetKind(ptrace.SpanKindInternal)
				tool.SetParentSpanID(root.SpanID())
				b := tool.Attributes()
				b.PutStr("gen_ai.tool.name", "lookup_order")
				b.PutStr("gen_ai.tool.call.id", call)
				b.PutStr("gen_ai.tool.type", "function")
				b.PutStr("gen_ai.tool.description", "Looks up an order by its number")
				if content == 0 {
					continue
				}
				arguments := fmt.Sprintf(`{"order_id":"A-%d"}`, rng.IntN(1e6))
				result := map[string]any{"status": "delivered", "notes": text(content / 6)}
				answer := said("assistant", text(200), map[string]any{"type": "tool_call", "id": call, "name": "lookup_order", "arguments": json.RawMessage(arguments)})
				a.PutStr("gen_ai.system_instructions", string(marshal([]any{map[string]any{"type": "text", "content": strings.Join(vocabulary[:120], " ")}})))
				a.PutStr("gen_ai.input.messages", string(marshal(history)))
				history = append(history, answer, map[string]any{"role": "tool", "parts": []any{map[string]any{"type": "tool_call_response", "id": call, "response": result}}})
				answer["finish_reason"] = "tool_call"
				a.PutStr("gen_ai.output.messages", string(marshal([]any{answer})))
				delete(answer, "finish_reason")
				b.PutStr("gen_ai.tool.call.arguments", arguments)
				b.PutStr("gen_ai.tool.call.result", string(marshal(result)))
			}
			root.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
		}
		return td
	}

	metadata := &mix{name: "metadata", about: "made up, OpenTelemetry GenAI without content, ten runs a request"}
	ten := &mix{name: "metadata, a run a request", about: "the same, one run of eleven spans a request", only: sizes}
	one := &mix{name: "metadata, a span a request", about: "the same, as SDKs without batches send it", only: sizes}
	long := &mix{name: "long", about: "made up, OpenTelemetry GenAI with histories that grow"}
	// Several times what compressors look back at, so that nothing comes again but what does
	// so in reality.
	for _, of := range []struct {
		*mix
		n, traces, content int
	}{{metadata, 640, 10, 0}, {ten, 3200, 1, 0}, {one, 600, 1, 0}, {long, 120, 2, 40_000}} {
		for range of.n {
			requests := []ptrace.Traces{made(of.traces, of.content)}
			if of.mix == one {
				requests = requests[:0]
				for _, r := range otlptest.Spans("", made(of.traces, of.content)) {
					requests = append(requests, r.Traces)
				}
			}
			if err := of.add(requests...); err != nil {
				return nil, err
			}
		}
	}
	content := &mix{name: "content", about: "recordings of conversations in testdata/captures, content included, their sentences in words drawn anew"}
	ordinary := lowercase(vocabulary)
	files, err := filepath.Glob("testdata/captures/*/*.traces.otlp.jsonl")
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	for _, f := range files {
		if strings.Contains(f, "codex") { // hundreds of internal spans, which an operator filters
			continue
		}
		body, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		all := ptrace.NewTraces()
		for line := range bytes.Lines(body) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			td.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
		}
		for range 30 {
			td := ptrace.NewTraces()
			all.CopyTo(td)
			reword(td, ordinary, rng)
			if err := content.add(td); err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	rng.Shuffle(len(content.templates), func(i, j int) {
		content.templates[i], content.templates[j] = content.templates[j], content.templates[i]
	})
	return []*mix{metadata, ten, one, content, long}, nil
}

// sizes are the systems that requests of other sizes are sent to: what a request costs shows
// by them.
var sizes = regexp.MustCompile(`^(nop|sealed zstd|peer zstd)$`)

func (m *mix) add(requests ...ptrace.Traces) error {
	for _, td := range requests {
		t, err := newTemplate(td)
		if err != nil {
			return err
		}
		m.templates = append(m.templates, t)
	}
	return nil
}

// said is a message with a part of text and others.
func said(role, text string, more ...any) map[string]any {
	return map[string]any{"role": role, "parts": append([]any{map[string]any{"type": "text", "content": text}}, more...)}
}

// marshal is JSON as SDKs write it: compact, and no escapes that need not be.
func marshal(v any) []byte {
	var text bytes.Buffer
	w := json.NewEncoder(&text)
	w.SetEscapeHTML(false)
	if err := w.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(text.Bytes(), "\n")
}
