-- Tables of snapshot 3 of the index in s3://my-bucket/it's, for clickhouse.
-- Derived, and no evidence: what is found here is to be read again from the sealed line.
-- Make these anew after `agentaudit index` or `index compact`: they name its files.

-- One row a sealed line, without what was said.
CREATE OR REPLACE VIEW sealed_events AS
SELECT `date`, `log`, `seq`, `object`, `line`, `schema_version`, `event_id`, `event_type`, `timestamp`, `timestamp_nanos`, `end_timestamp`, `end_timestamp_nanos`, `recorded_at`, `recorded_at_nanos`, `sent_timestamp`, `session_id`, `run_id`, `step_number`, `parent_event_id`, `agent_id`, `agent_name`, `agent_version`, `agent_instance_id`, `parent_agent_id`, `user_id`, `model_id`, `response_model_id`, `provider`, `system_prompt_hash`, `trace_id`, `span_id`, `parent_span_id`, `source`, `derived_from`, `oversize`, `layer_of`, `content_state`, `content_at`, `sender`, `retention`, `outcome`, `from_agent`, `to_agent`, `operation`, `tools_hash`, `input_tokens`, `output_tokens`, `cached_input_tokens`, `reasoning_tokens`, `latency_ms`, `time_to_first_token_ms`, `temperature`, `top_p`, `max_tokens`, `seed`, `response_id`, `cost_usd`, `tool_name`, `tool_call_id`, `tool_type`, `tool_description_hash`, `error_type`, `execution_time_ms`, `requires_approval`, `approval_status`, `approver_id`, `mcp_server`, `mcp_server_version`, `mcp_session_id`, `mcp_method`, `data_source`, `approval_source`, `approval_at`, `approval_at_nanos`, `actor_id`, `guardrail_name`, `verdict`, `score`, `finding_id`, `rule`, `rules_sha256`, `engine_version`, `severity`, `exposed`, `acted`, `erasure_id`, `erasure_state`, `erasure_object`, `erasure_frames`, `erasure_request`, `final_at`, `final_at_nanos`, `layer`, `told`, `missing_fields`, `derived_fields`, `event_problems`, `masked_fields`, `finish_reasons`, `evidence`, `carrier`, `read`, `act`, `erasure_events` FROM s3('s3://my-bucket/it''s/index/v1/class=short-lived/events/date=2026-11-23/b.parquet', 'Parquet', '`date` Nullable(Date32), `log` Nullable(String), `seq` Nullable(Int64), `object` Nullable(String), `line` Nullable(Int64), `schema_version` Nullable(String), `event_id` Nullable(String), `event_type` Nullable(String), `timestamp` Nullable(DateTime64(6, ''UTC'')), `timestamp_nanos` Nullable(Int64), `end_timestamp` Nullable(DateTime64(6, ''UTC'')), `end_timestamp_nanos` Nullable(Int64), `recorded_at` Nullable(DateTime64(6, ''UTC'')), `recorded_at_nanos` Nullable(Int64), `sent_timestamp` Nullable(String), `session_id` Nullable(String), `run_id` Nullable(String), `step_number` Nullable(Int64), `parent_event_id` Nullable(String), `agent_id` Nullable(String), `agent_name` Nullable(String), `agent_version` Nullable(String), `agent_instance_id` Nullable(String), `parent_agent_id` Nullable(String), `user_id` Nullable(String), `model_id` Nullable(String), `response_model_id` Nullable(String), `provider` Nullable(String), `system_prompt_hash` Nullable(String), `trace_id` Nullable(String), `span_id` Nullable(String), `parent_span_id` Nullable(String), `source` Nullable(String), `derived_from` Nullable(String), `oversize` Nullable(String), `layer_of` Nullable(String), `content_state` Nullable(String), `content_at` Nullable(String), `sender` Nullable(String), `retention` Nullable(String), `outcome` Nullable(String), `from_agent` Nullable(String), `to_agent` Nullable(String), `operation` Nullable(String), `tools_hash` Nullable(String), `input_tokens` Nullable(Int64), `output_tokens` Nullable(Int64), `cached_input_tokens` Nullable(Int64), `reasoning_tokens` Nullable(Int64), `latency_ms` Nullable(Float64), `time_to_first_token_ms` Nullable(Float64), `temperature` Nullable(Float64), `top_p` Nullable(Float64), `max_tokens` Nullable(Int64), `seed` Nullable(Int64), `response_id` Nullable(String), `cost_usd` Nullable(Float64), `tool_name` Nullable(String), `tool_call_id` Nullable(String), `tool_type` Nullable(String), `tool_description_hash` Nullable(String), `error_type` Nullable(String), `execution_time_ms` Nullable(Float64), `requires_approval` Nullable(Bool), `approval_status` Nullable(String), `approver_id` Nullable(String), `mcp_server` Nullable(String), `mcp_server_version` Nullable(String), `mcp_session_id` Nullable(String), `mcp_method` Nullable(String), `data_source` Nullable(String), `approval_source` Nullable(String), `approval_at` Nullable(DateTime64(6, ''UTC'')), `approval_at_nanos` Nullable(Int64), `actor_id` Nullable(String), `guardrail_name` Nullable(String), `verdict` Nullable(String), `score` Nullable(Float64), `finding_id` Nullable(String), `rule` Nullable(String), `rules_sha256` Nullable(String), `engine_version` Nullable(String), `severity` Nullable(String), `exposed` Nullable(Bool), `acted` Nullable(Bool), `erasure_id` Nullable(String), `erasure_state` Nullable(String), `erasure_object` Nullable(String), `erasure_frames` Nullable(String), `erasure_request` Nullable(String), `final_at` Nullable(DateTime64(6, ''UTC'')), `final_at_nanos` Nullable(Int64), `layer` Nullable(Bool), `told` Nullable(Int64), `missing_fields` Array(String), `derived_fields` Array(String), `event_problems` Array(String), `masked_fields` Array(String), `finish_reasons` Array(String), `evidence` Array(String), `carrier` Array(String), `read` Array(String), `act` Array(String), `erasure_events` Array(String)')
UNION ALL SELECT `date`, `log`, `seq`, `object`, `line`, `schema_version`, `event_id`, `event_type`, `timestamp`, `timestamp_nanos`, `end_timestamp`, `end_timestamp_nanos`, `recorded_at`, `recorded_at_nanos`, `sent_timestamp`, `session_id`, `run_id`, `step_number`, `parent_event_id`, `agent_id`, `agent_name`, `agent_version`, `agent_instance_id`, `parent_agent_id`, `user_id`, `model_id`, `response_model_id`, `provider`, `system_prompt_hash`, `trace_id`, `span_id`, `parent_span_id`, `source`, `derived_from`, `oversize`, `layer_of`, `content_state`, `content_at`, `sender`, `retention`, `outcome`, `from_agent`, `to_agent`, `operation`, `tools_hash`, `input_tokens`, `output_tokens`, `cached_input_tokens`, `reasoning_tokens`, `latency_ms`, `time_to_first_token_ms`, `temperature`, `top_p`, `max_tokens`, `seed`, `response_id`, `cost_usd`, `tool_name`, `tool_call_id`, `tool_type`, `tool_description_hash`, `error_type`, `execution_time_ms`, `requires_approval`, `approval_status`, `approver_id`, `mcp_server`, `mcp_server_version`, `mcp_session_id`, `mcp_method`, `data_source`, `approval_source`, `approval_at`, `approval_at_nanos`, `actor_id`, `guardrail_name`, `verdict`, `score`, `finding_id`, `rule`, `rules_sha256`, `engine_version`, `severity`, `exposed`, `acted`, `erasure_id`, `erasure_state`, `erasure_object`, `erasure_frames`, `erasure_request`, `final_at`, `final_at_nanos`, `layer`, `told`, `missing_fields`, `derived_fields`, `event_problems`, `masked_fields`, `finish_reasons`, `evidence`, `carrier`, `read`, `act`, `erasure_events` FROM s3('s3://my-bucket/it''s/index/v1/events/date=2026-11-23/a.parquet', 'Parquet', '`date` Nullable(Date32), `log` Nullable(String), `seq` Nullable(Int64), `object` Nullable(String), `line` Nullable(Int64), `schema_version` Nullable(String), `event_id` Nullable(String), `event_type` Nullable(String), `timestamp` Nullable(DateTime64(6, ''UTC'')), `timestamp_nanos` Nullable(Int64), `end_timestamp` Nullable(DateTime64(6, ''UTC'')), `end_timestamp_nanos` Nullable(Int64), `recorded_at` Nullable(DateTime64(6, ''UTC'')), `recorded_at_nanos` Nullable(Int64), `sent_timestamp` Nullable(String), `session_id` Nullable(String), `run_id` Nullable(String), `step_number` Nullable(Int64), `parent_event_id` Nullable(String), `agent_id` Nullable(String), `agent_name` Nullable(String), `agent_version` Nullable(String), `agent_instance_id` Nullable(String), `parent_agent_id` Nullable(String), `user_id` Nullable(String), `model_id` Nullable(String), `response_model_id` Nullable(String), `provider` Nullable(String), `system_prompt_hash` Nullable(String), `trace_id` Nullable(String), `span_id` Nullable(String), `parent_span_id` Nullable(String), `source` Nullable(String), `derived_from` Nullable(String), `oversize` Nullable(String), `layer_of` Nullable(String), `content_state` Nullable(String), `content_at` Nullable(String), `sender` Nullable(String), `retention` Nullable(String), `outcome` Nullable(String), `from_agent` Nullable(String), `to_agent` Nullable(String), `operation` Nullable(String), `tools_hash` Nullable(String), `input_tokens` Nullable(Int64), `output_tokens` Nullable(Int64), `cached_input_tokens` Nullable(Int64), `reasoning_tokens` Nullable(Int64), `latency_ms` Nullable(Float64), `time_to_first_token_ms` Nullable(Float64), `temperature` Nullable(Float64), `top_p` Nullable(Float64), `max_tokens` Nullable(Int64), `seed` Nullable(Int64), `response_id` Nullable(String), `cost_usd` Nullable(Float64), `tool_name` Nullable(String), `tool_call_id` Nullable(String), `tool_type` Nullable(String), `tool_description_hash` Nullable(String), `error_type` Nullable(String), `execution_time_ms` Nullable(Float64), `requires_approval` Nullable(Bool), `approval_status` Nullable(String), `approver_id` Nullable(String), `mcp_server` Nullable(String), `mcp_server_version` Nullable(String), `mcp_session_id` Nullable(String), `mcp_method` Nullable(String), `data_source` Nullable(String), `approval_source` Nullable(String), `approval_at` Nullable(DateTime64(6, ''UTC'')), `approval_at_nanos` Nullable(Int64), `actor_id` Nullable(String), `guardrail_name` Nullable(String), `verdict` Nullable(String), `score` Nullable(Float64), `finding_id` Nullable(String), `rule` Nullable(String), `rules_sha256` Nullable(String), `engine_version` Nullable(String), `severity` Nullable(String), `exposed` Nullable(Bool), `acted` Nullable(Bool), `erasure_id` Nullable(String), `erasure_state` Nullable(String), `erasure_object` Nullable(String), `erasure_frames` Nullable(String), `erasure_request` Nullable(String), `final_at` Nullable(DateTime64(6, ''UTC'')), `final_at_nanos` Nullable(Int64), `layer` Nullable(Bool), `told` Nullable(Int64), `missing_fields` Array(String), `derived_fields` Array(String), `event_problems` Array(String), `masked_fields` Array(String), `finish_reasons` Array(String), `evidence` Array(String), `carrier` Array(String), `read` Array(String), `act` Array(String), `erasure_events` Array(String)');

