// Package memory is what is remembered of runs and sessions between export requests: for
// each sender apart, a bounded time, in a bounded number of bytes, whatever holds them.
// It knows records only by their ids. Losing what it holds weakens a link between events
// and never an event.
//
// What is remembered is found by its sender, its kind and its id, never by a text that is
// joined of them. A run is what carries one trace id; what can change what an event says is
// kept for each resource of the run by itself (Part), and only what links events for all of them.
package memory
