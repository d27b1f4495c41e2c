package semconv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// lineDepth allows a line the nesting of the JSON it embeds and its own two levels.
const lineDepth = jsontext.MaxDepth + 2

// ParseLine reads a line as the encoder writes it, without the newline. It is
// strict, for it judges evidence: one JSON object in UTF-8, no key twice at any
// depth, no unknown field, every value of its field's kind, a known event type,
// and what every event needs is there or is listed in missing_fields.
func ParseLine(line []byte) (*Event, error) {
	var r LineReader
	if err := r.read(line); err != nil {
		return nil, err
	}
	e := &Event{}
	return e, r.decode(e, func(int) bool { return true })
}

// LineReader reads many lines, each as strictly as ParseLine does, without keeping
// what a verifier does not need. It is not safe for concurrent use.
type LineReader struct {
	text []byte // the line in canonical form
	at   []fieldAt
	in   jsontext.ObjectReader
	e    Event
}

// fieldAt is a field of the line that was read: its number, and where its value is.
type fieldAt struct{ field, from, to int }

// scanned are the fields that Scan gives.
var scanned = func() (t [maxFields]bool) {
	for _, name := range append([]string{"schema_version", "run_id", "missing_fields"}, requiredAlways...) {
		t[fieldNames[name]] = true
	}
	return t
}()

// Scan reads a line and gives what every event has, and its run; the other fields are
// checked and left empty. The event is valid until the next call.
func (r *LineReader) Scan(line []byte) (*Event, error) {
	if err := r.read(line); err != nil {
		return nil, err
	}
	before := r.e
	r.e = Event{}
	return &r.e, r.decode(&r.e, func(i int) bool {
		if scanned[i] {
			// Most lines say what the line before says: the same text is not made twice.
			if p, ok := fields[i].ref(&r.e).(*string); ok {
				*p = *fields[i].ref(&before).(*string)
			}
		}
		return scanned[i]
	})
}

// tellings are the fields that differ between two tellings of one event.
var tellings = func() (t [maxFields]bool) {
	for _, name := range []string{"recorded_at", "step_number", "sender"} {
		t[fieldNames[name]] = true
	}
	return t
}()

// AppendTold appends what the line that was read tells: all but recorded_at,
// step_number and sender. Two lines of one event have the same.
func (r *LineReader) AppendTold(dst []byte) []byte {
	for _, f := range r.at {
		if !tellings[f.field] {
			dst = append(append(append(dst, fields[f.field].Name...), ':'), r.text[f.from:f.to]...)
		}
	}
	return dst
}

// read finds the fields of a line.
func (r *LineReader) read(line []byte) error {
	r.at = r.at[:0]
	unknown := ""
	text, err := r.in.Object(r.text[:0], line, lineDepth, func(key []byte, from, to int) {
		if i, known := fieldNames[string(key)]; known {
			r.at = append(r.at, fieldAt{i, from, to})
		} else if unknown == "" {
			unknown = string(key)
		}
	})
	r.text = text
	switch {
	case err != nil:
		return err
	case unknown != "":
		return fmt.Errorf("unknown field %q", unknown)
	}
	return nil
}

// decode puts the fields that are wanted into an event and checks the others.
func (r *LineReader) decode(e *Event, wanted func(field int) bool) error {
	for _, f := range r.at {
		text := r.text[f.from:f.to:f.to]
		var err error
		if wanted(f.field) {
			err = decodeField(fields[f.field].ref(e), fields[f.field].Kind, text)
		} else {
			err = checkField(fields[f.field].Kind, text)
		}
		if err != nil {
			return fmt.Errorf("field %q: %w", fields[f.field].Name, err)
		}
	}
	return e.check()
}

// checkField is decodeField where the value itself is of no interest.
func checkField(kind Kind, text []byte) (err error) {
	if string(text) == "null" {
		return errNull
	}
	switch kind {
	case KindString:
		if text[0] != '"' {
			return errNoString
		}
	case KindTime:
		_, err = decodeTime(text)
	case KindInt:
		_, err = strconv.ParseInt(string(text), 10, 64)
	case KindFloat:
		_, err = strconv.ParseFloat(string(text), 64)
	case KindBool:
		if text[0] != 't' && text[0] != 'f' {
			err = errors.New("not a boolean")
		}
	case KindStrings:
		_, err = decodeStrings(text)
	default:
		err = checkShape(kind, text)
	}
	return err
}

func (e *Event) check() error {
	if e.SchemaVersion != SchemaVersion {
		return fmt.Errorf("`schema_version` is %q, this reader knows %q", e.SchemaVersion, SchemaVersion)
	}
	if !e.EventType.Valid() {
		return fmt.Errorf("unknown `event_type` %q", e.EventType)
	}
next:
	for _, name := range requiredAlways {
		if e.Has(name) {
			continue
		}
		for _, m := range e.MissingFields {
			if m == name {
				continue next
			}
		}
		return fmt.Errorf("`%s` is absent and not in `missing_fields`", name)
	}
	return nil
}

func decodeField(ref any, kind Kind, text []byte) error {
	if string(text) == "null" {
		return errNull
	}
	var err error
	switch p := ref.(type) {
	case *string:
		return decodeString(text, p)
	case *EventType:
		if text[0] == '"' {
			for _, t := range eventTypes {
				if string(text[1:len(text)-1]) == string(t) {
					*p = t
					return nil
				}
			}
		}
		var s string
		err := decodeString(text, &s)
		*p = EventType(s)
		return err
	case *time.Time:
		*p, err = decodeTime(text)
		return err
	case *Optional[int64]:
		p.Valid = true
		return json.Unmarshal(text, &p.Value)
	case *Optional[float64]:
		p.Valid = true
		return json.Unmarshal(text, &p.Value)
	case *Optional[bool]:
		p.Valid = true
		return json.Unmarshal(text, &p.Value)
	case *[]string:
		*p, err = decodeStrings(text)
		return err
	case *json.RawMessage:
		*p = text
		return checkShape(kind, text)
	}
	return errors.New("bad field table")
}

var (
	errNull     = errors.New("null, where an unknown value must be absent")
	errNoString = errors.New("not a string")
)

func checkShape(kind Kind, text []byte) error {
	if kind == KindObject && text[0] != '{' || kind == KindArray && text[0] != '[' {
		return errors.New("not the JSON shape of this field")
	}
	return nil
}

func decodeStrings(text []byte) (list []string, err error) {
	if text[0] != '[' {
		return nil, errors.New("not an array of strings")
	}
	err = json.Unmarshal(text, &list)
	return list, err
}

func decodeTime(text []byte) (time.Time, error) {
	var s string
	if err := decodeString(text, &s); err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Location() != time.UTC {
		return time.Time{}, fmt.Errorf("%q is no RFC 3339 time in UTC", s)
	}
	return t, nil
}

func decodeString(text []byte, p *string) error {
	if text[0] != '"' {
		return errNoString
	}
	if *p != "" && string(text[1:len(text)-1]) == *p && bytes.IndexByte(text, '\\') < 0 {
		return nil
	}
	s, ok := jsontext.Unescape(text[1 : len(text)-1])
	if !ok {
		return errNoString
	}
	*p = s
	return nil
}
