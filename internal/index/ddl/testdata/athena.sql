-- Tables of snapshot 3 of the index in s3://my-bucket/it's, for athena.
-- Derived, and no evidence: what is found here is to be read again from the sealed line.
-- Make these anew after `agentaudit index` or `index compact`: they name its files.

CREATE EXTERNAL TABLE IF NOT EXISTS raw_sealed_events (
  `log` string,
  `seq` bigint,
  `object` string,
  `line` bigint,
  `schema_version` string,
  `event_id` string,
  `event_type` string,
  `timestamp` timestamp,
  `timestamp_nanos` bigint,
  `end_timestamp` timestamp,
  `end_timestamp_nanos` bigint,
  `recorded_at` timestamp,
  `recorded_at_nanos` bigint,
  `sent_timestamp` string,
  `session_id` string,
  `run_id` string,
  `step_number` bigint,
  `parent_event_id` string,
  `agent_id` string,
  `agent_name` string,
  `agent_version` string,
  `agent_instance_id` string,
  `parent_agent_id` string,
  `user_id` string,
  `model_id` string,
  `response_model_id` string,
  `provider` string,
  `system_prompt_hash` string,
  `trace_id` string,
  `span_id` string,
  `parent_span_id` string,
  `source` string,
  `derived_from` string,
  `oversize` string,
  `layer_of` string,
  `content_state` string,
  `content_at` string,
  `sender` string,
  `retention` string,
  `outcome` string,
  `from_agent` string,
  `to_agent` string,
  `operation` string,
  `tools_hash` string,
  `input_tokens` bigint,
  `output_tokens` bigint,
  `cached_input_tokens` bigint,
  `reasoning_tokens` bigint,
  `latency_ms` double,
  `time_to_first_token_ms` double,
  `temperature` double,
  `top_p` double,
  `max_tokens` bigint,
  `seed` bigint,
  `response_id` string,
  `cost_usd` double,
  `tool_name` string,
  `tool_call_id` string,
  `tool_type` string,
  `tool_description_hash` string,
  `error_type` string,
  `execution_time_ms` double,
  `requires_approval` boolean,
  `approval_status` string,
  `approver_id` string,
  `mcp_server` string,
  `mcp_server_version` string,
  `mcp_session_id` string,
  `mcp_method` string,
  `data_source` string,
  `approval_source` string,
  `approval_at` timestamp,
  `approval_at_nanos` bigint,
  `actor_id` string,
  `guardrail_name` string,
  `verdict` string,
  `score` double,
  `finding_id` string,
  `rule` string,
  `rules_sha256` string,
  `engine_version` string,
  `severity` string,
  `exposed` boolean,
  `acted` boolean,
  `erasure_id` string,
  `erasure_state` string,
  `erasure_object` string,
  `erasure_frames` string,
  `erasure_request` string,
  `final_at` timestamp,
  `final_at_nanos` bigint,
  `layer` boolean,
  `told` bigint,
  `missing_fields` array<string>,
  `derived_fields` array<string>,
  `event_problems` array<string>,
  `masked_fields` array<string>,
  `finish_reasons` array<string>,
  `evidence` array<string>,
  `carrier` array<string>,
  `read` array<string>,
  `act` array<string>,
  `erasure_events` array<string>
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/events/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/events/date=${date}/');
CREATE EXTERNAL TABLE IF NOT EXISTS raw_sealed_events_short_lived (
  `log` string,
  `seq` bigint,
  `object` string,
  `line` bigint,
  `schema_version` string,
  `event_id` string,
  `event_type` string,
  `timestamp` timestamp,
  `timestamp_nanos` bigint,
  `end_timestamp` timestamp,
  `end_timestamp_nanos` bigint,
  `recorded_at` timestamp,
  `recorded_at_nanos` bigint,
  `sent_timestamp` string,
  `session_id` string,
  `run_id` string,
  `step_number` bigint,
  `parent_event_id` string,
  `agent_id` string,
  `agent_name` string,
  `agent_version` string,
  `agent_instance_id` string,
  `parent_agent_id` string,
  `user_id` string,
  `model_id` string,
  `response_model_id` string,
  `provider` string,
  `system_prompt_hash` string,
  `trace_id` string,
  `span_id` string,
  `parent_span_id` string,
  `source` string,
  `derived_from` string,
  `oversize` string,
  `layer_of` string,
  `content_state` string,
  `content_at` string,
  `sender` string,
  `retention` string,
  `outcome` string,
  `from_agent` string,
  `to_agent` string,
  `operation` string,
  `tools_hash` string,
  `input_tokens` bigint,
  `output_tokens` bigint,
  `cached_input_tokens` bigint,
  `reasoning_tokens` bigint,
  `latency_ms` double,
  `time_to_first_token_ms` double,
  `temperature` double,
  `top_p` double,
  `max_tokens` bigint,
  `seed` bigint,
  `response_id` string,
  `cost_usd` double,
  `tool_name` string,
  `tool_call_id` string,
  `tool_type` string,
  `tool_description_hash` string,
  `error_type` string,
  `execution_time_ms` double,
  `requires_approval` boolean,
  `approval_status` string,
  `approver_id` string,
  `mcp_server` string,
  `mcp_server_version` string,
  `mcp_session_id` string,
  `mcp_method` string,
  `data_source` string,
  `approval_source` string,
  `approval_at` timestamp,
  `approval_at_nanos` bigint,
  `actor_id` string,
  `guardrail_name` string,
  `verdict` string,
  `score` double,
  `finding_id` string,
  `rule` string,
  `rules_sha256` string,
  `engine_version` string,
  `severity` string,
  `exposed` boolean,
  `acted` boolean,
  `erasure_id` string,
  `erasure_state` string,
  `erasure_object` string,
  `erasure_frames` string,
  `erasure_request` string,
  `final_at` timestamp,
  `final_at_nanos` bigint,
  `layer` boolean,
  `told` bigint,
  `missing_fields` array<string>,
  `derived_fields` array<string>,
  `event_problems` array<string>,
  `masked_fields` array<string>,
  `finish_reasons` array<string>,
  `evidence` array<string>,
  `carrier` array<string>,
  `read` array<string>,
  `act` array<string>,
  `erasure_events` array<string>
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/class=short-lived/events/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/class=short-lived/events/date=${date}/');
-- One row a sealed line, without what was said.
CREATE OR REPLACE VIEW sealed_events AS
SELECT "date", "log", "seq", "object", "line", "schema_version", "event_id", "event_type", "timestamp", "timestamp_nanos", "end_timestamp", "end_timestamp_nanos", "recorded_at", "recorded_at_nanos", "sent_timestamp", "session_id", "run_id", "step_number", "parent_event_id", "agent_id", "agent_name", "agent_version", "agent_instance_id", "parent_agent_id", "user_id", "model_id", "response_model_id", "provider", "system_prompt_hash", "trace_id", "span_id", "parent_span_id", "source", "derived_from", "oversize", "layer_of", "content_state", "content_at", "sender", "retention", "outcome", "from_agent", "to_agent", "operation", "tools_hash", "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "latency_ms", "time_to_first_token_ms", "temperature", "top_p", "max_tokens", "seed", "response_id", "cost_usd", "tool_name", "tool_call_id", "tool_type", "tool_description_hash", "error_type", "execution_time_ms", "requires_approval", "approval_status", "approver_id", "mcp_server", "mcp_server_version", "mcp_session_id", "mcp_method", "data_source", "approval_source", "approval_at", "approval_at_nanos", "actor_id", "guardrail_name", "verdict", "score", "finding_id", "rule", "rules_sha256", "engine_version", "severity", "exposed", "acted", "erasure_id", "erasure_state", "erasure_object", "erasure_frames", "erasure_request", "final_at", "final_at_nanos", "layer", "told", "missing_fields", "derived_fields", "event_problems", "masked_fields", "finish_reasons", "evidence", "carrier", "read", "act", "erasure_events"
FROM raw_sealed_events WHERE "$path" IN ('s3://my-bucket/it''s/index/v1/events/date=2026-11-23/a.parquet')
UNION ALL SELECT "date", "log", "seq", "object", "line", "schema_version", "event_id", "event_type", "timestamp", "timestamp_nanos", "end_timestamp", "end_timestamp_nanos", "recorded_at", "recorded_at_nanos", "sent_timestamp", "session_id", "run_id", "step_number", "parent_event_id", "agent_id", "agent_name", "agent_version", "agent_instance_id", "parent_agent_id", "user_id", "model_id", "response_model_id", "provider", "system_prompt_hash", "trace_id", "span_id", "parent_span_id", "source", "derived_from", "oversize", "layer_of", "content_state", "content_at", "sender", "retention", "outcome", "from_agent", "to_agent", "operation", "tools_hash", "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "latency_ms", "time_to_first_token_ms", "temperature", "top_p", "max_tokens", "seed", "response_id", "cost_usd", "tool_name", "tool_call_id", "tool_type", "tool_description_hash", "error_type", "execution_time_ms", "requires_approval", "approval_status", "approver_id", "mcp_server", "mcp_server_version", "mcp_session_id", "mcp_method", "data_source", "approval_source", "approval_at", "approval_at_nanos", "actor_id", "guardrail_name", "verdict", "score", "finding_id", "rule", "rules_sha256", "engine_version", "severity", "exposed", "acted", "erasure_id", "erasure_state", "erasure_object", "erasure_frames", "erasure_request", "final_at", "final_at_nanos", "layer", "told", "missing_fields", "derived_fields", "event_problems", "masked_fields", "finish_reasons", "evidence", "carrier", "read", "act", "erasure_events"
FROM raw_sealed_events_short_lived WHERE "$path" IN ('s3://my-bucket/it''s/index/v1/class=short-lived/events/date=2026-11-23/b.parquet');

CREATE EXTERNAL TABLE IF NOT EXISTS raw_objects (
  `log` string,
  `seq` bigint,
  `object` string,
  `kind` string,
  `genesis` string,
  `key_id` string,
  `sha256` string,
  `time` timestamp,
  `bytes` bigint,
  `events` bigint,
  `uncompressed_bytes` bigint,
  `min_timestamp` timestamp,
  `max_timestamp` timestamp,
  `class` string,
  `lock_mode` string,
  `lock_until` timestamp,
  `state` string,
  `indexed` bigint,
  `writer` string
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/objects/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/objects/date=${date}/');
-- One row a manifest (object is null), and one an object that it names, from verified manifests.
CREATE OR REPLACE VIEW objects AS
SELECT "date", "log", "seq", "object", "kind", "genesis", "key_id", "sha256", "time", "bytes", "events", "uncompressed_bytes", "min_timestamp", "max_timestamp", "class", "lock_mode", "lock_until", "state", "indexed", "writer"
FROM raw_objects WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_resolved (
  `log` string,
  `seq` bigint,
  `object` string,
  `line` bigint,
  `run_id` string,
  `session_id` string,
  `user_id` string,
  `agent_id` string,
  `agent_name` string,
  `agent_version` string,
  `model_id` string,
  `system_prompt_hash` string,
  `approval_status` string,
  `approver_id` string,
  `approval_source` string,
  `approval_at` timestamp,
  `approval_at_nanos` bigint,
  `repeats` boolean,
  `resolved_fields` array<string>,
  `conflicts` array<string>
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/resolved/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/resolved/date=${date}/');
-- One row a line to which others of its run add something, or which repeats an event that was sealed before.
CREATE OR REPLACE VIEW resolved AS
SELECT "date", "log", "seq", "object", "line", "run_id", "session_id", "user_id", "agent_id", "agent_name", "agent_version", "model_id", "system_prompt_hash", "approval_status", "approver_id", "approval_source", "approval_at", "approval_at_nanos", "repeats", "resolved_fields", "conflicts"
FROM raw_resolved WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_runs (
  `run_id` string,
  `sender` string,
  `session_id` string,
  `user_id` string,
  `agent_id` string,
  `agent_name` string,
  `agent_version` string,
  `first` timestamp,
  `last` timestamp,
  `ended` boolean,
  `outcome` string,
  `events` bigint,
  `runs` bigint,
  `llm_calls` bigint,
  `tool_calls` bigint,
  `retrievals` bigint,
  `handoffs` bigint,
  `denied` bigint,
  `errors` bigint,
  `findings` bigint,
  `guardrails` bigint,
  `interventions` bigint,
  `approvals_pending` bigint,
  `approvals_rejected` bigint,
  `approved_by_human` bigint,
  `approved_by_config` bigint,
  `approved_by_policy` bigint,
  `approved_by_hook` bigint,
  `approved_by_agent` bigint,
  `approved_by_unknown` bigint,
  `missing_fields` bigint,
  `derived_fields` bigint,
  `input_tokens` bigint,
  `output_tokens` bigint,
  `cost_usd` double
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/runs/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/runs/date=${date}/');
-- One row a run, sender and day of sealing, with its resolved facts: null where its events differ.
CREATE OR REPLACE VIEW runs AS
SELECT "date", "run_id", "sender", "session_id", "user_id", "agent_id", "agent_name", "agent_version", "first", "last", "ended", "outcome", "events", "runs", "llm_calls", "tool_calls", "retrievals", "handoffs", "denied", "errors", "findings", "guardrails", "interventions", "approvals_pending", "approvals_rejected", "approved_by_human", "approved_by_config", "approved_by_policy", "approved_by_hook", "approved_by_agent", "approved_by_unknown", "missing_fields", "derived_fields", "input_tokens", "output_tokens", "cost_usd"
FROM raw_runs WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_sessions (
  `session_id` string,
  `user_id` string,
  `agent_id` string,
  `agent_name` string,
  `agent_version` string,
  `first` timestamp,
  `last` timestamp,
  `ended` boolean,
  `outcome` string,
  `events` bigint,
  `runs` bigint,
  `llm_calls` bigint,
  `tool_calls` bigint,
  `retrievals` bigint,
  `handoffs` bigint,
  `denied` bigint,
  `errors` bigint,
  `findings` bigint,
  `guardrails` bigint,
  `interventions` bigint,
  `approvals_pending` bigint,
  `approvals_rejected` bigint,
  `approved_by_human` bigint,
  `approved_by_config` bigint,
  `approved_by_policy` bigint,
  `approved_by_hook` bigint,
  `approved_by_agent` bigint,
  `approved_by_unknown` bigint,
  `missing_fields` bigint,
  `derived_fields` bigint,
  `input_tokens` bigint,
  `output_tokens` bigint,
  `cost_usd` double,
  `users` array<string>,
  `agents` array<string>,
  `models` array<string>,
  `prompt_hashes` array<string>,
  `tools` array<string>
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/sessions/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/sessions/date=${date}/');
-- One row a session and day of sealing; session_id as resolved. What is counted is neither layer nor repetition.
CREATE OR REPLACE VIEW sessions AS
SELECT "date", "session_id", "user_id", "agent_id", "agent_name", "agent_version", "first", "last", "ended", "outcome", "events", "runs", "llm_calls", "tool_calls", "retrievals", "handoffs", "denied", "errors", "findings", "guardrails", "interventions", "approvals_pending", "approvals_rejected", "approved_by_human", "approved_by_config", "approved_by_policy", "approved_by_hook", "approved_by_agent", "approved_by_unknown", "missing_fields", "derived_fields", "input_tokens", "output_tokens", "cost_usd", "users", "agents", "models", "prompt_hashes", "tools"
FROM raw_sessions WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_days (
  `events` bigint,
  `resolved_at` timestamp,
  `days` bigint
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index/v1/days/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index/v1/days/date=${date}/');
-- One row a day that was resolved.
CREATE OR REPLACE VIEW days AS
SELECT "date", "events", "resolved_at", "days"
FROM raw_days WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_content (
  `log` string,
  `seq` bigint,
  `object` string,
  `line` bigint,
  `event_id` string,
  `event_type` string,
  `session_id` string,
  `run_id` string,
  `timestamp` timestamp,
  `timestamp_nanos` bigint,
  `tool_name` string,
  `content` string,
  `alternates` string,
  `content_refs` string,
  `user_message` string,
  `tools_available` string,
  `final_output` string,
  `reason` string,
  `input_messages` string,
  `output_messages` string,
  `output_text` string,
  `reasoning` string,
  `tool_calls_requested` string,
  `error` string,
  `tool_description` string,
  `tool_input` string,
  `tool_output` string,
  `query` string,
  `documents` string,
  `approval_reason` string,
  `approved_input` string,
  `stack` string,
  `message` string,
  `tool_args` map<string,string>
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index-content/v1/events/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index-content/v1/events/date=${date}/');
-- What was said: one row a line that holds content.
CREATE OR REPLACE VIEW content AS
SELECT "date", "log", "seq", "object", "line", "event_id", "event_type", "session_id", "run_id", "timestamp", "timestamp_nanos", "tool_name", "content", "alternates", "content_refs", "user_message", "tools_available", "final_output", "reason", "input_messages", "output_messages", "output_text", "reasoning", "tool_calls_requested", "error", "tool_description", "tool_input", "tool_output", "query", "documents", "approval_reason", "approved_input", "stack", "message", "tool_args"
FROM raw_content WHERE 1 = 0;

CREATE EXTERNAL TABLE IF NOT EXISTS raw_tokens (
  `token` string,
  `object` string,
  `line` bigint
)
PARTITIONED BY (`date` date)
STORED AS PARQUET
LOCATION 's3://my-bucket/it''s/index-content/v1/tokens/'
TBLPROPERTIES ('projection.enabled' = 'true', 'projection.date.type' = 'date', 'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2020-01-01,NOW', 'storage.location.template' = 's3://my-bucket/it''s/index-content/v1/tokens/date=${date}/');
-- One row a word that looks like an identifier and a line that holds it.
CREATE OR REPLACE VIEW tokens AS
SELECT "token", "date", "object", "line"
FROM raw_tokens WHERE "$path" IN ('s3://my-bucket/it''s/index-content/v1/tokens/date=2026-11-23/c.parquet');

-- Events as readers show them: with what others of their run say. counted leaves out layers and repetitions.
CREATE OR REPLACE VIEW events AS
SELECT e."date" AS "date",
  e."log" AS "log",
  e."seq" AS "seq",
  e."object" AS "object",
  e."line" AS "line",
  e."schema_version" AS "schema_version",
  e."event_id" AS "event_id",
  e."event_type" AS "event_type",
  e."timestamp" AS "timestamp",
  e."timestamp_nanos" AS "timestamp_nanos",
  e."end_timestamp" AS "end_timestamp",
  e."end_timestamp_nanos" AS "end_timestamp_nanos",
  e."recorded_at" AS "recorded_at",
  e."recorded_at_nanos" AS "recorded_at_nanos",
  e."sent_timestamp" AS "sent_timestamp",
  coalesce(r."session_id", e."session_id") AS "session_id",
  e."run_id" AS "run_id",
  e."step_number" AS "step_number",
  e."parent_event_id" AS "parent_event_id",
  coalesce(r."agent_id", e."agent_id") AS "agent_id",
  coalesce(r."agent_name", e."agent_name") AS "agent_name",
  coalesce(r."agent_version", e."agent_version") AS "agent_version",
  e."agent_instance_id" AS "agent_instance_id",
  e."parent_agent_id" AS "parent_agent_id",
  coalesce(r."user_id", e."user_id") AS "user_id",
  coalesce(r."model_id", e."model_id") AS "model_id",
  e."response_model_id" AS "response_model_id",
  e."provider" AS "provider",
  coalesce(r."system_prompt_hash", e."system_prompt_hash") AS "system_prompt_hash",
  e."trace_id" AS "trace_id",
  e."span_id" AS "span_id",
  e."parent_span_id" AS "parent_span_id",
  e."source" AS "source",
  e."derived_from" AS "derived_from",
  e."oversize" AS "oversize",
  e."layer_of" AS "layer_of",
  e."content_state" AS "content_state",
  e."content_at" AS "content_at",
  e."sender" AS "sender",
  e."retention" AS "retention",
  e."outcome" AS "outcome",
  e."from_agent" AS "from_agent",
  e."to_agent" AS "to_agent",
  e."operation" AS "operation",
  e."tools_hash" AS "tools_hash",
  e."input_tokens" AS "input_tokens",
  e."output_tokens" AS "output_tokens",
  e."cached_input_tokens" AS "cached_input_tokens",
  e."reasoning_tokens" AS "reasoning_tokens",
  e."latency_ms" AS "latency_ms",
  e."time_to_first_token_ms" AS "time_to_first_token_ms",
  e."temperature" AS "temperature",
  e."top_p" AS "top_p",
  e."max_tokens" AS "max_tokens",
  e."seed" AS "seed",
  e."response_id" AS "response_id",
  e."cost_usd" AS "cost_usd",
  e."tool_name" AS "tool_name",
  e."tool_call_id" AS "tool_call_id",
  e."tool_type" AS "tool_type",
  e."tool_description_hash" AS "tool_description_hash",
  e."error_type" AS "error_type",
  e."execution_time_ms" AS "execution_time_ms",
  e."requires_approval" AS "requires_approval",
  coalesce(r."approval_status", e."approval_status") AS "approval_status",
  coalesce(r."approver_id", e."approver_id") AS "approver_id",
  e."mcp_server" AS "mcp_server",
  e."mcp_server_version" AS "mcp_server_version",
  e."mcp_session_id" AS "mcp_session_id",
  e."mcp_method" AS "mcp_method",
  e."data_source" AS "data_source",
  coalesce(r."approval_source", e."approval_source") AS "approval_source",
  coalesce(r."approval_at", e."approval_at") AS "approval_at",
  coalesce(r."approval_at_nanos", e."approval_at_nanos") AS "approval_at_nanos",
  e."actor_id" AS "actor_id",
  e."guardrail_name" AS "guardrail_name",
  e."verdict" AS "verdict",
  e."score" AS "score",
  e."finding_id" AS "finding_id",
  e."rule" AS "rule",
  e."rules_sha256" AS "rules_sha256",
  e."engine_version" AS "engine_version",
  e."severity" AS "severity",
  e."exposed" AS "exposed",
  e."acted" AS "acted",
  e."erasure_id" AS "erasure_id",
  e."erasure_state" AS "erasure_state",
  e."erasure_object" AS "erasure_object",
  e."erasure_frames" AS "erasure_frames",
  e."erasure_request" AS "erasure_request",
  e."final_at" AS "final_at",
  e."final_at_nanos" AS "final_at_nanos",
  e."layer" AS "layer",
  e."told" AS "told",
  e."missing_fields" AS "missing_fields",
  e."derived_fields" AS "derived_fields",
  e."event_problems" AS "event_problems",
  e."masked_fields" AS "masked_fields",
  e."finish_reasons" AS "finish_reasons",
  e."evidence" AS "evidence",
  e."carrier" AS "carrier",
  e."read" AS "read",
  e."act" AS "act",
  e."erasure_events" AS "erasure_events",
  r.resolved_fields AS resolved_fields,
  r.conflicts AS conflicts,
  (NOT e.layer AND NOT coalesce(r.repeats, FALSE)) AS counted
FROM sealed_events AS e LEFT JOIN resolved AS r ON e.object = r.object AND e.line = r.line;

-- When each run began: the order of a session goes by that.
CREATE OR REPLACE VIEW run_starts AS
SELECT run_id, min("timestamp") AS began FROM sealed_events GROUP BY run_id;

-- How far each day was resolved: where indexed is more than resolved, facts are missing.
CREATE OR REPLACE VIEW resolution AS
SELECT i."date" AS "date", i.indexed AS indexed, d.events AS resolved, d.resolved_at AS resolved_at
FROM (SELECT "date", count(*) AS indexed FROM sealed_events GROUP BY "date") AS i
LEFT JOIN days AS d ON i."date" = d."date";
