package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Report is what a bundle proves, and what it cannot.
type Report struct {
	Verdict  ledger.Verdict   `json:"verdict"`
	Reason   string           `json:"reason,omitempty"` // why there is no verdict
	Claim    Claim            `json:"claim"`
	Events   int              `json:"events"`
	Proven   []string         `json:"proven"`
	Limits   []string         `json:"limits"` // what it does not prove
	Findings []ledger.Finding `json:"findings"`
}

// ExitCode is that of the verdict: 0, 1 or 2.
func (r *Report) ExitCode() int {
	return (&ledger.Report{Verdict: r.Verdict}).ExitCode(false)
}

// Codes of findings about bundles.
const (
	CodeBundleInvalid    = "bundle_invalid"    // a part is missing, or not what it should be
	CodeSignatureInvalid = "signature_invalid" // a manifest or a checkpoint that no trusted key signed
	CodeProofInvalid     = "proof_invalid"     // a Merkle path does not lead to the signed root
	CodeClaimUnproven    = "claim_unproven"    // the parts hold, but do not show what is claimed
)

// checker goes through a bundle.
type checker struct {
	files archive
	b     *Bundle
	keys  []ledger.PublicKey
	wit   []ledger.Witness
	r     *Report
}

// Verify checks a bundle offline, with keys that the caller trusts. The error, if any,
// says why there is no verdict.
func Verify(in io.ReaderAt, size int64, keys []ledger.PublicKey, witnesses []ledger.Witness) (*Report, error) {
	r := &Report{Verdict: ledger.NoVerdict, Proven: []string{}, Limits: []string{}, Findings: []ledger.Finding{}}
	fail := func(err error) (*Report, error) {
		r.Reason = err.Error()
		return r, err
	}
	if len(keys) == 0 {
		return fail(errors.New("no public key to verify with"))
	}
	files, err := readArchive(in, size)
	if err != nil {
		return fail(err)
	}
	b, err := files.bundle()
	if err != nil {
		return fail(err)
	}
	r.Claim = b.Claim
	c := &checker{files: files, b: b, keys: keys, wit: witnesses, r: r}
	for i := range b.Logs {
		c.log(&b.Logs[i])
	}
	c.claim()
	r.Verdict = ledger.Confirmed
	if len(r.Findings) > 0 {
		r.Verdict, r.Proven = ledger.NotConfirmed, []string{}
	}
	return r, nil
}

func (c *checker) finding(l *Log, code, file, format string, args ...any) {
	log := ""
	if l != nil {
		log = l.Log
	}
	c.r.Findings = append(c.r.Findings, ledger.Finding{Severity: ledger.SeverityError, Code: code, Log: log, Object: file, Message: fmt.Sprintf(format, args...)})
}

// log checks the parts of one log: signatures first, then what they vouch for.
func (c *checker) log(l *Log) {
	keys := slices.Clone(c.keys)
	manifests := map[int64]*ledger.Manifest{}
	last := int64(-1)
	for i := range l.Manifests {
		p := &l.Manifests[i]
		m, err := ledger.ParseManifest(c.files[p.File], keys)
		switch {
		case err != nil:
			c.finding(l, CodeSignatureInvalid, p.File, "%v", err)
			continue
		case m.Predicate.Log != l.Log || m.Predicate.Seq != p.Seq || hex.EncodeToString(m.Digest[:]) != p.SHA256:
			c.finding(l, CodeBundleInvalid, p.File, "manifest %d of log %s, which is not what %s says", m.Predicate.Seq, m.Predicate.Log, bundleFile)
			continue
		case p.Seq <= last:
			c.finding(l, CodeBundleInvalid, p.File, "manifests are not in their order")
			continue
		case slices.ContainsFunc(keys, func(k ledger.PublicKey) bool {
			return k.ID == m.KeyID && !k.May.Covers(l.Log, p.Seq, m.Predicate.WrittenAt)
		}):
			c.finding(l, CodeSignatureInvalid, p.File, "key %s may not sign here", m.KeyID)
			continue
		}
		last = p.Seq
		manifests[p.Seq] = m
		if next, err := m.NextKey(); err == nil && next != nil {
			// The old key ends here, the new one begins.
			for i := range keys {
				if keys[i].ID == m.KeyID {
					keys[i].May = &ledger.Span{LastSeq: &p.Seq}
				}
			}
			next.May = &ledger.Span{Logs: []string{l.Log}, FirstSeq: p.Seq + 1}
			keys = append(slices.DeleteFunc(keys, func(k ledger.PublicKey) bool { return k.ID == next.ID }), *next)
		}
	}
	if !c.head(l, keys, manifests) {
		return
	}
	for i := range l.Manifests {
		p := &l.Manifests[i]
		m := manifests[p.Seq]
		if m == nil || p.Seq >= l.Tree.Size {
			continue
		}
		if err := ledger.CheckInclusion(m.Payload, uint64(p.Seq), uint64(l.Tree.Size), p.Path, l.Tree.Root); err != nil {
			c.finding(l, CodeProofInvalid, p.File, "the manifest is not in the log's tree: %v", err)
		}
	}
	c.consistency(l, keys)
	for i := range l.Lines {
		c.line(l, &l.Lines[i], manifests)
	}
}

