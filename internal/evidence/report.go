package evidence

import (
	"cmp"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Report is what a bundle proves, and what it cannot.
type Report struct {
	Verdict ledger.Verdict `json:"verdict"`
	Reason  string         `json:"reason,omitempty"` // why there is no verdict
	Claim   Claim          `json:"claim"`
	Events  int            `json:"events"` // told twice, an event is one
	Lines   int            `json:"lines"`
	Logs    []LogReport    `json:"logs"`
	// Established are the lines that say of what session their run is, for those of the run
	// that name none.
	Established []Established `json:"established,omitempty"`
	// Errata are what in the lines older versions of this program are known to have told
	// wrongly.
	Errata []LineErratum `json:"errata,omitempty"`
	// Conditions are what the verdict rests on and the bundle cannot show.
	Conditions []Condition      `json:"conditions"`
	Proven     []string         `json:"proven"`
	Limits     []string         `json:"limits"` // what it does not prove
	Findings   []ledger.Finding `json:"findings"`
}

// Established is a line that says of what session its run is.
type Established struct {
	By    string `json:"by"` // its file
	Run   string `json:"run"`
	Lines int    `json:"lines"` // that name no session themselves
}

// LineErratum is what may be wrong with a line: see package resolve.
type LineErratum struct {
	File  string `json:"file"`
	ID    string `json:"id"`
	Field string `json:"field,omitempty"`
	Says  string `json:"says"`
}

// String says that what is told is not proven to be right.
func (e *LineErratum) String() string {
	return fmt.Sprintf("that %s in %s is right (%s): %s", cmp.Or(e.Field, "the text"), e.File, e.ID, e.Says)
}

// LogReport sums up a log of a bundle.
type LogReport struct {
	Log       string           `json:"log"`
	Genesis   string           `json:"genesis,omitempty"` // the digest of manifest 0, hex, where it is known
	Keys      []ledger.KeySpan `json:"keys"`              // that sign the log, in their order
	First     int64            `json:"first"`             // the oldest manifest in the bundle
	Last      int64            `json:"last"`              // the newest of the log, when the bundle was made
	LastAt    time.Time        `json:"last_at"`
	HeadRoot  string           `json:"tree_root"` // of the tree of the manifests before the newest
	VouchedTo int64            `json:"vouched_to"`
	// Checkpoints are the sizes of those that you hold and that are of this log.
	Checkpoints []int64 `json:"checkpoints,omitempty"`
}

// Condition is that a key was still the log's when it signed manifests from a place on.
type Condition struct {
	Log   string `json:"log"`
	KeyID string `json:"key_id"`
	From  int64  `json:"from"`
}

// String is what goes behind "if".
func (c *Condition) String() string {
	return fmt.Sprintf("key %s was still the key of log %s when it signed manifests from number %d on",
		c.KeyID[:12], c.Log, c.From)
}

// ExitCode is that of the verdict: 0, 1 or 2.
func (r *Report) ExitCode() int {
	return (&ledger.Report{Verdict: r.Verdict}).ExitCode(false)
}

// Codes of findings about bundles, beside those of trails.
const (
	CodeBundleInvalid    = "bundle_invalid"    // a part is missing, or not what it should be
	CodeSignatureInvalid = "signature_invalid" // a manifest or a checkpoint that the key of its place did not sign
	CodeProofInvalid     = "proof_invalid"     // a Merkle path does not lead to the signed root
	CodeClaimUnproven    = "claim_unproven"    // the parts hold, but do not show what is claimed
	CodeOldBundle        = "old_bundle"        // made by an older version, which left out what is needed
)

// conclude sets the verdict from what was found.
func (r *Report) conclude() {
	r.Verdict = ledger.Confirmed
	for i := range r.Findings {
		switch f := &r.Findings[i]; f.Severity {
		case ledger.SeverityError:
			r.Verdict, r.Reason = ledger.NotConfirmed, ""
		case ledger.SeverityUnknown:
			if r.Verdict == ledger.Confirmed {
				r.Verdict, r.Reason = ledger.NoVerdict, f.Message
			}
		}
	}
	if r.Verdict != ledger.Confirmed {
		r.Proven, r.Conditions = []string{}, []Condition{}
	}
}
