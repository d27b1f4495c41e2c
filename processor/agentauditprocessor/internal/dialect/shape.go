package dialect

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// What vendors' keys have in common, whatever they begin with: acme.span.type says what a span
// tells of, acme.input and acme.output what went in and came out, acme.session_id and
// acme.user_id whose it is. Records of vendors with a table are read so where the table says
// nothing; those of others are read so and no other way, and marked as untabled.

// kindSuffixes end the keys that say what a record tells of.
var kindSuffixes = []string{".span.type", ".span.kind", ".span_type", ".span_kind", ".spanType", ".observation.type", ".run.type", ".run_type", ".step.type", ".node.type", ".type", ".kind"}

// kindWords are what vendors call kinds of records. A chain counts only beside what went in or
// came out: its words name other things, too.
var kindWords = map[string]Kind{
	"llm": LLM, "generation": LLM, "chat": LLM, "chat_model": LLM, "chat_completion": LLM, "chat_completions": LLM, "text_completion": LLM, "completion": LLM, "llm_call": LLM,
	"model": LLM, "model_call": LLM, "llm_generation": LLM, "model_generation": LLM, "embedding": LLM, "embeddings": LLM, "reranker": LLM, "rerank": LLM,
	"tool": Tool, "tool_call": Tool, "toolcall": Tool, "function": Tool, "function_call": Tool, "function_tool": Tool, "tool_execution": Tool, "execute_tool": Tool, "tool_use": Tool,
	"agent": Agent, "agent_run": Agent, "invoke_agent": Agent, "agent_turn": Agent, "subagent": Agent, "sub_agent": Agent,
	"retriever": Retrieval, "retrieval": Retrieval, "guardrail": Guardrail, "guard": Guardrail,
	"chain": Chain, "workflow": Chain, "session": Chain, "conversation": Chain, "task": Chain, "step": Chain, "span": Chain, "default": Chain, "graph": Chain, "node": Chain,
	"flow": Chain, "crew": Chain, "entry": Chain, "pipeline": Chain, "operation": Chain, "component": Chain, "module": Chain, "trace": Chain, "run": Chain, "turn": Chain,
}

// kindWord is the kind that a word of a vendor's names: AgentSpanKind.TOOL is a tool.
func kindWord(s string) (Kind, bool) {
	s = strings.Trim(s, `"`)
	s = strings.ToLower(strings.ReplaceAll(s[strings.LastIndexByte(s, '.')+1:], "-", "_"))
	k, ok := kindWords[s]
	return k, ok
}

// Suffixes of the keys that hold what went in and what came out, in order of preference.
var (
	inputSuffixes  = []string{".input", ".inputs", ".input.value", ".input_value", ".arguments", ".args", ".parameters", ".prompt", ".request", ".messages", ".user_input"}
	outputSuffixes = []string{".output", ".outputs", ".output.value", ".output_value", ".result", ".response", ".completion", ".answer"}
)

// shape is what the keys of a record say by their form.
type shape struct {
	kind      Kind
	kindKey   string
	in, out   string // keys
	modelKey  string
	toolKey   string
	callIDKey string
	agentKey  string
}

// known reports whether the form of the keys tells what the record is.
func (s *shape) known() bool {
	switch s.kind {
	case Other:
		return false
	case Chain:
		return s.in != "" || s.out != ""
	}
	return true
}

// shapeOf reads the form of a record's keys. Keys of other things than agents, such as
// db.operation.type, say nothing.
func shapeOf(r *record.Record) (s shape) {
	vendor := ""
	for _, suffix := range kindSuffixes {
		for k, v := range r.All() {
			if s.kind != Other || !strings.HasSuffix(k, suffix) || v.Type() != pcommon.ValueTypeStr || foreign(k) {
				continue
			}
			if kind, ok := kindWord(v.Str()); ok {
				s.kind, s.kindKey = kind, k
				vendor, _, _ = strings.Cut(k, ".")
			}
		}
	}
	if s.kind == Other {
		for k := range r.All() {
			if kind, of := kindOfKey(k); kind != Other && s.kind == Other {
				s.kind, vendor = kind, of
			}
		}
	}
	if s.kind == Other {
		return s
	}
	s.in, s.out = ofVendor(r, vendor, inputSuffixes), ofVendor(r, vendor, outputSuffixes)
	s.modelKey = ofVendor(r, vendor, []string{".model.name", ".model_name", ".request.model", ".model.id", ".model_id", ".model"})
	s.toolKey = ofVendor(r, vendor, []string{".tool.name", ".tool_name", ".function.name", ".function_name"})
	s.callIDKey = ofVendor(r, vendor, []string{".tool.call.id", ".tool.call_id", ".tool_call.id", ".tool_call_id", ".call.id", ".call_id"})
	s.agentKey = ofVendor(r, vendor, []string{".agent.name", ".lc_agent_name", ".agent_name"})
	return s
}

