package index

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// sums are what is counted of a run or a session on a day.
type sums struct {
	first, last, outcomeAt time.Time
	ended                  bool
	outcome                string
	counts                 map[string]int64
	cost                   float64
	costs                  bool
	runs                   map[string]bool
	facts                  map[string]map[string]bool // values by column
	tools, prompts         map[string]bool
}

func newSums() *sums {
	return &sums{counts: map[string]int64{}, runs: map[string]bool{}, facts: map[string]map[string]bool{}, tools: map[string]bool{}, prompts: map[string]bool{}}
}

// counted are the columns that count events of a type.
var counted = map[semconv.EventType]string{
	semconv.TypeLLMCall: "llm_calls", semconv.TypeToolCall: "tool_calls", semconv.TypeRetrieval: "retrievals",
	semconv.TypeHandoff: "handoffs", semconv.TypeError: "errors", semconv.TypeFinding: "findings",
	semconv.TypeGuardrail: "guardrails", semconv.TypeIntervention: "interventions",
}

// count adds an event to the sums of its run and its session: neither layers nor repetitions.
func (d *resolving) count(r *seen, res *resolve.Resolution, known *decision, repeats bool) {
	if r.LayerOf != "" || repeats {
		return
	}
	facts := map[string]string{
		"session_id": r.SessionID, "user_id": r.UserID, "agent_id": r.AgentID, "agent_name": r.AgentName,
		"agent_version": r.AgentVersion, "model_id": r.ModelID, "system_prompt_hash": r.PromptHash,
	}
	for _, f := range res.Fields {
		facts[f.Name] = f.Value
	}
	if r.RunID != "" {
		d.sum(d.runs, runKey{r.class, r.RunID, r.Sender}).add(&r.factRow, facts, known)
	}
	if session := facts["session_id"]; session != "" {
		d.sum(d.sessions, runKey{class: r.class, id: session}).add(&r.factRow, facts, known)
	}
}

func (d *resolving) sum(of map[runKey]*sums, k runKey) *sums {
	if of[k] == nil {
		of[k] = newSums()
	}
	return of[k]
}

func (s *sums) add(r *factRow, facts map[string]string, known *decision) {
	s.counts["events"]++
	if r.RunID != "" {
		s.runs[r.RunID] = true
	}
	for name, value := range facts {
		if value != "" {
			if s.facts[name] == nil {
				s.facts[name] = map[string]bool{}
			}
			s.facts[name][value] = true
		}
	}
	if !r.Timestamp.IsZero() {
		s.first, s.last = earlier(s.first, r.Timestamp), later(s.last, r.Timestamp)
	}
	s.last = later(s.last, r.EndTimestamp)
	s.counts["missing_fields"] += int64(len(r.Missing))
	s.counts["derived_fields"] += int64(len(r.Derived))
	kind := semconv.EventType(r.EventType)
	if name := counted[kind]; name != "" {
		s.counts[name]++
	}
	switch kind {
	case semconv.TypeLLMCall:
		s.counts["input_tokens"] += r.InputTokens
		s.counts["output_tokens"] += r.OutputTokens
		if r.CostUSD != nil {
			s.cost, s.costs = s.cost+*r.CostUSD, true
		}
	case semconv.TypeToolCall:
		if r.ToolName != "" {
			s.tools[r.ToolName] = true
		}
		s.toolCall(r, known)
	case semconv.TypeSessionEnd, semconv.TypeSessionTimeout:
		s.ended = true
		if at := later(r.Timestamp, r.EndTimestamp); s.outcomeAt.IsZero() || !at.Before(s.outcomeAt) {
			s.outcomeAt, s.outcome = at, r.Outcome
		}
	}
}

// toolCall counts how a tool call ended, and what was decided about it.
func (s *sums) toolCall(r *factRow, known *decision) {
	switch r.Outcome {
	case "denied":
		s.counts["denied"]++
	case "error":
		s.counts["errors"]++
	}
	status, source := r.Approval, r.ApprovalBy
	if known != nil {
		add := known.beside(r)
		status, source = cmp.Or(add.status, status), cmp.Or(add.source, source)
	}
	switch status {
	case "pending", "rejected":
		s.counts["approvals_"+status]++
	case "approved":
		name := "approved_by_" + source
		if !slices.Contains([]string{"human", "config", "policy", "hook", "agent"}, source) {
			name = "approved_by_unknown"
		}
		s.counts[name]++
	}
}

// only is the one value that events have, "" where they have several.
func (s *sums) only(name string) string {
	if values := s.facts[name]; len(values) == 1 {
		for v := range values {
			return v
		}
	}
	return ""
}

// sums adds the rows of runs, of sessions and of the day.
func (d *resolving) sums(window int) {
	for _, k := range sortedKeys(d.runs) {
		b := d.part(table.Runs, k.class).Batch
		b.Row()
		b.Int(0, d.number)
		b.Text(1, k.id)
		b.Text(2, k.sender)
		d.runs[k].write(b, table.Runs)
	}
	for _, k := range sortedKeys(d.sessions) {
		b, s := d.part(table.Sessions, k.class).Batch, d.sessions[k]
		b.Row()
		b.Int(0, d.number)
		b.Text(1, k.id)
		s.write(b, table.Sessions)
		for _, list := range []struct {
			column string
			values map[string]bool
		}{
			{"users", s.facts["user_id"]},
			{"agents", s.facts["agent_id"]},
			{"models", s.facts["model_id"]},
			{"prompt_hashes", s.facts["system_prompt_hash"]},
			{"tools", s.tools},
		} {
			b.Texts(table.Sessions.Column(list.column), slices.Sorted(maps.Keys(list.values)))
		}
	}
	b := d.part(table.Days, "default").Batch
	b.Row()
	b.Int(0, d.number)
	b.Int(1, d.events)
	b.Time(2, d.x.now())
	b.Int(3, int64(window))
}

func sortedKeys(m map[runKey]*sums) []runKey {
	return slices.SortedFunc(maps.Keys(m), func(a, b runKey) int {
		return cmp.Or(strings.Compare(a.class, b.class), strings.Compare(a.id, b.id), strings.Compare(a.sender, b.sender))
	})
}

// write sets the columns that runs and sessions have in common, in the order of the table.
func (s *sums) write(b *table.Batch, t *table.Table) {
	s.counts["runs"] = int64(len(s.runs))
	for i := range t.Columns {
		c := &t.Columns[i]
		switch {
		case i == 0 || c.Type == table.Texts || c.Required || c.Name == "sender":
		case c.Name == "first":
			b.Time(i, s.first)
		case c.Name == "last":
			b.Time(i, s.last)
		case c.Name == "ended":
			b.Bool(i, s.ended)
		case c.Name == "outcome":
			b.Text(i, s.outcome)
		case c.Name == "cost_usd":
			if s.costs {
				b.Float(i, s.cost)
			}
		case c.Type == table.Text:
			b.Text(i, s.only(c.Name))
		case c.Type == table.Int:
			b.Int(i, s.counts[c.Name])
		}
	}
}
