package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Options say what to prove.
type Options struct {
	Keys        []ledger.PublicKey
	Logs        []string             // nil: all
	Session     string               // or
	Event       string               // or
	Events      []string             // as they are sealed
	Since       time.Time            // of the sealing, for absence; zero: from the beginning
	Until       time.Time            // zero: to the end
	Where       Where                // the events are; zero: in all of the logs
	Checkpoints []*ledger.Checkpoint // kept elsewhere, to be tied to the proof
	Witnesses   *ledger.Policy       // whose quorum the proof is tied to; nil: to what any cosigned
	MadeBy      string
	Clock       func() time.Time // the present; nil: time.Now
}

func (o *Options) now() time.Time {
	if o.Clock != nil {
		return o.Clock()
	}
	return time.Now()
}

// Made is what was put into a bundle, and what was not.
type Made struct {
	*Bundle
	// LeftOut counts events that are told as of the session, or of one of its runs, and that
	// nothing from their own sender shows to be of it.
	LeftOut int
	// Established are the lines that say of what session their run is.
	Established []Established
	// Errata are what in the lines is known to have been told wrongly.
	Errata []LineErratum
	// Expired counts events that stand before manifests that have expired: no path leads from
	// there to the newest any more.
	Expired int
	// Unknown are logs of the bucket that no given key signed: the claim is not about them.
	Unknown []string
}

// ErrPresent is the error of a proof of absence where there are events.
var ErrPresent = errors.New("the session is in the trail")

// maker puts a bundle together.
type maker struct {
	r   ledger.Reader
	o   Options
	out *packer
	b   *Made
	// short are logs that need not be read whole.
	short map[string]*ledger.Places
}

// Prove writes a bundle that proves the events of a session, or one event or several; where the
// trail has none of the session, that it has none. It reads whole logs: an error is
// the store's, or a *ledger.Finding where the trail itself does not hold.
func Prove(ctx context.Context, r ledger.Reader, o Options, w io.Writer) (*Made, error) {
	claim := Claim{Kind: Presence, Session: o.Session, Event: o.Event, Events: slices.Compact(slices.Sorted(slices.Values(o.Events)))}
	switch {
	case claim.kinds() != 1:
		return nil, errors.New("give a session or an event")
	case !o.Since.IsZero() && !o.Until.IsZero() && o.Until.Before(o.Since):
		return nil, errors.New("the time ends before it begins")
	case o.Where.given() && (!o.Since.IsZero() || !o.Until.IsZero()):
		return nil, errors.New("an absence is proven in all that was sealed in its time: say when, and not where")
	}
	m := &maker{r: r, o: o, out: newPacker(w), short: map[string]*ledger.Places{}, b: &Made{Bundle: &Bundle{
		Format: Format, CreatedAt: o.now().UTC().Truncate(time.Second), MadeBy: o.MadeBy, Logs: []Log{},
		Claim: claim,
	}}}
	if err := m.make(ctx); err != nil {
		return nil, err
	}
	return m.b, m.finish()
}

func (m *maker) make(ctx context.Context) error {
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		if found = m.establish(found); len(found) == 0 {
			return fmt.Errorf("%d events are told as of session %q, and nothing from their own senders shows that they are",
				m.b.LeftOut, m.o.Session)
		}
		return m.presence(ctx, found)
	}
	if m.o.Where.given() {
		return errors.New("nothing of it is where it was looked for; that proves nothing about the rest of the logs")
	}
	if m.b.Claim.ofEvents() {
		return fmt.Errorf("no event %q in this trail; the absence of an event cannot be proven, that of a session can",
			strings.Join(append([]string{m.o.Event}, m.o.Events...), " "))
	}
	m.b.Claim.Kind = Absence
	if !m.o.Since.IsZero() {
		since := m.o.Since.UTC()
		m.b.Claim.Since = &since
	}
	if !m.o.Until.IsZero() {
		until := m.o.Until.UTC()
		m.b.Claim.Until = &until
	}
	return m.absence(ctx)
}

