package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// walker goes through the manifests of one log in their order.
type walker struct {
	r      Reader
	keys   []PublicKey
	log    string
	now    time.Time     // locks are judged at this time
	maxAge time.Duration // the longest that a running writer may be silent; 0: any
	note   func(Finding)

	at     *link // the newest manifest that was accepted
	first  int64
	denied *refused // the last version that the store refused, at a place where nothing else is the log's
}

// refused is a version that the store does not give.
type refused struct {
	seq int64
	at  Version
	err error
}

// walk calls visit with every manifest of the log that verifies and continues the
// chain. What does not is noted as a finding, and the walk goes on behind it: one
// broken place hides nothing that follows. An error is the store's.
func (w *walker) walk(ctx context.Context, visit func(*Manifest, Version) error) error {
	w.first = -1
	var group []Version
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		defer func() { group = group[:0] }()
		return w.place(ctx, group, visit)
	}
	for v, err := range w.r.List(ctx, ManifestPrefix+w.log+"/", "") {
		if err != nil {
			return err
		}
		if len(group) > 0 && group[0].Key != v.Key {
			if err := flush(); err != nil {
				return err
			}
		}
		group = append(group, v)
	}
	if err := flush(); err != nil || w.denied == nil {
		return err
	}
	if w.at == nil {
		return w.denied.err
	}
	w.unreadable(*w.denied)
	return nil
}

// unreadable notes a version that cannot hide anything of the log: a manifest stands
// beside it, or none follows.
func (w *walker) unreadable(d refused) {
	w.note(Finding{Severity: SeverityWarning, Code: CodeUnreadable, Log: w.log, Seq: d.seq, Object: d.at.Key, Version: d.at.ID, Found: d.err.Error(), Message: "the store refuses a version at the key of a manifest; it is not believed"})
}

// place judges the versions at one key.
func (w *walker) place(ctx context.Context, versions []Version, visit func(*Manifest, Version) error) error {
	key := versions[0].Key
	log, seq, ok := parseManifestKey(key)
	if !ok || log != w.log {
		w.note(Finding{Severity: SeverityWarning, Code: CodeForeignObject, Log: w.log, Object: key, Message: "not a key of a manifest"})
		return nil
	}
	var signed []*Manifest
	var ids []Version
	var denied []refused
	for _, v := range versions {
		if v.DeleteMarker {
			w.note(Finding{Severity: SeverityWarning, Code: CodeDeleteMarker, Log: w.log, Seq: seq, Object: key, Version: v.ID, Message: "a delete marker hides the manifest from listings; it was read through"})
			continue
		}
		body, err := manifestBody(ctx, w.r, v)
		if errors.Is(err, ErrForbidden) {
			denied = append(denied, refused{seq, v, err})
			continue
		}
		if err != nil {
			return err
		}
		if body == nil && v.Size <= maxManifest {
			continue // gone since it was listed
		}
		m, err := ParseManifest(body, w.keys)
		if err == nil && (m.Predicate.Log != w.log || m.Predicate.Seq != seq) {
			err = fmt.Errorf("a manifest of log %s, number %d", m.Predicate.Log, m.Predicate.Seq)
		}
		if err != nil {
			w.note(Finding{Severity: SeverityWarning, Code: CodeForeignManifest, Log: w.log, Seq: seq, Object: key, Version: v.ID, Expected: "a manifest signed by a trusted key", Found: err.Error(), Message: "something else stands at the key of a manifest; it is not believed"})
			continue
		}
		signed, ids = append(signed, m), append(ids, v)
	}
	if len(signed) == 0 {
		// Nothing at this place is the log's. If the log goes on behind it, the next
		// manifest tells that this one is missing.
		if len(denied) > 0 {
			w.denied = &denied[0]
		}
		return nil
	}
	if w.denied != nil {
		// The log goes on behind a place that could not be read: whether it holds is open.
		return w.denied.err
	}
	for _, d := range denied {
		w.unreadable(d)
	}
	if w.at == nil {
		return w.begin(ctx, signed[0], ids[0], visit)
	}
	if seq > w.at.seq+1 {
		w.note(Finding{Severity: SeverityError, Code: CodeManifestMissing, Log: w.log, Seq: w.at.seq + 1, Object: ManifestKey(w.log, w.at.seq+1), Expected: "manifests " + strconv.FormatInt(w.at.seq+1, 10) + " to " + strconv.FormatInt(seq-1, 10), Found: "none", Message: "manifests are missing from the chain"})
		return w.accept(signed[0], ids[0], visit)
	}
	var reason error
	for i, m := range signed {
		if err := m.follows(w.at); err != nil {
			reason = err
			continue
		}
		for j := range signed {
			if j != i && signed[j].Digest != m.Digest {
				w.note(Finding{Severity: SeverityWarning, Code: CodeOtherWriter, Log: w.log, Seq: seq, Object: key, Version: ids[j].ID, Message: "another signed manifest stands at the same place; the oldest that continues the chain counts"})
			}
		}
		return w.accept(m, ids[i], visit)
	}
	w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: seq, Object: key, Version: ids[0].ID, Message: reason.Error()})
	return w.accept(signed[0], ids[0], visit)
}

