package ledger

import (
	"fmt"
	"sort"
)

// Severity is how much a finding counts.
type Severity string

// The severities. An error is a signed promise that is broken, and makes a verdict of NOT
// CONFIRMED; something unknown could not be judged, and makes NO VERDICT.
const (
	SeverityError   Severity = "error"
	SeverityUnknown Severity = "unknown"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Codes of findings. They are stable: programs may rely on them.
const (
	CodeManifestMissing    = "manifest_missing"    // a sequence number between others has no manifest
	CodeChainBroken        = "chain_broken"        // a signed manifest does not continue the one before it
	CodeStartMissing       = "start_missing"       // the oldest manifests are gone before their retention ended
	CodeObjectMissing      = "object_missing"      // a sealed object is gone before its retention ended
	CodeObjectAltered      = "object_altered"      // no version of an object has the digest that was signed
	CodeNotLocked          = "not_locked"          // an object is not locked as promised
	CodeCopyAltered        = "copy_altered"        // a file of a copy is not as it was pulled
	CodeLineInvalid        = "line_invalid"        // a line is no event of the schema
	CodeMerkleMismatch     = "merkle_mismatch"     // the lines do not give the signed Merkle root
	CodeCountMismatch      = "count_mismatch"      // the description of an object does not fit its lines
	CodeEncodingInvalid    = "encoding_invalid"    // an object is not one whole compressed stream of whole lines
	CodeUnknownLog         = "unknown_log"         // a log of which no trusted key signed a manifest
	CodeUnreadable         = "unreadable"          // the store refuses a version at a manifest's key
	CodeNotCopied          = "not_copied"          // an object that a bounded copy does not hold
	CodeKeyNotValid        = "key_not_valid"       // a manifest that a known key signed outside its time
	CodeKeyRotated         = "key_rotated"         // the old key of a log named a new one
	CodeCheckpointMismatch = "checkpoint_mismatch" // the log is not the one that a checkpoint was made of
	CodeForeignCheckpoint  = "foreign_checkpoint"  // something at a checkpoint's key that no trusted key signed
	CodeTimestampInvalid   = "timestamp_invalid"   // a timestamp over a checkpoint that no trusted authority made
	CodeLogRewound         = "log_rewound"         // a checkpoint, or another log, saw manifests that are not there
	CodeLogForked          = "log_forked"          // another log saw another manifest
	CodeForeignManifest    = "foreign_manifest"    // something at a manifest's key that no trusted key signed
	CodeOtherWriter        = "other_writer"        // a second writer uses the same log id
	CodeLaterVersion       = "later_version"       // a version over a sealed object
	CodeDeleteMarker       = "delete_marker"       // a delete marker over a sealed object
	CodeOrphan             = "orphan"              // a data object that no manifest names
	CodeForeignObject      = "foreign_object"      // an object that is not part of a trail
	CodeEventIDReused      = "event_id_reused"     // one event id with two contents
	CodeClockSkew          = "clock_skew"          // the writer's clock went back
	CodeHeartbeatGap       = "heartbeat_gap"       // a running writer was silent for longer than allowed
	CodeStaleHead          = "stale_head"          // the newest manifest is older than allowed
	CodeStepHole           = "step_hole"           // a run lacks a step number
	CodeUncleanStart       = "unclean_start"       // a writer started without the one before having closed
	CodeRetired            = "retired"             // another writer ended the log of one that was silent
	CodeNotOpened          = "not_opened"          // a log that was retired goes on, and no writer opened it again
	CodeExpired            = "expired"             // an object is gone as its retention promised
	CodeStartExpired       = "start_expired"       // the oldest manifests are gone as their retention promised
	CodeNewerVersion       = "newer_version"       // a format that this program does not know
	CodeLogAmbiguous       = "log_ambiguous"       // given keys contradict each other about whose log it is
	CodeNotCompared        = "not_compared"        // a checkpoint that the auditor holds could not be compared
	CodeNotWitnessed       = "not_witnessed"       // the quorum of witnesses that the auditor asks for is missing, or old
	CodeOutsideWindow      = "outside_window"      // a log that says nothing of the time that was asked for
)

// Finding is something that verification noticed.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Log      string   `json:"log,omitempty"`
	Seq      int64    `json:"seq"`
	Object   string   `json:"object,omitempty"`
	Version  string   `json:"version,omitempty"`
	Line     int      `json:"line,omitempty"` // from 1
	Expected string   `json:"expected,omitempty"`
	Found    string   `json:"found,omitempty"`
	Message  string   `json:"message"`
}

// reason is what a finding says in a sentence, as why there is no verdict.
func (f *Finding) reason() string {
	text := f.Message
	if f.Log != "" {
		text = "log " + f.Log + ": " + text
	}
	if f.Found != "" {
		text += ": " + f.Found
	}
	return text
}

// Error makes a finding an error for readers that meet it on the way.
func (f *Finding) Error() string {
	at := f.Object
	if f.Line > 0 {
		at = fmt.Sprintf("%s line %d", at, f.Line)
	}
	return fmt.Sprintf("%s: %s: %s", f.Code, at, f.Message)
}

func sortFindings(list []Finding) {
	rank := map[Severity]int{SeverityError: 0, SeverityUnknown: 1, SeverityWarning: 2, SeverityInfo: 3}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		switch {
		case rank[a.Severity] != rank[b.Severity]:
			return rank[a.Severity] < rank[b.Severity]
		case a.Log != b.Log:
			return a.Log < b.Log
		case a.Seq != b.Seq:
			return a.Seq < b.Seq
		case a.Object != b.Object:
			return a.Object < b.Object
		}
		return a.Line < b.Line
	})
}
