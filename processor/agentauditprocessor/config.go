package agentauditprocessor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Config is the configuration of the processor.
type Config struct {
	// OnMissing says what becomes of an event that lacks a required field: flag,
	// quarantine or reject.
	OnMissing string `mapstructure:"on_missing"`
	// Required lists further required fields by event type; the type "all" stands
	// for every event.
	Required map[string][]string `mapstructure:"required"`
	// SystemPrompt says what becomes of system prompts.
	SystemPrompt SystemPromptConfig `mapstructure:"system_prompt"`
	// Content says what becomes of message and tool text: full, hash or drop.
	Content string `mapstructure:"content"`
	// Steps says what becomes of the steps of frameworks that repeat what other records
	// tell: drop (they are counted) or keep (each is an event of type step).
	Steps string `mapstructure:"steps"`
	// MaxFieldBytes is the longest a field may be, in bytes of UTF-8; what is longer
	// keeps its beginning and is named in oversize.
	MaxFieldBytes int `mapstructure:"max_field_bytes"`
	// RunCache bounds what is remembered of runs between requests.
	RunCache RunCacheConfig `mapstructure:"run_cache"`
	// Coverage says how often the coverage scorecard is put into the trail.
	Coverage CoverageConfig `mapstructure:"coverage"`
	// Trust says whose word counts for whose event it is, and what was decided.
	Trust TrustConfig `mapstructure:"trust"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// SystemPromptConfig says what becomes of system prompts.
type SystemPromptConfig struct {
	// Mode is hash (the text appears nowhere), keep (it stays where it is) or store
	// (sealed once by content, and hashed in events).
	Mode string `mapstructure:"mode"`
	// HMACKey makes the hash an HMAC-SHA256 with this key, so that a guess at a
	// prompt cannot be confirmed without it.
	HMACKey configopaque.String `mapstructure:"hmac_key"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// TrustConfig says whose word counts, where those who can reach the receiver are not
// all trusted to say who they are.
type TrustConfig struct {
	// AuditAttributes lets audit.* attributes of records decide. Without it they are
	// kept under content, as what was claimed.
	AuditAttributes bool `mapstructure:"audit_attributes"`
	// IdentityFrom pins agent_id to the first of these that gives one: auth, the
	// authenticated client, or resource, the resource of the record. The other that was
	// claimed is kept in alternates. Empty: the records say it.
	IdentityFrom []string `mapstructure:"identity_from"`
	// SenderAddress tells senders that did not authenticate apart by the address that they
	// send from: what one of them told completes nothing of what another told. Without it
	// they are all one sender. Behind a proxy they are, too.
	SenderAddress bool `mapstructure:"sender_address"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// CoverageConfig is about the coverage scorecard: how often each field was there.
type CoverageConfig struct {
	// Interval is how often the scorecard becomes an event of the trail; 0 is never.
	Interval time.Duration `mapstructure:"interval"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RunCacheConfig bounds what is remembered of runs between requests.
type RunCacheConfig struct {
	// MaxRuns is how many runs are remembered at once.
	MaxRuns int `mapstructure:"max_runs"`
	// TTL is how long a run is remembered after its last record.
	TTL time.Duration `mapstructure:"ttl"`

	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	onMissingFlag       = "flag"
	onMissingQuarantine = "quarantine"
	onMissingReject     = "reject"

	promptHash  = "hash"
	promptKeep  = "keep"
	promptStore = "store"

	contentFull = "full"
	contentHash = "hash"
	contentDrop = "drop"

	stepsDrop = "drop"
	stepsKeep = "keep"

	fromAuth     = "auth"
	fromResource = "resource"

	minFieldBytes = 1 << 10
	maxFieldBytes = 64 << 20
	allTypes      = "all"
)

func createDefaultConfig() component.Config {
	return &Config{
		OnMissing:     onMissingFlag,
		SystemPrompt:  SystemPromptConfig{Mode: promptHash},
		Content:       contentFull,
		Steps:         stepsDrop,
		MaxFieldBytes: 1 << 20,
		RunCache:      RunCacheConfig{MaxRuns: 10000, TTL: 15 * time.Minute},
		Coverage:      CoverageConfig{Interval: time.Hour},
		Trust:         TrustConfig{AuditAttributes: true},
	}
}

// Validate checks the keys of this level.
func (c *Config) Validate() error {
	var errs []error
	if err := oneOf("on_missing", c.OnMissing, onMissingFlag, onMissingQuarantine, onMissingReject); err != nil {
		errs = append(errs, err)
	}
	if err := oneOf("content", c.Content, contentFull, contentHash, contentDrop); err != nil {
		errs = append(errs, err)
	}
	if err := oneOf("steps", c.Steps, stepsDrop, stepsKeep); err != nil {
		errs = append(errs, err)
	}
	if c.MaxFieldBytes < minFieldBytes || c.MaxFieldBytes > maxFieldBytes {
		errs = append(errs, fmt.Errorf("`max_field_bytes` (%d) must be between %d and %d", c.MaxFieldBytes, minFieldBytes, maxFieldBytes))
	}
	known := map[string]bool{}
	for _, f := range semconv.Fields() {
		known[f.Name] = true
	}
	for typ, fields := range c.Required {
		if typ != allTypes && !semconv.EventType(typ).Valid() {
			errs = append(errs, fmt.Errorf("`required` names %q, which is no event type and not %q", typ, allTypes))
		}
		for _, f := range fields {
			if !known[f] {
				errs = append(errs, fmt.Errorf("`required::%s` names %q, which is no field of an audit event", typ, f))
			}
		}
	}
	return errors.Join(errs...)
}

// Validate checks the mode and its key.
func (c *SystemPromptConfig) Validate() error {
	if err := oneOf("mode", c.Mode, promptHash, promptKeep, promptStore); err != nil {
		return err
	}
	if c.HMACKey != "" && c.Mode == promptStore {
		return errors.New("`hmac_key` must be empty with `mode` store: stored prompts are named by their SHA-256")
	}
	if n := len(c.HMACKey); n > 0 && n < 16 {
		return fmt.Errorf("`hmac_key` must have at least 16 bytes, it has %d", n)
	}
	return nil
}

// Validate checks the bounds.
func (c *RunCacheConfig) Validate() error {
	if c.MaxRuns < 1 {
		return fmt.Errorf("`max_runs` (%d) must be at least 1", c.MaxRuns)
	}
	if c.TTL <= 0 {
		return fmt.Errorf("`ttl` (%s) must be greater than 0", c.TTL)
	}
	return nil
}

// Validate checks the interval.
func (c *CoverageConfig) Validate() error {
	if c.Interval != 0 && c.Interval < time.Second {
		return fmt.Errorf("`interval` (%s) must be 0, for never, or at least 1s", c.Interval)
	}
	return nil
}

// Validate checks the sources.
func (c *TrustConfig) Validate() error {
	for i, from := range c.IdentityFrom {
		if err := oneOf("identity_from", from, fromAuth, fromResource); err != nil {
			return err
		}
		if slices.Contains(c.IdentityFrom[:i], from) {
			return fmt.Errorf("`identity_from` names %q twice", from)
		}
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("`%s` must be one of %q, it is %q", key, allowed, value)
}
