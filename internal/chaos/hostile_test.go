package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"

	"github.com/agentaudit/otelcol-agentaudit/internal/localcollector"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// hostile is one collector with little memory, and a sender that means no good.
type hostile struct {
	*world
	n      *node
	sender *localcollector.Sender
}

func newHostile(t *testing.T) *hostile {
	w := newWorld(t, 1, sealed)
	n := w.node(settings{memoryMiB: 256})
	n.ready()
	s, err := localcollector.NewSender(n.running())
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return &hostile{w, n, s}
}

// send exports a span that tells of a tool call, which f completes.
func (h *hostile) send(id byte, f func(ptrace.Span)) error {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{id})
	s.SetSpanID(pcommon.SpanID{id})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
	s.Attributes().PutStr("gen_ai.tool.name", "pay")
	if f != nil {
		f(s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.sender.SendTraces(ctx, td)
}

// honest is another's event, which goes through whatever was tried before.
func (h *hostile) honest(id byte) { require.NoError(h.t, h.send(id, nil)) }

// bounded requires that the collector is the same process, and took little memory.
func (h *hostile) bounded(pid int) {
	require.Equal(h.t, pid, h.n.running().PID, "the collector did not end")
	require.Less(h.t, h.n.memoryMiB("VmHWM"), 600, "MiB")
}

// end stops the collector and gives the events of the trail, which verifies, and the
// bucket as an auditor sees it.
func (h *hostile) end() (events []*semconv.Event, s *store.S3) {
	require.NoError(h.t, h.n.stop())
	s, err := store.Open(context.Background(), h.direct)
	require.NoError(h.t, err)
	h.t.Cleanup(s.Close)
	keys := []ledger.PublicKey{h.key}
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: keys, Level: ledger.LevelEvents})
	require.NoError(h.t, err)
	require.Equal(h.t, ledger.Confirmed, report.Verdict, "%+v", report.Findings)
	for l, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: keys}) {
		require.NoError(h.t, err)
		e, err := semconv.ParseLine(l.Line)
		require.NoError(h.t, err)
		events = append(events, e)
	}
	return events, s
}

// bomb is 256 MiB of zeros, compressed.
func bomb(t *testing.T, compress func(io.Writer) io.WriteCloser) []byte {
	var out bytes.Buffer
	w := compress(&out)
	zeros := make([]byte, 1<<20)
	for range 1 << 8 {
		_, err := w.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// zstdCompressor lets gRPC senders compress with zstd, which grpc-go leaves to others.
type zstdCompressor struct{}

func (zstdCompressor) Name() string                                 { return "zstd" }
func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }
func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error)    { return zstd.NewReader(r) }

func TestOversizedAndBombs(t *testing.T) {
	h := newHostile(t)
	pid := h.n.running().PID
	err := h.send(1, func(s ptrace.Span) { s.Attributes().PutStr("gen_ai.tool.call.result", strings.Repeat("x", 8<<20)) })
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.ErrorContains(t, err, "larger than max")
	h.honest(2)

	for name, compress := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser {
			z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
			require.NoError(t, err)
			return z
		},
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			require.NoError(t, err)
			return z
		},
	} {
		body := bomb(t, compress)
		for range 3 {
			req, err := http.NewRequest(http.MethodPost, "http://"+h.n.running().Addresses[1]+"/v1/logs", bytes.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-protobuf")
			req.Header.Set("Content-Encoding", name)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.GreaterOrEqual(t, resp.StatusCode, 400, name)
			require.Less(t, resp.StatusCode, 500, name)
		}
	}
	h.honest(3)

	encoding.RegisterCompressor(zstdCompressor{})
	conn, err := grpc.NewClient(h.n.running().Addresses[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(strings.Repeat("\x00", 128<<20))
	request := ptraceotlp.NewExportRequestFromTraces(td)
	for _, name := range []string{grpcgzip.Name, zstdCompressor{}.Name()} {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), request, grpc.UseCompressor(name))
		require.Equal(t, codes.ResourceExhausted, status.Code(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "larger than max")
	}
	h.honest(4)
	h.bounded(pid)
	events, _ := h.end()
	require.Len(t, events, 3)
}

// A span with a hundred thousand attributes and ten thousand events is one event, and
// nothing of it is lost: what is too long for the line is beside it.
func TestManyAttributes(t *testing.T) {
	h := newHostile(t)
	pid := h.n.running().PID
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	require.NoError(t, h.send(1, func(s ptrace.Span) {
		many := map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": deep}
		for i := range 100_000 {
			many[fmt.Sprintf("k%d", i)] = "v"
		}
		require.NoError(t, s.Attributes().FromRaw(many))
		for i := range 10_000 {
			s.Events().AppendEmpty().SetName(fmt.Sprintf("e%d", i))
		}
	}))
	h.honest(2)
	h.bounded(pid)
	events, s := h.end()
	require.Len(t, events, 2)
	e := events[0]
	if len(e.Oversize) == 0 {
		e = events[1]
	}
	require.Contains(t, string(e.ToolInput), `{\"a\":{\"a\":`, "what is no JSON that every parser reads is kept as text")
	require.Contains(t, string(e.Oversize), `"content"`)
	var cut map[string]struct{ SHA256 string }
	require.NoError(t, json.Unmarshal(e.Oversize, &cut))
	text, err := ledger.ReadBlob(context.Background(), s, cut["content"].SHA256)
	require.NoError(t, err)
	require.Contains(t, string(text), `"k99999":"v"`)
	require.Contains(t, string(text), `"e9999"`)
}

// Connections that never finish what they begin take nobody's place.
func TestSlowConnections(t *testing.T) {
	h := newHostile(t)
	pid := h.n.running().PID
	c := h.n.running()
	var slow []net.Conn
	for i := range 400 {
		conn, err := net.Dial("tcp", c.Addresses[i%2])
		require.NoError(t, err)
		slow = append(slow, conn)
		_, err = conn.Write([]byte("POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000000\r\n")[:20+i%60])
		require.NoError(t, err)
	}
	for id := range byte(20) {
		h.honest(id + 1)
	}
	h.bounded(pid)
	for _, conn := range slow {
		require.NoError(t, conn.Close())
	}
	events, _ := h.end()
	require.Len(t, events, 20)
}

// Who knows another's trace and span ids can tell something else under them, and the
// reader shows both.
func TestCollidingIDs(t *testing.T) {
	h := newHostile(t)
	for _, who := range []string{"billing", "mallory"} {
		require.NoError(t, h.send(7, func(s ptrace.Span) {
			s.Attributes().PutStr("gen_ai.agent.id", who)
			s.Attributes().PutStr("gen_ai.tool.call.arguments", `{"by":"`+who+`"}`)
		}))
	}
	require.NoError(t, h.n.stop())
	s, err := store.Open(context.Background(), h.direct)
	require.NoError(t, err)
	defer s.Close()
	inputs := map[string]bool{}
	told := false
	for l, err := range ledger.Events(context.Background(), s, ledger.ReadOptions{Keys: []ledger.PublicKey{h.key}}) {
		if err != nil {
			told = true
			continue
		}
		e, err := semconv.ParseLine(l.Line)
		require.NoError(t, err)
		inputs[string(e.ToolInput)] = true
	}
	require.Equal(t, map[string]bool{`{"by":"billing"}`: true, `{"by":"mallory"}`: true}, inputs)
	report, err := ledger.Verify(context.Background(), s, ledger.VerifyOptions{Keys: []ledger.PublicKey{h.key}, Level: ledger.LevelEvents})
	require.NoError(t, err)
	require.True(t, told || len(report.Findings) > 0, "and says that there are two")
}
