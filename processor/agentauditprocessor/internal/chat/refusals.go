package chat

import (
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// refusals are the words that frameworks put in the place of a result where a person, or a
// policy that asks one, did not allow the call. They are constants of the frameworks' sources:
// a tool's own words are no refusal.
var refusals = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`Tool execution was not approved\.`,                                       // OpenAI Agents SDK
	`The tool call was denied\.`,                                              // Pydantic AI
	`This tool call is rejected\.`,                                            // ADK
	`Tool '[^']*' execution denied by confirmation policy`,                    // ADK for Rust
	`User denied the tool call request`,                                       // AG2
	`(?:Error: )?Tool call invocation was rejected by user\.`,                 // Agent Framework
	`Action rejected: `,                                                       // OpenHands
	`CONFIRMATION_FAILED: `,                                                   // Strands
	`The user doesn't want to (?:proceed with|take) this (?:tool use|action)`, // Claude Code
	`The user rejected permission to use this specific tool call`,             // opencode
}, "|") + `)`)

// Refused reports whether a result is a framework's word that the call was not allowed, and
// what it gives as the reason.
func Refused(result gjson.Result) (reason string, yes bool) {
	if in := jsontext.Get(result, "error"); in.Type == gjson.String {
		result = in
	}
	if result.Type != gjson.String || !refusals.MatchString(result.Str) {
		return "", false
	}
	return result.Str, true
}
