package semconv

import (
	"encoding/json"
	"time"
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
