package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// proof is a line that was found to be where it is said to be.
type proof struct {
	said
	log  *Log
	line *Line
}

// lineAt is the place of a line, which counts once.
type lineAt struct {
	object string
	line   int
}

// gathered are the lines of a bundle that were found where they are said to be.
type gathered struct {
	lines  map[string]*proof // by their files
	places map[lineAt]bool
	told   map[[sha256.Size]byte]bool // of the events, by what they tell
	texts  map[string]bool            // that were checked
	of     map[[2]string]*proof       // run and sender to a line that names the claimed session itself
}

// presence checks the lines of a claim that events are in the trail (R8).
func (c *checker) presence() {
	g := &gathered{map[string]*proof{}, map[lineAt]bool{}, map[[sha256.Size]byte]bool{}, map[string]bool{}, map[[2]string]*proof{}}
	for _, p := range c.logs {
		if !c.gather(p, g) {
			return
		}
	}
	if len(g.lines) == 0 {
		c.fail(nil, CodeClaimUnproven, bundleFile, "there is no event in the bundle")
		return
	}
	cl, there, derived := &c.b.Claim, map[string]bool{}, 0
	for _, file := range slices.Sorted(maps.Keys(g.lines)) {
		there[g.lines[file].id] = true
		by, ok := c.belongs(g.lines[file], g)
		if !ok {
			return
		}
		if by {
			derived++
		}
	}
	for _, id := range cl.Events {
		if !there[id] {
			c.fail(nil, CodeClaimUnproven, bundleFile, "the claim is about event %q, which no line here tells", id)
			return
		}
	}
	c.r.Events, c.r.Lines = len(g.told), len(g.lines)
	c.present(derived)
}

// gather checks the lines of one log; each line of an object counts once.
func (c *checker) gather(p *logPart, g *gathered) bool {
	if len(p.Lines) == 0 || len(p.Objects) > 0 {
		c.fail(p.Log, CodeBundleInvalid, bundleFile,
			"log %s has no line in the bundle, or what a claim of presence has no use for", p.Log.Log)
		return false
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		at := lineAt{l.Object, l.Line}
		if g.places[at] || g.lines[l.File] != nil {
			c.fail(p.Log, CodeBundleInvalid, l.File, "line %d of %s is listed twice", l.Line, l.Object)
			return false
		}
		pr, digest := c.line(p, l)
		if pr == nil || !c.lineTexts(pr, g.texts) {
			return false
		}
		g.places[at], g.lines[l.File], g.told[digest] = true, pr, true
		if pr.session != "" && pr.session == c.b.Claim.Session {
			g.of[[2]string{pr.run, pr.sender}] = pr
		}
		p.used = max(p.used, l.Seq)
	}
	return true
}

// belongs makes sure that a line is what the claim is about: it says so, or another line
// here establishes it, which is reported.
func (c *checker) belongs(pr *proof, g *gathered) (derived, ok bool) {
	cl := &c.b.Claim
	if pr.itself(cl) {
		return false, true
	}
	by := g.lines[pr.line.EstablishedBy]
	if c.old && by == nil { // version 1 did not say which
		by = g.of[[2]string{pr.run, pr.sender}]
	}
	switch {
	case by != nil && pr.by(by.said, cl):
		c.established(by)
		return true, true
	case cl.ofEvents() || pr.session != "":
		c.fail(pr.log, CodeClaimUnproven, pr.line.File, "the line is event %q of session %q, the claim is about %q",
			pr.event, pr.session, cl.about())
	default:
		c.lacks(pr.log, CodeClaimUnproven, pr.line.File, "the line names no session itself, and no line in the bundle "+
			"that is of its run, and came from its sender, establishes that it is of %q", cl.Session)
	}
	return false, false
}

// established notes that a line says of what session its run is, for one that does not.
func (c *checker) established(by *proof) {
	for i := range c.r.Established {
		if e := &c.r.Established[i]; e.By == by.line.File {
			e.Lines++
			return
		}
	}
	c.r.Established = append(c.r.Established, Established{By: by.line.File, Run: by.run, Lines: 1})
}

