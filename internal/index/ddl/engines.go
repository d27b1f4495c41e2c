package ddl

import (
	"fmt"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

var dialects = map[string]dialect{"duckdb": duckdb, "clickhouse": clickhouse, "spark": spark, "athena": athena, "trino": trino}

var duckdbTypes = map[table.Type]string{
	table.Text: "VARCHAR", table.Int: "BIGINT", table.Float: "DOUBLE", table.Bool: "BOOLEAN", table.Time: "TIMESTAMPTZ",
	table.Date: "DATE", table.Texts: "VARCHAR[]", table.TextMap: "MAP(VARCHAR, VARCHAR)",
}

var duckdb = dialect{
	quote: double, types: duckdbTypes, lines: duckdbLines,
	relation: func(r Relation, files []string, o *Options) string {
		if len(files) == 0 {
			return view(r, nothing(r.Table, double, duckdbTypes))
		}
		return view(r, "SELECT "+selected(r.Table, double)+"\nFROM read_parquet(["+paths(files, o)+"], hive_partitioning = false)")
	},
}

// paths are the files as literals.
func paths(files []string, o *Options) string {
	var list []string
	for _, f := range files {
		list = append(list, literal(o.Location+"/"+f))
	}
	return strings.Join(list, ",\n  ")
}

var clickhouseTypes = map[table.Type]string{
	table.Text: "Nullable(String)", table.Int: "Nullable(Int64)", table.Float: "Nullable(Float64)", table.Bool: "Nullable(Bool)",
	table.Time: "Nullable(DateTime64(6, 'UTC'))", table.Date: "Nullable(Date32)", table.Texts: "Array(String)", table.TextMap: "Map(String, String)",
}

var clickhouse = dialect{
	quote: backtick, types: clickhouseTypes,
	relation: func(r Relation, files []string, o *Options) string {
		var columns, list []string
		for i := range r.Table.Columns {
			c := &r.Table.Columns[i]
			columns = append(columns, backtick(c.Name)+" "+clickhouseTypes[c.Type])
		}
		structure := literal(strings.Join(columns, ", "))
		if len(files) == 0 {
			return view(r, "SELECT * FROM null("+structure+")")
		}
		for _, f := range files {
			from := "file(" + literal(o.Location+"/"+f)
			if strings.HasPrefix(o.Location, "s3://") {
				from = "s3(" + literal(o.Location+"/"+f)
			}
			list = append(list, "SELECT "+selected(r.Table, backtick)+" FROM "+from+", 'Parquet', "+structure+")")
		}
		return view(r, strings.Join(list, "\nUNION ALL "))
	},
}

var sparkTypes = map[table.Type]string{
	table.Text: "STRING", table.Int: "BIGINT", table.Float: "DOUBLE", table.Bool: "BOOLEAN", table.Time: "TIMESTAMP",
	table.Date: "DATE", table.Texts: "ARRAY<STRING>", table.TextMap: "MAP<STRING, STRING>",
}

var spark = dialect{
	quote: backtick, types: sparkTypes,
	relation: func(r Relation, files []string, o *Options) string {
		if len(files) == 0 {
			return view(r, nothing(r.Table, backtick, sparkTypes))
		}
		var list []string
		for _, f := range files {
			where := o.Location
			if rest, ok := strings.CutPrefix(where, "s3://"); ok {
				where = "s3a://" + rest
			}
			list = append(list, "SELECT "+selected(r.Table, backtick)+" FROM parquet."+backtick(where+"/"+f))
		}
		return view(r, strings.Join(list, "\nUNION ALL "))
	},
}

var athenaTypes = map[table.Type]string{
	table.Text: "string", table.Int: "bigint", table.Float: "double", table.Bool: "boolean", table.Time: "timestamp",
	table.Date: "date", table.Texts: "array<string>", table.TextMap: "map<string,string>",
}

// named is the view of a relation over tables that hold whole folders: of these the files that
// the snapshot names.
func named(r Relation, files []string, o *Options) string {
	var list []string
	for _, class := range classes(files) {
		var of []string
		for _, f := range files {
			if classOf(f) == class {
				of = append(of, f)
			}
		}
		where := "1 = 0"
		if len(of) > 0 {
			where = double("$path") + " IN (" + paths(of, o) + ")"
		}
		list = append(list, "SELECT "+selected(r.Table, double)+"\nFROM "+rawName(r, class)+" WHERE "+where)
	}
	return view(r, strings.Join(list, "\nUNION ALL "))
}

func rawName(r Relation, class string) string {
	if class == ledger.DefaultClass {
		return "raw_" + r.Name
	}
	return "raw_" + r.Name + "_" + strings.ReplaceAll(class, "-", "_")
}

// undated declares the columns of a table but its date, which is that of the folder.
func undated(r Relation, quote func(string) string, types map[table.Type]string) (columns []string) {
	for i := range r.Table.Columns {
		if c := &r.Table.Columns[i]; c.Name != "date" {
			columns = append(columns, "  "+quote(c.Name)+" "+types[c.Type])
		}
	}
	return columns
}

// athena has external tables over folders; whoever asks for a day reads that day's folder.
var athena = dialect{
	quote: double, types: athenaTypes,
	relation: func(r Relation, files []string, o *Options) string {
		var b strings.Builder
		for _, class := range classes(files) {
			columns := undated(r, backtick, athenaTypes)
			at := o.Location + "/" + folder(r.Table, class)
			fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n%s\n)\nPARTITIONED BY (`date` date)\nSTORED AS PARQUET\nLOCATION %s\n"+
				"TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',\n"+
				"  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = %s);\n",
				rawName(r, class), strings.Join(columns, ",\n"), literal(at), literal(at+"date=${date}/"))
		}
		return b.String() + named(r, files, o)
	},
}

var trinoTypes = map[table.Type]string{
	table.Text: "varchar", table.Int: "bigint", table.Float: "double", table.Bool: "boolean", table.Time: "timestamp(6)",
	table.Date: "date", table.Texts: "array(varchar)", table.TextMap: "map(varchar, varchar)",
}

// trino has external tables of its Hive connector, whose days are found by a call.
var trino = dialect{
	quote: double, types: trinoTypes,
	relation: func(r Relation, files []string, o *Options) string {
		var b strings.Builder
		for _, class := range classes(files) {
			columns := append(undated(r, double, trinoTypes), `  "date" date`)
			fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (\n%s\n) WITH (external_location = %s, format = 'PARQUET', partitioned_by = ARRAY['date']);\n"+
				"CALL system.sync_partition_metadata(CURRENT_SCHEMA, %s, 'FULL');\n",
				rawName(r, class), strings.Join(columns, ",\n"), literal(o.Location+"/"+folder(r.Table, class)), literal(rawName(r, class)))
		}
		return b.String() + named(r, files, o)
	},
}
