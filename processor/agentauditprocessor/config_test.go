package agentauditprocessor

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/metadata"
)

func TestConfig(t *testing.T) {
	full := createDefaultConfig().(*Config)
	full.OnMissing = "quarantine"
	full.Required = map[string][]string{"all": {"user_id"}, "tool_call": {"tool_call_id"}}
	full.SystemPrompt = SystemPromptConfig{Mode: "hash", HMACKey: "0123456789abcdef"}
	full.Content = "hash"
	full.MaxFieldBytes = 65536
	full.RunCache = RunCacheConfig{MaxRuns: 500, TTL: time.Minute}
	full.Coverage.Interval = 10 * time.Minute
	full.Trust = TrustConfig{IdentityFrom: []string{"auth", "resource"}}

	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, want := range map[string]struct {
		cfg *Config
		err string
	}{
		"":                {cfg: createDefaultConfig().(*Config)},
		"full":            {cfg: full},
		"on_missing":      {err: "`on_missing` must be one of [\"flag\" \"quarantine\" \"reject\"], it is \"ignore\""},
		"content":         {err: "`content` must be one of [\"full\" \"hash\" \"drop\"], it is \"some\""},
		"max_field_bytes": {err: "`max_field_bytes` (10) must be between 1024 and 67108864"},
		"required_type":   {err: "`required` names \"tool\", which is no event type and not \"all\""},
		"required_field":  {err: "`required::tool_call` names \"usr\", which is no field of an audit event"},
		"mode":            {err: "system_prompt: `mode` must be one of [\"hash\" \"keep\" \"store\"], it is \"crypt\""},
		"store_hmac":      {err: "system_prompt: `hmac_key` must be empty with `mode` store: stored prompts are named by their SHA-256"},
		"short_hmac":      {err: "system_prompt: `hmac_key` must have at least 16 bytes, it has 3"},
		"max_runs":        {err: "run_cache: `max_runs` (0) must be at least 1"},
		"interval":        {err: "coverage: `interval` (1ms) must be 0, for never, or at least 1s"},
		"identity_from":   {err: "trust: `identity_from` must be one of [\"auth\" \"resource\"], it is \"header\""},
		"identity_twice":  {err: "trust: `identity_from` names \"auth\" twice"},
		"ttl":             {err: "run_cache: `ttl` (0s) must be greater than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if want.err != "" {
				require.EqualError(t, err, want.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want.cfg, cfg)
		})
	}
}
