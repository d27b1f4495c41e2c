// Package semconv is the contract between the rooms of this repository and with
// applications: the audit event, schema version 1.1, its audit.* attribute keys,
// the required-field table, the JSON Schema, and the one codec between a
// telemetry record (a span or a log record that carries audit.* attributes) and
// a line of JSON. It reads lines of version 1 too. It does no I/O.
//
// An application that wants to say something itself, such as who approved an
// action, sets the attribute constants of this package on its own spans or log
// records; they win over what a telemetry dialect would give.
package semconv
