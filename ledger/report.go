package ledger

import (
	"fmt"
	"time"
)

// Level is how deep verification goes; each level does what the one before does.
type Level int

// The levels.
const (
	LevelChain   Level = iota + 1 // signatures, sequence, previous, tree
	LevelObjects                  // contents and locks of the sealed objects
	LevelEvents                   // the lines in them
)

var levelNames = map[Level]string{LevelChain: "chain", LevelObjects: "objects", LevelEvents: "events"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel reads the name of a level.
func ParseLevel(s string) (Level, error) {
	for l, name := range levelNames {
		if s == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("level %q must be chain, objects or events", s)
}

// Verdict is what verification says.
type Verdict string

// The verdicts.
const (
	Confirmed    Verdict = "CONFIRMED"     // everything asked was checked and holds
	NotConfirmed Verdict = "NOT CONFIRMED" // something checked does not hold
	NoVerdict    Verdict = "NO VERDICT"    // it could not be checked
)

// Report is the result of a verification.
type Report struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"` // why there is no verdict
	// Scope says in words what the verdict is about, and Limits what nobody can know from it.
	Scope    []string    `json:"scope"`
	Limits   []string    `json:"limits"`
	Level    string      `json:"level"`
	Since    *time.Time  `json:"since,omitempty"` // of the time of the manifests whose objects were checked
	Until    *time.Time  `json:"until,omitempty"`
	Logs     []LogReport `json:"logs"`
	Objects  int64       `json:"objects"`
	Events   int64       `json:"events"`
	Doubles  int64       `json:"doubles"` // lines that repeat another's event, to the letter
	Bytes    int64       `json:"bytes"`
	Errors   int         `json:"errors"`
	Unknowns int         `json:"unknowns"` // what could not be judged
	Warnings int         `json:"warnings"`
	Findings []Finding   `json:"findings"`
	// Omitted counts the findings past those that are listed.
	Omitted int `json:"omitted,omitempty"`

	infos  int
	broken map[string]int // errors by log
}

// LogReport sums up one log.
type LogReport struct {
	Log       string    `json:"log"`
	Genesis   string    `json:"genesis,omitempty"` // the digest of manifest 0, hex, where it is known
	Keys      []KeySpan `json:"keys"`              // that sign the log, in their order
	First     int64     `json:"first"`
	Last      int64     `json:"last"`
	BeganAt   time.Time `json:"began_at"` // the time of the first manifest that is there
	HeadSHA   string    `json:"head_sha256"`
	HeadRoot  string    `json:"tree_root"` // of the tree of all manifests
	WrittenAt time.Time `json:"written_at"`
	Closed    bool      `json:"closed"` // the writer stopped cleanly, or another retired the log
	Retired   bool      `json:"retired,omitempty"`
	Objects   int64     `json:"objects"`
	Events    int64     `json:"events"`
	// From is the size of the checkpoint behind which objects were checked.
	From int64 `json:"from,omitempty"`
	// Checkpoints counts those that agree with the log, in the store and given.
	Checkpoints  int           `json:"checkpoints"`
	Cosignatures []Cosignature `json:"cosignatures,omitempty"` // of those that were given
	// Witnessed is what a quorum of witnesses confirms, where one was asked for.
	Witnessed *Witnessed `json:"witnessed,omitempty"`

	// Timestamp is the newest that holds, where timestamps were checked.
	Timestamp *Timestamp `json:"timestamp,omitempty"`

	loose bool // what followed the newest manifest may have expired
	blind bool // what follows it could not be read, behind the time that was asked for
	asked bool // for a quorum of witnesses
}

// KeySpan is a key and the place of the first manifest of a log that it signs.
type KeySpan struct {
	KeyID string `json:"key_id"`
	From  int64  `json:"from"`
}

// Timestamp is the word of a time-stamping authority: the first Size manifests of a log
// existed at that time.
type Timestamp struct {
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
	By   string    `json:"by"`
}

// maxFindings bounds the list of a report for each severity, so that warnings, which
// anyone with write access can cause, never crowd out an error. All are counted.
const maxFindings = 10000

func (r *Report) add(f Finding) {
	n := &r.infos
	switch f.Severity {
	case SeverityError:
		n = &r.Errors
		if r.broken == nil {
			r.broken = map[string]int{}
		}
		r.broken[f.Log]++
	case SeverityUnknown:
		n = &r.Unknowns
	case SeverityWarning:
		n = &r.Warnings
	}
	if *n++; *n > maxFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, f)
}

// withdraw makes the errors about a log unknown: whether they are of the log that the
// auditor means is not known.
func (r *Report) withdraw(log string) {
	n := r.broken[log]
	delete(r.broken, log)
	r.Errors, r.Unknowns = r.Errors-n, r.Unknowns+n
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Log == log && f.Severity == SeverityError {
			f.Severity = SeverityUnknown
		}
	}
}

// outside makes the errors about what stands before the beginning of a log warnings: it
// has expired, and was left over or put back.
func (r *Report) outside(log string, first int64) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Log == log && f.Severity == SeverityError && f.Seq < first {
			f.Severity = SeverityWarning
			r.Errors, r.Warnings = r.Errors-1, r.Warnings+1
			r.broken[log]--
		}
	}
}

// conclude sets the verdict from what was found; err is why the verification ended early.
func (r *Report) conclude(err error) {
	switch {
	case r.Errors > 0:
		// What does not hold is known even where the rest could not be read.
		r.Verdict = NotConfirmed
	case err != nil || r.Unknowns > 0:
		r.Verdict = NoVerdict
	default:
		r.Verdict = Confirmed
	}
	switch {
	case err != nil:
		r.Reason = err.Error()
	case r.Verdict == NoVerdict:
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Severity == SeverityUnknown {
				r.Reason = f.reason()
				break
			}
		}
	}
}

// ExitCode is 0 for CONFIRMED, 1 for NOT CONFIRMED, 2 for NO VERDICT, and 3 for
// CONFIRMED with warnings when strict.
func (r *Report) ExitCode(strict bool) int {
	switch {
	case r.Verdict == NotConfirmed:
		return 1
	case r.Verdict != Confirmed:
		return 2
	case strict && r.Warnings > 0:
		return 3
	}
	return 0
}
