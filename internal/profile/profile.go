// Package profile says what agents are made of and what they did, over any events, and in what
// two of them differ.
package profile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Profile is what was seen, each with how often. What is never seen is not known not to be.
type Profile struct {
	Events       int            `json:"events"`
	Versions     map[string]int `json:"agent_versions"`
	Prompts      map[string]int `json:"system_prompt_hashes"` // of model calls
	Models       map[string]int `json:"models"`
	Tools        map[string]int `json:"tools_offered"`     // by name
	Descriptions map[string]int `json:"tool_descriptions"` // by name and SHA-256 of the text
	Calls        map[string]int `json:"tool_calls"`        // by name and outcome
	Approvals    map[string]int `json:"approvals"`         // by tool, status and source
	Outcomes     map[string]int `json:"outcomes"`          // of runs
	Tokens       map[string]int `json:"tokens"`            // input, output
	// Untold counts what would tell of a part and was not captured.
	Untold map[string]int `json:"untold"`
}

// New is a profile of nothing.
func New() *Profile {
	p := &Profile{}
	for _, part := range p.parts() {
		*part.of = map[string]int{}
	}
	p.Untold = map[string]int{}
	return p
}

// part is a part of a profile with its name for people.
type part struct {
	name string
	of   *map[string]int
	// counted is set for what is behaviour: how often counts, and not only whether.
	counted bool
}

func (p *Profile) parts() []part {
	return []part{
		{"agent version", &p.Versions, false},
		{"system prompt", &p.Prompts, false},
		{"model", &p.Models, false},
		{"tool offered", &p.Tools, false},
		{"tool description", &p.Descriptions, false},
		{"tool call", &p.Calls, true},
		{"approval", &p.Approvals, true},
		{"run", &p.Outcomes, true},
		{"tokens", &p.Tokens, true},
	}
}

// Add takes in an event as it is shown.
func (p *Profile) Add(e *semconv.Event) {
	p.Events++
	note(p.Versions, e.AgentVersion)
	switch e.EventType {
	case semconv.TypeLLMCall:
		note(p.Models, e.ModelID)
		if note(p.Prompts, e.SystemPromptHash); e.SystemPromptHash == "" {
			p.Untold["system_prompt_hash of model calls"]++
		}
		if len(e.ToolsAvailable) == 0 {
			p.Untold["tools_available of model calls"]++
		}
		p.Tokens["input"] += int(e.InputTokens.Value)
		p.Tokens["output"] += int(e.OutputTokens.Value)
	case semconv.TypeToolCall, semconv.TypeToolResult:
		note(p.Calls, strings.TrimSpace(cmp.Or(e.ToolName, "(no name)")+" "+cmp.Or(e.Outcome, "outcome not told")))
		hash := e.ToolDescriptionHash
		if hash == "" && e.ToolDescription != "" {
			hash = digest(e.ToolDescription)
		}
		if hash != "" && e.ToolName != "" {
			note(p.Descriptions, e.ToolName+" "+hash)
		}
	case semconv.TypeApproval:
		note(p.Approvals, strings.Join(strings.Fields(e.ToolName+" "+cmp.Or(e.ApprovalStatus, "undecided")+" "+e.ApprovalSource), " "))
	case semconv.TypeSessionEnd, semconv.TypeSessionTimeout:
		note(p.Outcomes, cmp.Or(e.Outcome, "outcome not told"))
	}
	p.offered(e)
}

// offered takes in the tools that an agent was offered: {"name":…,"description":…}, in a member
// `function` or not.
func (p *Profile) offered(e *semconv.Event) {
	gjson.ParseBytes(e.ToolsAvailable).ForEach(func(_, tool gjson.Result) bool {
		if f := tool.Get("function"); f.IsObject() {
			tool = f
		}
		name := tool.Get("name").Str
		if tool.Type == gjson.String {
			name = tool.Str
		}
		note(p.Tools, name)
		if d := tool.Get("description").Str; name != "" && d != "" {
			note(p.Descriptions, name+" "+digest(d))
		}
		return true
	})
}

func note(counts map[string]int, value string) {
	if value != "" {
		counts[value]++
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Difference is a value that two profiles have in different numbers.
type Difference struct {
	Part  string `json:"part"`
	Value string `json:"value"`
	A     int    `json:"a"`
	B     int    `json:"b"`
}

// Diff is in what two profiles differ: of what an agent is made of, what only one has; of its
// behaviour, what it did more or less often.
func Diff(a, b *Profile) (list []Difference) {
	theirs := b.parts()
	for i, part := range a.parts() {
		x, y := *part.of, *theirs[i].of
		all := map[string]bool{}
		for _, m := range []map[string]int{x, y} {
			for v := range m {
				all[v] = true
			}
		}
		for _, v := range slices.Sorted(maps.Keys(all)) {
			if x[v] != y[v] && (part.counted || x[v] == 0 || y[v] == 0) {
				list = append(list, Difference{part.name, v, x[v], y[v]})
			}
		}
	}
	return list
}

// Table writes the differences for a person; nameA and nameB name the two.
func Table(w io.Writer, on terminal.Terminal, nameA, nameB string, a, b *Profile) error {
	var err error
	line := func(text, colour string) {
		if err == nil {
			_, err = fmt.Fprintln(w, on.Paint(colour, termsafe.Fit(text, on.Width)))
		}
	}
	line(fmt.Sprintf("- %s: %d events", nameA, a.Events), "1")
	line(fmt.Sprintf("+ %s: %d events", nameB, b.Events), "1")
	list := Diff(a, b)
	for _, d := range list {
		switch {
		case d.B == 0:
			line(fmt.Sprintf("- %s %s (%d)", d.Part, d.Value, d.A), "31")
		case d.A == 0:
			line(fmt.Sprintf("+ %s %s (%d)", d.Part, d.Value, d.B), "32")
		default:
			line(fmt.Sprintf("  %s %s: %d, then %d", d.Part, d.Value, d.A, d.B), "")
		}
	}
	if len(list) == 0 {
		line("nothing that is captured differs", "")
	}
	for i, p := range []*Profile{a, b} {
		for _, what := range slices.Sorted(maps.Keys(p.Untold)) {
			line(fmt.Sprintf("not known of %s: %s, %d of them", []string{nameA, nameB}[i], what, p.Untold[what]), "")
		}
	}
	return err
}