// head checks that the root of the tree is signed.
func (c *checker) head(l *Log, keys []ledger.PublicKey, manifests map[int64]*ledger.Manifest) bool {
	size, root := int64(-1), ""
	if m := manifests[l.Tree.Size]; m != nil && l.Tree.File == manifestFile(l.Log, l.Tree.Size) {
		size, root = m.Predicate.Tree.Size, m.Predicate.Tree.Root
	} else if cp, err := ledger.ParseCheckpoint(c.files[l.Tree.File], keys, c.wit); err == nil && cp.Log == l.Log {
		size, root = cp.Size, cp.Root
		c.cosigned(cp)
	}
	if size != l.Tree.Size || root != l.Tree.Root {
		c.finding(l, CodeSignatureInvalid, l.Tree.File, "no trusted key signed the tree of %d manifests with the root %s", l.Tree.Size, l.Tree.Root)
		return false
	}
	return true
}

func (c *checker) cosigned(cp *ledger.Checkpoint) {
	for _, s := range cp.Cosigs {
		c.proven("witness %s saw the first %d manifests of log %s at %s", s.Witness, cp.Size, cp.Log, s.At.Format(time.RFC3339))
	}
}

func (c *checker) consistency(l *Log, keys []ledger.PublicKey) {
	for _, p := range l.Consistency {
		cp, err := ledger.ParseCheckpoint(c.files[p.File], keys, c.wit)
		if err != nil || cp.Log != l.Log || cp.Size != p.Size || cp.Root != p.Root {
			c.finding(l, CodeSignatureInvalid, p.File, "no checkpoint of log %s that a trusted key signed, size %d", l.Log, p.Size)
			continue
		}
		if cp.Size <= l.Tree.Size {
			err = ledger.CheckConsistency(uint64(cp.Size), uint64(l.Tree.Size), p.Path, cp.Root, l.Tree.Root)
		} else {
			err = ledger.CheckConsistency(uint64(l.Tree.Size), uint64(cp.Size), p.Path, l.Tree.Root, cp.Root)
		}
		if err != nil {
			c.finding(l, CodeProofInvalid, p.File, "the checkpoint is not of the same log: %v", err)
			continue
		}
		c.proven("the log %s is the one of the checkpoint of %d manifests in %s", l.Log, cp.Size, p.File)
		c.cosigned(cp)
	}
}

