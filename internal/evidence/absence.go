package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// step is a manifest as far as an absence rests on it.
type step struct {
	seq      int64
	at       time.Time // the time that the log had come to
	dated    bool      // the manifest signs that time; version 1 does not
	objects  int
	filtered int             // objects that a filter excludes
	suspects []ledger.Object // those whose set of sessions does not exclude the session
	strange  string          // an object of a kind that is not known
}

// step keeps of a manifest what is needed.
func (c *checker) step(m *ledger.Manifest, at time.Time) step {
	s := step{seq: m.Predicate.Seq, at: at, dated: m.Predicate.Time != nil, objects: len(m.Predicate.Objects)}
	if c.b.Claim.Kind != Absence {
		return s
	}
	for i := range m.Predicate.Objects {
		o := &m.Predicate.Objects[i]
		switch {
		case ledger.KindOf(o) == "":
			s.strange = o.Key
		case o.Sessions.Has(c.b.Claim.Session):
			s.suspects = append(s.suspects, ledger.Object{Key: o.Key, Events: o.Events, MerkleRoot: o.MerkleRoot})
		case !o.Sessions.Exact():
			s.filtered++
		}
	}
	return s
}

// absence checks that the manifests leave no gap in the time of the claim, and that none
// of their objects holds the session (R9).
func (c *checker) absence() {
	if len(c.logs) == 0 {
		c.unknown(nil, CodeClaimUnproven, bundleFile, "there is no log in the bundle: nothing is said of any")
		return
	}
	w := c.b.Claim.window()
	met := false
	var told []absent
	for _, p := range c.logs {
		says, reason := p.span.meets(w)
		if reason != "" {
			c.unknown(p.Log, ledger.CodeOutsideWindow, p.Tree.File, "log %s %s", p.Log.Log, reason)
			return
		}
		met = met || says
		a, ok := c.absentFrom(p, w)
		if !ok {
			return
		}
		told = append(told, a)
	}
	if !met {
		c.unknown(nil, ledger.CodeOutsideWindow, bundleFile, "no log says anything of the time %s", w)
		return
	}
	condition := c.conditions()
	for i := range told {
		told[i].tell(c, w, condition)
	}
	c.limit("that there is no other log in the bucket: the claim is about the logs %s", c.logNames())
	if others := c.unclaimed(); len(others) > 0 {
		c.limit("anything of the logs %s, which you have a key for, and of which the bundle says nothing",
			strings.Join(others, ", "))
	}
	c.limit("that no event of the session came without its session id: " +
		"of runs that never stated a session nothing is said")
	c.limit("what was sealed outside that time, whenever it happened; sealing is dated by the time of each log, " +
		"which its writer's clock gives and which does not go back")
}

// unclaimed are the logs that the auditor named keys for and that the claim is not about.
func (c *checker) unclaimed() (logs []string) {
	for _, k := range c.o.Keys {
		if k.May == nil {
			continue
		}
		for _, log := range k.May.Logs {
			if !slices.Contains(logs, log) && !slices.ContainsFunc(c.b.Logs, func(l Log) bool { return l.Log == log }) {
				logs = append(logs, log)
			}
		}
	}
	return logs
}

// absent is what one log shows.
type absent struct {
	p                 *logPart
	from, to          *step
	ended             bool // a manifest from behind the time is there
	objects, filtered int
	searched          []string // objects that were read whole
}

// absentFrom checks the manifests of one log, from the last before the time to the first
// behind it.
func (c *checker) absentFrom(p *logPart, w window) (a absent, ok bool) {
	if len(p.Lines) > 0 {
		c.fail(p.Log, CodeBundleInvalid, bundleFile, "the bundle has lines, for which a claim of absence has no use")
		return a, false
	}
	first := 0 // the last before the time; where there is none, the log's beginning
	for i := range p.steps {
		if w.before(p.steps[i].at) {
			first = i
		}
	}
	if !p.steps[first].dated {
		first = 0 // how far time had come, only all of them show
	}
	a = absent{p: p, from: &p.steps[first], to: &p.steps[first]}
	for i := first; i < len(p.steps); i++ {
		s := &p.steps[i]
		if i > first && s.seq != a.to.seq+1 {
			c.fail(p.Log, CodeClaimUnproven, manifestFile(p.Log.Log, s.seq),
				"manifests between %d and %d are not in the bundle", a.to.seq, s.seq)
			return a, false
		}
		a.to, p.used = s, s.seq
		if a.ended = w.after(s.at); a.ended {
			break
		}
		if w.before(s.at) {
			continue
		}
		a.objects += s.objects
		a.filtered += s.filtered
		if !c.excluded(p, s, &a) {
			return a, false
		}
	}
	return a, true
}

