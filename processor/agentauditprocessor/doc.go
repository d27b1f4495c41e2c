// Package agentauditprocessor is a processor that recognises GenAI telemetry in any
// of its dialects and maps it to audit events, one span or log record each. It
// enforces the required fields, hashes system prompts and applies the content policy.
package agentauditprocessor

//go:generate mdatagen metadata.yaml