-- One row a manifest (object is null), and one an object that it names, from verified manifests.
CREATE OR REPLACE VIEW objects AS
SELECT * FROM null('`date` Nullable(Date32), `log` Nullable(String), `seq` Nullable(Int64), `object` Nullable(String), `kind` Nullable(String), `genesis` Nullable(String), `key_id` Nullable(String), `sha256` Nullable(String), `time` Nullable(DateTime64(6, ''UTC'')), `bytes` Nullable(Int64), `events` Nullable(Int64), `uncompressed_bytes` Nullable(Int64), `min_timestamp` Nullable(DateTime64(6, ''UTC'')), `max_timestamp` Nullable(DateTime64(6, ''UTC'')), `class` Nullable(String), `lock_mode` Nullable(String), `lock_until` Nullable(DateTime64(6, ''UTC'')), `state` Nullable(String), `indexed` Nullable(Int64), `writer` Nullable(String)');

-- One row a line to which others of its run add something, or which repeats an event that was sealed before.
CREATE OR REPLACE VIEW resolved AS
SELECT * FROM null('`date` Nullable(Date32), `log` Nullable(String), `seq` Nullable(Int64), `object` Nullable(String), `line` Nullable(Int64), `run_id` Nullable(String), `session_id` Nullable(String), `user_id` Nullable(String), `agent_id` Nullable(String), `agent_name` Nullable(String), `agent_version` Nullable(String), `model_id` Nullable(String), `system_prompt_hash` Nullable(String), `approval_status` Nullable(String), `approver_id` Nullable(String), `approval_source` Nullable(String), `approval_at` Nullable(DateTime64(6, ''UTC'')), `approval_at_nanos` Nullable(Int64), `repeats` Nullable(Bool), `resolved_fields` Array(String), `conflicts` Array(String)');

