package semconv

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// benchSpan is an audit record of about so many bytes of content.
func benchSpan(size int) ptrace.Span {
	s := ptrace.NewSpan()
	text := strings.Repeat("The customer wants a refund. ", max(1, size/29))
	WriteSpan(&Event{
		EventID: "8f14e45f-ceea-867f-a0a0-000000000001", EventType: TypeLLMCall, Timestamp: time.Unix(1790000000, 0), EndTimestamp: time.Unix(1790000001, 0),
		RecordedAt: time.Unix(1790000002, 0), SessionID: "sess-42", RunID: "5d767b00000000000000000000000000", StepNumber: Some[int64](3), AgentID: "support", UserID: "u-17", ModelID: "gpt-5",
		SystemPromptHash: strings.Repeat("7c", 32), InputTokens: Some[int64](120), OutputTokens: Some[int64](18), LatencyMS: Some(29.1),
		TraceID: "5d767b00000000000000000000000000", SpanID: "23f8e70000000000", Source: []byte(`{"dialect":"openinference","service":"support-agent","signal":"traces"}`),
		InputMessages: []byte(`[{"role":"user","parts":[{"type":"text","content":"` + text + `"}]}]`),
	}, s)
	return s
}

var benchSizes = []int{100, 1500, 19500}

func BenchmarkAppendSpan(b *testing.B) {
	for _, size := range benchSizes {
		s := benchSpan(size)
		line, _, _ := AppendSpan(nil, s)
		b.Run(fmt.Sprintf("%dB", len(line)), func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				line, _, _ = AppendSpan(line[:0], s)
			}
		})
	}
}

func BenchmarkParseLine(b *testing.B) {
	for _, size := range benchSizes {
		line, _, _ := AppendSpan(nil, benchSpan(size))
		b.Run(fmt.Sprintf("%dB", len(line)), func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseLine(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is the reader of verify, which reads many lines and keeps little of each.
func BenchmarkScan(b *testing.B) {
	for _, size := range benchSizes {
		line, _, _ := AppendSpan(nil, benchSpan(size))
		b.Run(fmt.Sprintf("%dB", len(line)), func(b *testing.B) {
			var r LineReader
			var told []byte
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Scan(line); err != nil {
					b.Fatal(err)
				}
				told = r.AppendTold(told[:0])
			}
		})
	}
}
