package semconv

import (
	"encoding/json"
	"time"
)

// The value of a field, by its kind. Asking for another kind than the field's is a mistake
// of the program.

// String is the value of a field of KindString, "" for none.
func (f *Field) String(e *Event) string { f.is(heldString); return *in[string](e, f) }

// Int is the value of a field of KindInt.
func (f *Field) Int(e *Event) Optional[int64] { f.is(heldInt); return *in[Optional[int64]](e, f) }

// Float is the value of a field of KindFloat.
func (f *Field) Float(e *Event) Optional[float64] {
	f.is(heldFloat)
	return *in[Optional[float64]](e, f)
}

// Bool is the value of a field of KindBool.
func (f *Field) Bool(e *Event) Optional[bool] { f.is(heldBool); return *in[Optional[bool]](e, f) }

// Time is the value of a field of KindTime, zero for none.
func (f *Field) Time(e *Event) time.Time { f.is(heldTime); return *in[time.Time](e, f) }

// Strings is the value of a field of KindStrings.
func (f *Field) Strings(e *Event) []string { f.is(heldStrings); return *in[[]string](e, f) }

// JSON is the value of a field of KindAny, KindObject or KindArray.
func (f *Field) JSON(e *Event) json.RawMessage { f.is(heldJSON); return *in[json.RawMessage](e, f) }

func (f *Field) is(h held) {
	if f.held != h {
		panic("field " + f.Name + " is of another kind")
	}
}
