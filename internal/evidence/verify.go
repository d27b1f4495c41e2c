package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// VerifyOptions say whom the auditor trusts, and what he holds.
type VerifyOptions struct {
	Keys []ledger.PublicKey
	// Witnesses, if any, are those of whom a quorum vouches for what it cosigned.
	Witnesses *ledger.Policy
	// AskWitnesses: without such a quorum for each log there is no verdict.
	AskWitnesses bool
	// Checkpoints were kept elsewhere: the logs must be the ones that they are of.
	Checkpoints []*ledger.Checkpoint
	Clock       func() time.Time // the present; nil: time.Now
}

// checker goes through a bundle.
type checker struct {
	a    *archive
	b    *Bundle
	o    VerifyOptions
	now  time.Time
	old  bool // of version 1
	r    *Report
	logs []*logPart
}

// logPart is one log of a bundle as far as it was judged.
type logPart struct {
	*Log
	x    *ledger.Excerpt
	span span
	held int64 // how many manifests a checkpoint vouches for that others keep
	used int64 // the newest manifest that the claim rests on
	// witnessed is how many of those a quorum of witnesses vouches for.
	witnessed int64
	// sealed are the objects that lines are said to be in, and steps the manifests in their
	// order: an absence rests on each.
	sealed map[objectAt]*sealed
	steps  []step
	sum    LogReport
}

// objectAt is an object that a manifest names.
type objectAt struct {
	seq int64
	key string
}

// sealed is what a manifest says of an object.
type sealed struct {
	events int64
	root   string
	writer string // the version of the program
}

// Verify checks a bundle offline, with keys that the caller trusts. The error, if any,
// says why the bundle could not be read; then there is no verdict.
func Verify(in io.ReaderAt, size int64, o VerifyOptions) (*Report, error) {
	r := &Report{
		Verdict: ledger.NoVerdict, Logs: []LogReport{}, Conditions: []Condition{},
		Proven: []string{}, Limits: []string{}, Findings: []ledger.Finding{},
	}
	err := verify(r, in, size, o)
	if err != nil {
		r.Reason = err.Error()
	}
	return r, err
}

func verify(r *Report, in io.ReaderAt, size int64, o VerifyOptions) error {
	if len(o.Keys) == 0 {
		return errors.New("no public key to verify with")
	}
	a, err := openArchive(in, size)
	if err != nil {
		return err
	}
	if a.files[bundleFile] == nil {
		return errors.New("no evidence bundle: it has no " + bundleFile)
	}
	text, err := a.read(bundleFile, maxBundleJSON)
	if err != nil {
		return fmt.Errorf("%s: %w", bundleFile, err)
	}
	b, err := parseBundle(text)
	if err != nil {
		return fmt.Errorf("%s: %w", bundleFile, err)
	}
	r.Claim = b.Claim
	c := &checker{a: a, b: b, o: o, now: time.Now(), old: b.Format == formatV1, r: r}
	if o.Clock != nil {
		c.now = o.Clock()
	}
	if whole := c.all(); whole {
		c.claim()
	}
	r.conclude()
	return nil
}

// all judges the logs, and reports whether each could be read to its end.
func (c *checker) all() bool {
	whole := true
	for i := range c.b.Logs {
		l := &c.b.Logs[i]
		if slices.ContainsFunc(c.b.Logs[:i], func(o Log) bool { return o.Log == l.Log }) || !ledger.ValidLog(l.Log) {
			c.fail(l, CodeBundleInvalid, bundleFile, "log %q is there twice, or is none", l.Log)
			return false
		}
		p := &logPart{Log: l, x: ledger.NewExcerpt(l.Log, c.o.Keys), used: -1, sealed: map[objectAt]*sealed{}}
		if !c.log(p) {
			whole = false
			continue
		}
		c.logs = append(c.logs, p)
	}
	for _, cp := range c.o.Checkpoints {
		if !slices.ContainsFunc(c.b.Logs, func(l Log) bool { return l.Log == cp.Log }) {
			c.add(ledger.Finding{
				Severity: ledger.SeverityWarning, Code: ledger.CodeNotCompared, Log: cp.Log, Seq: cp.Size - 1, Object: bundleFile,
				Message: "you hold a checkpoint of a log that the bundle says nothing of",
			})
		}
	}
	return whole
}

func (c *checker) add(f ledger.Finding) { c.r.Findings = append(c.r.Findings, f) }

func (c *checker) finding(severity ledger.Severity, l *Log, code, file, format string, args ...any) {
	f := ledger.Finding{Severity: severity, Code: code, Object: file, Message: fmt.Sprintf(format, args...)}
	if l != nil {
		f.Log = l.Log
	}
	c.add(f)
}

// fail notes what is not what it should be.
func (c *checker) fail(l *Log, code, file, format string, args ...any) {
	c.finding(ledger.SeverityError, l, code, file, format, args...)
}

// unknown notes what keeps the claim from a verdict.
func (c *checker) unknown(l *Log, code, file, format string, args ...any) {
	c.finding(ledger.SeverityUnknown, l, code, file, format, args...)
}

// lacks notes a part that every bundle has: those of version 1 were made without.
func (c *checker) lacks(l *Log, code, file, format string, args ...any) {
	if c.old {
		c.unknown(l, CodeOldBundle, file, "made by an older version: make it again: "+format, args...)
		return
	}
	c.fail(l, code, file, format, args...)
}

