-- Tables of snapshot 3 of the index in s3://my-bucket/it's, for spark.
-- Derived, and no evidence: what is found here is to be read again from the sealed line.
-- Make these anew after `agentaudit index` or `index compact`: they name its files.

-- One row a sealed line, without what was said.
CREATE OR REPLACE VIEW sealed_events AS
SELECT `date`, `log`, `seq`, `object`, `line`, `schema_version`, `event_id`, `event_type`, `timestamp`, `timestamp_nanos`, `end_timestamp`, `end_timestamp_nanos`, `recorded_at`, `recorded_at_nanos`, `sent_timestamp`, `session_id`, `run_id`, `step_number`, `parent_event_id`, `agent_id`, `agent_name`, `agent_version`, `agent_instance_id`, `parent_agent_id`, `user_id`, `model_id`, `response_model_id`, `provider`, `system_prompt_hash`, `trace_id`, `span_id`, `parent_span_id`, `source`, `derived_from`, `oversize`, `layer_of`, `content_state`, `content_at`, `sender`, `retention`, `outcome`, `from_agent`, `to_agent`, `operation`, `tools_hash`, `input_tokens`, `output_tokens`, `cached_input_tokens`, `reasoning_tokens`, `latency_ms`, `time_to_first_token_ms`, `temperature`, `top_p`, `max_tokens`, `seed`, `response_id`, `cost_usd`, `tool_name`, `tool_call_id`, `tool_type`, `tool_description_hash`, `error_type`, `execution_time_ms`, `requires_approval`, `approval_status`, `approver_id`, `mcp_server`, `mcp_server_version`, `mcp_session_id`, `mcp_method`, `data_source`, `approval_source`, `approval_at`, `approval_at_nanos`, `actor_id`, `guardrail_name`, `verdict`, `score`, `finding_id`, `rule`, `rules_sha256`, `engine_version`, `severity`, `exposed`, `acted`, `erasure_id`, `erasure_state`, `erasure_object`, `erasure_frames`, `erasure_request`, `final_at`, `final_at_nanos`, `layer`, `told`, `missing_fields`, `derived_fields`, `event_problems`, `masked_fields`, `finish_reasons`, `evidence`, `carrier`, `read`, `act`, `erasure_events` FROM parquet.`s3a://my-bucket/it's/index/v1/class=short-lived/events/date=2026-11-23/b.parquet`
UNION ALL SELECT `date`, `log`, `seq`, `object`, `line`, `schema_version`, `event_id`, `event_type`, `timestamp`, `timestamp_nanos`, `end_timestamp`, `end_timestamp_nanos`, `recorded_at`, `recorded_at_nanos`, `sent_timestamp`, `session_id`, `run_id`, `step_number`, `parent_event_id`, `agent_id`, `agent_name`, `agent_version`, `agent_instance_id`, `parent_agent_id`, `user_id`, `model_id`, `response_model_id`, `provider`, `system_prompt_hash`, `trace_id`, `span_id`, `parent_span_id`, `source`, `derived_from`, `oversize`, `layer_of`, `content_state`, `content_at`, `sender`, `retention`, `outcome`, `from_agent`, `to_agent`, `operation`, `tools_hash`, `input_tokens`, `output_tokens`, `cached_input_tokens`, `reasoning_tokens`, `latency_ms`, `time_to_first_token_ms`, `temperature`, `top_p`, `max_tokens`, `seed`, `response_id`, `cost_usd`, `tool_name`, `tool_call_id`, `tool_type`, `tool_description_hash`, `error_type`, `execution_time_ms`, `requires_approval`, `approval_status`, `approver_id`, `mcp_server`, `mcp_server_version`, `mcp_session_id`, `mcp_method`, `data_source`, `approval_source`, `approval_at`, `approval_at_nanos`, `actor_id`, `guardrail_name`, `verdict`, `score`, `finding_id`, `rule`, `rules_sha256`, `engine_version`, `severity`, `exposed`, `acted`, `erasure_id`, `erasure_state`, `erasure_object`, `erasure_frames`, `erasure_request`, `final_at`, `final_at_nanos`, `layer`, `told`, `missing_fields`, `derived_fields`, `event_problems`, `masked_fields`, `finish_reasons`, `evidence`, `carrier`, `read`, `act`, `erasure_events` FROM parquet.`s3a://my-bucket/it's/index/v1/events/date=2026-11-23/a.parquet`;

