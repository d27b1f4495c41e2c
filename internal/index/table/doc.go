// Package table knows the tables of the index: which columns they have, how an event becomes
// rows, and how rows become Parquet files that every engine reads. It does not know where
// files lie.
//
//   - tables.go: the tables and their columns, from semconv.Fields.
//   - batch.go: rows in memory, sorted.
//   - write.go, read.go, merge.go: Parquet files.
//   - event.go, tokens.go: what of an event goes into which table.
package table
