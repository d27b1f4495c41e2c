// Package coverage counts how much of what an audit needs each agent's telemetry
// held, so that it is known later what could have been known.
package coverage

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Wanted are the fields that an audit asks for, by event type; those under "" of
// every event.
var Wanted = map[semconv.EventType][]string{
	"":                       {"session_id", "user_id", "agent_id", "agent_version"},
	semconv.TypeSessionStart: {"user_message"},
	semconv.TypeSessionEnd:   {"final_output"},
	semconv.TypeLLMCall:      {"model_id", "system_prompt_hash", "input_messages", "output_messages", "tools_available", "input_tokens", "output_tokens"},
	semconv.TypeToolCall:     {"tool_name", "tool_call_id", "tool_input", "tool_output", "outcome"},
	semconv.TypeApproval:     {"tool_name", "tool_call_id", "approval_status", "approver_id", "approval_source"},
}

// content are the fields whose absence content_state explains.
var content = map[string]bool{"user_message": true, "final_output": true, "input_messages": true, "output_messages": true, "tool_input": true, "tool_output": true}

// States of a field.
const (
	Present  = "present"
	Derived  = "derived"  // filled by a fallback
	Missing  = "missing"  // not in the telemetry
	Withheld = "withheld" // the source was told not to record it
	Cut      = "cut"      // the source shortened it
)

// States are all states.
var States = []string{Present, Derived, Missing, Withheld, Cut}

// state is the state of a field in an event.
func state(e *semconv.Event, f *semconv.Field) string {
	has := f.Has(e)
	switch {
	case has && slices.Contains(e.DerivedFields, f.Name):
		return Derived
	case has && e.ContentState == semconv.ContentTruncatedAtSource && content[f.Name]:
		return Cut
	case has:
		return Present
	case e.ContentState == semconv.ContentWithheld && content[f.Name]:
		return Withheld
	}
	return Missing
}

// Row is how often a field was in each state.
type Row struct {
	Agent     string            `json:"agent"`
	Dialect   string            `json:"dialect"`
	EventType semconv.EventType `json:"event_type"`
	Field     string            `json:"field"`
	Present   int64             `json:"present"`
	Derived   int64             `json:"derived"`
	Missing   int64             `json:"missing"`
	Withheld  int64             `json:"withheld"`
	Cut       int64             `json:"cut"`
	// Setting is what closes the gap, or makes a derived value the source's own: a setting of
	// the library that sent it. It is empty where what came shows that it is set already.
	Setting string `json:"setting,omitempty"`
}

// count is where the row counts a state.
func (r *Row) count(state string) *int64 {
	switch state {
	case Present:
		return &r.Present
	case Derived:
		return &r.Derived
	case Cut:
		return &r.Cut
	case Withheld:
		return &r.Withheld
	}
	return &r.Missing
}

// Gap reports whether the telemetry did not always hold the field.
func (r *Row) Gap() bool { return r.Derived+r.Missing+r.Withheld+r.Cut > 0 }

// advice is what a row tells to whom.
func (r *Row) advice() [3]string { return [3]string{r.Agent, r.Dialect, r.Setting} }

// maxRows bounds a card: an agent's name comes from its telemetry.
const maxRows = 20000

type key struct {
	agent, dialect string
	typ            semconv.EventType
}

// wanted are the fields of an event type with those of every type.
var wanted = func() map[semconv.EventType][]*semconv.Field {
	m := map[semconv.EventType][]*semconv.Field{}
	for _, t := range semconv.EventTypes() {
		for _, name := range append(append([]string(nil), Wanted[""]...), Wanted[t]...) {
			m[t] = append(m[t], semconv.FieldNamed(name))
		}
	}
	return m
}()

// Card counts. It is not safe for concurrent use.
type Card struct {
	rows    map[key][]Row // one for each field that is wanted
	size    int
	events  int64
	Dropped int64 // counts that did not fit

	untabled map[Scope]int64 // events that were read without a table
}

// Scope is an instrumentation scope of which no dialect has a table.
type Scope struct {
	Name    string `json:"scope"`
	Version string `json:"version,omitempty"`
}

// maxScopes bounds the scopes of a card: their names come from telemetry.
const maxScopes = 1000

// withoutTable reports whether a dialect is what reads telemetry that none has a table for.
func withoutTable(dialect string) bool { return strings.HasPrefix(dialect, "untabled") }

