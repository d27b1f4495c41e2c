package agentauditexporter

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// WitnessConfig is about the witnesses that cosign checkpoints (c2sp.org/tlog-witness).
type WitnessConfig struct {
	// PolicyFile names the witnesses, by their keys, and the quorum (c2sp.org/tlog-policy);
	// none: nobody is asked.
	PolicyFile string `mapstructure:"policy_file"`
	// URLs are submission prefixes of witnesses, besides those in the policy.
	URLs []string `mapstructure:"urls"`
	// Timeout bounds the time that they have for a checkpoint, all together.
	Timeout time.Duration `mapstructure:"timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Validate checks what can be checked without the policy.
func (c *WitnessConfig) Validate() error {
	if c.PolicyFile == "" {
		if len(c.URLs) > 0 {
			return errors.New("`policy_file` must be set with `urls`: without their keys nobody knows what witnesses say")
		}
		return nil
	}
	var errs []error
	for _, u := range c.URLs {
		errs = append(errs, checkWitnessURL(u))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("`timeout` (%v) must be positive", c.Timeout))
	}
	return errors.Join(errs...)
}

func checkWitnessURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q must be the URL of a witness, such as https://witness.example/", text)
	}
	return nil
}

// witnesses are those that are asked, and what they are asked for.
type witnesses struct {
	policy *ledger.Policy
	urls   []string
}

// load reads the policy; nil where no witness is to be asked. The log is "" where it is
// any of a pool.
func (c *WitnessConfig) load(log string) (*witnesses, error) {
	if c.PolicyFile == "" {
		return nil, nil
	}
	p, err := c.read(log)
	if err != nil {
		return nil, fmt.Errorf("`witness::policy_file` (%s): %w", c.PolicyFile, err)
	}
	return p, nil
}

func (c *WitnessConfig) read(log string) (*witnesses, error) {
	text, err := os.ReadFile(c.PolicyFile)
	if err != nil {
		return nil, err
	}
	w := &witnesses{urls: slices.Clone(c.URLs)}
	if w.policy, err = ledger.ParsePolicy(text); err != nil {
		return nil, err
	}
	if log != "" && w.policy.Quorum() && !w.policy.Asks(log) {
		return nil, fmt.Errorf("its `log` lines do not name the log %q", log)
	}
	for _, is := range w.policy.Witnesses() {
		if is.URL == "" || slices.Contains(w.urls, is.URL) {
			continue
		}
		if err := checkWitnessURL(is.URL); err != nil {
			return nil, err
		}
		w.urls = append(w.urls, is.URL)
	}
	if len(w.urls) == 0 {
		return nil, errors.New("it names no URL of a witness: add them to its `witness` lines, or to `witness::urls`")
	}
	return w, nil
}
