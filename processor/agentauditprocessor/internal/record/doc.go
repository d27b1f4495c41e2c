// Package record is what was sent: spans and log records as they are read, with the
// identity of their resource, and the account of what was read of them. What nothing
// took is left, and is kept. It knows no dialect.
package record
