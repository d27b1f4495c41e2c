// Package ddl writes, for SQL engines, the tables of an index and the views over them: with
// explicit columns, since what engines guess depends on what they look at, and with the files
// that a snapshot names, since a pattern also finds those that are not of the index any more.
package ddl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/index"
	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Relation is a table of the index and its name in SQL.
type Relation struct {
	Name  string
	Table *table.Table
}

// Relations are the tables, as SQL knows them. `events` is the view over sealed_events that
// readers use.
var Relations = []Relation{
	{"sealed_events", table.Events},
	{"objects", table.Objects},
	{"resolved", table.Resolved},
	{"runs", table.Runs},
	{"sessions", table.Sessions},
	{"days", table.Days},
	{"content", table.EventContent},
	{"tokens", table.Tokens},
}

// Options say where the files are.
type Options struct {
	// Location of the index as the engine names it, without a slash at its end: s3://bucket/prefix,
	// or a folder.
	Location string
	// Trail is the location of the trail itself, for views over its lines; "" for none.
	Trail string
	// Content is false where the role has no access to what was said.
	Content bool
}

// Engines are those that Write knows.
var Engines = []string{"duckdb", "clickhouse", "spark", "athena", "trino"}

// Write gives the statements for an engine.
func Write(engine string, s *index.Snapshot, o Options) (string, error) {
	d, ok := dialects[engine]
	if !ok {
		return "", fmt.Errorf("engine %q must be one of %s", engine, strings.Join(Engines, ", "))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- Tables of snapshot %d of the index in %s, for %s.\n", s.Number, o.Location, engine)
	fmt.Fprintf(&b, "-- Derived, and no evidence: what is found here is to be read again from the sealed line.\n")
	fmt.Fprintf(&b, "-- Make these anew after `agentaudit index` or `index compact`: they name its files.\n")
	for _, r := range Relations {
		if r.Table.Content && !o.Content {
			continue
		}
		b.WriteString("\n" + d.relation(r, filesOf(s, r.Table), &o))
	}
	for _, v := range Views(d.quote) {
		fmt.Fprintf(&b, "\n-- %s\nCREATE OR REPLACE VIEW %s AS\n%s;\n", v.Doc, v.Name, v.SQL)
	}
	if o.Trail != "" && d.lines != nil {
		b.WriteString("\n" + d.lines(&o))
	}
	return b.String(), nil
}

func filesOf(s *index.Snapshot, t *table.Table) (keys []string) {
	for _, f := range s.Of(t) {
		keys = append(keys, f.Key)
	}
	return keys
}

// View is a view over the tables.
type View struct{ Name, Doc, SQL string }

// facts are the columns that others of a run may give, and are then in resolved.
var facts = []string{
	"session_id", "user_id", "agent_id", "agent_name", "agent_version", "model_id", "system_prompt_hash",
	"approval_status", "approver_id", "approval_source", "approval_at", "approval_at_nanos",
}

// Views are the views, in the SQL that all engines have; quote quotes a name.
func Views(quote func(string) string) []View {
	var columns []string
	for i := range table.Events.Columns {
		name := quote(table.Events.Columns[i].Name)
		if slices.Contains(facts, table.Events.Columns[i].Name) {
			columns = append(columns, fmt.Sprintf("coalesce(r.%s, e.%s) AS %s", name, name, name))
			continue
		}
		columns = append(columns, "e."+name+" AS "+name)
	}
	columns = append(columns, "r.resolved_fields AS resolved_fields", "r.conflicts AS conflicts",
		"(NOT e.layer AND NOT coalesce(r.repeats, FALSE)) AS counted")
	return []View{
		{
			"events", "Events as readers show them: with what others of their run say. counted leaves out layers and repetitions.",
			"SELECT " + strings.Join(columns, ",\n  ") + "\nFROM sealed_events AS e LEFT JOIN resolved AS r ON e.object = r.object AND e.line = r.line",
		},
		{
			"run_starts", "When each run began: the order of a session goes by that.",
			"SELECT run_id, min(" + quote("timestamp") + ") AS began FROM sealed_events GROUP BY run_id",
		},
		{
			"resolution", "How far each day was resolved: where indexed is more than resolved, facts are missing.",
			"SELECT i." + quote("date") + " AS " + quote("date") + ", i.indexed AS indexed, d.events AS resolved, d.resolved_at AS resolved_at\n" +
				"FROM (SELECT " + quote("date") + ", count(*) AS indexed FROM sealed_events GROUP BY " + quote("date") + ") AS i\n" +
				"LEFT JOIN days AS d ON i." + quote("date") + " = d." + quote("date"),
		},
	}
}

// dialect is how an engine says it.
type dialect struct {
	quote    func(string) string
	types    map[table.Type]string
	relation func(r Relation, files []string, o *Options) string
	lines    func(o *Options) string // views over the sealed lines
}

func double(s string) string   { return `"` + s + `"` }
func backtick(s string) string { return "`" + s + "`" }

// literal is a text in SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// selected are the columns of a table, each by its name.
func selected(t *table.Table, quote func(string) string) string {
	var names []string
	for i := range t.Columns {
		names = append(names, quote(t.Columns[i].Name))
	}
	return strings.Join(names, ", ")
}

// nothing is a table without rows: it is not there yet.
func nothing(t *table.Table, quote func(string) string, types map[table.Type]string) string {
	var names []string
	for i := range t.Columns {
		names = append(names, fmt.Sprintf("CAST(NULL AS %s) AS %s", types[t.Columns[i].Type], quote(t.Columns[i].Name)))
	}
	return "SELECT * FROM (SELECT " + strings.Join(names, ", ") + ") AS none WHERE 1 = 0"
}

// view is a view over the files of a relation.
func view(r Relation, sql string) string {
	return fmt.Sprintf("-- %s\nCREATE OR REPLACE VIEW %s AS\n%s;\n", r.Table.Doc, r.Name, sql)
}

// classOf is the retention class in a key.
func classOf(key string) string {
	p, _ := index.PartOf(key)
	return p.Class
}

// folder is where the files of a class of a table are.
func folder(t *table.Table, class string) string {
	prefix, _, _ := strings.Cut(index.Part{Table: t, Class: class, Date: ""}.Prefix(), "date=")
	return prefix
}

// classes are those that have files, the default first.
func classes(files []string) (list []string) {
	list = []string{ledger.DefaultClass}
	for _, f := range files {
		if c := classOf(f); !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}
