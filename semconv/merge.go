package semconv

import (
	"encoding/json"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// Copy gives dst the field as src holds it.
func (f *Field) Copy(dst, src *Event) {
	switch f.held {
	case heldString:
		*in[string](dst, f) = *in[string](src, f)
	case heldJSON:
		*in[json.RawMessage](dst, f) = *in[json.RawMessage](src, f)
	case heldStrings:
		*in[[]string](dst, f) = *in[[]string](src, f)
	case heldTime:
		*in[time.Time](dst, f) = *in[time.Time](src, f)
	case heldInt:
		*in[Optional[int64]](dst, f) = *in[Optional[int64]](src, f)
	case heldFloat:
		*in[Optional[float64]](dst, f) = *in[Optional[float64]](src, f)
	default:
		*in[Optional[bool]](dst, f) = *in[Optional[bool]](src, f)
	}
}

// Leaves takes the texts, numbers and truth values of the field into l.
func (f *Field) Leaves(e *Event, l *jsontext.Leaves) {
	switch f.held {
	case heldString:
		l.AddText(*in[string](e, f))
	case heldJSON:
		l.AddJSON(*in[json.RawMessage](e, f))
	case heldStrings:
		for _, s := range *in[[]string](e, f) {
			l.AddText(s)
		}
	case heldTime:
		l.AddTime(*in[time.Time](e, f))
	case heldInt:
		l.AddNumber(float64(in[Optional[int64]](e, f).Value))
	case heldFloat:
		l.AddNumber(in[Optional[float64]](e, f).Value)
	default:
		l.AddTruth(in[Optional[bool]](e, f).Value)
	}
}