// kindOfKey is the kind that a key such as acme.step.tool.input names, and what it begins with.
func kindOfKey(key string) (Kind, string) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 || foreign(key) {
		return Other, ""
	}
	switch key[i+1:] {
	case "input", "output", "arguments", "result":
	default:
		return Other, ""
	}
	vendor, word, _ := strings.Cut(key[:i], ".")
	switch word[strings.LastIndexByte(word, '.')+1:] {
	case "llm", "generation":
		return LLM, vendor
	case "tool", "tool_call", "function_tool":
		return Tool, vendor
	case "agent":
		return Agent, vendor
	}
	return Other, ""
}

// ofVendor is the first key of a vendor's that ends so and holds something.
func ofVendor(r *record.Record, vendor string, suffixes []string) string {
	for _, suffix := range suffixes {
		for k, v := range r.All() {
			if strings.HasSuffix(k, suffix) && strings.HasPrefix(k, vendor+".") && (v.Type() != pcommon.ValueTypeStr || v.Str() != "") {
				return k
			}
		}
	}
	return ""
}

// foreign reports whether a key is of something else than agents.
func foreign(key string) bool {
	first, _, _ := strings.Cut(key, ".")
	switch first {
	case "http", "db", "rpc", "messaging", "net", "network", "server", "client", "url", "tls", "aws", "k8s", "faas", "graphql", "code", "thread", "exception", "error", "peer",
		"mcp", "process", "host", "os", "device", "browser", "session", "telemetry", "otel", "span", "feature_flag", "dns", "rabbitmq", "kafka", "redis", "audit", "event", "log":
		return true
	}
	return false
}

// Suffixes of keys that say whose a record is.
var (
	sessionSuffixes = []string{".session_id", ".session.id", ".sessionId", ".conversation_id", ".conversation.id", ".conversationId", ".thread_id", ".thread.id", ".threadId", ".chat_id"}
	userSuffixes    = []string{".user_id", ".user.id", ".userId", ".end_user_id", ".enduser_id"}
)

// whose reads whose event it is from keys of any vendor.
func (e *Draft) whose() {
	if e.SessionID == "" {
		e.SessionID = e.suffixed(sessionSuffixes)
	}
	if e.UserID == "" {
		e.UserID = e.suffixed(userSuffixes)
	}
	e.metadata(e.Record)
}

func (e *Draft) suffixed(suffixes []string) string {
	for _, suffix := range suffixes {
		for k, v := range e.Record.All() {
			if !strings.HasSuffix(k, suffix) || foreign(k) || strings.Contains(k, "langsmith.trace.") || v.Type() != pcommon.ValueTypeStr {
				continue
			}
			if s := v.Str(); s != "" && s != "unknown" && s != "None" && s != "null" && !chat.Withheld(s) {
				e.Record.Use(k)
				return s
			}
		}
	}
	return ""
}

// shapeKind is the kind of a record by the conventions where these name it, else by the form
// of its keys.
func shapeKind(r *record.Record) Kind {
	if r.Log {
		return otelLogKind(r)
	}
	if k := otelKind(r); k != Chain && k != Other {
		return k
	}
	if s := shapeOf(r); s.known() {
		return s.kind
	}
	return otelKind(r)
}

// shapeFinish reads what went in and came out where no table took it.
func shapeFinish(r *record.Record, e *Draft) {
	otelFinish(r, e)
	e.metadata(r)
	s := shapeOf(r)
	if e.AgentName == "" && s.agentKey != "" {
		e.AgentName = r.TakeText(s.agentKey)
	}
	switch e.Kind {
	case LLM:
		e.shapedCall(r, &s)
	case Tool:
		e.shapedTool(r, &s)
	case Agent, Chain:
		if e.Kind == Agent {
			e.AgentName = cmp.Or(e.AgentName, e.AgentID, ownName(r))
		}
		if v, ok := r.Take(s.in); ok && e.UserMessage == "" {
			e.UserMessage = userText(v)
		}
		if v, ok := r.Take(s.out); ok && e.FinalOutput == "" {
			e.FinalOutput = answerText(v)
		}
		e.Requested = nil
	case Retrieval:
		if v, ok := r.Take(s.in); ok && e.Query == "" {
			e.Query = userText(v)
		}
		if v, ok := r.Take(s.out); ok && len(e.Documents) == 0 {
			e.SetJSON("documents", jsontext.Bytes(chat.Typed(record.JSON(v)).Raw))
		}
	case Guardrail:
		e.GuardrailName = cmp.Or(e.GuardrailName, r.Name)
		if v, ok := r.Take(s.out); ok && e.Verdict == "" {
			e.Verdict = v.AsString()
		}
	}
}

