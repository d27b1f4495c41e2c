package agentauditexporter

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// LogConfig says which log this exporter writes: the one of that name (`log: gw-0`), or any
// of a pool that has no writer (`log: {pool: gw}`).
type LogConfig struct {
	Name string `mapstructure:"-"`
	// Pool is what the names of the logs of a pool begin with: gw-0, gw-1 and so forth.
	Pool string `mapstructure:"pool"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var (
	_ encoding.TextUnmarshaler = (*LogConfig)(nil)
	_ encoding.TextMarshaler   = LogConfig{}
	_ confmap.Unmarshaler      = (*LogConfig)(nil)
)

// UnmarshalText reads a name.
func (c *LogConfig) UnmarshalText(text []byte) error {
	*c = LogConfig{Name: string(text)}
	return nil
}

// Unmarshal reads a pool, which takes the place of the name that is the default.
func (c *LogConfig) Unmarshal(conf *confmap.Conf) error {
	*c = LogConfig{}
	return conf.Unmarshal(c)
}

// MarshalText is the name, or the pool as YAML has it.
func (c LogConfig) MarshalText() ([]byte, error) {
	if c.Pool != "" {
		return []byte("{pool: " + c.Pool + "}"), nil
	}
	return []byte(c.Name), nil
}

// maxPoolName leaves room for the number of a log.
const maxPoolName = 50

// Validate checks the name.
func (c *LogConfig) Validate() error {
	switch {
	case c.Pool != "":
		if !ledger.ValidLog(c.Pool) || len(c.Pool) > maxPoolName {
			return fmt.Errorf("`pool` (%q) must match [a-z0-9.-]{1,%d}: its logs are %s-0, %s-1 and so forth", c.Pool, maxPoolName, c.Pool, c.Pool)
		}
	case c.Name == "":
		return errors.New("must be a name, or {pool: NAME}")
	case !ledger.ValidLog(c.Name):
		return fmt.Errorf("the name %q must match [a-z0-9.-]{1,63} and be more than a dot or two", c.Name)
	}
	return nil
}

// defaultLog is the name of the pod, where the downward API gives it as POD_NAME, and
// otherwise that of the host; nothing where there is none.
func defaultLog(getenv func(string) string, hostname func() (string, error)) string {
	name := getenv("POD_NAME")
	if name == "" {
		var err error
		if name, err = hostname(); err != nil {
			return ""
		}
	}
	log := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return log[:min(len(log), 63)]
}

// ordinal is how the name of a pod of a StatefulSet ends.
var ordinal = regexp.MustCompile(`-(0|[1-9][0-9]{0,5})$`)

// passing reports whether a log is named after a pod whose name another start does not
// have: it is the name by default, on Kubernetes, and has no ordinal.
func (c *LogConfig) passing() bool {
	return os.Getenv("KUBERNETES_SERVICE_HOST") != "" && c.Pool == "" && !ordinal.MatchString(c.Name) && c.Name == defaultLog(os.Getenv, os.Hostname)
}
