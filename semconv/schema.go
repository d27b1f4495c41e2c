package semconv

import _ "embed"

//go:generate go test . -run TestSchemaIsTheDefinition -update

//go:embed audit-event.v1.schema.json
var jsonSchema []byte

// JSONSchema is the published JSON Schema (draft 2020-12) of a line: what ParseLine
// takes is valid by it.
func JSONSchema() []byte { return append([]byte(nil), jsonSchema...) }