-- One row a run, sender and day of sealing, with its resolved facts: null where its events differ.
CREATE OR REPLACE VIEW runs AS
SELECT * FROM null('`date` Nullable(Date32), `run_id` Nullable(String), `sender` Nullable(String), `session_id` Nullable(String), `user_id` Nullable(String), `agent_id` Nullable(String), `agent_name` Nullable(String), `agent_version` Nullable(String), `first` Nullable(DateTime64(6, ''UTC'')), `last` Nullable(DateTime64(6, ''UTC'')), `ended` Nullable(Bool), `outcome` Nullable(String), `events` Nullable(Int64), `runs` Nullable(Int64), `llm_calls` Nullable(Int64), `tool_calls` Nullable(Int64), `retrievals` Nullable(Int64), `handoffs` Nullable(Int64), `denied` Nullable(Int64), `errors` Nullable(Int64), `findings` Nullable(Int64), `guardrails` Nullable(Int64), `interventions` Nullable(Int64), `approvals_pending` Nullable(Int64), `approvals_rejected` Nullable(Int64), `approved_by_human` Nullable(Int64), `approved_by_config` Nullable(Int64), `approved_by_policy` Nullable(Int64), `approved_by_hook` Nullable(Int64), `approved_by_agent` Nullable(Int64), `approved_by_unknown` Nullable(Int64), `missing_fields` Nullable(Int64), `derived_fields` Nullable(Int64), `input_tokens` Nullable(Int64), `output_tokens` Nullable(Int64), `cost_usd` Nullable(Float64)');