// line checks an event: that it is in the object, and the object in the manifest.
func (c *checker) line(l *Log, p *Line, manifests map[int64]*ledger.Manifest) {
	m := manifests[p.Seq]
	if m == nil {
		c.finding(l, CodeBundleInvalid, p.File, "the manifest %d that vouches for it is not in the bundle", p.Seq)
		return
	}
	i := slices.IndexFunc(m.Predicate.Objects, func(o ledger.Object) bool { return o.Key == p.Object })
	if i < 0 || m.Predicate.Objects[i].Events != p.Of || p.Line < 1 {
		c.finding(l, CodeBundleInvalid, p.File, "manifest %d does not name %s with %d events", p.Seq, p.Object, p.Of)
		return
	}
	text := c.files[p.File]
	if err := ledger.CheckInclusion(text, uint64(p.Line-1), uint64(p.Of), p.Path, m.Predicate.Objects[i].MerkleRoot); err != nil {
		c.finding(l, CodeProofInvalid, p.File, "the line is not line %d of %s: %v", p.Line, p.Object, err)
		return
	}
	e, err := semconv.ParseLine(text)
	if err != nil {
		c.finding(l, CodeBundleInvalid, p.File, "%v", err)
		return
	}
	if c.b.Claim.Event != "" && e.EventID != c.b.Claim.Event {
		c.finding(l, CodeClaimUnproven, p.File, "event %s, the claim is about %s", e.EventID, c.b.Claim.Event)
		return
	}
	for _, file := range p.Texts {
		sum := sha256.Sum256(c.files[file])
		if digest := hex.EncodeToString(sum[:]); file != textPrefix+digest || !slices.Contains(oversize(text), digest) {
			c.finding(l, CodeProofInvalid, file, "not a text that %s names", p.File)
			return
		}
	}
	if n := len(oversize(text)) - len(p.Texts); n > 0 {
		c.limit("the full text of %d fields that were shortened in %s, which is not in the bundle", n, p.File)
	}
	c.r.Events++
}

func (c *checker) proven(format string, args ...any) {
	c.r.Proven = append(c.r.Proven, fmt.Sprintf(format, args...))
}

func (c *checker) limit(format string, args ...any) {
	c.r.Limits = append(c.r.Limits, fmt.Sprintf(format, args...))
}

// claim says what the parts show, given that they hold.
func (c *checker) claim() {
	cl := &c.b.Claim
	switch {
	case cl.Kind == Presence && (cl.Session == "") != (cl.Event == ""):
		c.presence()
	case cl.Kind == Absence && cl.Session != "" && cl.Event == "":
		c.absence()
	default:
		c.finding(nil, CodeBundleInvalid, bundleFile, "a claim of kind %q", cl.Kind)
	}
	c.limit("that what the agent reported to the collector was true or whole")
}

func (c *checker) presence() {
	if c.r.Events == 0 {
		c.finding(nil, CodeClaimUnproven, bundleFile, "there is no event in the bundle")
		return
	}
	of := "event " + c.b.Claim.Event
	if c.b.Claim.Session != "" {
		of = "session " + c.b.Claim.Session
		c.limit("that these are all events of the session: others may be sealed elsewhere in the trail")
		c.limit("of events without a session of their own, that their run is the session's: it follows from other events of that run")
	}
	c.proven("%d sealed events, told as of %s, are in the logs %s as they are here, byte for byte", c.r.Events, of, c.logNames())
}

func (c *checker) logNames() string {
	var names []string
	for i := range c.b.Logs {
		names = append(names, c.b.Logs[i].Log)
	}
	return strings.Join(names, ", ")
}

// absence checks that the manifests leave no gap in the time of the claim, and that
// none of their objects holds the session.
func (c *checker) absence() {
	if len(c.b.Logs) == 0 {
		c.finding(nil, CodeClaimUnproven, bundleFile, "there is no log in the bundle")
	}
	for i := range c.b.Logs {
		l := &c.b.Logs[i]
		if len(c.r.Findings) > 0 {
			return
		}
		c.absentFrom(l)
	}
	c.limit("that there is no other log in the bucket: the claim is about the logs %s", c.logNames())
	c.limit("that no event of the session came without its session id")
	c.limit("what was sealed outside that time, whenever it happened")
}