// begin takes the oldest manifest that is there. One that is not the first must be
// old enough for those before it to have expired.
func (w *walker) begin(ctx context.Context, m *Manifest, v Version, visit func(*Manifest, Version) error) error {
	seq := m.Predicate.Seq
	if seq == 0 {
		if err := m.follows(noLink()); err != nil {
			w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: 0, Object: v.Key, Version: v.ID, Message: err.Error()})
		}
		return w.accept(m, v, visit)
	}
	if _, err := m.tree(); err != nil {
		w.note(Finding{Severity: SeverityError, Code: CodeChainBroken, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Message: err.Error()})
	}
	// Manifests are locked at least as long as data that is sealed at the same time, so
	// those before this one go no earlier than about when its own lock ends.
	lock, err := w.r.Retention(ctx, v.Key, v.ID)
	if err != nil {
		return err
	}
	f := Finding{Severity: SeverityInfo, Code: CodeStartExpired, Log: w.log, Seq: seq, Object: v.Key, Version: v.ID, Message: fmt.Sprintf("manifests 0 to %d are gone, as their retention promised", seq-1)}
	if lock.Until.Sub(w.now) > 48*time.Hour {
		f.Severity, f.Code = SeverityError, CodeStartMissing
		f.Expected, f.Found = "manifest "+strconv.FormatInt(seq-1, 10), "none"
		f.Message = fmt.Sprintf("manifests 0 to %d are gone, though the one after them is locked until %s", seq-1, lock.Until.UTC().Format(time.RFC3339))
	}
	w.note(f)
	return w.accept(m, v, visit)
}

// maxSkew is how far the clock of a writer may go back unnoticed.
const maxSkew = time.Minute

func (w *walker) accept(m *Manifest, v Version, visit func(*Manifest, Version) error) error {
	l, err := m.link()
	if err != nil {
		// Its own tree does not hold: go on with what the chain gives.
		t := NewTree()
		if w.at != nil {
			t = w.at.tree.clone()
		}
		t.Append(m.Payload)
		l = &link{seq: m.Predicate.Seq, digest: hexDigest(m.Digest), tree: t, at: m.Predicate.WrittenAt, kind: m.Predicate.Kind}
	}
	if w.at == nil {
		w.first = l.seq
	} else {
		if l.at.Before(w.at.at.Add(-maxSkew)) {
			w.note(Finding{Severity: SeverityWarning, Code: CodeClockSkew, Log: w.log, Seq: l.seq, Object: v.Key, Expected: "at or after " + w.at.at.Format(time.RFC3339Nano), Found: l.at.Format(time.RFC3339Nano), Message: "the writer's clock went back"})
		}
		if silent := l.at.Sub(w.at.at); w.maxAge > 0 && silent > w.maxAge && w.at.kind != KindClose && l.kind != KindOpen {
			w.note(Finding{Severity: SeverityWarning, Code: CodeHeartbeatGap, Log: w.log, Seq: l.seq, Object: v.Key, Expected: "a manifest every " + w.maxAge.String(), Found: silent.String() + " without one", Message: "the writer ran and was silent"})
		}
		if l.kind == KindOpen && w.at.kind != KindClose {
			w.note(Finding{Severity: SeverityInfo, Code: CodeUncleanStart, Log: w.log, Seq: l.seq, Object: v.Key, Message: "a writer started without the one before having closed: a crash, or a second writer"})
		}
	}
	w.at = l
	return visit(m, v)
}

// errUnknown says that no given key signed a manifest of these logs.
func errUnknown(logs ...string) error {
	return fmt.Errorf("log %s has no manifest that the given key signed", strings.Join(logs, ", "))
}

// unknown tells of a log without a manifest that a given key signed: anyone can make
// one appear, so it is an error only where it was asked for by name.
func (w *walker) unknown(found bool) error {
	if !found {
		return errUnknown(w.log)
	}
	w.note(Finding{Severity: SeverityWarning, Code: CodeUnknownLog, Log: w.log, Object: ManifestPrefix + w.log + "/", Expected: "manifests signed by a given key", Found: "none", Message: "nothing is said of this log: it was planted, or its key was not given"})
	return nil
}

// Logs lists the logs that have manifests.
func Logs(ctx context.Context, r Reader) ([]string, error) {
	var logs []string
	after := ""
	for {
		found := ""
		for v, err := range r.List(ctx, ManifestPrefix, after) {
			if err != nil {
				return nil, err
			}
			if log, _, ok := parseManifestKey(v.Key); ok {
				found = log
				break
			}
		}
		if found == "" {
			return logs, nil
		}
		logs = append(logs, found)
		// A 0 follows the slash: on with what is not below this log.
		after = ManifestPrefix + found + "0"
	}
}