-- One row a session and day of sealing; session_id as resolved. What is counted is neither layer nor repetition.
CREATE OR REPLACE VIEW sessions AS
SELECT * FROM null('`date` Nullable(Date32), `session_id` Nullable(String), `user_id` Nullable(String), `agent_id` Nullable(String), `agent_name` Nullable(String), `agent_version` Nullable(String), `first` Nullable(DateTime64(6, ''UTC'')), `last` Nullable(DateTime64(6, ''UTC'')), `ended` Nullable(Bool), `outcome` Nullable(String), `events` Nullable(Int64), `runs` Nullable(Int64), `llm_calls` Nullable(Int64), `tool_calls` Nullable(Int64), `retrievals` Nullable(Int64), `handoffs` Nullable(Int64), `denied` Nullable(Int64), `errors` Nullable(Int64), `findings` Nullable(Int64), `guardrails` Nullable(Int64), `interventions` Nullable(Int64), `approvals_pending` Nullable(Int64), `approvals_rejected` Nullable(Int64), `approved_by_human` Nullable(Int64), `approved_by_config` Nullable(Int64), `approved_by_policy` Nullable(Int64), `approved_by_hook` Nullable(Int64), `approved_by_agent` Nullable(Int64), `approved_by_unknown` Nullable(Int64), `missing_fields` Nullable(Int64), `derived_fields` Nullable(Int64), `input_tokens` Nullable(Int64), `output_tokens` Nullable(Int64), `cost_usd` Nullable(Float64), `users` Array(String), `agents` Array(String), `models` Array(String), `prompt_hashes` Array(String), `tools` Array(String)');

