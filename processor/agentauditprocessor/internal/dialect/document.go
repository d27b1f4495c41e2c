package dialect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

//go:generate go test . -run TestDocumentIsTheTables -update

// Document writes docs/dialects.md from the tables.
func Document() string {
	var b strings.Builder
	b.WriteString(`# Where each dialect keeps each field

Written from the tables in ` + "`processor/agentauditprocessor/internal/dialect`" + `: do not edit. A record is read by the first
dialect that recognises it, in this order; a field is taken from the first key that holds something: the keys of every
dialect below, then the dialect's own, then those of OpenTelemetry GenAI. Messages in indexed keys, in events and in raw
requests are read by each dialect's own code. Keys that no field takes are kept under ` + "`content`" + `.

| dialect | name in ` + "`source.dialect`" + ` |
| --- | --- |
`)
	for _, d := range dialects {
		fmt.Fprintf(&b, "| %s | `%s` |\n", d.Title, d.Name)
	}
	b.WriteString("\n## In every dialect\n\n| field | keys |\n| --- | --- |\n")
	rows(&b, identity)
	for _, d := range dialects {
		if len(d.Fields) == 0 && len(d.Settings) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", d.Title)
		if len(d.Fields) > 0 {
			b.WriteString("| field | keys |\n| --- | --- |\n")
			rows(&b, d.Fields)
		}
		if len(d.Settings) > 0 {
			b.WriteString("\nWhat makes it send what it leaves out:\n\n| field | setting |\n| --- | --- |\n")
			for _, f := range order(keysOf(d.Settings)) {
				fmt.Fprintf(&b, "| `%s` | %s |\n", f, d.Settings[f])
			}
		}
	}
	return b.String()
}

func rows(b *strings.Builder, table []Source) {
	byField := map[string][]string{}
	for _, s := range table {
		for _, k := range s.Keys {
			if !slices.Contains(byField[s.Field], k) {
				byField[s.Field] = append(byField[s.Field], k)
			}
		}
	}
	for _, f := range order(keysOf(byField)) {
		name := f
		if f == SystemPrompt {
			name = "system_prompt_hash"
		}
		fmt.Fprintf(b, "| `%s` | `%s` |\n", name, strings.Join(byField[f], "` · `"))
	}
}

func keysOf[T any](m map[string]T) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// order sorts fields as the schema has them.
func order(fields []string) []string {
	place := map[string]int{}
	for i, f := range semconv.Fields() {
		place[f.Name] = i
	}
	place[SystemPrompt] = place["system_prompt_hash"]
	slices.SortFunc(fields, func(a, b string) int { return place[a] - place[b] })
	return fields
}
