package agentauditexporter

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/spool"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// The fields of what is known of an event in the spool, as of a protocol buffers
// message. Numbers are on disk and are not given anew.
const (
	metaEventType protowire.Number = iota + 1
	metaEventID
	metaSessionID
	metaSeconds // Unix time, zigzag
	metaNanoseconds
	metaMissing // repeated
	metaQuarantine
	metaSystemPrompt
	metaSystemPromptHash
	metaOversizeText // repeated
	metaClass
	metaKept // seconds
)

var errNoRecord = errors.New("not a record of the spool")

// spoolRecords are events in the spool, with room for its headers. They hold copies of
// the lines.
func spoolRecords(l *ledger.Lines) [][]byte {
	const head = spool.HeaderBytes + 256 // seldom more
	text, ends := make([]byte, 0, len(l.Text)+head*len(l.Metas)), make([]int, len(l.Metas))
	var room [spool.HeaderBytes]byte
	for i := range l.Metas {
		text = appendSpoolRecord(append(text, room[:]...), l.Line(i), &l.Metas[i])
		ends[i] = len(text)
	}
	records, from := make([][]byte, len(ends)), 0
	for i, end := range ends {
		records[i] = text[from:end:end]
		from = end
	}
	return records
}

// appendSpoolRecord appends an event: the length of what is known of it, that, and the
// line.
func appendSpoolRecord(rec, line []byte, m *semconv.Meta) []byte {
	head := make([]byte, 0, 256)
	text := func(field protowire.Number, s string) {
		if s != "" {
			head = protowire.AppendString(protowire.AppendTag(head, field, protowire.BytesType), s)
		}
	}
	number := func(field protowire.Number, n uint64) {
		head = protowire.AppendVarint(protowire.AppendTag(head, field, protowire.VarintType), n)
	}
	text(metaEventType, m.EventType)
	text(metaEventID, m.EventID)
	text(metaSessionID, m.SessionID)
	number(metaSeconds, protowire.EncodeZigZag(m.Timestamp.Unix()))
	number(metaNanoseconds, uint64(m.Timestamp.Nanosecond()))
	for _, f := range m.Missing {
		text(metaMissing, f)
	}
	if m.Quarantine {
		number(metaQuarantine, 1)
	}
	text(metaSystemPrompt, m.SystemPrompt)
	text(metaSystemPromptHash, m.SystemPromptHash)
	if m.Class != "" {
		text(metaClass, m.Class)
		number(metaKept, uint64(m.Kept/time.Second))
	}
	for _, s := range m.OversizeText {
		text(metaOversizeText, s)
	}
	rec = binary.AppendUvarint(rec, uint64(len(head)))
	return append(append(rec, head...), line...)
}

// parseSpoolRecord is the inverse of appendSpoolRecord. It also reads what earlier versions wrote:
// what is known of the event as JSON.
func parseSpoolRecord(rec []byte) (line []byte, m semconv.Meta, err error) {
	n, size := binary.Uvarint(rec)
	if size <= 0 || n > uint64(len(rec)-size) {
		return nil, m, errNoRecord
	}
	head, line := rec[size:size+int(n)], rec[size+int(n):]
	if len(head) > 0 && head[0] == '{' {
		return line, m, json.Unmarshal(head, &m)
	}
	var at [2]int64 // seconds and nanoseconds
	for len(head) > 0 {
		field, kind, size := protowire.ConsumeTag(head)
		if size < 0 {
			return nil, m, errNoRecord
		}
		head = head[size:]
		var text []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			text, size = protowire.ConsumeBytes(head)
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(head)
		default:
			size = protowire.ConsumeFieldValue(field, kind, head)
		}
		if size < 0 {
			return nil, m, errNoRecord
		}
		head = head[size:]
		setMeta(&m, &at, field, string(text), number)
	}
	m.Timestamp = time.Unix(at[0], at[1]).UTC()
	return line, m, nil
}

// setMeta sets what a field says; one that is not known says nothing.
func setMeta(m *semconv.Meta, at *[2]int64, field protowire.Number, text string, number uint64) {
	switch field {
	case metaEventType:
		m.EventType = text
	case metaEventID:
		m.EventID = text
	case metaSessionID:
		m.SessionID = text
	case metaSeconds:
		at[0] = protowire.DecodeZigZag(number)
	case metaNanoseconds:
		at[1] = int64(number)
	case metaMissing:
		m.Missing = append(m.Missing, text)
	case metaQuarantine:
		m.Quarantine = number != 0
	case metaSystemPrompt:
		m.SystemPrompt = text
	case metaSystemPromptHash:
		m.SystemPromptHash = text
	case metaClass:
		m.Class = text
	case metaKept:
		m.Kept = time.Duration(number) * time.Second
	case metaOversizeText:
		m.OversizeText = append(m.OversizeText, text)
	}
}
