package table

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Place is a line that a row is of.
type Place struct {
	Object string
	Line   int64
}

// idColumns are the columns of ids by which events are found.
var idColumns = []string{"event_id", "parent_event_id", "session_id", "run_id", "user_id", "agent_id", "tool_call_id", "approver_id"}

// idRow is what finding by an id needs of a row of events.
type idRow struct {
	Object        string `parquet:"object"`
	Line          int64  `parquet:"line"`
	EventID       string `parquet:"event_id,optional"`
	ParentEventID string `parquet:"parent_event_id,optional"`
	SessionID     string `parquet:"session_id,optional"`
	RunID         string `parquet:"run_id,optional"`
	UserID        string `parquet:"user_id,optional"`
	AgentID       string `parquet:"agent_id,optional"`
	ToolCallID    string `parquet:"tool_call_id,optional"`
	ApproverID    string `parquet:"approver_id,optional"`
}

type tokenRow struct {
	Token  string `parquet:"token"`
	Object string `parquet:"object"`
	Line   int64  `parquet:"line"`
}

// FindID gives the lines of a file of Events that name an id.
func FindID(f *File, id string, found func(Place)) error {
	return find(f, idColumns, id, func(r *idRow) {
		if slices.Contains([]string{r.EventID, r.ParentEventID, r.SessionID, r.RunID, r.UserID, r.AgentID, r.ToolCallID, r.ApproverID}, id) {
			found(Place{r.Object, r.Line})
		}
	})
}

// FindToken gives the lines of a file of Tokens that hold a word.
func FindToken(f *File, word string, found func(Place)) error {
	token := strings.ToLower(word)
	return find(f, []string{"token"}, token, func(r *tokenRow) {
		if r.Token == token {
			found(Place{r.Object, r.Line})
		}
	})
}

// Names reports whether an event names an id, or holds a word, as FindID and FindToken find it.
func Names(e *semconv.Event, value string) bool {
	for _, name := range idColumns {
		if semconv.FieldNamed(name).String(e) == value {
			return true
		}
	}
	_, ok := slices.BinarySearch(tokensOf(e), strings.ToLower(value))
	return ok
}

// find reads the row groups that may have a value in one of some columns.
func find[T any](f *File, columns []string, value string, each func(*T)) (err error) {
	defer recovered(&err)
	rows := make([]T, chunk)
	for _, g := range f.f.RowGroups() {
		if !slices.ContainsFunc(columns, func(c string) bool { return mayHold(g.ColumnChunks()[f.t.leaf[f.t.byName[c]]], value) }) {
			continue
		}
		r := parquet.NewGenericRowGroupReader[T](g)
		for {
			clear(rows)
			n, err := r.Read(rows)
			for i := range rows[:n] {
				each(&rows[i])
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// mayHold reports whether a column of a row group may have a value, by its filter and its
// bounds.
func mayHold(c parquet.ColumnChunk, value string) bool {
	v := parquet.ByteArrayValue([]byte(value))
	if b := c.BloomFilter(); b != nil {
		if ok, err := b.Check(v); err == nil && !ok {
			return false
		}
	}
	index, err := c.ColumnIndex()
	if err != nil || index == nil {
		return true
	}
	for i := range index.NumPages() {
		if index.NullPage(i) {
			continue
		}
		// Bounds may be cut: a longer text lies behind its beginning.
		low, high := string(index.MinValue(i).ByteArray()), string(index.MaxValue(i).ByteArray())
		if low <= value && (value <= high || strings.HasPrefix(value, high)) {
			return true
		}
	}
	return false
}
