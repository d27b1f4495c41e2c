// Package runs turns the drafts of one export request into audit events: it finds the runs
// they belong to, lets facts that stand on one record only be inherited, joins records that
// tell of one thing, links events to what triggered them, and counts their steps. What it
// remembers between requests is in package memory.
//
// It does so in passes, each in a file of its own, in the order of the table passes:
//
//	pass      reads                                     writes
//	identify  trace, session and resource of records    node.run, node.part; ids of the drafts
//	join      keys of records, what waits for spans     drafts of what is told twice; node.joined
//	frame     kinds, ancestors                          node.frame, node.isRun
//	inherit   what records say of themselves            what they leave empty, marked as derived
//	resume    requested calls, first events of runs     which run goes on with which; node.asked
//	pair      requested calls                           the parent of tool calls and decisions
//	emit      all of the drafts                         the events
//	layer     ancestors, facts and calls that were told layer_of
//	parent    ancestors                                 parent_event_id
//	step      times                                     step_number
//	remember  the events                                memory
//	heard     the events of sessions without spans      memory
//
// Three rules hold for all of them. What a record says itself is never replaced by what
// another says. What one sender told changes nothing of what another told; and what one
// resource told changes nothing of what another of the same sender told, but where it gives a
// session or a user to what lies below its own span. Two who tell of one call are linked by
// layer_of and by nothing else. And what is not known is left out.
package runs