// finish writes what says how the parts hang together, and how to check them.
func (m *maker) finish() error {
	text, err := json.MarshalIndent(m.b.Bundle, "", " ")
	if err != nil {
		return err
	}
	parts := len(m.b.Logs)
	for i := range m.b.Logs {
		l := &m.b.Logs[i]
		parts += len(l.Manifests) + len(l.Lines) + len(l.Objects) + len(l.Consistency) + 1
	}
	for _, k := range m.o.Keys {
		if err := m.out.add("keys/"+k.ID+".pem", ledger.MarshalPublicKey(k.Key)); err != nil {
			return err
		}
	}
	if len(text) >= maxBundleJSON || parts >= maxParts || m.out.directory >= maxDirectory {
		return errors.New("the proof is larger than readers of bundles take: " +
			"name fewer logs (--log), or a shorter time (--since, --until)")
	}
	return errors.Join(
		m.out.add(bundleFile, append(text, '\n')), m.out.add(verifyFile, instructions(m.b.Bundle)), m.out.z.Close(),
	)
}

// excerpt is one log as a bundle is made of it.
type excerpt struct {
	*Log
	x    *ledger.Excerpt // which holds what is taken to the rule that readers go by
	tree *ledger.ProofTree
	last *ledger.Manifest
	// again, if any, is told that what was taken is a rest of what has expired.
	again func()
}

// restart forgets what was taken.
func (e *excerpt) restart(keys []ledger.PublicKey) {
	if e.tree != nil && e.again != nil {
		e.again()
	}
	*e.Log = Log{Log: e.Log.Log}
	e.x, e.tree = ledger.NewExcerpt(e.Log.Log, keys), nil
}

// log walks a log and takes the manifests that take wants, with those that every bundle
// holds: the first, the last, and those that end the time of a key. It proves them in the
// log's tree.
func (m *maker) log(ctx context.Context, e *excerpt, take func(*ledger.Manifest) (bool, error)) error {
	e.restart(m.o.Keys)
	if p := m.short[e.Log.Log]; p != nil {
		return m.shortLog(ctx, e, p, take)
	}
	each := func(man *ledger.Manifest, before *ledger.Tree) error {
		if e.tree != nil && e.tree.Size() != before.Size() {
			e.restart(m.o.Keys)
		}
		first := e.tree == nil
		if first {
			e.tree = ledger.NewProofTree(before)
		}
		e.tree.Append(man.Payload)
		return m.each(e, man, first, take)
	}
	facts, err := ledger.ReadLog(ctx, m.r, m.o.Keys, m.o.Checkpoints, m.o.now(), e.Log.Log, each)
	if err != nil {
		return err
	}
	if err := m.prove(e); err != nil {
		return err
	}
	return m.tie(ctx, e, facts.Keys)
}

// shortLog is log without the manifests that no bundle needs.
func (m *maker) shortLog(ctx context.Context, e *excerpt, p *ledger.Places, take func(*ledger.Manifest) (bool, error)) error {
	e.tree = p.Tree
	for i, man := range p.Manifests {
		if err := m.each(e, man, i == 0, take); err != nil {
			return err
		}
	}
	if err := m.prove(e); err != nil {
		return err
	}
	return m.tie(ctx, e, nil)
}

// each goes on to a manifest, and takes it where it is wanted, or every bundle holds it.
func (m *maker) each(e *excerpt, man *ledger.Manifest, first bool, take func(*ledger.Manifest) (bool, error)) error {
	e.last = man
	taken, err := take(man)
	if err != nil {
		return err
	}
	if taken || first || man.Predicate.Kind == ledger.KindKeyRotation || m.pinned(man) {
		return m.manifest(e, man)
	}
	return nil
}

// prove takes the newest manifest, and proves the others in its tree.
func (m *maker) prove(e *excerpt) error {
	if err := m.manifest(e, e.last); err != nil {
		return err
	}
	return e.paths()
}

// paths proves the manifests that were taken in the tree of the newest.
func (e *excerpt) paths() (err error) {
	last := &e.last.Predicate
	e.Tree = Tree{Size: last.Seq, Root: last.Tree.Root, File: manifestFile(last.Log, last.Seq)}
	for i := range e.Manifests {
		p := &e.Manifests[i]
		if p.Seq == last.Seq {
			continue
		}
		if p.Path, err = e.tree.Inclusion(uint64(p.Seq), uint64(last.Seq)); err != nil {
			return err
		}
	}
	return nil
}

// pinned reports whether a manifest is the last one of a key, as it was pinned.
func (m *maker) pinned(man *ledger.Manifest) bool {
	return slices.ContainsFunc(m.o.Keys, func(k ledger.PublicKey) bool {
		return k.May != nil && k.May.LastSHA256 != "" && k.May.LastSHA256 == fmt.Sprintf("%x", man.Digest)
	})
}

