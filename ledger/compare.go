package ledger

import (
	"context"
	"errors"
	"fmt"
)

// compare holds the events of the trail against each other.
func (v *verifier) compare(ctx context.Context) error {
	var failed error
	doubles, err := v.tables.tellings(func(first, other where) {
		a, err := v.place(ctx, first)
		if err != nil {
			failed = err
			return
		}
		b, err := v.place(ctx, other)
		if err != nil {
			failed = err
			return
		}
		f := b.finding(CodeEventIDReused, "one event id is told with two contents: ids come from senders, both count")
		f.Expected, f.Found = fmt.Sprintf("as in %s line %d", a.obj.Key, first.line), "another content"
		f.Severity, f.Line = SeverityWarning, int(other.line)
		v.note(f)
	})
	v.report.Doubles = doubles
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	// Where objects could not be read, or were not asked for, their steps are not missing.
	if v.report.Errors > 0 || v.report.Unknowns > 0 || !v.o.Since.IsZero() || !v.o.Until.IsZero() || len(v.o.From) > 0 {
		return nil
	}
	return v.tables.holes(v.note)
}

// place reads the manifest of a place again, to name it.
func (v *verifier) place(ctx context.Context, at where) (job, error) {
	j := job{log: v.logs[at.log], seq: int64(at.seq)}
	versions, err := v.r.Versions(ctx, ManifestKey(j.log, j.seq))
	if err != nil {
		return j, err
	}
	for _, ver := range versions {
		if ver.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, v.r, ver)
		if err != nil && !errors.Is(err, ErrForbidden) {
			return j, err
		}
		if m, _, err := parseEnvelope(body); err == nil && m.Predicate.Log == j.log && at.obj < uint64(len(m.Predicate.Objects)) {
			j.obj = &m.Predicate.Objects[at.obj]
			return j, nil
		}
	}
	return j, fmt.Errorf("%s was there and is gone", ManifestKey(j.log, j.seq))
}
