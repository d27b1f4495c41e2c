// Package search finds events in a trail by what is known of them when nobody knows the id of
// a session any more: who, which tool, what was said, when.
//
//	source.go    where events come from: Source, and the trail as one
//	query.go     what is looked for
//	text.go      words in what an event says
//	where.go     an expression over an event
//	search.go    the search: hits, what could not be judged, what it covers
//	sessions.go  what is found, a session at a time
//	table.go     for people
//
// Events are looked at as readers show them: each once, with what its run and other tellings of
// it say in place. What is found was verified when it was read, whatever led to it.
package search
