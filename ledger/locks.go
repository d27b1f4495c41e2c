package ledger

import (
	"context"
	"errors"
	"time"
)

// manifestLock checks that a manifest is locked as it was promised: in version 1, which
// did not say, as long as the data it speaks for.
func (v *verifier) manifestLock(ctx context.Context, j job) error {
	p := &j.manifest.Predicate
	want := Retention{Mode: Governance}
	if p.Retention != nil {
		want = Retention(*p.Retention)
	}
	for i := range p.Objects {
		r := &p.Objects[i].Retention
		want.Until = latest(want.Until, r.Until)
		if r.Mode == Compliance {
			want.Mode = Compliance
		}
	}
	return v.lock(ctx, j.log, j.seq, j.version, want)
}

// lock compares the lock of a version with the one promised.
func (v *verifier) lock(ctx context.Context, log string, seq int64, at Version, want Retention) error {
	if want.Until.IsZero() || !want.Until.After(v.now) {
		return nil // nothing was promised, or the promise has run out
	}
	have, err := v.r.Retention(ctx, at.Key, at.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	// Stores keep whole seconds.
	if have.Mode == want.Mode || have.Mode == Compliance {
		if !have.Until.Before(want.Until.Truncate(time.Second)) {
			return nil
		}
	}
	found := describeLock(have)
	if err != nil { // of a copy, which still holds it
		found = err.Error()
	}
	v.note(Finding{Severity: SeverityError, Code: CodeNotLocked, Log: log, Seq: seq, Object: at.Key, Version: at.ID, Expected: describeLock(want), Found: found, Message: "the object is not locked as promised"})
	return nil
}

func describeLock(r Retention) string {
	switch {
	case r.Mode == "":
		return "no lock"
	case r.Until.IsZero():
		return r.Mode
	}
	return r.Mode + " until " + r.Until.UTC().Format(time.RFC3339)
}
