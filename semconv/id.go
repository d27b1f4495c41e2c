package semconv

import (
	"crypto/sha256"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// SpanEventID is the id of the event that a span tells of: a function of the trace
// id, the span id and the role, which says which of the span's events it is. A
// resent span gives the same id.
func SpanEventID(trace pcommon.TraceID, span pcommon.SpanID, role string) string {
	text := append(make([]byte, 0, 128), "agentaudit/span\x00"...)
	text = append(append(append(text, trace[:]...), span[:]...), role...)
	sum := sha256.Sum256(text)
	return eventID(sum[:])
}

// RecordEventID is the id of an event from a record that has no span of its own:
// a function of what identifies the record. Parts are length-prefixed, so no two
// lists of parts share an id.
func RecordEventID(parts ...string) string {
	text := append(make([]byte, 0, 512), "agentaudit/record\x00"...)
	for _, p := range parts {
		text = append(text, byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p)))
		text = append(text, p...)
	}
	sum := sha256.Sum256(text)
	return eventID(sum[:])
}

// eventID is a UUID of version 8 (RFC 9562: vendor-specific, here a digest).
func eventID(sum []byte) string {
	var u uuid.UUID
	copy(u[:], sum)
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}
