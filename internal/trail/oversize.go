package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// mark is what an event says of a field that was too long for the line.
type mark struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// shortened are the marks of an event by field. Senders may have written them: what
// has another shape names nothing.
func (e *Event) shortened() map[string]mark {
	var marks map[string]mark
	if json.Unmarshal(e.Oversize, &marks) != nil {
		return nil
	}
	return marks
}

// shortenedMark tells a reader of the table which fields are not whole.
func (e *Event) shortenedMark() string {
	marks := e.shortened()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		list = append(list, fmt.Sprintf("%s of %d bytes", name, marks[name].Bytes))
	}
	if len(list) == 0 {
		return "shortened"
	}
	return "shortened: " + strings.Join(list, ", ")
}

// ReadOversize reads the full texts of the fields that were too long for their lines.
// Those that are not there are problems. An error is the store's.
func (t *Trail) ReadOversize(ctx context.Context, r ledger.Reader) error {
	for e := range t.All() {
		marks := e.shortened()
		for _, name := range slices.Sorted(maps.Keys(marks)) {
			text, err := ledger.ReadBlob(ctx, r, marks[name].SHA256)
			var f *ledger.Finding
			switch {
			case errors.As(err, &f):
				f.Log, f.Seq = e.Log, e.Seq
				t.Problems = append(t.Problems, f)
			case err != nil:
				return err
			default:
				if e.OversizeText == nil {
					e.OversizeText = map[string]string{}
				}
				e.OversizeText[name] = string(text)
			}
		}
	}
	return nil
}