-- One row a day that was resolved.
CREATE OR REPLACE VIEW days AS
SELECT * FROM null('`date` Nullable(Date32), `events` Nullable(Int64), `resolved_at` Nullable(DateTime64(6, ''UTC'')), `days` Nullable(Int64)');

-- What was said: one row a line that holds content.
CREATE OR REPLACE VIEW content AS
SELECT * FROM null('`date` Nullable(Date32), `log` Nullable(String), `seq` Nullable(Int64), `object` Nullable(String), `line` Nullable(Int64), `event_id` Nullable(String), `event_type` Nullable(String), `session_id` Nullable(String), `run_id` Nullable(String), `timestamp` Nullable(DateTime64(6, ''UTC'')), `timestamp_nanos` Nullable(Int64), `tool_name` Nullable(String), `content` Nullable(String), `alternates` Nullable(String), `content_refs` Nullable(String), `user_message` Nullable(String), `tools_available` Nullable(String), `final_output` Nullable(String), `reason` Nullable(String), `input_messages` Nullable(String), `output_messages` Nullable(String), `output_text` Nullable(String), `reasoning` Nullable(String), `tool_calls_requested` Nullable(String), `error` Nullable(String), `tool_description` Nullable(String), `tool_input` Nullable(String), `tool_output` Nullable(String), `query` Nullable(String), `documents` Nullable(String), `approval_reason` Nullable(String), `approved_input` Nullable(String), `stack` Nullable(String), `message` Nullable(String), `tool_args` Map(String, String)');

-- One row a word that looks like an identifier and a line that holds it.
CREATE OR REPLACE VIEW tokens AS
SELECT `token`, `date`, `object`, `line` FROM s3('s3://my-bucket/it''s/index-content/v1/tokens/date=2026-11-23/c.parquet', 'Parquet', '`token` Nullable(String), `date` Nullable(Date32), `object` Nullable(String), `line` Nullable(Int64)');

