package table

import (
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Table is a table of the index.
type Table struct {
	Name    string
	Content bool // it holds what was said, and stands under the prefix for that
	Doc     string
	Columns []Column
	// Sort are the names of the columns by which rows stand in a file.
	Sort []string

	schema *parquet.Schema
	leaf   []int // of each column, the number of its first column of values
	leaves []int // the column of each column of values
	byName map[string]int
	sort   []int // the columns of Sort
}

// Version is that of the tables: in the keys of their files.
const Version = "v1"

// Nanos is what a column of nanoseconds is called, beside one of microseconds.
const Nanos = "_nanos"

// key are the columns that say where a row is from: (object, line) is the key of a row, since two
// collectors may seal one event_id.
var key = []Column{
	{Name: "date", Type: Date, Required: true, Doc: "The day of sealing, as in the object's key: rows never move."},
	{Name: "log", Type: Text, Required: true, Doc: "The log that sealed it."},
	{Name: "seq", Type: Int, Required: true, Unlike: true, Doc: "The manifest that names the object."},
	{Name: "object", Type: Text, Required: true, Doc: "The object's key in the trail."},
	{Name: "line", Type: Int, Required: true, Unlike: true, Doc: "The line in the object, from 1: (object, line) is the key of a row."},
}

// bloomed are the fields that are looked for by value.
var bloomed = []string{"event_id", "run_id", "tool_call_id", "user_id"}

// unlike are the fields whose values mostly differ from row to row.
var unlike = []string{
	"event_id", "parent_event_id", "span_id", "parent_span_id", "tool_call_id", "response_id", "layer_of",
	"user_message", "final_output", "input_messages", "output_messages", "output_text", "reasoning",
	"tool_calls_requested", "tool_input", "tool_output", "query", "documents", "approved_input", "content",
	"step_number", "input_tokens", "output_tokens",
}

// The tables. What was said is in those of content alone.
var (
	// Events has a row an event, without what was said.
	Events = table(Table{
		Name: "events", Doc: "One row a sealed line, without what was said.",
		Sort: []string{"session_id", "timestamp", "timestamp_nanos", "object", "line"},
		Columns: slices.Concat(key, scalars(false), []Column{
			{Name: "layer", Type: Bool, Required: true, Doc: "It repeats another event (layer_of) and is not counted."},
			{Name: "told", Type: Int, Unlike: true, Doc: "The first 8 bytes of SHA-256 of what the line tells: two lines of one event, sealed twice, have the same."},
		}, lists(false)),
	})

	// EventContent has what was said.
	EventContent = table(Table{
		Name: "events", Content: true, Doc: "What was said: one row a line that holds content.",
		Sort: []string{"session_id", "timestamp", "timestamp_nanos", "object", "line"},
		Columns: slices.Concat(key, []Column{
			text("event_id", "Of the line.", true), text("event_type", "Of the line.", false),
			text("session_id", "Of the line.", false), text("run_id", "Of the line.", false),
			{Name: "timestamp", Type: Time, Doc: "Of the line."},
			{Name: "timestamp" + Nanos, Type: Int, Doc: nanosDoc},
			text("tool_name", "Of the line.", false),
		}, scalars(true), lists(true), []Column{
			{Name: "tool_args", Type: TextMap, Doc: "The leaves of tool_input by their path: order.id, items.0; at most 256."},
		}),
	})

	// Tokens has the words of what was said that look like identifiers.
	Tokens = table(Table{
		Name: "tokens", Content: true, Doc: "One row a word that looks like an identifier and a line that holds it.",
		Sort: []string{"token", "object", "line"},
		Columns: []Column{
			{Name: "token", Type: Text, Required: true, Doc: "In lower case."},
			key[0], key[3], key[4],
		},
	})

	// Objects has a row a manifest, and one an object that it names.
	Objects = table(Table{
		Name: "objects", Doc: "One row a manifest (object is null), and one an object that it names, from verified manifests.",
		Sort: []string{"log", "seq", "object"},
		Columns: []Column{
			key[0], key[1], key[2],
			text("object", "The object's key; null in the row of the manifest itself.", false),
			text("kind", "Of a manifest open, batch, heartbeat, key_rotation, close, retire or tombstone; of an object events, blob, prompt or content.", false),
			text("genesis", "The digest of the log's manifest 0.", false),
			text("key_id", "The key that signed the manifest.", false),
			text("sha256", "The digest of the manifest's payload, or of the object.", true),
			{Name: "time", Type: Time, Doc: "When the manifest was written, by a clock that does not go back."},
			{Name: "bytes", Type: Int, Unlike: true, Doc: "As stored."},
			{Name: "events", Type: Int, Doc: "Lines, as signed."},
			{Name: "uncompressed_bytes", Type: Int, Unlike: true},
			{Name: "min_timestamp", Type: Time, Doc: "The earliest event."},
			{Name: "max_timestamp", Type: Time, Doc: "The latest event."},
			text("class", "The retention class.", false),
			text("lock_mode", "The lock that was promised.", false),
			{Name: "lock_until", Type: Time, Doc: "Until when."},
			text("state", "Of an object: read (its content is what was signed, and its lines are in the index), stored (it has no lines), expired, or the code of what is wrong with it, with no rows.", false),
			{Name: "indexed", Type: Int, Doc: "The lines of it that have rows in events: fewer than events where a line is of a newer version or no event."},
			text("writer", "The version that wrote the manifest.", false),
		},
	})

	// Resolved has what other events of a run say of an event.
	Resolved = table(Table{
		Name: "resolved", Doc: "One row a line to which others of its run add something, or which repeats an event that was sealed before.",
		Sort: []string{"run_id", "object", "line"},
		Columns: slices.Concat(key, []Column{
			text("run_id", "Of the line.", false),
			text("session_id", "As others say.", false), text("user_id", "As others say.", false),
			text("agent_id", "As others say.", false), text("agent_name", "As others say.", false),
			text("agent_version", "As others say.", false), text("model_id", "As others say.", false),
			text("system_prompt_hash", "As others say.", false),
			text("approval_status", "Of a tool call: as the decision about its tool_call_id says.", false),
			text("approver_id", "The same.", false), text("approval_source", "The same.", false),
			{Name: "approval_at", Type: Time, Doc: "The same."},
			{Name: "approval_at" + Nanos, Type: Int, Doc: nanosDoc},
			{Name: "repeats", Type: Bool, Required: true, Doc: "The same event was sealed before: not counted."},
			{Name: "resolved_fields", Type: Texts, Doc: "The columns here that are set."},
			{Name: "conflicts", Type: Texts, Doc: "Fields that others give in several ways, so that nothing is taken."},
		}),
	})

	// Runs has a row a run and day.
	Runs = table(Table{
		Name: "runs", Doc: "One row a run, sender and day of sealing, with its resolved facts: null where its events differ.",
		Sort:    []string{"run_id"},
		Columns: slices.Concat([]Column{key[0], {Name: "run_id", Type: Text, Required: true, Bloom: true, Unlike: true}, text("sender", "Who authenticated, JSON.", false)}, facts, sums),
	})

	// Days says how far was resolved.
	Days = table(Table{
		Name: "days", Doc: "One row a day that was resolved.",
		Sort: []string{"date"},
		Columns: []Column{
			key[0],
			{Name: "events", Type: Int, Doc: "The rows of that day that were looked at: where events has more, run agentaudit index resolve again."},
			{Name: "resolved_at", Type: Time},
			{Name: "days", Type: Int, Doc: "How many days before and after were looked at, too."},
		},
	})

	// Sessions has a row a session and day.
	Sessions = table(Table{
		Name: "sessions", Doc: "One row a session and day of sealing; session_id as resolved. What is counted is neither layer nor repetition.",
		Sort: []string{"session_id"},
		Columns: slices.Concat([]Column{key[0], {Name: "session_id", Type: Text, Required: true, Bloom: true, Unlike: true}}, facts[1:], sums, []Column{
			{Name: "users", Type: Texts},
			{Name: "agents", Type: Texts},
			{Name: "models", Type: Texts},
			{Name: "prompt_hashes", Type: Texts, Doc: "Digests of system prompts."},
			{Name: "tools", Type: Texts, Doc: "Names of the tools that were called."},
		}),
	})
)

// All are the tables of the index.
func All() []*Table {
	return []*Table{Events, Objects, Resolved, Runs, Sessions, Days, EventContent, Tokens}
}

var facts = []Column{
	text("session_id", "As resolved.", false), text("user_id", "As resolved; null where several.", false),
	text("agent_id", "The same.", false), text("agent_name", "The same.", false), text("agent_version", "The same.", false),
}

var sums = []Column{
	{Name: "first", Type: Time, Doc: "The earliest event."},
	{Name: "last", Type: Time, Doc: "The latest event or end of one."},
	{Name: "ended", Type: Bool, Doc: "A session_end or session_timeout was sealed that day."},
	text("outcome", "Of the last event that ends a run.", false),
	count("events"), count("runs"), count("llm_calls"), count("tool_calls"), count("retrievals"), count("handoffs"),
	count("denied"), count("errors"), count("findings"), count("guardrails"), count("interventions"),
	count("approvals_pending"), count("approvals_rejected"),
	count("approved_by_human"), count("approved_by_config"), count("approved_by_policy"), count("approved_by_hook"),
	count("approved_by_agent"), count("approved_by_unknown"),
	count("missing_fields"), count("derived_fields"), count("input_tokens"), count("output_tokens"),
	{Name: "cost_usd", Type: Float, Doc: "As the sources say; null where none did."},
}

const nanosDoc = "What the microseconds leave out, 0 to 999."

func count(name string) Column { return Column{Name: name, Type: Int} }

func text(name, doc string, unlike bool) Column {
	return Column{Name: name, Type: Text, Doc: doc, Unlike: unlike, Bloom: slices.Contains(bloomed, name)}
}

// scalars are the columns of the fields that are one value each: content, or all others.
// Fields of open-ended JSON are the text that was sealed.
func scalars(content bool) (list []Column) {
	for _, f := range semconv.Fields() {
		if f.Content() != content || f.Kind == semconv.KindStrings {
			continue
		}
		c := Column{Name: f.Name, Type: columnTypes[f.Kind], Doc: f.Doc, Unlike: slices.Contains(unlike, f.Name), Bloom: slices.Contains(bloomed, f.Name)}
		list = append(list, c)
		if c.Type == Time {
			list = append(list, Column{Name: f.Name + Nanos, Type: Int, Doc: nanosDoc})
		}
	}
	return list
}

func lists(content bool) (list []Column) {
	for _, f := range semconv.Fields() {
		if f.Content() == content && f.Kind == semconv.KindStrings {
			list = append(list, Column{Name: f.Name, Type: Texts, Doc: f.Doc})
		}
	}
	return list
}

var columnTypes = map[semconv.Kind]Type{
	semconv.KindString: Text, semconv.KindInt: Int, semconv.KindFloat: Float, semconv.KindBool: Bool,
	semconv.KindTime: Time, semconv.KindAny: Text, semconv.KindObject: Text, semconv.KindArray: Text,
	semconv.KindStrings: Texts,
}

// table fills in what follows from the columns.
func table(t Table) *Table {
	g := ordered{Group: parquet.Group{}}
	t.byName = map[string]int{}
	for i := range t.Columns {
		c := &t.Columns[i]
		t.byName[c.Name] = i
		t.leaf = append(t.leaf, len(t.leaves))
		for range c.leaves() {
			t.leaves = append(t.leaves, i)
		}
		g.Group[c.Name] = c.node()
		g.names = append(g.names, c.Name)
	}
	t.schema = parquet.NewSchema("agentaudit_"+t.Name, g)
	for _, name := range t.Sort {
		t.sort = append(t.sort, t.byName[name])
	}
	return &t
}

// Column is the number of a column; it panics where there is none.
func (t *Table) Column(name string) int {
	i, ok := t.byName[name]
	if !ok {
		panic("no column " + name + " in " + t.Name)
	}
	return i
}

// Leaf is the number of a column's first column of values in a file, and whether there is one.
func (t *Table) Leaf(name string) (int, bool) {
	i, ok := t.byName[name]
	if !ok {
		return 0, false
	}
	return t.leaf[i], true
}

// Schema is the Parquet schema as text.
func (t *Table) Schema() string { return t.schema.String() }
