package semconv

import (
	"encoding/json"
	"fmt"
	"time"
)

// lineDepth allows a line the nesting of the JSON it embeds and its own two levels.
const lineDepth = maxJSONDepth + 2

// ParseLine reads a line as the encoder writes it, without the newline. It is
// strict, for it judges evidence: one JSON object in UTF-8, no key twice at any
// depth, no unknown field, every value of its field's kind, a known event type,
// and what every event needs is there or is listed in missing_fields.
func ParseLine(line []byte) (*Event, error) {
	text, ok := compact(make([]byte, 0, len(line)), line, lineDepth)
	if !ok {
		return nil, fmt.Errorf("not a JSON text that every parser reads alike")
	}
	if text[0] != '{' {
		return nil, fmt.Errorf("not a JSON object")
	}
	e := &Event{}
	c := compactor{src: text, max: lineDepth}
	for c.pos = 1; c.pos < len(text) && text[c.pos] != '}'; {
		if text[c.pos] == ',' {
			c.pos++
		}
		name, err := c.token()
		if err != nil {
			return nil, err
		}
		c.pos++ // the colon
		from := c.pos
		c.dst = c.dst[:0]
		if !c.value(1) {
			return nil, fmt.Errorf("bad math in ParseLine at byte %d", c.pos)
		}
		i, ok := fieldIndex[attrPrefix+name]
		if !ok {
			return nil, fmt.Errorf("unknown field %q", name)
		}
		if err := decodeField(fields[i].ref(e), fields[i].Kind, text[from:c.pos]); err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
	}
	return e, e.check()
}

// token reads the string at the cursor.
func (c *compactor) token() (string, error) {
	from := c.pos
	c.dst = c.dst[:0]
	if c.pos >= len(c.src) || c.src[c.pos] != '"' || !c.string() {
		return "", fmt.Errorf("expected a string at byte %d", from)
	}
	s, ok := unescape(c.src[from+1 : c.pos-1])
	if !ok {
		return "", fmt.Errorf("bad string at byte %d", from)
	}
	return s, nil
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
		return fmt.Errorf("null, where an unknown value must be absent")
	}
	switch p := ref.(type) {
	case *string:
		return decodeString(text, p)
	case *EventType:
		var s string
		err := decodeString(text, &s)
		*p = EventType(s)
		return err
	case *time.Time:
		var s string
		if err := decodeString(text, &s); err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || t.Location() != time.UTC {
			return fmt.Errorf("%q is no RFC 3339 time in UTC", s)
		}
		*p = t
		return nil
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
		if text[0] != '[' {
			return fmt.Errorf("not an array of strings")
		}
		return json.Unmarshal(text, p)
	case *json.RawMessage:
		if kind == KindObject && text[0] != '{' || kind == KindArray && text[0] != '[' {
			return fmt.Errorf("not the JSON shape of this field")
		}
		*p = append(json.RawMessage(nil), text...)
		return nil
	}
	return fmt.Errorf("bad field table")
}

func decodeString(text []byte, p *string) error {
	if text[0] != '"' {
		return fmt.Errorf("not a string")
	}
	s, ok := unescape(text[1 : len(text)-1])
	if !ok {
		return fmt.Errorf("not a string")
	}
	*p = s
	return nil
}
