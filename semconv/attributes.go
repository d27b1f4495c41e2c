package semconv

const attrPrefix = "audit."

// The attribute keys of the schema, one a field. Scalars are scalar attributes;
// objects and arrays are one string attribute each that holds compact JSON.
const (
	// AttrSchemaVersion: The version of this schema, "1.1".
	AttrSchemaVersion = "audit.schema_version"
	// AttrEventID: A function of the source record, so that a retry gives the same id: a UUID, or the plain form of one.
	AttrEventID = "audit.event_id"
	// AttrEventType: What happened: one of the event types.
	AttrEventType = "audit.event_type"
	// AttrTimestamp: When it began, by the agent's clock.
	AttrTimestamp = "audit.timestamp"
	// AttrEndTimestamp: When it ended, where it lasted.
	AttrEndTimestamp = "audit.end_timestamp"
	// AttrRecordedAt: When this collector took it in.
	AttrRecordedAt = "audit.recorded_at"
	// AttrSentTimestamp: What was sent as the time, where it cannot be one.
	AttrSentTimestamp = "audit.sent_timestamp"
	// AttrSessionID: The conversation or run; falls back to the trace id, and derived_fields says so.
	AttrSessionID = "audit.session_id"
	// AttrRunID: The trace id: one invocation within a session.
	AttrRunID = "audit.run_id"
	// AttrStepNumber: The order within the run.
	AttrStepNumber = "audit.step_number"
	// AttrParentEventID: The event that triggered this one.
	AttrParentEventID = "audit.parent_event_id"
	// AttrAgentID: Which agent.
	AttrAgentID = "audit.agent_id"
	// AttrAgentName: The agent's name.
	AttrAgentName = "audit.agent_name"
	// AttrAgentVersion: Which build of the agent.
	AttrAgentVersion = "audit.agent_version"
	// AttrAgentInstanceID: An id drawn for one process or one run of the agent.
	AttrAgentInstanceID = "audit.agent_instance_id"
	// AttrParentAgentID: The agent that this one works for.
	AttrParentAgentID = "audit.parent_agent_id"
	// AttrUserID: On whose behalf.
	AttrUserID = "audit.user_id"
	// AttrModelID: The model asked for.
	AttrModelID = "audit.model_id"
	// AttrResponseModelID: The model that answered.
	AttrResponseModelID = "audit.response_model_id"
	// AttrProvider: Who serves the model.
	AttrProvider = "audit.provider"
	// AttrSystemPromptHash: SHA-256 of the exact UTF-8 text of the system prompt, 64 hex digits; several parts are joined by one newline.
	AttrSystemPromptHash = "audit.system_prompt_hash"
	// AttrContent: Whatever the event holds that no other field names.
	AttrContent = "audit.content"
	// AttrTraceID: The trace of the telemetry it came from, hex.
	AttrTraceID = "audit.trace_id"
	// AttrSpanID: The span of the telemetry it came from, hex.
	AttrSpanID = "audit.span_id"
	// AttrParentSpanID: The parent of that span, hex.
	AttrParentSpanID = "audit.parent_span_id"
	// AttrSource: Where it came from: dialect, scope, scope_version, service, service_version, signal.
	AttrSource = "audit.source"
	// AttrMissingFields: Required fields that the source did not give.
	AttrMissingFields = "audit.missing_fields"
	// AttrDerivedFields: Fields filled by a fallback rather than by the source.
	AttrDerivedFields = "audit.derived_fields"
	// AttrDerivedFrom: Field to the event it was taken from, of fields that another event's record gave.
	AttrDerivedFrom = "audit.derived_from"
	// AttrEventProblems: What is wrong with the audit.* attributes that the application set.
	AttrEventProblems = "audit.event_problems"
	// AttrOversize: Per field that was cut: its full length in bytes and its SHA-256.
	AttrOversize = "audit.oversize"
	// AttrLayerOf: The event that tells the same fact from another instrumentation layer: this one is kept, and not counted.
	AttrLayerOf = "audit.layer_of"
	// AttrAlternates: Field to second value, where two sources on one record disagree.
	AttrAlternates = "audit.alternates"
	// AttrContentState: The first that holds of any part: truncated_at_source, withheld, by_reference, present, not_captured.
	AttrContentState = "audit.content_state"
	// AttrContentRefs: Field to where its content lies, as the source says, where the state is by_reference.
	AttrContentRefs = "audit.content_refs"
	// AttrContentAt: Where content that is kept apart lies in the content object: frame, leaf, fields.
	AttrContentAt = "audit.content_at"
	// AttrMaskedFields: Fields in which a part was masked before sealing.
	AttrMaskedFields = "audit.masked_fields"
	// AttrSender: Who authenticated to the receiver.
	AttrSender = "audit.sender"
	// AttrRetention: The retention class, where one is configured.
	AttrRetention = "audit.retention"
	// AttrUserMessage: What the user asked for.
	AttrUserMessage = "audit.user_message"
	// AttrToolsAvailable: The tools the agent was offered.
	AttrToolsAvailable = "audit.tools_available"
	// AttrFinalOutput: The answer of the run.
	AttrFinalOutput = "audit.final_output"
	// AttrOutcome: success, error or denied; of a run, and never of a tool call, also suspended or blocked.
	AttrOutcome = "audit.outcome"
	// AttrReason: Why: for a timeout max_iterations, deadline or idle.
	AttrReason = "audit.reason"
	// AttrFromAgent: Who hands over.
	AttrFromAgent = "audit.from_agent"
	// AttrToAgent: Who takes over.
	AttrToAgent = "audit.to_agent"
	// AttrOperation: The kind of model call: chat, text_completion, embeddings and the like.
	AttrOperation = "audit.operation"
	// AttrInputMessages: What was sent to the model, in the message shape of the OpenTelemetry GenAI conventions.
	AttrInputMessages = "audit.input_messages"
	// AttrOutputMessages: What the model answered, in the same shape.
	AttrOutputMessages = "audit.output_messages"
	// AttrOutputText: The text parts of the answer.
	AttrOutputText = "audit.output_text"
	// AttrReasoning: The reasoning parts of the answer.
	AttrReasoning = "audit.reasoning"
	// AttrToolCallsRequested: The tool calls the model asked for: id, name, arguments.
	AttrToolCallsRequested = "audit.tool_calls_requested"
	// AttrToolsHash: SHA-256 of the compact JSON of tools_available, 64 hex digits.
	AttrToolsHash = "audit.tools_hash"
	// AttrFinishReasons: Why the model stopped, in the words of the source.
	AttrFinishReasons = "audit.finish_reasons"
	// AttrInputTokens: Tokens sent, cached ones included.
	AttrInputTokens = "audit.input_tokens"
	// AttrOutputTokens: Tokens received, reasoning included.
	AttrOutputTokens = "audit.output_tokens"
	// AttrCachedInputTokens: Tokens of the input that were read from a cache.
	AttrCachedInputTokens = "audit.cached_input_tokens"
	// AttrReasoningTokens: Tokens of the output that were reasoning.
	AttrReasoningTokens = "audit.reasoning_tokens"
	// AttrLatencyMS: How long the call took, in milliseconds.
	AttrLatencyMS = "audit.latency_ms"
	// AttrTimeToFirstTokenMS: How long until the first token, in milliseconds.
	AttrTimeToFirstTokenMS = "audit.time_to_first_token_ms"
	// AttrTemperature: Sampling temperature asked for.
	AttrTemperature = "audit.temperature"
	// AttrTopP: Nucleus sampling asked for.
	AttrTopP = "audit.top_p"
	// AttrMaxTokens: Most tokens of output asked for.
	AttrMaxTokens = "audit.max_tokens"
	// AttrSeed: Sampling seed asked for.
	AttrSeed = "audit.seed"
	// AttrResponseID: The provider's id of the answer.
	AttrResponseID = "audit.response_id"
	// AttrCostUSD: What the call cost by the source's account, in US dollars.
	AttrCostUSD = "audit.cost_usd"
	// AttrError: What went wrong.
	AttrError = "audit.error"
	// AttrToolName: Which tool.
	AttrToolName = "audit.tool_name"
	// AttrToolCallID: The model's id of the call.
	AttrToolCallID = "audit.tool_call_id"
	// AttrToolType: function, extension, datastore or the source's own word.
	AttrToolType = "audit.tool_type"
	// AttrToolDescription: What the agent was told that the tool does.
	AttrToolDescription = "audit.tool_description"
	// AttrToolDescriptionHash: SHA-256 of the exact UTF-8 text of the description, 64 hex digits.
	AttrToolDescriptionHash = "audit.tool_description_hash"
	// AttrToolInput: The parameters.
	AttrToolInput = "audit.tool_input"
	// AttrToolOutput: The result.
	AttrToolOutput = "audit.tool_output"
	// AttrErrorType: The class of the error.
	AttrErrorType = "audit.error_type"
	// AttrExecutionTimeMS: How long the tool ran, in milliseconds.
	AttrExecutionTimeMS = "audit.execution_time_ms"
	// AttrRequiresApproval: Whether the action needed an approval.
	AttrRequiresApproval = "audit.requires_approval"
	// AttrApprovalStatus: approved, rejected or pending.
	AttrApprovalStatus = "audit.approval_status"
	// AttrApproverID: Who or what decided.
	AttrApproverID = "audit.approver_id"
	// AttrMCPServer: The MCP server that ran the tool, or that asks.
	AttrMCPServer = "audit.mcp_server"
	// AttrMCPServerVersion: The version that the MCP server says it has.
	AttrMCPServerVersion = "audit.mcp_server_version"
	// AttrMCPSessionID: The MCP session.
	AttrMCPSessionID = "audit.mcp_session_id"
	// AttrMCPMethod: What the server asked of the agent: elicitation, sampling or roots.
	AttrMCPMethod = "audit.mcp_method"
	// AttrQuery: What was looked for.
	AttrQuery = "audit.query"
	// AttrDocuments: What was found: id, score, content.
	AttrDocuments = "audit.documents"
	// AttrDataSource: Where it was looked for.
	AttrDataSource = "audit.data_source"
	// AttrApprovalReason: Why it was decided so.
	AttrApprovalReason = "audit.approval_reason"
	// AttrApprovalSource: human, config, hook, policy or agent.
	AttrApprovalSource = "audit.approval_source"
	// AttrApprovedInput: The parameters as they were approved, where that is said apart.
	AttrApprovedInput = "audit.approved_input"
	// AttrApprovalAt: When it was decided.
	AttrApprovalAt = "audit.approval_at"
	// AttrActorID: Who intervened, or ordered the erasure.
	AttrActorID = "audit.actor_id"
	// AttrGuardrailName: Which check.
	AttrGuardrailName = "audit.guardrail_name"
	// AttrVerdict: What the check said.
	AttrVerdict = "audit.verdict"
	// AttrScore: The check's score.
	AttrScore = "audit.score"
	// AttrStack: The stack trace.
	AttrStack = "audit.stack"
	// AttrFindingID: A function of the rule and of what it is about: the same finding has the same id.
	AttrFindingID = "audit.finding_id"
	// AttrRule: The rule that fired.
	AttrRule = "audit.rule"
	// AttrRulesSHA256: Digest of the rules in force, 64 hex digits.
	AttrRulesSHA256 = "audit.rules_sha256"
	// AttrEngineVersion: The version of the program that applied the rules.
	AttrEngineVersion = "audit.engine_version"
	// AttrSeverity: How grave.
	AttrSeverity = "audit.severity"
	// AttrMessage: What was noticed.
	AttrMessage = "audit.message"
	// AttrEvidence: The ids of the events it is about.
	AttrEvidence = "audit.evidence"
	// AttrExposed: Whether the model was given what it is about.
	AttrExposed = "audit.exposed"
	// AttrActed: Whether the agent acted on it.
	AttrActed = "audit.acted"
	// AttrCarrier: The ids of the events that brought it in.
	AttrCarrier = "audit.carrier"
	// AttrRead: The ids of the events that gave it to the model.
	AttrRead = "audit.read"
	// AttrAct: The ids of the events in which the agent acted on it.
	AttrAct = "audit.act"
	// AttrErasureID: The erasure: what is ordered and what is done have the same.
	AttrErasureID = "audit.erasure_id"
	// AttrErasureState: ordered or done.
	AttrErasureState = "audit.erasure_state"
	// AttrErasureObject: The key of the content object.
	AttrErasureObject = "audit.erasure_object"
	// AttrErasureFrames: The numbers of the frames in it that are erased.
	AttrErasureFrames = "audit.erasure_frames"
	// AttrErasureEvents: The ids of the events whose content it is.
	AttrErasureEvents = "audit.erasure_events"
	// AttrErasureRequest: The request that it answers, by the operator's number or name for it.
	AttrErasureRequest = "audit.erasure_request"
	// AttrFinalAt: From when on it is final: no backup of the keys is left.
	AttrFinalAt = "audit.final_at"
)

// Control attributes travel from the processor to the exporter and are not
// fields: no line holds them.
const (
	// AttrQuarantine (bool) asks that the event be sealed under quarantine/ because
	// it broke the required-field policy.
	AttrQuarantine = "audit.quarantine"
	// AttrSystemPrompt (string) is the text whose digest is system_prompt_hash, to be
	// sealed once under prompts/.
	AttrSystemPrompt = "audit.system_prompt"
	// AttrOversizeText (map) holds, by the name of the field, the full texts of which
	// the fields hold the beginning and oversize the digests, to be stored by content.
	AttrOversizeText = "audit.oversize_text"
)