// manifest takes a manifest, unless it is taken.
func (m *maker) manifest(e *excerpt, man *ledger.Manifest) error {
	seq := man.Predicate.Seq
	if n := len(e.Manifests); n > 0 && e.Manifests[n-1].Seq >= seq {
		return nil
	}
	if _, f := e.x.Next(man.Envelope); f != nil {
		return f
	}
	file := manifestFile(e.Log.Log, seq)
	digest := fmt.Sprintf("%x", man.Digest)
	e.Manifests = append(e.Manifests, Manifest{Seq: seq, File: file, SHA256: digest, Path: []string{}})
	return m.out.add(file, man.Envelope)
}

// tie proves the trees of the checkpoints that were given, and of the newest in the store,
// with cosignatures and without, to be of the log. keys are the log's; nil where it was read
// from a checkpoint, which is tied in any case.
func (m *maker) tie(ctx context.Context, e *excerpt, keys []ledger.PublicKey) error {
	cosigned, err := ledger.NewestCosigned(ctx, m.r, m.o.Witnesses, e.Log.Log)
	if err != nil {
		return err
	}
	if cosigned != nil {
		_, err := e.x.Checkpoint(cosigned.Note, nil)
		if err == nil {
			if err = m.consistent(e, cosigned, ""); err != nil && m.o.Witnesses.Asks(e.Log.Log) {
				return &ledger.Finding{
					Severity: ledger.SeverityError, Code: ledger.CodeCheckpointMismatch, Log: e.Log.Log, Seq: cosigned.Size - 1,
					Object: ledger.CosignedKey(cosigned.Log, cosigned.Size), Expected: signed(cosigned), Found: err.Error(),
					Message: "a quorum of witnesses cosigned what is not of this log: it was cut off, or rewritten",
				}
			}
		}
		if err != nil {
			cosigned = nil // what does not fit is not of this log, and proves nothing
		}
	}
	for _, c := range m.o.Checkpoints {
		if c.Log != e.Log.Log || cosigned != nil && c.Size == cosigned.Size && c.Root == cosigned.Root {
			continue
		}
		if err := m.consistent(e, c, "given-"); err != nil {
			return fmt.Errorf("the checkpoint of %d manifests: %w", c.Size, err)
		}
	}
	if keys == nil {
		return nil
	}
	c, err := ledger.NewestCheckpoint(ctx, m.r, keys, e.Log.Log)
	if err != nil || c == nil {
		return err
	}
	if _, err := e.x.Checkpoint(c.Note, nil); err == nil {
		_ = m.consistent(e, c, "") // what does not fit is not of this log, and proves nothing
	}
	return nil
}

// consistent adds a checkpoint with the proof that it is of the log.
func (m *maker) consistent(e *excerpt, c *ledger.Checkpoint, prefix string) error {
	for i := range e.Consistency {
		if k := &e.Consistency[i]; k.Size == c.Size {
			if k.Root != c.Root {
				return fmt.Errorf("the log's first %d manifests give the root %s, not %s", c.Size, k.Root, c.Root)
			}
			return nil
		}
	}
	p := Consistency{Size: c.Size, Root: c.Root, Path: []string{}}
	p.File = fmt.Sprintf("checkpoints/%s/%s%012d.txt", e.Log.Log, prefix, c.Size)
	if c.Size < e.Tree.Size {
		var err error
		if p.Path, err = e.tree.Consistency(uint64(c.Size), uint64(e.Tree.Size)); err != nil {
			return err
		}
	}
	if err := p.check(e.x, &e.Tree); err != nil {
		return err
	}
	e.Consistency = append(e.Consistency, p)
	return m.out.add(p.File, c.Note)
}

// check checks a root against the log's tree.
func (p *Consistency) check(x *ledger.Excerpt, t *Tree) error {
	root, ok := x.Root(p.Size)
	switch {
	case ok && root != p.Root:
		return fmt.Errorf("the log's first %d manifests give the root %s, not %s", p.Size, root, p.Root)
	case ok:
		return nil
	case p.Size > t.Size || p.Size < 1:
		return errors.New("no such tree of this log")
	}
	return ledger.CheckConsistency(uint64(p.Size), uint64(t.Size), p.Path, p.Root, t.Root)
}