// excluded checks the objects of a manifest that its sets of sessions do not exclude.
func (c *checker) excluded(p *logPart, s *step, a *absent) bool {
	file := manifestFile(p.Log.Log, s.seq)
	if s.strange != "" {
		c.unknown(p.Log, ledger.CodeNewerVersion, file, "%s is of a kind that this program does not know", s.strange)
		return false
	}
	for i := range s.suspects {
		o := &s.suspects[i]
		n := slices.IndexFunc(p.Objects, func(p Object) bool { return p.Seq == s.seq && p.Object == o.Key })
		if n < 0 {
			c.fail(p.Log, CodeClaimUnproven, file, "%s may hold the session, and is not in the bundle", o.Key)
			return false
		}
		if !c.search(p.Log, p.Objects[n].File, o) {
			return false
		}
		a.searched = append(a.searched, o.Key)
	}
	return true
}

// search checks the lines of an object that its set of sessions does not exclude.
func (c *checker) search(l *Log, file string, o *ledger.Object) bool {
	tree := ledger.NewTree()
	s := search{session: c.b.Claim.Session}
	var found error
	err := c.a.lines(file, func(line []byte) error {
		if int64(tree.Size()) == o.Events {
			return errors.New("more lines than were sealed")
		}
		tree.Append(line)
		if found == nil {
			found = s.line(line)
		}
		return nil
	})
	switch {
	case err != nil:
		c.fail(l, CodeBundleInvalid, file, "%v", err)
	case hex.EncodeToString(tree.Root()) != o.MerkleRoot || int64(tree.Size()) != o.Events:
		c.fail(l, CodeProofInvalid, file, "the lines are not those of %s", o.Key)
	case errors.Is(found, ErrPresent):
		c.fail(l, CodeClaimUnproven, file, "line %d is an event of the session", s.n)
	case found != nil:
		c.unreadable(l, file, found)
	default:
		return true
	}
	return false
}

// tell says what one log shows, and from where to where.
func (a *absent) tell(c *checker, w window, condition string) {
	log, end := a.p.Log.Log, a.to.at.UTC().Format(time.RFC3339)
	first := ""
	switch met, _ := a.p.span.meets(w); {
	case !met && a.ended:
		c.proven("log %s began behind that time, at %s%s", log, end, condition)
		return
	case !met && a.p.span.retired:
		c.proven("log %s was retired before that time, at %s, by another writer, as it found none of its own%s", log, end, condition)
		c.limit("of log %s, what was sealed after %s, and what its own writer had not sealed by then", log, end)
		return
	case !met:
		c.proven("log %s was closed before that time, at %s%s", log, end, condition)
		c.limit("of log %s, what was sealed after %s", log, end)
		return
	case a.from.seq > 0 && !w.before(a.from.at):
		first = fmt.Sprintf("from manifest %d, of %s, on, ", a.from.seq, a.from.at.UTC().Format(time.RFC3339))
		c.limit("of log %s, what was in manifests 0 to %d, which are not in the bundle: they have expired, or may have",
			log, a.from.seq-1)
	}
	span := w.String()
	if !a.ended {
		span = "up to manifest " + strconv.FormatInt(a.to.seq, 10) + ", of " + end
		if !w.since.IsZero() {
			span = window{since: w.since}.String() + " " + span
		}
		c.limit("of log %s, what was sealed after %s", log, end)
	}
	c.proven("no event of session %s is in the %d objects that log %s sealed %s%s%s",
		c.b.Claim.Session, a.objects, log, first, span, condition)
	if a.filtered > 0 {
		c.proven("of these, %d are excluded by a Bloom filter, which never misses a session", a.filtered)
	}
	for _, key := range a.searched {
		c.proven("%s, whose set of sessions cannot exclude it, was searched line by line", key)
	}
}
