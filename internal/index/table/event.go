package table

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// At is where a line is sealed.
type At struct {
	Day    int64 // since 1970
	Log    string
	Seq    int64
	Object string
	Line   int64 // from 1
}

// Told is what two lines of one event have in common: see LineReader.AppendTold.
func Told(text []byte) int64 {
	sum := sha256.Sum256(text)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// fieldColumn is a field and the column that it fills.
type fieldColumn struct {
	field  semconv.Field
	column int
}

// columnsOf are the fields that have a column of their own in a table.
func columnsOf(t *Table, content bool) (list []fieldColumn) {
	for _, f := range semconv.Fields() {
		if i, ok := t.byName[f.Name]; ok && f.Content() == content {
			list = append(list, fieldColumn{f, i})
		}
	}
	// Lists stand last.
	for i := range list {
		for j := i; j > 0 && list[j].column < list[j-1].column; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

var (
	eventColumns   = columnsOf(Events, false)
	contentColumns = columnsOf(EventContent, true)
	layerColumn    = Events.Column("layer")
	toldColumn     = Events.Column("told")
)

// addKey sets the columns of key.
func (b *Batch) addKey(at *At) {
	b.Row()
	b.Int(0, at.Day)
	b.Text(1, at.Log)
	b.Int(2, at.Seq)
	b.Text(3, at.Object)
	b.Int(4, at.Line)
}

// field sets the column of a field.
func (b *Batch) field(f *fieldColumn, e *semconv.Event) {
	switch f.field.Kind {
	case semconv.KindString:
		b.Text(f.column, f.field.String(e))
	case semconv.KindInt:
		if v := f.field.Int(e); v.Valid {
			b.Int(f.column, v.Value)
		}
	case semconv.KindFloat:
		if v := f.field.Float(e); v.Valid {
			b.Float(f.column, v.Value)
		}
	case semconv.KindBool:
		if v := f.field.Bool(e); v.Valid {
			b.Bool(f.column, v.Value)
		}
	case semconv.KindTime:
		b.Instant(f.column, f.field.Time(e))
	case semconv.KindStrings:
		b.Texts(f.column, f.field.Strings(e))
	default:
		b.Text(f.column, textOf(f.field.JSON(e)))
	}
}

// AddEvent adds the row of a line to a batch of Events.
func (b *Batch) AddEvent(e *semconv.Event, told int64, at *At) {
	b.addKey(at)
	lists := 0
	for ; lists < len(eventColumns) && eventColumns[lists].column < layerColumn; lists++ {
		b.field(&eventColumns[lists], e)
	}
	b.Bool(layerColumn, e.LayerOf != "")
	b.Int(toldColumn, told)
	for ; lists < len(eventColumns); lists++ {
		b.field(&eventColumns[lists], e)
	}
}

// contentKey are the columns of EventContent that repeat those of Events.
var contentKey = []string{"event_id", "event_type", "session_id", "run_id"}

// AddContent adds the row of a line to a batch of EventContent, where it holds content.
func (b *Batch) AddContent(e *semconv.Event, at *At) {
	holds := false
	for i := range contentColumns {
		holds = holds || contentColumns[i].field.Has(e)
	}
	if !holds {
		return
	}
	b.addKey(at)
	first := EventContent.Column(contentKey[0])
	for i, s := range []string{e.EventID, string(e.EventType), e.SessionID, e.RunID} {
		b.Text(first+i, s)
	}
	b.Instant(first+4, e.Timestamp)
	b.Text(first+6, e.ToolName)
	for i := range contentColumns {
		b.field(&contentColumns[i], e)
	}
	b.Map(EventContent.Column("tool_args"), leavesOf(e.ToolInput))
}