func (c *checker) absentFrom(l *Log) {
	since, until := time.Time{}, time.Time{}
	if c.b.Claim.Since != nil {
		since = *c.b.Claim.Since
	}
	if c.b.Claim.Until != nil {
		until = *c.b.Claim.Until
	}
	var before *ledger.Manifest
	objects, filters := 0, 0
	began, ended := false, false
	for i := range l.Manifests {
		p := &l.Manifests[i]
		m, err := ledger.ParseEnvelope(c.files[p.File])
		if err != nil { // it was parsed before
			c.finding(l, CodeBundleInvalid, p.File, "%v", err)
			return
		}
		at := m.Predicate.WrittenAt
		if at.Before(since) {
			before, began = m, true
			continue
		}
		if ended {
			break // the head of the tree
		}
		switch {
		case before != nil:
			if m.Predicate.Seq != before.Predicate.Seq+1 || m.Predicate.Previous != hex.EncodeToString(before.Digest[:]) {
				c.finding(l, CodeClaimUnproven, p.File, "manifests between %d and %d are not in the bundle", before.Predicate.Seq, m.Predicate.Seq)
				return
			}
		case m.Predicate.Seq > 0 && !began:
			if !since.IsZero() {
				c.finding(l, CodeClaimUnproven, p.File, "no manifest from before %s is in the bundle", since.Format(time.RFC3339))
				return
			}
			c.limit("of log %s, what was in manifests 0 to %d, which have expired", l.Log, m.Predicate.Seq-1)
		}
		began, before = true, m
		if !until.IsZero() && at.After(until) {
			ended = true
			continue
		}
		for n := range m.Predicate.Objects {
			o := &m.Predicate.Objects[n]
			objects++
			if !o.Sessions.Has(c.b.Claim.Session) {
				if !o.Sessions.Exact() {
					filters++
				}
				continue
			}
			if !c.searched(l, p.Seq, o) {
				return
			}
		}
	}
	if before == nil {
		c.finding(l, CodeClaimUnproven, bundleFile, "no manifest of log %s is in the bundle", l.Log)
		return
	}
	span := "up to manifest " + fmt.Sprint(before.Predicate.Seq) + ", written at " + before.Predicate.WrittenAt.Format(time.RFC3339)
	if ended {
		span = "between " + describe(since) + " and " + until.Format(time.RFC3339)
	} else {
		c.limit("of log %s, what was sealed after %s", l.Log, before.Predicate.WrittenAt.Format(time.RFC3339))
	}
	c.proven("no event of session %s is in the %d objects that log %s sealed %s", c.b.Claim.Session, objects, l.Log, span)
	if filters > 0 {
		c.proven("of these, %d are excluded by a Bloom filter, which never misses a session", filters)
	}
}

func describe(t time.Time) string {
	if t.IsZero() {
		return "the beginning"
	}
	return t.Format(time.RFC3339)
}

// searched checks the lines of an object that its set of sessions does not exclude.
func (c *checker) searched(l *Log, seq int64, o *ledger.Object) bool {
	i := slices.IndexFunc(l.Objects, func(p Object) bool { return p.Seq == seq && p.Object == o.Key })
	if i < 0 {
		c.finding(l, CodeClaimUnproven, manifestFile(l.Log, seq), "%s may hold the session, and is not in the bundle", o.Key)
		return false
	}
	file := l.Objects[i].File
	text := c.files[file]
	tree := ledger.NewTree()
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		tree.Append(line)
		e, err := semconv.ParseLine(line)
		if err != nil {
			c.finding(l, CodeBundleInvalid, file, "line %d: %v", tree.Size(), err)
			return false
		}
		if e.SessionID == c.b.Claim.Session {
			c.finding(l, CodeClaimUnproven, file, "line %d is an event of the session", tree.Size())
			return false
		}
	}
	if hex.EncodeToString(tree.Root()) != o.MerkleRoot || int64(tree.Size()) != o.Events {
		c.finding(l, CodeProofInvalid, file, "the lines are not those of %s", o.Key)
		return false
	}
	c.proven("%s, whose set of sessions cannot exclude it, was searched line by line", o.Key)
	return true
}
