package semconv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// lineDepth allows a line the nesting of the JSON it embeds and its own two levels.
const lineDepth = jsontext.MaxDepth + 2

// ParseLine reads a line as the encoder writes it, without the newline. It is
// strict, for it judges evidence: one JSON object in UTF-8, no key twice at any
// depth, no field and no event type that its schema version does not know, every
// value of its field's kind, and what every event needs is there or is listed in
// missing_fields. The error of a line of a version that this program does not know
// is ErrNewerVersion, wrapped: what it says cannot be judged.
func ParseLine(line []byte) (*Event, error) {
	var few [32]fieldAt // most lines have no more
	r := LineReader{at: few[:0]}
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
	has  fieldSet // of at
	in   jsontext.ObjectReader
	// version is that of the line, by its place in versions; the newest where it has none.
	version int
	e       *Event // that Scan gives
}

// fieldAt is a field of the line that was read: its number, and where its value is.
type fieldAt struct{ field, from, to int }

// scanned are the fields that Scan gives.
var scanned = setOf(append([]string{"schema_version", "run_id", "missing_fields"}, requiredAlways...)...)

// Scan reads a line and gives what every event has, and its run; the other fields are
// checked and left empty. The event is valid until the next call.
func (r *LineReader) Scan(line []byte) (*Event, error) {
	if err := r.read(line); err != nil {
		return nil, err
	}
	if r.e == nil {
		r.e = &Event{}
	}
	// Most lines say what the line before says, and a text that is the same is not made
	// twice: only what this line does not say is emptied.
	for word, set := range scanned {
		for set &^= r.has[word]; set != 0; set &= set - 1 {
			fields[word*64+bits.TrailingZeros64(set)].clear(r.e)
		}
	}
	return r.e, r.decode(r.e, scanned.has)
}

// all is the set of all fields.
var all = func() (s fieldSet) {
	for i := range fields {
		s.add(i)
	}
	return s
}()

// Read reads a line and gives the whole event, which is valid until the next call: JSON
// values are of the reader's own text. Use a reader for Read or for Scan, not for both.
func (r *LineReader) Read(line []byte) (*Event, error) {
	if err := r.read(line); err != nil {
		return nil, err
	}
	if r.e == nil {
		r.e = &Event{}
	}
	for word, set := range all {
		for set &^= r.has[word]; set != 0; set &= set - 1 {
			fields[word*64+bits.TrailingZeros64(set)].clear(r.e)
		}
	}
	return r.e, r.decode(r.e, all.has)
}

// tellings are the fields that may differ between two tellings of one event; links are
// those that name another event, whose id may be told in another form.
var (
	tellings = setOf("schema_version", "event_id", "recorded_at", "step_number", "sender")
	links    = setOf("parent_event_id", "layer_of")
)

// AppendTold appends what the line that was read tells: all but recorded_at,
// step_number and sender, and what another version of the program writes otherwise:
// schema_version, event_id and the form of the ids that it links to. Two lines of one
// event have the same, and the same LegacyEventID.
func (r *LineReader) AppendTold(dst []byte) []byte {
	for _, f := range r.at {
		if tellings.has(f.field) {
			continue
		}
		dst = append(append(dst, fields[f.field].Name...), ':')
		if text := r.text[f.from:f.to]; links.has(f.field) && len(text) > roleAt+2 {
			dst = append(append(append(dst, '"'), LegacyEventID(string(text[1:len(text)-1]))...), '"')
		} else {
			dst = append(dst, text...)
		}
	}
	return dst
}

// ErrNewerVersion is the answer to a line of a schema version that this program does not
// know: mostly a newer program wrote it.
var ErrNewerVersion = errors.New("written by a newer version")

// read finds the fields of a line.
func (r *LineReader) read(line []byte) error {
	r.at, r.has = r.at[:0], fieldSet{}
	unknown := ""
	text, err := r.in.Object(r.text[:0], line, lineDepth, func(key []byte, from, to int) {
		if i, known := fieldNames[string(key)]; known {
			r.at = append(r.at, fieldAt{i, from, to})
			r.has.add(i)
		} else if unknown == "" {
			unknown = string(key)
		}
	})
	r.text = text
	if err != nil {
		return err
	}
	if err := r.readVersion(); err != nil {
		return err
	}
	if unknown != "" {
		return fmt.Errorf("unknown field %q", unknown)
	}
	return nil
}

// versionField is the place of schema_version.
var versionField = fieldNames["schema_version"]

// readVersion finds the version of the line. What is no version at all is left to decode.
func (r *LineReader) readVersion() error {
	r.version = len(versions) - 1
	for _, f := range r.at {
		if f.field != versionField {
			continue
		}
		text := r.text[f.from:f.to]
		if text[0] != '"' {
			return nil
		}
		for i, v := range versions {
			if string(text[1:len(text)-1]) == v {
				r.version = i
				return nil
			}
		}
		if version, ok := jsontext.Unescape(text[1 : len(text)-1]); ok && version != "" {
			return fmt.Errorf("%w: `schema_version` is %s", ErrNewerVersion, quoteShort(version))
		}
		return nil
	}
	return nil
}

// quoteShort quotes the beginning of a text that may be anything.
func quoteShort(s string) string {
	const most = 32
	if len(s) <= most {
		return strconv.QuoteToASCII(s)
	}
	return strconv.QuoteToASCII(strings.ToValidUTF8(s[:most], "")) + "…"
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
		if fields[f.field].since > r.version {
			return fmt.Errorf("field %q is not of schema version %s", fields[f.field].Name, versions[r.version])
		}
	}
	return e.check(r.version)
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

// check looks at an event of the version at that place in versions.
func (e *Event) check(version int) error {
	if e.SchemaVersion == "" {
		return errors.New("`schema_version` is absent")
	}
	if !e.EventType.validIn(version) {
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
