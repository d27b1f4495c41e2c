package search

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Hit is an event that was found.
type Hit struct {
	*trail.Event
	// Said is the text of the event in which the first of the words stand that were looked for,
	// "" where none were; Field the field that it is of, and Around their place in it, in bytes.
	Field, Said string
	Around      int
}

// Lines are the ids of the events whose lines show the hit: its own, those of its layers, and of
// what its run says in its place one that says so.
func (h *Hit) Lines() []string {
	ids := []string{h.Sealed.EventID}
	for _, f := range h.Fields {
		ids = append(ids, f.From[0])
	}
	for _, l := range h.Layers {
		ids = append(ids, l.Sealed.EventID)
	}
	return ids
}

// Outcome is what a search came to.
type Outcome struct {
	Hits int
	// Unjudged are events of which it is not known whether the query finds them, by the reason.
	Unjudged map[string]*Unjudged
	// Unread are full texts that are in no line and could not be read, so that nothing is known
	// of what they say.
	Unread int
	Coverage
}

// Unjudged are events that could not be judged for one reason.
type Unjudged struct {
	Count   int
	EventID string // of the first
}

// Reasons are those for which events could not be judged, the one with the most first.
func (o *Outcome) Reasons() []string {
	return slices.SortedFunc(maps.Keys(o.Unjudged), func(a, b string) int {
		return cmp.Or(o.Unjudged[b].Count-o.Unjudged[a].Count, strings.Compare(a, b))
	})
}

// searcher looks for one query.
type searcher struct {
	q     *Query
	words []words
	full  func(digest string) ([]byte, error)
	out   *Outcome
}

// maxReasons bounds the reasons that are told apart.
const maxReasons = 16

// Search gives each what the query finds, in the one order. full gives the full text of a field
// that was too long for its line, by its digest.
func Search(ctx context.Context, s Source, q *Query, full func(digest string) ([]byte, error), each func(*Hit) error) (*Outcome, error) {
	x := &searcher{q: q, full: full, out: &Outcome{Unjudged: map[string]*Unjudged{}}}
	for _, t := range q.Texts {
		x.words = append(x.words, newWords(t))
	}
	for e, err := range s.Events(ctx, q) {
		if err != nil {
			return nil, err
		}
		h, err := x.look(e)
		if err != nil {
			return nil, err
		}
		if h == nil {
			continue
		}
		x.out.Hits++
		if err := each(h); err != nil {
			return nil, err
		}
	}
	x.out.Coverage = s.Covered()
	return x.out, nil
}

// look is the event as a hit, nil for none.
func (x *searcher) look(e *trail.Event) (*Hit, error) {
	if !x.q.in(e.Event) {
		return nil, nil
	}
	var reason error
	for _, t := range Tellings(e) {
		if !x.q.fields(t) {
			continue
		}
		if x.q.Where != nil {
			is, err := x.q.Where.Is(t)
			if err != nil {
				reason = err
			}
			if !is {
				continue
			}
		}
		return x.says(e) // which is the same for each of them
	}
	if reason != nil {
		x.unjudged(reason.Error(), e.EventID)
	}
	return nil, nil
}

func (x *searcher) unjudged(reason, id string) {
	if x.out.Unjudged[reason] == nil {
		if len(x.out.Unjudged) >= maxReasons {
			reason = "further reasons"
		}
		if x.out.Unjudged[reason] == nil {
			x.out.Unjudged[reason] = &Unjudged{EventID: id}
		}
	}
	x.out.Unjudged[reason].Count++
}

// says is the event as a hit where it, with its layers, says all texts that are looked for.
func (x *searcher) says(e *trail.Event) (*Hit, error) {
	h := &Hit{Event: e}
	if len(x.words) == 0 {
		return h, nil
	}
	left := slices.Clone(x.words)
	look := func(field, text string) bool {
		left = slices.DeleteFunc(left, func(w words) bool {
			at := w.find(text)
			if at < 0 {
				return false
			}
			if h.Field == "" {
				h.Field, h.Said, h.Around = field, text, placeOf(text, at)
			}
			return true
		})
		return len(left) > 0
	}
	for _, t := range append([]*trail.Event{e}, e.Layers...) {
		if !Texts(t.Event, look) {
			return h, nil
		}
	}
	for _, t := range append([]*trail.Event{e}, e.Layers...) {
		more, err := x.fullTexts(t.Event, look)
		if err != nil {
			return nil, err
		}
		if !more {
			return h, nil
		}
	}
	return nil, nil
}

// fullTexts gives the full texts of what is too long for the line.
func (x *searcher) fullTexts(e *semconv.Event, look func(field, text string) bool) (more bool, err error) {
	var marks map[string]struct {
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(e.Oversize, &marks) != nil || x.full == nil {
		return true, nil
	}
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		text, err := x.full(marks[name].SHA256)
		var f *ledger.Finding
		switch {
		case errors.As(err, &f):
			x.out.Unread++
		case err != nil:
			return false, fmt.Errorf("the full text of %s of event %q: %w", name, e.EventID, err)
		case !look(name, string(text)):
			return false, nil
		}
	}
	return true, nil
}