// line checks an event: that it is in the object, and the object in the manifest. It
// returns nil where it is not, and a digest of the event, by which its tellings are one.
func (c *checker) line(p *logPart, l *Line) (pr *proof, digest [sha256.Size]byte) {
	o := p.sealed[objectAt{l.Seq, l.Object}]
	switch {
	case o == nil:
		c.fail(p.Log, CodeBundleInvalid, l.File, "no manifest %d in the bundle names %s", l.Seq, l.Object)
		return nil, digest
	case o.events != l.Of || l.Line < 1 || int64(l.Line) > l.Of:
		c.fail(p.Log, CodeBundleInvalid, l.File, "manifest %d names %s with %d events", l.Seq, l.Object, o.events)
		return nil, digest
	}
	text, err := c.a.read(l.File, maxLine)
	if err != nil {
		c.fail(p.Log, CodeBundleInvalid, l.File, "%v", err)
		return nil, digest
	}
	if err := ledger.CheckInclusion(text, uint64(l.Line-1), uint64(l.Of), l.Path, o.root); err != nil {
		c.fail(p.Log, CodeProofInvalid, l.File, "the line is not line %d of %s: %v", l.Line, l.Object, err)
		return nil, digest
	}
	e, err := semconv.ParseLine(text)
	if err != nil {
		c.unreadable(p.Log, l.File, err)
		return nil, digest
	}
	s := saidBy(e)
	for _, x := range resolve.Errata(e, text, o.writer) {
		c.r.Errata = append(c.r.Errata, LineErratum{File: l.File, ID: x.ID, Field: x.Field, Says: x.Says})
	}
	var r semconv.LineReader
	_, _ = r.Scan(text) // it was parsed before
	h := sha256.New()
	_, _ = io.WriteString(h, s.event+"\x00")
	h.Write(r.AppendTold(nil))
	return &proof{s, p.Log, l}, [sha256.Size]byte(h.Sum(nil))
}

// unreadable notes a sealed line that is no event: perhaps one of a newer version.
func (c *checker) unreadable(l *Log, file string, err error) {
	if errors.Is(err, semconv.ErrNewerVersion) {
		c.unknown(l, ledger.CodeNewerVersion, file, "%v", err)
		return
	}
	c.fail(l, CodeBundleInvalid, file, "%v", err)
}

// lineTexts checks the texts that go with a line: that the line names them.
func (c *checker) lineTexts(pr *proof, checked map[string]bool) bool {
	if len(pr.line.Texts) == 0 {
		return true
	}
	text, err := c.a.read(pr.line.File, maxLine)
	if err != nil {
		c.fail(pr.log, CodeBundleInvalid, pr.line.File, "%v", err)
		return false
	}
	named := oversize(text)
	for _, file := range pr.line.Texts {
		digest, err := c.digest(file, checked)
		if err != nil || file != textPrefix+digest || !slices.Contains(named, digest) {
			c.fail(pr.log, CodeProofInvalid, file, "not a text that %s names", pr.line.File)
			return false
		}
	}
	return true
}

// digest is the SHA-256 of a file, which is not kept; a file that was checked is not read
// again.
func (c *checker) digest(file string, checked map[string]bool) (string, error) {
	if checked[file] {
		return file[len(textPrefix):], nil
	}
	in, err := c.a.open(file, maxText)
	if err != nil {
		return "", err
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(h.Sum(nil))
	checked[file] = file == textPrefix+digest
	return digest, nil
}

// oversize are the digests of the full texts that a line names.
func oversize(line []byte) (digests []string) {
	var e struct {
		Oversize map[string]struct {
			SHA256 string `json:"sha256"`
		} `json:"oversize"`
	}
	if json.Unmarshal(line, &e) != nil {
		return nil // a sender's own, of another shape
	}
	for _, field := range slices.Sorted(maps.Keys(e.Oversize)) {
		digests = append(digests, e.Oversize[field].SHA256)
	}
	return digests
}

// maxNamed bounds how many lines a sentence names; the report has all.
const maxNamed = 4

// establishedBy names the lines that say of what session a run is.
func (c *checker) establishedBy() string {
	var list []string
	for _, e := range c.r.Established[:min(len(c.r.Established), maxNamed)] {
		list = append(list, fmt.Sprintf("%s for %d", e.By, e.Lines))
	}
	if more := len(c.r.Established) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("%d more lines for the others", more))
	}
	return strings.Join(list, ", ")
}

// errata says what may be wrong with the lines.
func (c *checker) errata() {
	for i := range c.r.Errata[:min(len(c.r.Errata), maxNamed)] {
		c.limit("%s", &c.r.Errata[i])
	}
	if more := len(c.r.Errata) - maxNamed; more > 0 {
		c.limit("that %d more values are right, which older versions may have told wrongly", more)
	}
}

// present says what the lines prove; as many as derived are of the session by others.
func (c *checker) present(derived int) {
	cl := &c.b.Claim
	of := cl.about()
	condition := c.conditions()
	c.proven("%d sealed events, told as of %s, are in the logs %s as they are here, byte for byte%s",
		c.r.Events, of, c.logNames(), condition)
	if c.r.Lines > c.r.Events {
		c.limit("that there are more events than %d: %d lines tell some of them twice", c.r.Events, c.r.Lines)
	}
	c.errata()
	if cl.Session == "" {
		c.limit("that nobody else gave an event such an id: ids come from senders")
		return
	}
	if derived > 0 {
		c.proven("%d of these name no session themselves: each is of a run that another of them, from the same sender, "+
			"says to be of the session: %s", derived, c.establishedBy())
		c.limit("that no other session claims those runs as well, and, where nobody had to authenticate, who sent what")
	}
	c.limit("that these are all events of the session: others may be sealed elsewhere in the trail")
}
