// Package dialecttest checks dialects: that nothing which a record says is lost on the way
// to its events. It finds what is in a record, and in a line, with a walker of its own, which
// shares no code with the readers of the dialects.
package dialecttest
