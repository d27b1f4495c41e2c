package resolve

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

//go:embed errata.yaml
var errataYAML []byte

// Erratum is something that older versions of this program are known to have told wrongly.
type Erratum struct {
	ID      string              `yaml:"id"`
	Schema  string              `yaml:"schema"`  // schema_version of the lines
	Writer  string              `yaml:"writer"`  // the last version that wrote it wrongly
	Dialect string              `yaml:"dialect"` // of source; "" is every one
	Types   []semconv.EventType `yaml:"types"`   // nil is all
	Field   string              `yaml:"field"`   // that may be wrong
	Value   string              `yaml:"value"`   // only where the field has it
	Without string              `yaml:"without"` // only where the event does not have this field
	Derived bool                `yaml:"derived"` // only where the field was derived
	Marker  string              `yaml:"marker"`  // only where the line has this text
	Says    string              `yaml:"says"`    // what may be wrong, for readers
}

var errata = func() (list []Erratum) {
	d := yaml.NewDecoder(bytes.NewReader(errataYAML))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil {
		panic("bad errata.yaml: " + err.Error())
	}
	return list
}()

// Errata are what may be wrong with an event: writer is the version that the manifest of its
// object names, line the line as it is sealed, which may be nil.
func Errata(e *semconv.Event, line []byte, writer string) (list []Erratum) {
	for _, x := range errata {
		if x.touches(e, line, writer) {
			list = append(list, x)
		}
	}
	return list
}

func (x *Erratum) touches(e *semconv.Event, line []byte, writer string) bool {
	switch {
	case x.Schema != "" && x.Schema != e.SchemaVersion,
		x.Writer != "" && writer != "" && later(writer, x.Writer),
		x.Dialect != "" && x.Dialect != dialect(e.Source),
		x.Types != nil && !slices.Contains(x.Types, e.EventType),
		x.Field != "" && !e.Has(x.Field),
		x.Without != "" && e.Has(x.Without),
		x.Derived && !slices.Contains(e.DerivedFields, x.Field),
		x.Marker != "" && !bytes.Contains(line, []byte(x.Marker)):
		return false
	}
	if x.Value == "" {
		return true
	}
	text, _ := e.Text(x.Field)
	return text == x.Value
}

// later reports whether a version comes after another: numbers with dots between them.
func later(a, b string) bool {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(strings.TrimPrefix(x, "v"))
		n, _ := strconv.Atoi(strings.TrimPrefix(y, "v"))
		if m != n {
			return m > n
		}
	}
	return false
}

func dialect(source json.RawMessage) string {
	var s struct{ Dialect string }
	_ = json.Unmarshal(source, &s) // of a line, which is checked
	return s.Dialect
}