-- One row a manifest (object is null), and one an object that it names, from verified manifests.
CREATE OR REPLACE VIEW objects AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS STRING) AS `log`, CAST(NULL AS BIGINT) AS `seq`, CAST(NULL AS STRING) AS `object`, CAST(NULL AS STRING) AS `kind`, CAST(NULL AS STRING) AS `genesis`, CAST(NULL AS STRING) AS `key_id`, CAST(NULL AS STRING) AS `sha256`, CAST(NULL AS TIMESTAMP) AS `time`, CAST(NULL AS BIGINT) AS `bytes`, CAST(NULL AS BIGINT) AS `events`, CAST(NULL AS BIGINT) AS `uncompressed_bytes`, CAST(NULL AS TIMESTAMP) AS `min_timestamp`, CAST(NULL AS TIMESTAMP) AS `max_timestamp`, CAST(NULL AS STRING) AS `class`, CAST(NULL AS STRING) AS `lock_mode`, CAST(NULL AS TIMESTAMP) AS `lock_until`, CAST(NULL AS STRING) AS `state`, CAST(NULL AS BIGINT) AS `indexed`, CAST(NULL AS STRING) AS `writer`) AS none WHERE 1 = 0;

-- One row a line to which others of its run add something, or which repeats an event that was sealed before.
CREATE OR REPLACE VIEW resolved AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS STRING) AS `log`, CAST(NULL AS BIGINT) AS `seq`, CAST(NULL AS STRING) AS `object`, CAST(NULL AS BIGINT) AS `line`, CAST(NULL AS STRING) AS `run_id`, CAST(NULL AS STRING) AS `session_id`, CAST(NULL AS STRING) AS `user_id`, CAST(NULL AS STRING) AS `agent_id`, CAST(NULL AS STRING) AS `agent_name`, CAST(NULL AS STRING) AS `agent_version`, CAST(NULL AS STRING) AS `model_id`, CAST(NULL AS STRING) AS `system_prompt_hash`, CAST(NULL AS STRING) AS `approval_status`, CAST(NULL AS STRING) AS `approver_id`, CAST(NULL AS STRING) AS `approval_source`, CAST(NULL AS TIMESTAMP) AS `approval_at`, CAST(NULL AS BIGINT) AS `approval_at_nanos`, CAST(NULL AS BOOLEAN) AS `repeats`, CAST(NULL AS ARRAY<STRING>) AS `resolved_fields`, CAST(NULL AS ARRAY<STRING>) AS `conflicts`) AS none WHERE 1 = 0;

-- One row a run, sender and day of sealing, with its resolved facts: null where its events differ.
CREATE OR REPLACE VIEW runs AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS STRING) AS `run_id`, CAST(NULL AS STRING) AS `sender`, CAST(NULL AS STRING) AS `session_id`, CAST(NULL AS STRING) AS `user_id`, CAST(NULL AS STRING) AS `agent_id`, CAST(NULL AS STRING) AS `agent_name`, CAST(NULL AS STRING) AS `agent_version`, CAST(NULL AS TIMESTAMP) AS `first`, CAST(NULL AS TIMESTAMP) AS `last`, CAST(NULL AS BOOLEAN) AS `ended`, CAST(NULL AS STRING) AS `outcome`, CAST(NULL AS BIGINT) AS `events`, CAST(NULL AS BIGINT) AS `runs`, CAST(NULL AS BIGINT) AS `llm_calls`, CAST(NULL AS BIGINT) AS `tool_calls`, CAST(NULL AS BIGINT) AS `retrievals`, CAST(NULL AS BIGINT) AS `handoffs`, CAST(NULL AS BIGINT) AS `denied`, CAST(NULL AS BIGINT) AS `errors`, CAST(NULL AS BIGINT) AS `findings`, CAST(NULL AS BIGINT) AS `guardrails`, CAST(NULL AS BIGINT) AS `interventions`, CAST(NULL AS BIGINT) AS `approvals_pending`, CAST(NULL AS BIGINT) AS `approvals_rejected`, CAST(NULL AS BIGINT) AS `approved_by_human`, CAST(NULL AS BIGINT) AS `approved_by_config`, CAST(NULL AS BIGINT) AS `approved_by_policy`, CAST(NULL AS BIGINT) AS `approved_by_hook`, CAST(NULL AS BIGINT) AS `approved_by_agent`, CAST(NULL AS BIGINT) AS `approved_by_unknown`, CAST(NULL AS BIGINT) AS `missing_fields`, CAST(NULL AS BIGINT) AS `derived_fields`, CAST(NULL AS BIGINT) AS `input_tokens`, CAST(NULL AS BIGINT) AS `output_tokens`, CAST(NULL AS DOUBLE) AS `cost_usd`) AS none WHERE 1 = 0;

