package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// job is one sealed object to check, or a manifest whose lock is to be checked.
type job struct {
	log string
	seq int64
	obj *Object
	at  where // its place by numbers

	manifest *Manifest
	version  Version // of the manifest
}

func (j *job) finding(code, message string) Finding {
	return Finding{Severity: SeverityError, Code: code, Log: j.log, Seq: j.seq, Object: j.obj.Key, Message: message}
}

// object checks one sealed object: that a version has the content that was signed,
// that it is locked as promised, and at the level of events what is in it.
func (v *verifier) object(ctx context.Context, j job) error {
	body, at, findings, err := findVersion(ctx, v.r, j, v.now)
	if err != nil {
		return err
	}
	for _, f := range findings {
		v.note(f)
	}
	if body != nil {
		if err := v.lock(ctx, j.log, j.seq, at, Retention{Mode: j.obj.Retention.Mode, Until: j.obj.Retention.Until}); err != nil {
			return err
		}
		v.content(j, body)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done.Objects++
	v.done.Events += j.obj.Events
	v.done.Bytes += int64(len(body))
	v.report.Bytes += int64(len(body))
	v.progress()
	return nil
}

// content checks what is in an object whose bytes are what was signed.
func (v *verifier) content(j job, body []byte) {
	class, _ := ParseObjectKey(j.obj.Key)
	kind := j.obj.kind()
	switch {
	case kind == "":
		f := j.finding(CodeNewerVersion, "an object of a kind that this program does not know")
		f.Severity, f.Found = SeverityUnknown, j.obj.Kind
		v.note(f)
		return
	case class != j.obj.Retention.Class:
		f := j.finding(CodeCountMismatch, "the retention class in the key is not the one that was signed")
		f.Expected, f.Found = j.obj.Retention.Class, class
		v.note(f)
	}
	if kind != ObjectEvents && j.obj.Events != 0 {
		f := j.finding(CodeCountMismatch, "an object without lines is said to have events")
		f.Expected, f.Found = "0", strconv.FormatInt(j.obj.Events, 10)
		v.note(f)
	}
	if v.o.Level < LevelEvents {
		return
	}
	switch kind {
	case ObjectBlob:
		v.blob(j, body, blobDigest(j.obj.Key))
	case ObjectPrompt:
		if hexDigest(sha256.Sum256(body)) != promptDigest(j.obj.Key) {
			v.note(j.finding(CodeEncodingInvalid, "the text is not the one that the key names"))
		}
	case ObjectEvents:
		v.events(j, body)
	}
}

// findVersion finds the version of a sealed object whose content is what was
// signed. Later versions and delete markers are warnings. Where there is none, the
// findings say so, with the first line that is not what it was, as far as that can
// be told; body is then nil.
func findVersion(ctx context.Context, r Reader, j job, now time.Time) (body []byte, at Version, findings []Finding, err error) {
	versions, err := r.Versions(ctx, j.obj.Key)
	if err != nil {
		return nil, at, nil, err
	}
	var wrong []byte
	var wrongAt Version
	var denied, notCopied error
	wrongs := 0
	for _, ver := range versions {
		if ver.DeleteMarker {
			f := j.finding(CodeDeleteMarker, "a delete marker hides the object from listings; it was read through")
			f.Severity, f.Version = SeverityWarning, ver.ID
			findings = append(findings, f)
			continue
		}
		if body != nil {
			f := j.finding(CodeLaterVersion, "a later version lies over the sealed one; it is not believed")
			f.Severity, f.Version = SeverityWarning, ver.ID
			findings = append(findings, f)
			continue
		}
		if ver.Size != j.obj.Bytes && ver.Size > maxAltered {
			if wrongs++; wrongs == 1 {
				wrongAt = ver
			}
			continue
		}
		content, err := r.Get(ctx, j.obj.Key, ver.ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if errors.Is(err, ErrNotCopied) {
			notCopied = err
			continue
		}
		if errors.Is(err, ErrForbidden) {
			denied = err
			continue
		}
		if err != nil {
			return nil, at, nil, err
		}
		sum := sha256.Sum256(content)
		if hexDigest(sum) == j.obj.SHA256 && int64(len(content)) == j.obj.Bytes {
			body, at = content, ver
			continue
		}
		if wrongs++; wrongs == 1 {
			wrong, wrongAt = content, ver
		}
	}
	switch {
	case body != nil:
		if wrongs > 0 {
			f := j.finding(CodeLaterVersion, "another version of the object is not the sealed one; it is not believed")
			f.Severity, f.Version = SeverityWarning, wrongAt.ID
			findings = append(findings, f)
		}
	case !j.obj.Retention.Until.IsZero() && !j.obj.Retention.Until.After(now):
		f := j.finding(CodeExpired, "the object is gone, as its retention promised")
		f.Severity, f.Expected = SeverityInfo, "until "+j.obj.Retention.Until.UTC().Format(time.RFC3339)
		findings = append(findings, f)
		if wrongs > 0 {
			f := j.finding(CodeLaterVersion, "something else stands at the key of an object that has expired; it is not believed")
			f.Severity, f.Version = SeverityWarning, wrongAt.ID
			findings = append(findings, f)
		}
	case denied != nil:
		f := j.finding(CodeUnreadable, "the store refuses the object: whether it is what was signed is not known")
		f.Severity, f.Found = SeverityUnknown, denied.Error()
		findings = append(findings, f)
	case notCopied != nil:
		f := j.finding(CodeNotCopied, "the object was there when the copy was made, and is not in it: the copy was bounded")
		f.Severity = SeverityUnknown
		findings = append(findings, f)
	case wrongs > 0:
		f := j.finding(CodeObjectAltered, "the content is not what was signed")
		f.Version, f.Expected = wrongAt.ID, "sha256 "+j.obj.SHA256+", "+strconv.FormatInt(j.obj.Bytes, 10)+" bytes"
		if wrong == nil {
			f.Found = strconv.FormatInt(wrongAt.Size, 10) + " bytes"
		} else {
			f.Found = "sha256 " + hexDigest(sha256.Sum256(wrong)) + ", " + strconv.Itoa(len(wrong)) + " bytes"
			var why string
			f.Line, why = firstBadLine(j.obj, wrong)
			f.Message += ": " + why
		}
		findings = append(findings, f)
	default:
		f := j.finding(CodeObjectMissing, "the object is gone")
		f.Expected, f.Found = "an object locked until "+j.obj.Retention.Until.UTC().Format(time.RFC3339), "none"
		findings = append(findings, f)
	}
	return body, at, findings, nil
}

// maxAltered bounds what is read of an object that is not the sealed one, in bytes:
// it may be anything, and is read only to say where it differs.
const maxAltered = 64 << 20

// firstBadLine tells as well as it can where altered content stops being what a
// writer writes. Without the original, a change that leaves every line an event
// cannot be placed: the line is then 0.
func firstBadLine(o *Object, body []byte) (line int, why string) {
	if digest := blobDigest(o.Key); digest != "" {
		if _, err := blobText(body, digest); err != nil {
			return 0, err.Error()
		}
		return 0, "the text is the one that was signed, the bytes around it are not"
	}
	n := 0
	size := int64(0)
	tree := NewTree()
	err := eachLine(o.Key, body, func(text []byte) error {
		n++
		if size += int64(len(text)) + 1; size > o.UncompressedBytes {
			return fmt.Errorf("from line %d on there is more text than was signed", n)
		}
		tree.Append(text)
		if _, err := semconv.ParseLine(text); err != nil {
			return fmt.Errorf("line %d is no event: %w", n, err)
		}
		return nil
	})
	var e *encodingError
	switch {
	case errors.As(err, &e):
		return max(e.line, 1), fmt.Sprintf("reading failed at line %d: %v", max(e.line, 1), err)
	case err != nil:
		return n, err.Error()
	case hex.EncodeToString(tree.Root()) == o.MerkleRoot:
		return 0, "the lines are those that were signed, the bytes around them are not"
	}
	return 0, "every line is still an event, the Merkle root of the lines is not what was signed"
}

// blob checks the text of a blob whose content is what was signed.
func (v *verifier) blob(j job, body []byte, digest string) {
	text, err := blobText(body, digest)
	if err == nil && int64(len(text)) != j.obj.UncompressedBytes {
		err = fmt.Errorf("the text has %d bytes, %d were signed", len(text), j.obj.UncompressedBytes)
	}
	if err != nil {
		v.note(j.finding(CodeEncodingInvalid, err.Error()))
	}
}

// events checks the lines of an object whose content is what was signed.
func (v *verifier) events(j job, body []byte) {
	tree := NewTree()
	seen := newSummary()
	var sessions sessionSet
	var events, size int64
	var reader semconv.LineReader
	var told []byte
	bad, newer := 0, 0
	err := eachLine(j.obj.Key, body, func(line []byte) error {
		events++
		size += int64(len(line)) + 1
		tree.Append(line)
		e, err := reader.Scan(line)
		if errors.Is(err, semconv.ErrNewerVersion) {
			if newer++; newer == 1 {
				f := j.finding(CodeNewerVersion, err.Error())
				f.Severity, f.Line = SeverityUnknown, int(events)
				v.note(f)
			}
			return nil
		}
		if err != nil {
			if bad++; bad <= 10 {
				f := j.finding(CodeLineInvalid, err.Error())
				f.Line = int(events)
				v.note(f)
			}
			return nil
		}
		seen.add(string(e.EventType), e.Timestamp, e.MissingFields)
		sessions.add(e.SessionID)
		at := j.at
		at.line = uint64(events)
		told = reader.AppendTold(told[:0])
		v.tables.id(semconv.LegacyEventID(e.EventID), told, at)
		v.tables.step(j.log, e)
		return nil
	})
	if err != nil {
		f := j.finding(CodeEncodingInvalid, err.Error())
		var e *encodingError
		if errors.As(err, &e) {
			f.Line = e.line
		}
		v.note(f)
		return
	}
	mismatch := func(code, what string, want, have any) {
		f := j.finding(code, what+" is not what was signed")
		f.Expected, f.Found = fmt.Sprint(want), fmt.Sprint(have)
		v.note(f)
	}
	if root := fmt.Sprintf("%x", tree.Root()); root != j.obj.MerkleRoot {
		mismatch(CodeMerkleMismatch, "the Merkle root of the lines", j.obj.MerkleRoot, root)
	}
	if events != j.obj.Events {
		mismatch(CodeCountMismatch, "the number of events", j.obj.Events, events)
	}
	if size != j.obj.UncompressedBytes {
		mismatch(CodeCountMismatch, "the uncompressed size", j.obj.UncompressedBytes, size)
	}
	if bad+newer > 0 {
		return // the rest counts what the lines say
	}
	if !maps.Equal(seen.types, j.obj.EventTypes) {
		mismatch(CodeCountMismatch, "the count by event type", j.obj.EventTypes, seen.types)
	}
	if !maps.Equal(seen.missing, j.obj.MissingFields) {
		mismatch(CodeCountMismatch, "the count of missing fields", j.obj.MissingFields, seen.missing)
	}
	if !seen.min.Equal(j.obj.MinTimestamp.Time) || !seen.max.Equal(j.obj.MaxTimestamp.Time) {
		mismatch(CodeCountMismatch, "the span of time", j.obj.MinTimestamp.Format(time.RFC3339Nano)+" to "+j.obj.MaxTimestamp.Format(time.RFC3339Nano), seen.min.Format(time.RFC3339Nano)+" to "+seen.max.Format(time.RFC3339Nano))
	}
	if set := sessions.summary(); !set.equal(&j.obj.Sessions) {
		mismatch(CodeCountMismatch, "the set of sessions", j.obj.Sessions.Count, set.Count)
	}
}
