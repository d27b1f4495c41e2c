package record

// fromResource is what the resource says where the record says nothing.
var fromResource = [...]struct {
	field string
	keys  []string
}{
	{"session_id", []string{"session.id", "gen_ai.conversation.id"}},
	{"user_id", []string{"enduser.id", "user.id", "user.email", "enduser.pseudo.id"}},
	{"agent_id", []string{"gen_ai.agent.id"}},
	{"agent_name", []string{"gen_ai.agent.name"}},
	{"agent_version", []string{"gen_ai.agent.version", "service.version"}},
}

// FromResource is the identity field that the resource of the record gives, or "".
func (r *Record) FromResource(field string) string { return r.of.fromResource(field) }

func (s *Scope) fromResource(field string) string {
	for i := range fromResource {
		if fromResource[i].field == field {
			return s.identity[i]
		}
	}
	return ""
}

// Workload is who the resource says runs: the agent that it names, else the service.
func (r *Record) Workload() string { return r.of.workload }

// Keep puts attributes back among what no field took.
func (r *Record) Keep(keys ...string) {
	for _, k := range keys {
		if a := r.find(k); a != nil {
			a.used = false
		}
	}
}