// ownName is the name of a span without what a library puts behind it.
func ownName(r *record.Record) string {
	name := toolOfSpan(r.Name)
	for _, suffix := range []string{".tool", ".agent", ".workflow", ".task", ".session"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

func (e *Draft) shapedCall(r *record.Record, s *shape) {
	if len(e.InputMessages) == 0 && s.in != "" {
		e.apply([]Source{row("input_messages", s.in, asInput)})
		e.offered(r, s.in)
	}
	if len(e.OutputMessages) == 0 && s.out != "" {
		e.apply([]Source{row("output_messages", s.out, asOutput)})
	}
	if e.ModelID == "" && s.modelKey != "" {
		e.ModelID = r.TakeText(s.modelKey)
	}
	for k, v := range r.All() {
		e.counted(k, v)
	}
	if e.Operation == "" {
		e.Operation = "chat"
		if w := strings.ToLower(r.Text(s.kindKey)); strings.HasPrefix(w, "embed") {
			e.Operation = "embeddings"
		}
	}
	e.fallbackModel()
}

// offered reads the tools that stand beside the messages of a request.
func (e *Draft) offered(r *record.Record, key string) {
	v, ok := r.Get(key)
	if !ok || len(e.ToolsAvailable) > 0 {
		return
	}
	if t := jsontext.Get(chat.Typed(record.JSON(v)), "tools"); t.IsArray() {
		e.tools(t, "")
	}
}

// counts are the words by which vendors name the counts of tokens, under a key of usage, of
// tokens or of metrics.
var counts = []struct {
	field string
	words []string
}{
	{"input_tokens", []string{"input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "tokens.input", "tokens.prompt"}},
	{"output_tokens", []string{"output_tokens", "completion_tokens", "outputTokens", "completionTokens", "tokens.output", "tokens.completion"}},
	{"cached_input_tokens", []string{"cached_input_tokens", "cached_tokens", "cache_read_tokens", "cache_read_input_tokens", "cachedTokens"}},
	{"reasoning_tokens", []string{"reasoning_tokens", "reasoningTokens", "thinking_tokens", "thoughts_tokens"}},
}

// counted reads counts of tokens from a key that names one, or from an object of them.
func (e *Draft) counted(key string, v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeStr && (strings.HasSuffix(key, ".usage") || strings.HasSuffix(key, ".metrics") || strings.HasSuffix(key, ".token_usage")) {
		if u := chat.Typed(record.JSON(v)); u.IsObject() {
			e.usage(u)
			e.Record.Use(key)
		}
		return
	}
	for _, c := range counts {
		for _, w := range c.words {
			if strings.HasSuffix(key, "."+w) && !e.Has(c.field) {
				if n, ok := semconv.ParseInt(v.AsString()); ok && n >= 0 && e.Set(c.field, pcommon.NewValueInt(n)) {
					e.Record.Use(key)
				}
			}
		}
	}
}

// usage reads an object of counts of tokens.
func (e *Draft) usage(u gjson.Result) {
	for _, c := range counts {
		if n := jsontext.First(u, c.words...); n.Type == gjson.Number && !e.Has(c.field) {
			e.Set(c.field, pcommon.NewValueInt(n.Int()))
		}
	}
	if n := jsontext.First(u, "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"); n.Type == gjson.Number && !e.ReasoningTokens.Valid {
		e.ReasoningTokens = semconv.Some(n.Int())
	}
	if n := jsontext.First(u, "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens"); n.Type == gjson.Number && !e.CachedInputTokens.Valid {
		e.CachedInputTokens = semconv.Some(n.Int())
	}
}

func (e *Draft) shapedTool(r *record.Record, s *shape) {
	if n := r.TakeText(s.toolKey); n != "" {
		e.ToolName = n
	}
	if e.ToolName == "" || e.ToolName == r.Name {
		e.ToolName = ownName(r)
	}
	if e.ToolCallID == "" && s.callIDKey != "" {
		e.apply([]Source{row("tool_call_id", s.callIDKey, asCallID)})
	}
	if len(e.ToolInput) == 0 && s.in != "" {
		e.apply([]Source{row("tool_input", s.in, asWrappedInput)})
	}
	if len(e.ToolOutput) == 0 && s.out != "" {
		e.apply([]Source{row("tool_output", s.out, asWrappedOutput)})
	}
}

// row is a row of a table that is made for one record.
func row(field, key string, as Decoder) Source {
	table := []Source{{Field: field, Keys: []string{key}, As: as}}
	prepare(table)
	return table[0]
}

// matchesShape reports whether the form of the keys tells what a record is, and nothing else
// does: a kind alone, without what went in or came out, a model or a name, tells too little.
func matchesShape(r *record.Record) bool {
	s := shapeOf(r)
	if !s.known() {
		return false
	}
	return s.in != "" || s.out != "" || s.modelKey != "" || s.toolKey != "" || s.agentKey != "" || r.HasPrefix("gen_ai.") || r.HasPrefix("llm.") || r.Has("input.value") || r.Has("output.value")
}
