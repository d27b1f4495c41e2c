// Package evidence makes bundles that prove what a trail says of one session or one
// event, or that it says nothing, and checks them offline.
//
// A bundle is a ZIP file: bundle.json says what is claimed and how each part hangs
// together, the other files are the parts, byte for byte as sealed, and VERIFY.md
// tells how to check them with common tools.
package evidence

import (
	"fmt"
	"time"
)

// Format names the version of the bundles that are made. Those of the version before lack
// parts; they are judged by the same rule.
const (
	Format   = "https://agentaudit.dev/evidence/v2"
	formatV1 = "https://agentaudit.dev/evidence/v1"
)

// Kinds of claims.
const (
	Presence = "presence" // these events are in the trail
	Absence  = "absence"  // no event of this session is
)

// Names of files in a bundle.
const (
	bundleFile = "bundle.json"
	verifyFile = "VERIFY.md"
	textPrefix = "texts/" // and the SHA-256 of a text
)

// Bundle is what bundle.json holds. Names of files are within the bundle; hashes are
// SHA-256, in hex.
type Bundle struct {
	Format    string    `json:"format"`
	CreatedAt time.Time `json:"created_at"` // by the maker's clock
	MadeBy    string    `json:"made_by"`
	Claim     Claim     `json:"claim"`
	Logs      []Log     `json:"logs"`
}

// Claim is what a bundle is to prove.
type Claim struct {
	Kind    string     `json:"kind"`
	Session string     `json:"session,omitempty"`
	Event   string     `json:"event,omitempty"`
	Events  []string   `json:"events,omitempty"` // ids as sealed, sorted, each once
	Since   *time.Time `json:"since,omitempty"`  // of the sealing
	Until   *time.Time `json:"until,omitempty"`
}

// Log is the part of a bundle that is about one log.
type Log struct {
	Log         string        `json:"log"`
	Tree        Tree          `json:"tree"`
	Consistency []Consistency `json:"consistency,omitempty"`
	// Manifests begin with manifest 0, or the oldest that has not expired; all rotations are
	// among them, and the last is the newest manifest of the log.
	Manifests []Manifest `json:"manifests"`
	Lines     []Line     `json:"lines,omitempty"`
	Objects   []Object   `json:"objects,omitempty"`
}

// Tree is the head of the log's tree that the manifests are proven to be in: what the
// newest manifest, which File holds, says of those before it.
type Tree struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	File string `json:"file"` // in version 1 perhaps a checkpoint
}

// Consistency proves the root of the log's tree at another size: the smaller of the two
// trees is the beginning of the larger. Where File is given, it is a checkpoint of it.
type Consistency struct {
	File string   `json:"file,omitempty"`
	Size int64    `json:"size"`
	Root string   `json:"root"`
	Path []string `json:"path"`
}

// Manifest is a signed manifest; Path proves it in the tree. The manifest that holds
// the tree itself has none.
type Manifest struct {
	Seq    int64    `json:"seq"`
	File   string   `json:"file"`
	SHA256 string   `json:"sha256"` // of the payload
	Path   []string `json:"path"`
}

// Line is an event as sealed; Path proves it in the Merkle root of its object.
type Line struct {
	File   string   `json:"file"`
	Seq    int64    `json:"seq"` // of the manifest that names the object
	Object string   `json:"object"`
	Line   int      `json:"line"` // from 1
	Of     int64    `json:"of"`
	Path   []string `json:"path"`
	// EstablishedBy is the file of a line that says the session itself, where this one has
	// none of its own: both are of one run, and came from one sender.
	EstablishedBy string `json:"established_by,omitempty"`
	// Texts are the full texts of fields that were too long for the line, which has their
	// SHA-256 under `oversize`: texts/<sha256>.
	Texts []string `json:"texts,omitempty"`
}

// Object is a whole data object, where the set of its sessions cannot exclude one.
type Object struct {
	File   string `json:"file"`
	Seq    int64  `json:"seq"`
	Object string `json:"object"`
}

// ofEvents reports whether the claim is about events, and not about a session.
func (c *Claim) ofEvents() bool { return c.Event != "" || len(c.Events) > 0 }

// about is what the claim is about, in words.
func (c *Claim) about() string {
	switch {
	case c.Session != "":
		return "session " + c.Session
	case c.Event != "":
		return "event " + c.Event
	}
	return fmt.Sprintf("%d events that the claim names", len(c.Events))
}

// kinds counts what a claim is about in different ways: one is right.
func (c *Claim) kinds() (n int) {
	for _, given := range []bool{c.Session != "", c.Event != "", len(c.Events) > 0} {
		if given {
			n++
		}
	}
	return n
}

// ordered reports whether the list of events is sorted, each once.
func (c *Claim) ordered() bool {
	for i := 1; i < len(c.Events); i++ {
		if c.Events[i-1] >= c.Events[i] {
			return false
		}
	}
	return true
}

func manifestFile(log string, seq int64) string {
	return fmt.Sprintf("manifests/%s/%012d.json", log, seq)
}

// skew is how far the clocks of writers may be off: the claim of an absence covers as much
// on either side of its time.
const skew = time.Minute

// window is the time of a claim.
type window struct{ since, until time.Time } // zero: no bound

func (c *Claim) window() (w window) {
	if c.Since != nil {
		w.since = *c.Since
	}
	if c.Until != nil {
		w.until = *c.Until
	}
	return w
}

// before reports whether a time is before the window, and after whether it is behind.
func (w window) before(at time.Time) bool { return !w.since.IsZero() && at.Before(w.since.Add(-skew)) }

func (w window) after(at time.Time) bool { return !w.until.IsZero() && at.After(w.until.Add(skew)) }

// String says from when to when.
func (w window) String() string {
	from := "the beginning"
	if !w.since.IsZero() {
		from = w.since.UTC().Format(time.RFC3339)
	}
	if w.until.IsZero() {
		return "since " + from
	}
	return "between " + from + " and " + w.until.UTC().Format(time.RFC3339)
}
