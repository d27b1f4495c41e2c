// Package chat brings messages, in whatever shape libraries send them, to the one shape
// of the schema, and says what an audit wants to know of them: what the system was told,
// which tools were asked for, what came back, who allowed what. It knows shapes of
// messages, and no key of an attribute.
package chat
