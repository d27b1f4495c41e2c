package semconv

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the JSON Schemas anew")

// member is one of an object whose order counts.
type member struct {
	key   string
	value any
}

type object []member

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		k, _ := json.Marshal(m.key)
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// fieldsOf is the table as a version had it.
func fieldsOf(version int) (list []Field) {
	for _, f := range Fields() {
		if f.since > version {
			continue
		}
		if version == 0 && f.v1 != nil {
			if f.v1.doc != "" {
				f.Doc = f.v1.doc
			}
			if f.v1.types != nil {
				f.Types = f.v1.types
			}
		}
		list = append(list, f)
	}
	return list
}

// schemaOf is the JSON Schema of a version, by its place in versions, as the Go
// definition has it.
func schemaOf(version int) object {
	var props object
	for _, f := range fieldsOf(version) {
		p := object{{"description", f.Doc}}
		switch f.Kind {
		case KindString:
			p = append(p, member{"type", "string"})
		case KindInt:
			p = append(p, member{"type", "integer"})
		case KindFloat:
			p = append(p, member{"type", "number"})
		case KindBool:
			p = append(p, member{"type", "boolean"})
		case KindTime:
			p = append(p, member{"type", "string"}, member{"format", "date-time"}, member{"pattern", "Z$"})
		case KindAny:
			p = append(p, member{"type", []string{"object", "array", "string", "number", "boolean"}})
		case KindObject:
			p = append(p, member{"type", "object"})
		case KindArray:
			p = append(p, member{"type", "array"})
		case KindStrings:
			p = append(p, member{"type", "array"}, member{"items", object{{"type", "string"}}})
		}
		switch f.Name {
		case "schema_version":
			p = append(p, member{"const", versions[version]})
		case "event_type":
			p = append(p, member{"enum", eventTypes[:typesOf[version]]})
		}
		if f.Types != nil {
			p = append(p, member{"x-event-types", f.Types})
		}
		props = append(props, member{f.Name, p})
	}
	// What every event needs may be absent where missing_fields says so.
	var all []any
	for _, name := range requiredAlways {
		all = append(all, object{{"anyOf", []any{
			object{{"required", []string{name}}},
			object{{"required", []string{"missing_fields"}}, {"properties", object{{"missing_fields", object{{"contains", object{{"const", name}}}}}}}},
		}}})
	}
	return object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://agentaudit.dev/audit-event/v" + versions[version]},
		{"title", "Audit event, schema version " + versions[version]},
		{"type", "object"},
		{"additionalProperties", false},
		{"required", []string{"schema_version", "event_type"}},
		{"allOf", all},
		{"properties", props},
	}
}

func TestSchemaIsTheDefinition(t *testing.T) {
	for i, version := range versions {
		text, err := json.Marshal(schemaOf(i))
		require.NoError(t, err)
		var want bytes.Buffer
		require.NoError(t, json.Indent(&want, text, "", "  "))
		want.WriteByte('\n')
		file := "audit-event.v" + version + ".schema.json"
		if *update {
			require.NoError(t, os.WriteFile(file, want.Bytes(), 0o644))
		}
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, want.String(), string(have), "run go test ./semconv -update")
		if !*update {
			require.Equal(t, want.String(), string(JSONSchema(version)))
		}
	}
	require.Nil(t, JSONSchema("2"))
}

// TestPublishedSchemaStays: the schema of lines that are sealed is never another.
func TestPublishedSchemaStays(t *testing.T) {
	require.Equal(t, "0feb0f721bd87fd64738069234bd5fd856b6b187e5d6ede2c7327481bf692e12",
		fmt.Sprintf("%x", sha256.Sum256(JSONSchema("1"))))
}

func compiledSchema(t testing.TB, version string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema(version)))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(t, err)
	return s
}

func valid(t testing.TB, s *jsonschema.Schema, line []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	require.NoError(t, err)
	return s.Validate(v)
}

// goodOf is a line of a version.
func goodOf(version string) string {
	return strings.Replace(good, `"schema_version":"1"`, `"schema_version":"`+version+`"`, 1)
}

const good = `{"schema_version":"1","event_id":"e","event_type":"tool_call","timestamp":"2026-11-23T10:00:00.000000000Z","session_id":"s","step_number":1,"agent_id":"a","tool_name":"pay"}`

// TestSchemaAndReaderAgree: what the strict reader refuses for its shape, the
// published schema refuses too.
func TestSchemaAndReaderAgree(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) { schemaAndReaderAgree(t, goodOf(version), compiledSchema(t, version)) })
	}
}

func schemaAndReaderAgree(t *testing.T, good string, s *jsonschema.Schema) {
	_, err := ParseLine([]byte(good))
	require.NoError(t, err)
	require.NoError(t, valid(t, s, []byte(good)))
	for name, bad := range map[string]string{
		"unknown field":        `"tool_name":"pay"|"tool_nane":"pay"`,
		"unknown type":         `"tool_call"|"tool_fall"`,
		"another version":      `"schema_version":"1|"schema_version":"2`,
		"no version":           `"schema_version":"|"schema_version":"","user_id":"`,
		"a version of a kind":  `"schema_version":"|"schema_version":1,"user_id":"`,
		"null":                 `"pay"|null`,
		"number for text":      `"pay"|1`,
		"text for a number":    `"step_number":1|"step_number":"1"`,
		"a fraction":           `"step_number":1|"step_number":1.5`,
		"no time":              `"2026-11-23T10:00:00.000000000Z"|"yesterday"`,
		"a local time":         `00.000000000Z|00.000000000+01:00`,
		"required and missing": `"agent_id":"a",|`,
		"array for an object":  `"tool_name"|"content":[],"tool_name"`,
		"object for an array":  `"tool_name"|"evidence":{},"tool_name"`,
		"list of numbers":      `"tool_name"|"evidence":[1],"tool_name"`,
	} {
		t.Run(name, func(t *testing.T) {
			from, to, _ := bytes.Cut([]byte(bad), []byte("|"))
			line := bytes.Replace([]byte(good), from, to, 1)
			require.NotEqual(t, good, string(line))
			_, err := ParseLine(line)
			require.Error(t, err)
			require.Error(t, valid(t, s, line))
		})
	}
	missing := bytes.Replace([]byte(good), []byte(`"agent_id":"a",`), []byte(`"agent_version":"1","missing_fields":["agent_id"],`), 1)
	_, err = ParseLine(missing)
	require.NoError(t, err)
	require.NoError(t, valid(t, s, missing))
}

func TestFieldsFitTheEncoder(t *testing.T) {
	require.LessOrEqual(t, len(fields), maxFields)
	var e Event
	seen := map[string]bool{}
	for i := range fields {
		require.False(t, seen[fields[i].Name], fields[i].Name)
		seen[fields[i].Name] = true
		require.NotNil(t, fields[i].ref(&e))
		require.NotEmpty(t, fields[i].Doc)
	}
	for _, list := range append([][]string{requiredAlways}, mapValues(requiredByType)...) {
		for _, f := range list {
			require.True(t, seen[f], f)
		}
	}
}

func mapValues(m map[EventType][]string) (out [][]string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}
