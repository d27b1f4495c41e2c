package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// window judges whether what was asked for meets what the logs say (R7 of
// docs/verification.md): a time of which a log says nothing is not an empty time.
func (v *verifier) window() {
	since, until := v.o.Since, v.o.Until
	if since.IsZero() && until.IsZero() {
		return
	}
	met := false
	for i := range v.report.Logs {
		l := &v.report.Logs[i]
		f := Finding{Severity: SeverityUnknown, Code: CodeOutsideWindow, Log: l.Log, Seq: l.Last, Object: ManifestKey(l.Log, l.Last)}
		switch {
		case !until.IsZero() && until.Before(l.BeganAt):
			f.Seq, f.Object, f.Found = l.First, ManifestKey(l.Log, l.First), "manifests from "+stamp(l.BeganAt)+" on"
			if f.Message = "the log's manifests of that time are gone"; l.First == 0 {
				f.Severity, f.Message = SeverityInfo, "the log began after that time"
			}
		case !since.IsZero() && since.After(l.WrittenAt):
			f.Found = "manifests until " + stamp(l.WrittenAt)
			if f.Message = "the log was not closed, and says nothing of that time"; l.Closed {
				f.Severity, f.Message = SeverityInfo, "the log was closed before that time"
				if l.Retired {
					f.Message = "the log was retired before that time"
				}
			}
		default:
			met = true
			continue
		}
		v.note(f)
	}
	if !met && len(v.report.Logs) > 0 {
		v.note(Finding{Severity: SeverityUnknown, Code: CodeOutsideWindow, Message: "no log says anything of the time that was asked for"})
	}
}

var checked = map[Level]string{
	LevelChain:   "Their manifests are signed, without a gap, and continue each other; the objects that they name were not looked at.",
	LevelObjects: "Every object that their manifests name in that scope was read, is byte for byte what was signed, and is locked as promised; the lines in it were not read.",
	LevelEvents:  "Every object that their manifests name in that scope was read, is byte for byte what was signed, and is locked as promised; every line in it is an event, and is counted in what was signed.",
}

// describe says in words what the verdict is about, and what it is not.
func (r *Report) describe(level Level, from Reader) {
	r.Scope = []string{}
	for i := range r.Logs {
		r.Scope = append(r.Scope, r.Logs[i].scope(r.Since, r.Until))
	}
	if r.Verdict == Confirmed {
		r.Scope = append(r.Scope, checked[level])
	}
	if c, ok := from.(Copy); ok {
		r.Limits = append(r.Limits, "How objects are locked, and which of two versions is the older: the maker of this copy says so, and nobody else.")
		r.Limits = append(r.Limits, c.Limits()...)
	}
	if slices.ContainsFunc(r.Logs, func(l LogReport) bool { return l.Witnessed != nil }) {
		r.Limits = append(r.Limits, "Of what the witnesses did not see, that is behind the manifests that they cosigned, whether the log's key signed another history as well; and whether the witnesses are independent of who has that key.")
	}
	r.Limits = append(r.Limits,
		"Whether a log sealed anything after its newest manifest: compare checkpoints that were kept elsewhere (--checkpoint).",
		"Whether what agents reported was true, or whole.")
}

// scope says from where to where a log was verified, and by whose key.
func (l *LogReport) scope(since, until *time.Time) string {
	var keys []string
	for _, k := range l.Keys {
		text := "key " + short(k.KeyID)
		if k.From > l.First {
			text += fmt.Sprintf(" from manifest %d on", k.From)
		}
		keys = append(keys, text)
	}
	from := "its beginning, manifest 0"
	if l.First > 0 {
		from = fmt.Sprintf("manifest %d, those before having gone,", l.First)
	}
	end := "the newest"
	switch {
	case l.blind:
		end = "the newest that could be read: what follows, behind that time, is not known"
	case l.loose:
		end = "the newest that is there: what followed may have expired"
	case l.Retired:
		end = "by which another writer retired it, as it found none of its own"
	case l.Closed:
		end = "which closed it"
	}
	text := fmt.Sprintf("Log %s (%s): from %s of %s to manifest %d of %s, %s", l.Log, strings.Join(keys, ", "), from, stamp(l.BeganAt), l.Last, stamp(l.WrittenAt), end)
	if since != nil || until != nil {
		text += "; of these, what was sealed"
		if since != nil {
			text += " from " + stamp(*since)
		}
		if until != nil {
			text += " to " + stamp(*until)
		}
		text += fmt.Sprintf(": %d events", l.Events)
		if l.Events == 0 {
			text += ", that is nothing"
		}
	}
	if l.From > 0 {
		text += fmt.Sprintf("; objects of the first %d manifests were checked before", l.From)
	}
	return text + l.witnessed() + "."
}

// witnessed says what a quorum of witnesses confirms, where one was asked for.
func (l *LogReport) witnessed() string {
	switch {
	case !l.asked:
		return ""
	case l.Witnessed == nil:
		return "; no quorum of your witnesses vouches for any of it"
	}
	var by []string
	for _, c := range l.Witnessed.By {
		by = append(by, c.Witness+" at "+c.At.Format(time.RFC3339))
	}
	seen := fmt.Sprintf("the first %d manifests", l.Witnessed.Size)
	if l.Witnessed.Size > l.Last {
		seen = "all of it"
	}
	return fmt.Sprintf("; a quorum of your witnesses saw %s, and until then no other history of this log (%s)", seen, strings.Join(by, ", "))
}

// short is the beginning of a digest, for people.
func short(digest string) string { return digest[:min(12, len(digest))] }
