package dialect

import (
	"cmp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// microsoft is the Agent Framework, Semantic Kernel, and the Azure AI SDKs: the
// OpenTelemetry conventions, with names of their own for some keys and events.
var microsoft = &Dialect{
	Name:  "microsoft",
	Title: "Microsoft Agent Framework, Semantic Kernel, Azure AI",
	Match: func(r *record.Record) bool {
		for _, p := range []string{"agent_framework", "Experimental.Microsoft.Agents.AI", "Microsoft.Agents.AI", "Microsoft.SemanticKernel", "semantic_kernel"} {
			if strings.HasPrefix(r.Scope, p) {
				return true
			}
		}
		switch cmp.Or(r.Text("gen_ai.provider.name"), r.Text("gen_ai.system")) {
		case "az.ai.agents", "azure.ai.agents", "az.ai.inference", "azure.ai.inference":
			return true
		}
		return r.Text("az.namespace") == "Microsoft.CognitiveServices"
	},
	Kind: func(r *record.Record) Kind {
		if r.Log {
			return otelLogKind(r)
		}
		switch r.Text("gen_ai.operation.name") {
		case "responses", "process_thread_run":
			return LLM
		case "start_thread_run", "get_thread_run", "list_messages", "list_run_steps", "submit_tool_outputs", "list_conversation_items":
			return Other
		}
		if r.Name == "workflow.run" || strings.HasPrefix(r.Name, "workflow.run ") {
			return Chain
		}
		return otelKind(r)
	},
	Fields: []Source{
		{Field: "finish_reasons", Keys: []string{"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"}}, // a JSON list in a string
		{Field: SystemPrompt, Keys: []string{"gen_ai.system_instructions", "gen_ai.system.instructions"}, As: asSystem},
		{Field: "tools_available", Keys: []string{"gen_ai.tool.definitions", "gen_ai.request.tools", "sk.available_functions"}, As: asTools},
	},
	Finish: microsoftFinish,
	Settings: map[string]string{
		"input_messages":     "ENABLE_SENSITIVE_DATA=true (.NET: EnableSensitiveData)",
		"output_messages":    "ENABLE_SENSITIVE_DATA=true (.NET: EnableSensitiveData)",
		"tool_input":         "ENABLE_SENSITIVE_DATA=true (.NET: EnableSensitiveData)",
		"tool_output":        "ENABLE_SENSITIVE_DATA=true (.NET: EnableSensitiveData)",
		"system_prompt_hash": "ENABLE_SENSITIVE_DATA=true (.NET: EnableSensitiveData)",
	},
}

func microsoftFinish(r *record.Record, e *Draft) {
	if e.Kind == LLM || e.Kind == Agent {
		// Azure's SDKs put lists of messages into events that are named after the key.
		for i, ev := range r.Events.All() {
			v, ok := ev.Attributes().Get("gen_ai.event.content")
			if !ok {
				continue
			}
			read := false
			switch ev.Name() {
			case "gen_ai.input.messages":
				read = asInput(e, v)
			case "gen_ai.output.messages":
				read = asOutput(e, v)
			case "gen_ai.system.instructions":
				read = asSystem(e, v)
			}
			if read {
				r.ReadEvent(i)
			}
		}
	}
	otelFinish(r, e)
}
