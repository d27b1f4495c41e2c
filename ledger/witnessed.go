package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// witnessed holds what the logs saw of each other against what is there (R5 of
// docs/verification.md). What a log signed itself binds it, wherever it is found; what
// only another says of it is a warning that names who says it.
func (v *verifier) witnessed(ctx context.Context) error {
	var failed error
	type kind struct {
		log  string
		note bool
	}
	gone := map[kind]bool{} // what was told of logs that are not there
	late := map[string]map[int64]string{}
	err := v.tables.sightings(func(s sighting) {
		of := v.walks[s.ref.Log]
		switch {
		case of == nil || of.at == nil:
			if k := (kind{s.ref.Log, s.ref.Note != ""}); v.found && !gone[k] {
				gone[k] = true
				failed = errors.Join(failed, v.gone(ctx, s))
			}
		case s.ref.Seq < of.first || !of.walkedOver(s.ref.Seq) || of.stuck && s.ref.Seq > of.at.seq:
		case s.ref.Note == "" && s.have == s.ref.SHA256:
		default:
			if s.ref.Seq > of.at.seq { // it may have gone on since it was walked
				if late[s.ref.Log] == nil {
					roots, err := of.later(ctx)
					late[s.ref.Log], failed = roots, errors.Join(failed, err)
				}
				s.root = late[s.ref.Log][s.ref.Seq]
			}
			if s.ref.Note != "" {
				v.noted(of, s)
			} else if s.ref.Seq <= of.at.seq || s.root == "" {
				v.said(of, s)
			}
		}
	})
	return errors.Join(err, failed)
}

// said tells of a log that another contradicts.
func (v *verifier) said(of *walker, s sighting) {
	f := Finding{Severity: SeverityWarning, Code: CodeLogForked, Log: s.ref.Log, Seq: s.ref.Seq, Object: ManifestKey(s.ref.Log, s.ref.Seq), Expected: "manifest " + s.ref.SHA256 + s.source(), Found: "manifest " + s.have, Message: "another log says, without this log's signature, that another manifest stood here"}
	if s.have == "" {
		if s.ref.Seq <= of.at.seq {
			return // a hole, which is told
		}
		f.Code, f.Found, f.Message = CodeLogRewound, "manifests up to "+strconv.FormatInt(of.at.seq, 10), "another log says, without this log's signature, that it had more manifests"
	}
	v.note(f)
}

func (s *sighting) source() string {
	return fmt.Sprintf(", says manifest %d of log %s", s.seq, s.by)
}

// noted holds a log's own checkpoint, which another log keeps, against it.
func (v *verifier) noted(of *walker, s sighting) {
	cp, err := ParseCheckpoint([]byte(s.ref.Note), of.ring.all, nil)
	f := Finding{Severity: SeverityUnknown, Log: s.ref.Log, Seq: s.ref.Seq, Object: ManifestKey(s.by, s.seq), Found: of.treeAt(of.at)}
	switch {
	case err != nil || cp.Log != s.ref.Log:
	case cp.Genesis != "" && of.genesis != "" && cp.Genesis != of.genesis && of.ring.has(cp.KeyID) && !of.ring.knows(of.genesis) && !slices.Contains(of.held, of.genesis):
		f.Code, f.Expected, f.Message = CodeLogAmbiguous, cp.signed()+s.source(), "a given key signed a checkpoint of another log of this name: name the key of the one that you mean, or give its genesis (--trust)"
		v.note(f)
		return
	case s.root == "" && !of.signs(cp.KeyID, cp.Size-1) && (cp.Genesis == "" || cp.Genesis == of.genesis) && of.mayFollow(cp):
		f.Code, f.Expected, f.Message = CodeLogRewound, cp.signed()+s.source(), "a key that you named for this log signed a checkpoint of manifests that are not there, and no rotation to it is"
		v.note(f)
		return
	}
	if err != nil || cp.Log != s.ref.Log || cp.Genesis != "" && of.genesis != "" && cp.Genesis != of.genesis || !of.signs(cp.KeyID, cp.Size-1) {
		f := Finding{Severity: SeverityWarning, Code: CodeForeignCheckpoint, Log: s.by, Seq: s.seq, Object: ManifestKey(s.by, s.seq), Expected: "a checkpoint of log " + s.ref.Log + " that its key signed", Message: "a log keeps something else as the checkpoint of another; it is not believed"}
		if err != nil {
			f.Found = err.Error()
		} else {
			f.Found = "a checkpoint of " + cp.Origin() + ", signed by key " + cp.KeyID
		}
		v.note(f)
		return
	}
	f = Finding{Severity: SeverityError, Log: cp.Log, Seq: cp.Size - 1, Object: ManifestKey(s.by, s.seq), Expected: cp.signed() + s.source(), Found: of.treeAt(of.at)}
	if cp.Genesis == "" || of.genesis == "" {
		f.Severity = SeverityUnknown // version 1 does not say of which log of this name it is
	}
	if s.root == "" && !of.locked() {
		f.Severity = SeverityUnknown // what followed may have expired
	}
	switch {
	case s.root == cp.Root:
		return
	case s.root != "":
		f.Code, f.Found, f.Message = CodeLogForked, "the root "+s.root, "the log signed another tree than the one that is there: it was rewritten"
	case s.ref.Seq <= of.at.seq:
		return // a hole, which is told
	default:
		f.Code, f.Message = CodeLogRewound, "the log signed a tree of manifests that are not there"
	}
	v.note(f)
}

// gone tells of a log that another saw, and of which no manifest counts here. Whether its
// time had come nobody can know.
func (v *verifier) gone(ctx context.Context, s sighting) error {
	f := Finding{Severity: SeverityUnknown, Code: CodeLogRewound, Log: s.ref.Log, Seq: s.ref.Seq, Object: ManifestKey(s.ref.Log, s.ref.Seq), Found: "no manifest that counts"}
	if s.ref.Note != "" {
		ring := newKeyring(s.ref.Log, v.o.Keys)
		cp, err := ParseCheckpoint([]byte(s.ref.Note), ring.keys, nil)
		if err != nil || cp.Log != s.ref.Log {
			return nil
		}
		f.Expected, f.Message = cp.signed()+s.source(), "a log of which nothing that counts is left: it has expired, or it was removed"
		if by, err := v.again(ctx, s.by, s.seq, -1); err == nil && by.Predicate.Retention != nil && !by.Predicate.Retention.Until.After(v.now) {
			f.Severity = SeverityInfo // the time of what speaks of it is over as well
		}
		v.note(f)
		return nil
	}
	seen, err := v.r.Versions(ctx, ManifestKey(s.ref.Log, s.ref.Seq))
	if err != nil {
		return err
	}
	for _, at := range seen {
		if at.DeleteMarker {
			continue
		}
		body, err := manifestBody(ctx, v.r, at)
		if err != nil && !errors.Is(err, ErrForbidden) {
			return err
		}
		if m, _, err := parseEnvelope(body); err == nil && hexDigest(m.Digest) == s.ref.SHA256 {
			return nil // of a key that was not given
		}
	}
	f.Severity, f.Expected, f.Message = SeverityWarning, "manifest "+s.ref.SHA256+s.source(), "another log says that it saw this log, of which nothing that counts is left"
	v.note(f)
	return nil
}
