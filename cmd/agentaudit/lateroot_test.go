package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// inTrace makes the spans of a service roots of a trace that it has seen somewhere.
type inTrace struct {
	trace trace.TraceID
	next  byte
}

func (g *inTrace) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	g.next++
	return g.trace, trace.SpanID{0xee, g.next}
}

func (g *inTrace) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, id := g.NewIDs(ctx)
	return id
}

// tracer is an application with OpenTelemetry's SDK, which sends each span when it ends.
func (d *deployment) tracer(t *testing.T, service string, more ...sdktrace.TracerProviderOption) trace.Tracer {
	t.Helper()
	e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(d.Addresses[1]), otlptracehttp.WithInsecure())
	require.NoError(t, err)
	p := sdktrace.NewTracerProvider(append(more, sdktrace.WithSyncer(e),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))...)
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	return p.Tracer("agent")
}

// awaitSealed waits until an event of each span is sealed.
func (d *deployment) awaitSealed(t *testing.T, spans ...trace.Span) {
	t.Helper()
	s, err := store.Open(t.Context(), d.bucket)
	require.NoError(t, err)
	defer s.Close()
	require.Eventually(t, func() bool {
		have := map[string]bool{}
		for l, err := range ledger.Events(t.Context(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{d.key}}) {
			if err != nil {
				return false // nothing is sealed yet
			}
			e, err := semconv.ParseLine(l.Line)
			require.NoError(t, err)
			have[e.TraceID+e.SpanID] = true
		}
		for _, span := range spans {
			if c := span.SpanContext(); !have[c.TraceID().String()+c.SpanID().String()] {
				return false
			}
		}
		return true
	}, 5*time.Minute, 50*time.Millisecond)
}

// begin begins a span with attributes, in pairs.
func begin(ctx context.Context, t trace.Tracer, name string, attrs ...string) (context.Context, trace.Span) {
	var list []attribute.KeyValue
	for i := 0; i < len(attrs); i += 2 {
		list = append(list, attribute.String(attrs[i], attrs[i+1]))
	}
	return t.Start(ctx, name, trace.WithAttributes(list...))
}

