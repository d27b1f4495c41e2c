package ledger

import (
	"context"
	"slices"
	"strings"
)

// others looks for what is in the bucket and not in a manifest: where all of it was asked
// for, since a window says nothing of what manifests outside of it name.
func (v *verifier) others(ctx context.Context) error {
	if err := v.changes(ctx); err != nil || !v.o.Since.IsZero() || !v.o.Until.IsZero() || len(v.o.From) > 0 {
		return err
	}
	last := ""
	for at, err := range v.r.List(ctx, "", "") {
		if err != nil {
			return err
		}
		if at.Key == last {
			continue
		}
		last = at.Key
		if log := objectLog(at.Key); log != "" {
			if v.o.Logs == nil || slices.Contains(v.o.Logs, log) {
				v.tables.there(at)
			}
			continue
		}
		if !slices.ContainsFunc(trailPrefixes, func(p string) bool { return len(at.Key) > len(p) && strings.HasPrefix(at.Key, p) }) {
			v.note(Finding{Severity: SeverityWarning, Code: CodeForeignObject, Object: at.Key, Version: at.ID, Message: "not part of a trail"})
		}
	}
	return v.tables.strangers(func(key, version string) {
		v.note(Finding{Severity: SeverityWarning, Code: CodeOrphan, Log: objectLog(key), Object: key, Version: version, Message: "no manifest names this data object: its writer stopped before the commit, or it was planted; its events are not part of the trail"})
	})
}

// changes looks for what was changed in a copy since it was made: also in what nobody
// signed, such as cosignatures and versions that were passed over.
func (v *verifier) changes(ctx context.Context) error {
	c, ok := v.r.(Copy)
	if !ok {
		return nil
	}
	for change, err := range c.Changes(ctx) {
		if err != nil {
			return err
		}
		f := Finding{Severity: SeverityError, Code: CodeCopyAltered, Log: objectLog(change.Key), Object: change.Key, Version: change.ID, Expected: "sha256 " + change.Expected, Found: "sha256 " + change.Found, Message: "the file is not as it was pulled"}
		if change.Expected == "" {
			f.Severity, f.Code, f.Expected, f.Found, f.Message = SeverityWarning, CodeForeignObject, "", "", "the file was added to the copy"
		}
		v.note(f)
	}
	return nil
}

var trailPrefixes = []string{
	ManifestPrefix, KeyPrefix, PromptPrefix, CheckpointPrefix, BlobPrefix, ContentPrefix, HeldKeyPrefix, IndexPrefix, IndexTextPrefix, TilePrefix,
}