-- One row a session and day of sealing; session_id as resolved. What is counted is neither layer nor repetition.
CREATE OR REPLACE VIEW sessions AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS STRING) AS `session_id`, CAST(NULL AS STRING) AS `user_id`, CAST(NULL AS STRING) AS `agent_id`, CAST(NULL AS STRING) AS `agent_name`, CAST(NULL AS STRING) AS `agent_version`, CAST(NULL AS TIMESTAMP) AS `first`, CAST(NULL AS TIMESTAMP) AS `last`, CAST(NULL AS BOOLEAN) AS `ended`, CAST(NULL AS STRING) AS `outcome`, CAST(NULL AS BIGINT) AS `events`, CAST(NULL AS BIGINT) AS `runs`, CAST(NULL AS BIGINT) AS `llm_calls`, CAST(NULL AS BIGINT) AS `tool_calls`, CAST(NULL AS BIGINT) AS `retrievals`, CAST(NULL AS BIGINT) AS `handoffs`, CAST(NULL AS BIGINT) AS `denied`, CAST(NULL AS BIGINT) AS `errors`, CAST(NULL AS BIGINT) AS `findings`, CAST(NULL AS BIGINT) AS `guardrails`, CAST(NULL AS BIGINT) AS `interventions`, CAST(NULL AS BIGINT) AS `approvals_pending`, CAST(NULL AS BIGINT) AS `approvals_rejected`, CAST(NULL AS BIGINT) AS `approved_by_human`, CAST(NULL AS BIGINT) AS `approved_by_config`, CAST(NULL AS BIGINT) AS `approved_by_policy`, CAST(NULL AS BIGINT) AS `approved_by_hook`, CAST(NULL AS BIGINT) AS `approved_by_agent`, CAST(NULL AS BIGINT) AS `approved_by_unknown`, CAST(NULL AS BIGINT) AS `missing_fields`, CAST(NULL AS BIGINT) AS `derived_fields`, CAST(NULL AS BIGINT) AS `input_tokens`, CAST(NULL AS BIGINT) AS `output_tokens`, CAST(NULL AS DOUBLE) AS `cost_usd`, CAST(NULL AS ARRAY<STRING>) AS `users`, CAST(NULL AS ARRAY<STRING>) AS `agents`, CAST(NULL AS ARRAY<STRING>) AS `models`, CAST(NULL AS ARRAY<STRING>) AS `prompt_hashes`, CAST(NULL AS ARRAY<STRING>) AS `tools`) AS none WHERE 1 = 0;

-- One row a day that was resolved.
CREATE OR REPLACE VIEW days AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS BIGINT) AS `events`, CAST(NULL AS TIMESTAMP) AS `resolved_at`, CAST(NULL AS BIGINT) AS `days`) AS none WHERE 1 = 0;

-- What was said: one row a line that holds content.
CREATE OR REPLACE VIEW content AS
SELECT * FROM (SELECT CAST(NULL AS DATE) AS `date`, CAST(NULL AS STRING) AS `log`, CAST(NULL AS BIGINT) AS `seq`, CAST(NULL AS STRING) AS `object`, CAST(NULL AS BIGINT) AS `line`, CAST(NULL AS STRING) AS `event_id`, CAST(NULL AS STRING) AS `event_type`, CAST(NULL AS STRING) AS `session_id`, CAST(NULL AS STRING) AS `run_id`, CAST(NULL AS TIMESTAMP) AS `timestamp`, CAST(NULL AS BIGINT) AS `timestamp_nanos`, CAST(NULL AS STRING) AS `tool_name`, CAST(NULL AS STRING) AS `content`, CAST(NULL AS STRING) AS `alternates`, CAST(NULL AS STRING) AS `content_refs`, CAST(NULL AS STRING) AS `user_message`, CAST(NULL AS STRING) AS `tools_available`, CAST(NULL AS STRING) AS `final_output`, CAST(NULL AS STRING) AS `reason`, CAST(NULL AS STRING) AS `input_messages`, CAST(NULL AS STRING) AS `output_messages`, CAST(NULL AS STRING) AS `output_text`, CAST(NULL AS STRING) AS `reasoning`, CAST(NULL AS STRING) AS `tool_calls_requested`, CAST(NULL AS STRING) AS `error`, CAST(NULL AS STRING) AS `tool_description`, CAST(NULL AS STRING) AS `tool_input`, CAST(NULL AS STRING) AS `tool_output`, CAST(NULL AS STRING) AS `query`, CAST(NULL AS STRING) AS `documents`, CAST(NULL AS STRING) AS `approval_reason`, CAST(NULL AS STRING) AS `approved_input`, CAST(NULL AS STRING) AS `stack`, CAST(NULL AS STRING) AS `message`, CAST(NULL AS MAP<STRING, STRING>) AS `tool_args`) AS none WHERE 1 = 0;

-- One row a word that looks like an identifier and a line that holds it.
CREATE OR REPLACE VIEW tokens AS
SELECT `token`, `date`, `object`, `line` FROM parquet.`s3a://my-bucket/it's/index-content/v1/tokens/date=2026-11-23/c.parquet`;

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