// TestLateRoot runs an agent whose root ends after all below it was sealed, as that of every run
// does which is longer than what its sender waits for, and reads it back with every reader. A
// stranger in the trace makes a root of its own, first and last.
func TestLateRoot(t *testing.T) {
	d := deploy(t)
	const session = "the session"
	bank := d.tracer(t, "bank")
	ctx, root := begin(t.Context(), bank, "invoke_agent support", "gen_ai.operation.name", "invoke_agent",
		"gen_ai.agent.name", "support", "gen_ai.conversation.id", session, "user.id", "ann")
	run := root.SpanContext().TraceID()

	evil := d.tracer(t, "evil", sdktrace.WithIDGenerator(&inTrace{trace: run}))
	decoy := func() trace.Span {
		_, span := begin(context.Background(), evil, "invoke_agent x", "gen_ai.operation.name", "invoke_agent",
			"gen_ai.agent.name", "decoy", "gen_ai.conversation.id", "decoy session", "user.id", "mallory")
		span.End()
		return span
	}
	first := decoy()

	_, chat := begin(ctx, bank, "chat gpt-5", "gen_ai.operation.name", "chat", "gen_ai.request.model", "gpt-5",
		"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"Pay the bill."}]}]`)
	chat.End()
	_, pay := begin(ctx, bank, "execute_tool pay", "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "pay",
		"gen_ai.tool.call.arguments", `{"to":"DE12"}`, "gen_ai.tool.call.result", `{"ok":true}`)
	pay.End()
	// A request is between the agent and a server of tools: it is no event, so that nothing
	// sealed says what the server's span is below.
	inRequest, request := begin(ctx, bank, "POST /mcp")
	_, entry := begin(inRequest, d.tracer(t, "mcp"), "execute_tool entry", "gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "entry")
	entry.End()
	request.End()
	d.awaitSealed(t, first, chat, pay, entry)

	at := []string{
		"s3://" + d.bucket.Bucket + "/" + d.bucket.Prefix, "--key", filepath.Join(d.dir, "audit.pub"),
		"--endpoint", d.bucket.Endpoint, "--force-path-style", "--region", "us-east-1",
	}
	read := func(args ...string) string {
		out, err := command(t, append(args, at...)...)
		require.NoError(t, err, out)
		return out
	}
	_, err := command(t, append([]string{"trail", session}, at...)...)
	require.ErrorContains(t, err, "no event of session", "which nobody knows yet")

	root.End()
	d.awaitSealed(t, root, decoy())

	// The trail, in the order of its steps: the root has the last ones.
	var shown struct {
		Events []struct {
			Event    json.RawMessage
			Resolved map[string]string
		}
		Apart int
	}
	require.NoError(t, json.Unmarshal([]byte(read("trail", session, "-o", "json")), &shown))
	var types []string
	for _, x := range shown.Events {
		e, err := semconv.ParseLine(x.Event)
		require.NoError(t, err)
		types = append(types, string(e.EventType))
		if e.EventType == semconv.TypeLLMCall || e.EventType == semconv.TypeToolCall {
			require.Equal(t, run.String(), e.SessionID, "a sealed line stays as it is")
			require.Equal(t, []string{session, "ann", "support", "support"},
				[]string{x.Resolved["session_id"], x.Resolved["user_id"], x.Resolved["agent_id"], x.Resolved["agent_name"]})
		}
	}
	require.Equal(t, []string{"llm_call", "tool_call", "session_start", "session_end"}, types)
	require.Equal(t, 1, shown.Apart, "the server's, which is shown with its run")
	table := read("trail", session)
	require.Contains(t, table, "session the session · 4 events")
	require.Contains(t, table, "agent support · user ann")
	require.Contains(t, table, "1 events of the same runs are not shown")
	require.NotContains(t, table, "decoy")
	require.NotContains(t, read("trail", "decoy session"), "support")
	require.Contains(t, read("trail", run.String()), "entry")

	// The export, of the session and of all.
	for _, args := range [][]string{{"--session", session}, {}} {
		events, ofRoot := map[string]map[string]json.RawMessage{}, []string{}
		for line := range strings.Lines(read(append([]string{"export", "--format", "jsonl", "--resolved"}, args...)...)) {
			var e map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			events[string(e["span_id"])] = e
			if string(e["span_id"]) == `"`+root.SpanContext().SpanID().String()+`"` {
				ofRoot = append(ofRoot, string(e["event_id"]))
			}
		}
		for _, span := range []trace.Span{chat, pay} {
			e := events[`"`+span.SpanContext().SpanID().String()+`"`]
			require.Equal(t, `"`+session+`"`, string(e["session_id"]))
			require.Equal(t, `"ann"`, string(e["user_id"]))
			require.Equal(t, `"support"`, string(e["agent_id"]))
			require.Contains(t, string(e["resolved_fields"]), `"session_id"`)
			var from map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(e["resolved_from"], &from))
			require.Contains(t, ofRoot, string(from["session_id"]))
		}
		e := events[`"`+entry.SpanContext().SpanID().String()+`"`]
		require.Equal(t, len(args) == 0, e != nil)
		if e != nil {
			require.Equal(t, `"`+run.String()+`"`, string(e["session_id"]), "not the decoy's, nor known")
			require.Nil(t, e["user_id"])
		}
	}
	ocsf := map[string]string{}
	for line := range strings.Lines(read("export")) {
		var e struct {
			Actor struct {
				AppUID  string `json:"app_uid"`
				Session struct{ UID string }
				User    struct{ UID string }
			}
			Trace struct{ Span struct{ UID string } }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		ocsf[e.Trace.Span.UID] = e.Actor.Session.UID + " " + e.Actor.User.UID + " " + e.Actor.AppUID
	}
	require.Equal(t, session+" ann support", ocsf[chat.SpanContext().SpanID().String()])
	require.Equal(t, session+" ann support", ocsf[pay.SpanContext().SpanID().String()])
	require.Equal(t, "decoy session mallory decoy", ocsf[first.SpanContext().SpanID().String()])

	// The proof holds the root's line, and says that it is what the others rest on.
	bundle := filepath.Join(d.dir, "bundle.zip")
	out := read("prove", "--session", session, "-o", bundle)
	require.Contains(t, out, "4 events in 1 logs")
	require.Contains(t, out, "lines/gw-0/000003.json says that run "+run.String()+" is of the session, for 2 events")
	require.Contains(t, out, "1 events are told as of the session, or of its runs, and left out")
	out, err = command(t, "verify", bundle, "--key", filepath.Join(d.dir, "audit.pub"))
	require.NoError(t, err, out)
	require.Contains(t, out, "CONFIRMED")
	require.Contains(t, out, "2 of these name no session themselves")
	require.Contains(t, out, "lines/gw-0/000003.json for 2")
}
