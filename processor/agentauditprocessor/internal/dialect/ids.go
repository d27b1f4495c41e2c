package dialect

import (
	"crypto/sha256"
	"encoding/hex"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// maxID is the longest that an id or a name may be, in bytes: events are found by them, and
// runs are remembered under them.
const maxID = 256

// ShortID is an id as events hold it: itself, or its digest where it is too long.
func ShortID(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// idFields are the fields that hold ids and names.
var idFields = func() (list []*semconv.Field) {
	for _, name := range []string{
		"event_id", "session_id", "parent_event_id", "agent_id", "agent_name", "agent_version", "agent_instance_id", "parent_agent_id", "user_id", "model_id",
		"response_model_id", "provider", "response_id", "tool_name", "tool_call_id", "approver_id", "mcp_server", "mcp_session_id", "actor_id", "guardrail_name", "data_source",
	} {
		list = append(list, semconv.FieldNamed(name))
	}
	return list
}()

// shortenIDs puts its digest in the place of an id that is too long. The text is then in no
// field, and so kept under content: as a blob each would cost a request of its own to the
// store, and a sender can draw a thousand in a megabyte.
func (e *Draft) shortenIDs() {
	for _, f := range idFields {
		if !f.Has(&e.Event) {
			continue
		}
		text, _ := e.Text(f.Name)
		if len(text) <= maxID {
			continue
		}
		e.Set(f.Name, pcommon.NewValueStr(ShortID(text)))
	}
	for i := range e.Requested {
		c := &e.Requested[i]
		c.ID, c.Name = ShortID(c.ID), ShortID(c.Name)
	}
	for i := range e.Asks {
		c := &e.Asks[i].Call
		c.ID, c.Name = ShortID(c.ID), ShortID(c.Name)
	}
}
