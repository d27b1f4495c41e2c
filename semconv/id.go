package semconv

import (
	"crypto/sha256"
	"encoding/hex"

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
	text := appendParts(append(make([]byte, 0, 512), "agentaudit/record\x00"...), parts)
	sum := sha256.Sum256(text)
	return eventID(sum[:])
}

func appendParts(text []byte, parts []string) []byte {
	for _, p := range parts {
		text = append(text, byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p)))
		text = append(text, p...)
	}
	return text
}

// eventID is a UUID of version 8 (RFC 9562: vendor-specific, here a digest).
func eventID(sum []byte) string {
	var u uuid.UUID
	copy(u[:], sum)
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// ResourceID tells resources apart in the ids of their events. It is short: it keeps the
// spans of two resources apart that made up one trace and span id by mistake, not by malice.
type ResourceID [4]byte

// NewResourceID is the id of the resource that those parts identify, as service name and
// instance: a resent span must give the same ones.
func NewResourceID(parts ...string) ResourceID {
	sum := sha256.Sum256(appendParts([]byte("agentaudit/resource\x00"), parts))
	return ResourceID(sum[:4])
}

// PlainEventID is the id of the event that a span tells of, in the plain form: what
// SpanEventID digests stands in it as it is, after the resource, so that a line, which
// has trace and span id too, compresses:
//
//	ef1e4aa2.5d767b00000000000000000000000000.23f8e70000000000.tool_call
//
// A role that is too long or has other characters than A-Z a-z 0-9 _ - / : and the full
// stop, because an id of the source is part of it, gives SpanEventID.
func PlainEventID(resource ResourceID, trace pcommon.TraceID, span pcommon.SpanID, role string) string {
	if !plainRole(role) {
		return SpanEventID(trace, span, role)
	}
	id := hex.AppendEncode(make([]byte, 0, roleAt+maxRole), resource[:])
	id = hex.AppendEncode(append(id, '.'), trace[:])
	id = hex.AppendEncode(append(id, '.'), span[:])
	return string(append(append(id, '.'), role...))
}

// Where the parts of the plain form are.
const (
	traceAt = 2*len(ResourceID{}) + 1
	spanAt  = traceAt + 2*len(pcommon.TraceID{}) + 1
	roleAt  = spanAt + 2*len(pcommon.SpanID{}) + 1

	maxRole = 64
)

func plainRole(role string) bool {
	if role == "" || len(role) > maxRole {
		return false
	}
	for _, c := range []byte(role) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '-' && c <= ':', c == '_':
		default:
			return false
		}
	}
	return true
}

// LegacyEventID is what SpanEventID, which gave the ids of older trails, makes of an id in
// the plain form; any other id is its own. Two lines tell one event only where theirs agree.
func LegacyEventID(id string) string {
	if len(id) <= roleAt || id[traceAt-1] != '.' || id[spanAt-1] != '.' || id[roleAt-1] != '.' ||
		!plainRole(id[roleAt:]) {
		return id
	}
	var resource ResourceID
	var trace pcommon.TraceID
	var span pcommon.SpanID
	if !lowerHex(resource[:], id[:traceAt-1]) || !lowerHex(trace[:], id[traceAt:spanAt-1]) ||
		!lowerHex(span[:], id[spanAt:roleAt-1]) {
		return id
	}
	return SpanEventID(trace, span, id[roleAt:])
}

// lowerHex reads as many bytes as dst has, in the only digits that the plain form has.
func lowerHex(dst []byte, text string) bool {
	for _, c := range []byte(text) {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, []byte(text))
	return err == nil
}