// NoTable calls f with each scope whose events were read without a table, in order.
func (c *Card) NoTable(f func(s Scope, events int64)) {
	for _, s := range slices.SortedFunc(maps.Keys(c.untabled), func(a, b Scope) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	}) {
		f(s, c.untabled[s])
	}
}

// addScope counts an event that was read without a table.
func (c *Card) addScope(s Scope, n int64) {
	if _, ok := c.untabled[s]; !ok && len(c.untabled) >= maxScopes {
		c.Dropped += n
		return
	}
	if c.untabled == nil {
		c.untabled = map[Scope]int64{}
	}
	c.untabled[s] += n
}

// NewCard is an empty card.
func NewCard() *Card { return &Card{rows: map[key][]Row{}} }

// Events is how many events the card counts.
func (c *Card) Events() int64 { return c.events }

// Add counts an event. Layers of another event, and what the collector says itself,
// are not counted.
func (c *Card) Add(dialect string, e *semconv.Event) {
	if e.LayerOf != "" || e.EventType == semconv.TypeFinding {
		return
	}
	c.events++
	if withoutTable(dialect) {
		var of struct {
			Scope   string `json:"scope"`
			Version string `json:"scope_version"`
		}
		_ = json.Unmarshal(e.Source, &of)
		c.addScope(Scope{of.Scope, of.Version}, 1)
	}
	rows, fields := c.of(key{e.AgentID, dialect, e.EventType}), wanted[e.EventType]
	for i := range rows {
		*rows[i].count(state(e, fields[i]))++
	}
}

// of are the rows of an agent's events of one type; none where the card is full.
func (c *Card) of(k key) []Row {
	rows := c.rows[k]
	if rows != nil {
		return rows
	}
	fields := wanted[k.typ]
	if c.size+len(fields) > maxRows {
		c.Dropped += int64(len(fields))
		return nil
	}
	rows = make([]Row, len(fields))
	for i, f := range fields {
		rows[i] = Row{Agent: k.agent, Dialect: k.dialect, EventType: k.typ, Field: f.Name}
	}
	c.rows[k] = rows
	c.size += len(rows)
	return rows
}

// Merge adds what another card counted.
func (c *Card) Merge(other *Card) {
	c.events += other.events
	c.Dropped += other.Dropped
	for s, n := range other.untabled {
		c.addScope(s, n)
	}
	for k, from := range other.rows {
		for i, row := range c.of(k) {
			for _, state := range States {
				*row.count(state) += *from[i].count(state)
			}
			c.rows[k][i] = row
		}
	}
}

// Each tells of each count that is not zero: the dialect, the field, its state and how
// often.
func (c *Card) Each(f func(dialect, field, state string, n int64)) {
	for _, rows := range c.rows {
		for i := range rows {
			for _, state := range States {
				if n := *rows[i].count(state); n > 0 {
					f(rows[i].Dialect, rows[i].Field, state, n)
				}
			}
		}
	}
}

// Rows lists the counts, in order. setting, if any, names what closes a gap.
func (c *Card) Rows(setting func(dialect, field string) string) []Row {
	rows := make([]Row, 0, c.size)
	isSet := map[[3]string]bool{} // settings of an agent that what came shows to be made
	for _, list := range c.rows {
		for _, row := range list {
			if setting != nil {
				row.Setting = setting(row.Dialect, row.Field)
			}
			if row.Present+row.Cut > 0 {
				isSet[row.advice()] = true
			}
			rows = append(rows, row)
		}
	}
	for i := range rows {
		if row := &rows[i]; !row.Gap() || isSet[row.advice()] {
			row.Setting = ""
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Dialect, b.Dialect), cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Field, b.Field))
	})
	return rows
}

// JSON is the card as a JSON object, for the content of an event.
func (c *Card) JSON(setting func(dialect, field string) string) []byte {
	text, err := json.Marshal(struct {
		Events  int64        `json:"events"`
		Dropped int64        `json:"dropped_rows,omitempty"`
		Rows    []Row        `json:"rows"`
		NoTable []scopeCount `json:"no_table,omitempty"`
	}{c.events, c.Dropped, c.Rows(setting), c.noTable()})
	if err != nil {
		panic("bad types in Card.JSON: " + err.Error())
	}
	return text
}

// scopeCount is how many events of a scope were read without a table.
type scopeCount struct {
	Scope
	Events int64 `json:"events"`
}

func (c *Card) noTable() (list []scopeCount) {
	c.NoTable(func(s Scope, n int64) { list = append(list, scopeCount{s, n}) })
	return list
}
