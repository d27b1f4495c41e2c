// Package index keeps tables of a trail beside it, for SQL engines and for commands that look
// for something. What it holds is derived, a hint and never evidence: it can be deleted, and
// what is found through it is read again from the sealed line.
//
//	place.go     where an index is kept: a bucket, or a folder
//	snapshot.go  which files are the index; one conditional write names them
//	pass.go      what the logs sealed, as rows
//	resolve.go   what other events of a run say of an event; runs and sessions
//	compact.go   few files of many; what is removed, and when
//	check.go     every row against its line
//
// A file is written under a name of its own and never over another. It is of the index from
// the snapshot on that names it. Snapshots are numbered; each is written where none is yet, so
// that of two writers one takes the place and the other looks again. Whoever is killed leaves
// files that no snapshot names, which go after a time.
package index
