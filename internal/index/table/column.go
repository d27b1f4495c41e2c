package table

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding"
)

// Type is the Parquet type of a column: only those that every engine reads the same.
type Type uint8

// The types of columns.
const (
	Text    Type = iota // STRING
	Int                 // INT64
	Float               // DOUBLE
	Bool                // BOOLEAN
	Time                // TIMESTAMP(MICROS, UTC)
	Date                // DATE
	Texts               // LIST<STRING>, three levels
	TextMap             // MAP<STRING,STRING>
)

var typeNames = map[Type]string{
	Text: "text", Int: "int", Float: "float", Bool: "bool", Time: "time", Date: "date", Texts: "list of texts", TextMap: "map of texts",
}

func (t Type) String() string { return typeNames[t] }

// Column is a column of a table.
type Column struct {
	Name     string
	Type     Type
	Required bool // never null
	Bloom    bool // ids that are looked for have a filter
	Unlike   bool // values are mostly different, so that a dictionary would only cost
	Doc      string
}

// leaves is how many columns of values it has.
func (c *Column) leaves() int {
	if c.Type == TextMap {
		return 2
	}
	return 1
}

// level is the definition level of a value that is there.
func (c *Column) level() int {
	switch {
	case c.Type == Texts:
		return 2
	case c.Type == TextMap:
		return 2
	case c.Required:
		return 0
	}
	return 1
}

func (c *Column) node() parquet.Node {
	var n parquet.Node
	switch c.Type {
	case Texts:
		return parquet.Optional(parquet.List(parquet.Required(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))))
	case TextMap:
		return parquet.Optional(parquet.Map(parquet.Encoded(parquet.String(), &parquet.RLEDictionary), parquet.Required(parquet.String())))
	case Text:
		n = parquet.Encoded(parquet.String(), c.encoding(&parquet.RLEDictionary, &parquet.DeltaByteArray))
	case Int:
		n = parquet.Encoded(parquet.Leaf(parquet.Int64Type), c.encoding(&parquet.RLEDictionary, &parquet.DeltaBinaryPacked))
	case Time:
		n = parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked)
	case Date:
		n = parquet.Encoded(parquet.Date(), &parquet.RLEDictionary)
	case Float:
		n = parquet.Leaf(parquet.DoubleType)
	case Bool:
		n = parquet.Leaf(parquet.BooleanType)
	}
	if c.Required {
		return parquet.Required(n)
	}
	return parquet.Optional(n)
}

func (c *Column) encoding(alike, unlike encoding.Encoding) encoding.Encoding {
	if c.Unlike {
		return unlike
	}
	return alike
}

// ordered is a group of columns in the order of the table; a parquet.Group has its own.
type ordered struct {
	parquet.Group
	names []string
}

func (o ordered) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range o.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(o.names))
	for i, name := range o.names {
		fields[i] = byName[name]
	}
	return fields
}

var codec = zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}