-- Events as readers show them: with what others of their run say. counted leaves out layers and repetitions.
CREATE OR REPLACE VIEW events AS
SELECT e.`date` AS `date`,
  e.`log` AS `log`,
  e.`seq` AS `seq`,
  e.`object` AS `object`,
  e.`line` AS `line`,
  e.`schema_version` AS `schema_version`,
  e.`event_id` AS `event_id`,
  e.`event_type` AS `event_type`,
  e.`timestamp` AS `timestamp`,
  e.`timestamp_nanos` AS `timestamp_nanos`,
  e.`end_timestamp` AS `end_timestamp`,
  e.`end_timestamp_nanos` AS `end_timestamp_nanos`,
  e.`recorded_at` AS `recorded_at`,
  e.`recorded_at_nanos` AS `recorded_at_nanos`,
  e.`sent_timestamp` AS `sent_timestamp`,
  coalesce(r.`session_id`, e.`session_id`) AS `session_id`,
  e.`run_id` AS `run_id`,
  e.`step_number` AS `step_number`,
  e.`parent_event_id` AS `parent_event_id`,
  coalesce(r.`agent_id`, e.`agent_id`) AS `agent_id`,
  coalesce(r.`agent_name`, e.`agent_name`) AS `agent_name`,
  coalesce(r.`agent_version`, e.`agent_version`) AS `agent_version`,
  e.`agent_instance_id` AS `agent_instance_id`,
  e.`parent_agent_id` AS `parent_agent_id`,
  coalesce(r.`user_id`, e.`user_id`) AS `user_id`,
  coalesce(r.`model_id`, e.`model_id`) AS `model_id`,
  e.`response_model_id` AS `response_model_id`,
  e.`provider` AS `provider`,
  coalesce(r.`system_prompt_hash`, e.`system_prompt_hash`) AS `system_prompt_hash`,
  e.`trace_id` AS `trace_id`,
  e.`span_id` AS `span_id`,
  e.`parent_span_id` AS `parent_span_id`,
  e.`source` AS `source`,
  e.`derived_from` AS `derived_from`,
  e.`oversize` AS `oversize`,
  e.`layer_of` AS `layer_of`,
  e.`content_state` AS `content_state`,
  e.`content_at` AS `content_at`,
  e.`sender` AS `sender`,
  e.`retention` AS `retention`,
  e.`outcome` AS `outcome`,
  e.`from_agent` AS `from_agent`,
  e.`to_agent` AS `to_agent`,
  e.`operation` AS `operation`,
  e.`tools_hash` AS `tools_hash`,
  e.`input_tokens` AS `input_tokens`,
  e.`output_tokens` AS `output_tokens`,
  e.`cached_input_tokens` AS `cached_input_tokens`,
  e.`reasoning_tokens` AS `reasoning_tokens`,
  e.`latency_ms` AS `latency_ms`,
  e.`time_to_first_token_ms` AS `time_to_first_token_ms`,
  e.`temperature` AS `temperature`,
  e.`top_p` AS `top_p`,
  e.`max_tokens` AS `max_tokens`,
  e.`seed` AS `seed`,
  e.`response_id` AS `response_id`,
  e.`cost_usd` AS `cost_usd`,
  e.`tool_name` AS `tool_name`,
  e.`tool_call_id` AS `tool_call_id`,
  e.`tool_type` AS `tool_type`,
  e.`tool_description_hash` AS `tool_description_hash`,
  e.`error_type` AS `error_type`,
  e.`execution_time_ms` AS `execution_time_ms`,
  e.`requires_approval` AS `requires_approval`,
  coalesce(r.`approval_status`, e.`approval_status`) AS `approval_status`,
  coalesce(r.`approver_id`, e.`approver_id`) AS `approver_id`,
  e.`mcp_server` AS `mcp_server`,
  e.`mcp_server_version` AS `mcp_server_version`,
  e.`mcp_session_id` AS `mcp_session_id`,
  e.`mcp_method` AS `mcp_method`,
  e.`data_source` AS `data_source`,
  coalesce(r.`approval_source`, e.`approval_source`) AS `approval_source`,
  coalesce(r.`approval_at`, e.`approval_at`) AS `approval_at`,
  coalesce(r.`approval_at_nanos`, e.`approval_at_nanos`) AS `approval_at_nanos`,
  e.`actor_id` AS `actor_id`,
  e.`guardrail_name` AS `guardrail_name`,
  e.`verdict` AS `verdict`,
  e.`score` AS `score`,
  e.`finding_id` AS `finding_id`,
  e.`rule` AS `rule`,
  e.`rules_sha256` AS `rules_sha256`,
  e.`engine_version` AS `engine_version`,
  e.`severity` AS `severity`,
  e.`exposed` AS `exposed`,
  e.`acted` AS `acted`,
  e.`erasure_id` AS `erasure_id`,
  e.`erasure_state` AS `erasure_state`,
  e.`erasure_object` AS `erasure_object`,
  e.`erasure_frames` AS `erasure_frames`,
  e.`erasure_request` AS `erasure_request`,
  e.`final_at` AS `final_at`,
  e.`final_at_nanos` AS `final_at_nanos`,
  e.`layer` AS `layer`,
  e.`told` AS `told`,
  e.`missing_fields` AS `missing_fields`,
  e.`derived_fields` AS `derived_fields`,
  e.`event_problems` AS `event_problems`,
  e.`masked_fields` AS `masked_fields`,
  e.`finish_reasons` AS `finish_reasons`,
  e.`evidence` AS `evidence`,
  e.`carrier` AS `carrier`,
  e.`read` AS `read`,
  e.`act` AS `act`,
  e.`erasure_events` AS `erasure_events`,
  r.resolved_fields AS resolved_fields,
  r.conflicts AS conflicts,
  (NOT e.layer AND NOT coalesce(r.repeats, FALSE)) AS counted
FROM sealed_events AS e LEFT JOIN resolved AS r ON e.object = r.object AND e.line = r.line;

-- When each run began: the order of a session goes by that.
CREATE OR REPLACE VIEW run_starts AS
SELECT run_id, min(`timestamp`) AS began FROM sealed_events GROUP BY run_id;

-- How far each day was resolved: where indexed is more than resolved, facts are missing.
CREATE OR REPLACE VIEW resolution AS
SELECT i.`date` AS `date`, i.indexed AS indexed, d.events AS resolved, d.resolved_at AS resolved_at
FROM (SELECT `date`, count(*) AS indexed FROM sealed_events GROUP BY `date`) AS i
LEFT JOIN days AS d ON i.`date` = d.`date`;
