package ledger

import (
	"context"
	"errors"
	"fmt"
)

// compare holds the events of the trail against each other.
func (v *verifier) compare(ctx context.Context) error {
	var failed error
	named := 0
	places := map[[2]uint64]*Manifest{}
	doubles, err := v.tables.tellings(func(first, other where) {
		if named++; named > maxFindings || failed != nil {
			v.note(Finding{Severity: SeverityWarning, Code: CodeEventIDReused}) // counted, not listed
			return
		}
		a, err := v.place(ctx, first, places)
		if err != nil {
			failed = err
			return
		}
		b, err := v.place(ctx, other, places)
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

// maxPlaces bounds how many manifests are kept to name the places of events.
const maxPlaces = 64

// place reads the manifest of a place again, to name it, unless it was read lately.
func (v *verifier) place(ctx context.Context, at where, lately map[[2]uint64]*Manifest) (job, error) {
	j := job{log: v.logs[at.log], seq: int64(at.seq)}
	k := [2]uint64{at.log, at.seq}
	m := lately[k]
	if m == nil {
		var err error
		if m, err = v.again(ctx, j.log, j.seq, int(at.obj)); err != nil {
			return j, err
		}
		if len(lately) >= maxPlaces {
			clear(lately)
		}
		lately[k] = m
	}
	j.obj = &m.Predicate.Objects[at.obj]
	return j, nil
}

// again reads a manifest that was read before, and names more than so many objects.
func (v *verifier) again(ctx context.Context, log string, seq int64, objects int) (*Manifest, error) {
	versions, err := v.r.Versions(ctx, ManifestKey(log, seq))
	if err != nil {
		return nil, err
	}
	for _, ver := range versions {
		if ver.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, v.r, ver)
		if err != nil && !errors.Is(err, ErrForbidden) {
			return nil, err
		}
		if m, _, err := parseEnvelope(body); err == nil && m.Predicate.Log == log && objects < len(m.Predicate.Objects) {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%s was there and is gone", ManifestKey(log, seq))
}