func (c *checker) proven(format string, args ...any) {
	c.r.Proven = append(c.r.Proven, fmt.Sprintf(format, args...))
}

func (c *checker) limit(format string, args ...any) {
	c.r.Limits = append(c.r.Limits, fmt.Sprintf(format, args...))
}

// log judges the parts of one log: who signed its manifests and how they continue each
// other, that they are in the tree of its newest, and what vouches for that.
func (c *checker) log(p *logPart) bool {
	for i := range p.Lines {
		p.sealed[objectAt{p.Lines[i].Seq, p.Lines[i].Object}] = nil
	}
	for i := range p.Manifests {
		if !c.manifest(p, &p.Manifests[i]) {
			return false
		}
	}
	if !c.head(p) {
		return false
	}
	c.consistency(p)
	c.heldCheckpoints(p)
	c.unwitnessed(p)
	c.beginning(p)
	if f := p.x.PinBroken(); f != nil {
		f.Object = manifestFile(p.Log.Log, f.Seq)
		c.add(*f)
	}
	p.sum = LogReport{
		Log: p.Log.Log, Genesis: p.x.Genesis(), Keys: p.x.Keys(),
		First: p.Manifests[0].Seq, Last: p.Tree.Size, LastAt: p.x.Time(), HeadRoot: p.Tree.Root,
		VouchedTo: max(p.held, p.x.Pinned()), Checkpoints: p.sum.Checkpoints,
	}
	c.r.Logs = append(c.r.Logs, p.sum)
	return true
}

// manifest judges a manifest, and keeps what is needed of it.
func (c *checker) manifest(p *logPart, of *Manifest) bool {
	body, err := c.a.manifest(of.File)
	if err != nil {
		c.fail(p.Log, CodeBundleInvalid, of.File, "%v", err)
		return false
	}
	m, f := p.x.Next(body)
	if f != nil {
		f.Object = of.File
		c.add(*f)
		return false
	}
	seq := m.Predicate.Seq
	if seq != of.Seq || of.File != manifestFile(p.Log.Log, seq) || hex.EncodeToString(m.Digest[:]) != of.SHA256 {
		c.fail(p.Log, CodeBundleInvalid, of.File, "manifest %d, which is not what %s says", seq, bundleFile)
		return false
	}
	if seq != p.Tree.Size {
		if err := ledger.CheckPlace(m, p.Tree.Size, of.Path, p.Tree.Root); err != nil {
			c.fail(p.Log, CodeProofInvalid, of.File, "the manifest is not in the log's tree: %v", err)
			return false
		}
	} else if m.Predicate.Tree.Root != p.Tree.Root {
		c.fail(p.Log, CodeProofInvalid, of.File, "the newest manifest has another tree")
		return false
	}
	p.span.add(m)
	for i := range m.Predicate.Objects {
		o := &m.Predicate.Objects[i]
		if _, wanted := p.sealed[objectAt{seq, o.Key}]; wanted {
			p.sealed[objectAt{seq, o.Key}] = &sealed{o.Events, o.MerkleRoot, m.Predicate.Writer.Version}
		}
	}
	p.steps = append(p.steps, c.step(m, p.x.Time()))
	return true
}

// head makes sure that the tree is the one that the newest manifest signs.
func (c *checker) head(p *logPart) bool {
	n := len(p.Manifests)
	if n == 0 {
		c.fail(p.Log, CodeBundleInvalid, bundleFile, "no manifest of the log")
		return false
	}
	if last := &p.Manifests[n-1]; last.Seq != p.Tree.Size || last.File != p.Tree.File {
		c.lacks(p.Log, CodeBundleInvalid, p.Tree.File, "the newest manifest, which signs the tree, is not in the bundle")
		return false
	}
	return true
}

func (c *checker) beginning(p *logPart) {
	f := p.x.Beginning(c.now, len(p.sum.Checkpoints) > 0 || p.witnessed > 0)
	if f == nil {
		return
	}
	f.Object = manifestFile(p.Log.Log, f.Seq)
	if c.old {
		c.lacks(p.Log, f.Code, f.Object, "%s", f.Message)
		return
	}
	c.add(*f)
}

// claim says what the parts show, given that they hold.
func (c *checker) claim() {
	cl := &c.b.Claim
	timed := cl.Since != nil || cl.Until != nil
	backwards := cl.Since != nil && cl.Until != nil && cl.Until.Before(*cl.Since)
	switch {
	case cl.Since != nil && cl.Since.IsZero() || cl.Until != nil && cl.Until.IsZero():
		c.fail(nil, CodeBundleInvalid, bundleFile, "a claim about a time that is none")
	case cl.Kind == Presence && cl.kinds() == 1 && cl.ordered() && !timed:
		c.presence()
	case cl.Kind == Absence && cl.Session != "" && !cl.ofEvents() && !backwards:
		c.absence()
	default:
		c.fail(nil, CodeBundleInvalid, bundleFile, "no claim that could be shown, of the kind %q", cl.Kind)
	}
	c.limit("that what the agent reported to the collector was true or whole")
}

func (c *checker) logNames() string {
	var names []string
	for i := range c.b.Logs {
		names = append(names, c.b.Logs[i].Log)
	}
	return strings.Join(names, ", ")
}
