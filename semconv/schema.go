package semconv

import _ "embed"

//go:generate go test . -run TestSchemaIsTheDefinition -update

//go:embed audit-event.v1.schema.json
var jsonSchema1 []byte

//go:embed audit-event.v1.1.schema.json
var jsonSchema11 []byte

// JSONSchema is the published JSON Schema (draft 2020-12) of the lines of a schema
// version, nil of one that is not known: what ParseLine takes is valid by it.
func JSONSchema(version string) []byte {
	switch version {
	case "1":
		return append([]byte(nil), jsonSchema1...)
	case SchemaVersion:
		return append([]byte(nil), jsonSchema11...)
	}
	return nil
}
