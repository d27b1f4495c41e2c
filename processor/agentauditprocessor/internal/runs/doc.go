// Package runs turns the drafts of one export request into audit events: it finds
// the runs they belong to, lets facts that stand on one span only be inherited,
// joins records that tell of one thing, links events to what triggered them, and
// counts their steps. What it remembers between requests is bounded and expires;
// losing it weakens a link, never an event.
package runs
