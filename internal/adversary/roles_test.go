package adversary

import (
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Whose key an attacker has.
const (
	current  = "current"
	replaced = "replaced"
	expired  = "expired"
	other    = "other" // of another log that the auditor trusts as well
)

// role is who attacks, and what he can do.
type role struct {
	name   string
	lays   bool   // versions and delete markers
	key    string // whose key he has, "" for none
	bypass bool   // removes what GOVERNANCE locks, and shortens its locks
	copies bool   // makes the copy that the auditor reads: locks and order are his word
	middle bool   // stands between: hides and changes what is shown
	denies bool   // controls the key that encrypts
}

// nobody attacks nothing.
var nobody = &role{name: "nobody"}

var roles = []*role{
	{name: "bucket writer", lays: true},
	{name: "administrator with bypass", lays: true, bypass: true},
	{name: "holder of the current key", lays: true, key: current},
	{name: "holder of the current key, with bypass", lays: true, key: current, bypass: true},
	{name: "holder of a replaced key", lays: true, key: replaced},
	{name: "holder of a replaced key, with bypass", lays: true, key: replaced, bypass: true},
	{name: "holder of an expired key", lays: true, key: expired},
	{name: "holder of an expired key, with bypass", lays: true, key: expired, bypass: true},
	{name: "holder of another log's key", lays: true, key: other},
	{name: "holder of another log's key, with bypass", lays: true, key: other, bypass: true},
	{name: "whoever controls the encryption key", denies: true},
	{name: "maker of copies", lays: true, copies: true},
	{name: "maker of copies with a replaced key", lays: true, copies: true, key: replaced},
	{name: "maker of copies with the current key", lays: true, copies: true, key: current},
	{name: "man in the middle", middle: true},
}

// takes reports whether he can make versions vanish that are locked.
func (r *role) takes() bool { return r.bypass || r.copies || r.middle }

// spoils reports whether he may make a trail NOT CONFIRMED: by breaking a promise, or by
// signing two things with a key that is the log's. Who cannot must not be able to.
func (r *role) spoils() bool { return r.takes() || r.key != "" && r.key != other }

// What remains unseen, by role, and why. docs/threat-model.md lists the same.
type unseen struct {
	what string
	why  string
	by   func(r *role, q *question) bool
}

const (
	appended = "false events behind the newest manifest"
	cut      = "the newest manifests, or a log, gone with all that knew of them"
	rewrote  = "the end of a log written anew, with all that knew of it gone"
	swapped  = "another trail's log of the same name and key in its place, with all that knew of it gone"
	took     = "a log begun anew under its name by another key, with all that knew of it gone"
)

var remains = []unseen{
	{
		appended, "the current key is what the trail is believed by",
		func(r *role, _ *question) bool { return r.key == current },
	},
	{
		appended, "who holds a key after its time can date manifests back into it while no honest one is newer",
		func(r *role, _ *question) bool { return r.key == expired },
	},
	{
		cut, "nothing is left that knew of it: keep checkpoints, or lock in COMPLIANCE mode",
		func(r *role, _ *question) bool { return r.takes() },
	},
	{
		rewrote, "who has the key and can remove writes the past anew: keep checkpoints, or lock in COMPLIANCE mode",
		func(r *role, _ *question) bool { return r.takes() && (r.key == current || r.key == expired) },
	},
	{
		rewrote, "a replaced key whose successor's manifests were removed, from an auditor without a pin",
		func(r *role, q *question) bool { return r.takes() && r.key == replaced && q.how != pinnedKeys },
	},
	{
		swapped, "one key began two logs of this name: pin the genesis",
		func(r *role, q *question) bool { return r.takes() && r.lays && q.how != pinnedKeys },
	},
	{
		took, "a key that is not named may begin any log: name it",
		func(r *role, q *question) bool {
			return r.takes() && r.key == other && (q.how == firstKeys || q.how == allKeys)
		},
	},
}

func allowed(what string, r *role, q *question) bool {
	return slices.ContainsFunc(remains, func(u unseen) bool { return u.what == what && u.by(r, q) })
}

// canRemove reports whether the role can take a version away.
func (r *role) canRemove(v *version, now time.Time) bool {
	switch {
	case r.copies, r.middle:
		return true
	case r.bypass:
		return v.lock.Mode != ledger.Compliance || !v.lock.Until.After(now)
	}
	return false
}
