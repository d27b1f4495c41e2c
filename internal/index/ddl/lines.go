package ddl

import (
	"fmt"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

var duckdbKinds = map[semconv.Kind]string{
	semconv.KindString: "VARCHAR", semconv.KindInt: "BIGINT", semconv.KindFloat: "DOUBLE", semconv.KindBool: "BOOLEAN",
	semconv.KindTime: "TIMESTAMPTZ", semconv.KindAny: "JSON", semconv.KindObject: "JSON", semconv.KindArray: "JSON", semconv.KindStrings: "VARCHAR[]",
}

// duckdbLines is a view over the sealed lines in place, for small trails: nothing is verified,
// and what nobody signed is read like the rest.
func duckdbLines(o *Options) string {
	var columns []string
	for _, f := range semconv.Fields() {
		columns = append(columns, literal(f.Name)+": "+literal(duckdbKinds[f.Kind]))
	}
	return fmt.Sprintf("-- The sealed lines in place, unverified: slow, and without what others of a run say.\nCREATE OR REPLACE VIEW lines AS\n"+
		"SELECT *, layer_of IS NULL AS counted\nFROM read_json(%s, format = 'newline_delimited', records = true, filename = 'object',\n  columns = {%s});\n",
		literal(o.Trail+"/data/v1/**/*.jsonl*"), strings.Join(columns, ", "))
}
