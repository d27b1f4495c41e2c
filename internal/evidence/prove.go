package evidence

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Options say what to prove.
type Options struct {
	Keys        []ledger.PublicKey
	Logs        []string // nil: all
	Session     string   // or
	Event       string
	Since       time.Time            // of the sealing, for absence; zero: from the beginning
	Until       time.Time            // zero: to the end
	Checkpoints []*ledger.Checkpoint // kept elsewhere, to be tied to the proof
	MadeBy      string
}

// ErrPresent is the error of a proof of absence where there are events.
var ErrPresent = errors.New("the session is in the trail")

// maker puts a bundle together.
type maker struct {
	r     ledger.Reader
	o     Options
	files archive
	b     *Bundle
}

// Prove writes a bundle that proves the events of a session, or one event; where the
// trail has none of the session, that it has none. It reads whole logs: an error is
// the store's, or a *ledger.Finding where the trail itself does not hold.
func Prove(ctx context.Context, r ledger.Reader, o Options, w io.Writer) (*Bundle, error) {
	if (o.Session == "") == (o.Event == "") {
		return nil, errors.New("give a session or an event")
	}
	m := &maker{r: r, o: o, files: archive{}, b: &Bundle{Format: Format, CreatedAt: time.Now().UTC().Truncate(time.Second), MadeBy: o.MadeBy, Logs: []Log{}}}
	found, err := m.find(ctx)
	if err != nil {
		return nil, err
	}
	m.b.Claim = Claim{Kind: Presence, Session: o.Session, Event: o.Event}
	switch {
	case len(found) > 0 && (!o.Since.IsZero() || !o.Until.IsZero()):
		return nil, fmt.Errorf("%w: %d events, the first in %s: leave out the time to prove them", ErrPresent, len(found), found[0].Object)
	case len(found) > 0:
		err = m.presence(ctx, found)
	case o.Event != "":
		return nil, fmt.Errorf("no event %q in this trail; the absence of an event cannot be proven, that of a session can", o.Event)
	default:
		m.b.Claim.Kind = Absence
		if !o.Since.IsZero() {
			m.b.Claim.Since = &o.Since
		}
		if !o.Until.IsZero() {
			m.b.Claim.Until = &o.Until
		}
		err = m.absence(ctx)
	}
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m.b, "", " ")
	if err != nil {
		return nil, err
	}
	m.files[bundleFile] = append(text, '\n')
	m.files[verifyFile] = instructions(m.b)
	for _, k := range o.Keys {
		m.files["keys/"+k.ID+".pem"] = ledger.MarshalPublicKey(k.Key)
	}
	return m.b, m.files.write(w)
}

// place is where an event is sealed.
type place struct {
	Log    string
	Seq    int64
	Object string
	N      int
	line   []byte
}

// find gathers the lines to prove, in the order of the logs; for absence those in the
// time that is asked for.
func (m *maker) find(ctx context.Context) (list []place, err error) {
	if m.o.Event != "" {
		for l, err := range ledger.Events(ctx, m.r, ledger.ReadOptions{Keys: m.o.Keys, Logs: m.o.Logs}) {
			if f := (*ledger.Finding)(nil); errors.As(err, &f) && f.Severity != ledger.SeverityError {
				continue
			}
			if err != nil {
				return nil, err
			}
			e, err := semconv.ParseLine(l.Line)
			if err == nil && e.EventID == m.o.Event {
				list = append(list, place{l.Log, l.Seq, l.Object, l.N, slices.Clone(l.Line)})
			}
		}
		return list, nil
	}
	if !m.o.Since.IsZero() || !m.o.Until.IsZero() {
		return nil, nil // the manifests tell
	}
	t, err := trail.Read(ctx, m.r, m.o.Keys, m.o.Logs, m.o.Session)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Problems {
		if f := (*ledger.Finding)(nil); errors.As(p, &f) && f.Severity == ledger.SeverityError {
			return nil, f
		}
	}
	for e := range t.All() {
		list = append(list, place{e.Log, e.Seq, e.Object, e.N, e.Line})
	}
	slices.SortFunc(list, func(a, b place) int {
		if a.Log != b.Log {
			return compare(a.Log, b.Log)
		}
		if a.Seq != b.Seq {
			return compare(a.Seq, b.Seq)
		}
		if a.Object != b.Object {
			return compare(a.Object, b.Object)
		}
		return compare(a.N, b.N)
	})
	return list, nil
}

func compare[T string | int | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// presence proves lines: each in its object, the object's manifest in the log.
func (m *maker) presence(ctx context.Context, found []place) error {
	for len(found) > 0 {
		n := slices.IndexFunc(found, func(p place) bool { return p.Log != found[0].Log })
		if n < 0 {
			n = len(found)
		}
		if err := m.presentIn(ctx, found[0].Log, found[:n]); err != nil {
			return err
		}
		found = found[n:]
	}
	return nil
}

func (m *maker) presentIn(ctx context.Context, log string, found []place) error {
	wanted := map[int64][]place{}
	for _, p := range found {
		wanted[p.Seq] = append(wanted[p.Seq], p)
	}
	l := Log{Log: log}
	err := m.log(ctx, &l, func(man *ledger.Manifest) (bool, error) {
		places := wanted[man.Predicate.Seq]
		for len(places) > 0 {
			n := slices.IndexFunc(places, func(p place) bool { return p.Object != places[0].Object })
			if n < 0 {
				n = len(places)
			}
			if err := m.lines(ctx, &l, man, places[:n]); err != nil {
				return false, err
			}
			places = places[n:]
		}
		return wanted[man.Predicate.Seq] != nil, nil
	}, func() {})
	if err != nil {
		return err
	}
	m.b.Logs = append(m.b.Logs, l)
	return nil
}

// lines proves lines of one object.
func (m *maker) lines(ctx context.Context, l *Log, man *ledger.Manifest, places []place) error {
	i := slices.IndexFunc(man.Predicate.Objects, func(o ledger.Object) bool { return o.Key == places[0].Object })
	if i < 0 {
		return fmt.Errorf("manifest %d of log %s does not name %s", man.Predicate.Seq, l.Log, places[0].Object)
	}
	o := &man.Predicate.Objects[i]
	tree := ledger.NewProofTree(ledger.NewTree())
	if err := ledger.ReadObject(ctx, m.r, man, o, func(line ledger.EventLine) { tree.Append(line.Line) }); err != nil {
		return err
	}
	for _, p := range places {
		path, err := tree.Inclusion(uint64(p.N-1), tree.Size())
		if err != nil {
			return err
		}
		file := fmt.Sprintf("lines/%s/%012d-%06d.json", l.Log, p.Seq, len(l.Lines)+1)
		m.files[file] = p.line
		texts, err := m.texts(ctx, p.line)
		if err != nil {
			return err
		}
		l.Lines = append(l.Lines, Line{File: file, Seq: p.Seq, Object: o.Key, Line: p.N, Of: o.Events, Path: path, Texts: texts})
	}
	return nil
}

// texts takes the full texts that a line names, as far as they are in the store.
func (m *maker) texts(ctx context.Context, line []byte) (files []string, err error) {
	for _, digest := range oversize(line) {
		text, err := ledger.ReadBlob(ctx, m.r, digest)
		if f := (*ledger.Finding)(nil); errors.As(err, &f) {
			continue // the line names it all the same
		}
		if err != nil {
			return nil, err
		}
		file := textPrefix + digest
		m.files[file] = text
		files = append(files, file)
	}
	return files, nil
}

// log walks a log and takes the manifests that take wants, with those that hand it to
// another key, and what end adds at the log's end; it proves them in the log's tree.
func (m *maker) log(ctx context.Context, l *Log, take func(*ledger.Manifest) (bool, error), end func()) error {
	keys := slices.Clone(m.o.Keys)
	var tree *ledger.ProofTree
	var roots []string // by size, from the first manifest on
	var first int64
	var last *ledger.Manifest
	_, err := ledger.ReadLog(ctx, m.r, m.o.Keys, m.o.Checkpoints, l.Log, func(man *ledger.Manifest, before *ledger.Tree) error {
		if tree == nil {
			tree, first = ledger.NewProofTree(before), man.Predicate.Seq
		}
		roots = append(roots, hex.EncodeToString(tree.Root()))
		tree.Append(man.Payload)
		last = man
		taken, err := take(man)
		if err != nil {
			return err
		}
		if next, err := man.NextKey(); err == nil && next != nil {
			taken = true
			keys = append(keys, *next)
		}
		if taken {
			m.manifest(l, man)
		}
		return nil
	})
	if err != nil {
		return err
	}
	roots = append(roots, hex.EncodeToString(tree.Root()))
	end()

	if err := m.head(ctx, l, keys, last); err != nil {
		return err
	}
	for i := range l.Manifests {
		p := &l.Manifests[i]
		if p.Seq < l.Tree.Size {
			if p.Path, err = tree.Inclusion(uint64(p.Seq), uint64(l.Tree.Size)); err != nil {
				return err
			}
		}
	}
	for _, c := range m.o.Checkpoints {
		if c.Log != l.Log {
			continue
		}
		if c.Size < first || c.Size > int64(tree.Size()) || roots[c.Size-first] != c.Root {
			return fmt.Errorf("the checkpoint of size %d is not of this log as it is: run `agentaudit verify --checkpoint`", c.Size)
		}
		small, large := min(c.Size, l.Tree.Size), max(c.Size, l.Tree.Size)
		path, err := tree.Consistency(uint64(small), uint64(large))
		if err != nil {
			return err
		}
		file := fmt.Sprintf("checkpoints/%s/given-%012d.txt", l.Log, c.Size)
		m.files[file] = c.Note
		l.Consistency = append(l.Consistency, Consistency{File: file, Size: c.Size, Root: c.Root, Path: path})
	}
	return nil
}

func (m *maker) manifest(l *Log, man *ledger.Manifest) {
	file := manifestFile(l.Log, man.Predicate.Seq)
	m.files[file] = man.Envelope
	l.Manifests = append(l.Manifests, Manifest{Seq: man.Predicate.Seq, File: file, SHA256: hex.EncodeToString(man.Digest[:]), Path: []string{}})
}

func (l *Log) has(seq int64) bool {
	return slices.ContainsFunc(l.Manifests, func(m Manifest) bool { return m.Seq == seq })
}

func manifestFile(log string, seq int64) string {
	return fmt.Sprintf("manifests/%s/%012d.json", log, seq)
}

// head chooses the signed head of the tree: the newest checkpoint, where it speaks for
// all that is taken, else the newest manifest, which holds the tree of those before it.
func (m *maker) head(ctx context.Context, l *Log, keys []ledger.PublicKey, last *ledger.Manifest) error {
	newest := int64(0)
	if n := len(l.Manifests); n > 0 {
		newest = l.Manifests[n-1].Seq
	}
	c, err := ledger.NewestCheckpoint(ctx, m.r, keys, l.Log)
	if err != nil {
		return err
	}
	if c != nil && c.Size > newest && c.Size <= last.Predicate.Seq+1 {
		file := fmt.Sprintf("checkpoints/%s/%012d.txt", l.Log, c.Size)
		m.files[file] = c.Note
		l.Tree = Tree{Size: c.Size, Root: c.Root, File: file}
		return nil
	}
	t := last.Predicate.Tree
	l.Tree = Tree{Size: t.Size, Root: t.Root, File: manifestFile(l.Log, last.Predicate.Seq)}
	if !l.has(last.Predicate.Seq) {
		m.manifest(l, last)
	}
	return nil
}

// absence proves that no object that was sealed in a time holds the session: by the
// manifests from the one before to the one behind, which leave no gap, and the sets
// of sessions in them.
func (m *maker) absence(ctx context.Context) error {
	logs := m.o.Logs
	if logs == nil {
		var err error
		if logs, err = ledger.Logs(ctx, m.r); err != nil {
			return err
		}
	}
	for _, log := range logs {
		l := Log{Log: log}
		var before *ledger.Manifest // the newest that was written before the time
		takeBefore := func() {
			if before != nil && !l.has(before.Predicate.Seq) {
				m.manifest(&l, before)
			}
			before = nil
		}
		done := false
		err := m.log(ctx, &l, func(man *ledger.Manifest) (bool, error) {
			at := man.Predicate.WrittenAt
			switch {
			case done:
				return false, nil
			case at.Before(m.o.Since):
				before = man
				return false, nil
			case !m.o.Until.IsZero() && at.After(m.o.Until):
				done = true
			}
			takeBefore()
			if done {
				return true, nil
			}
			return true, m.excluded(ctx, &l, man)
		}, takeBefore)
		if err != nil {
			if m.o.Logs == nil && errors.Is(err, ledger.ErrUnknownLog) {
				continue // planted, or its key was not given: the claim names the logs that it is about
			}
			return err
		}
		m.b.Logs = append(m.b.Logs, l)
	}
	if len(m.b.Logs) == 0 {
		return errors.New("no log that the given key signed: nothing can be said")
	}
	return nil
}

// excluded makes sure that an object does not hold the session: by its set of
// sessions, or by its lines where the set cannot exclude it.
func (m *maker) excluded(ctx context.Context, l *Log, man *ledger.Manifest) error {
	for i := range man.Predicate.Objects {
		o := &man.Predicate.Objects[i]
		if !o.Sessions.Has(m.o.Session) {
			continue
		}
		var body bytes.Buffer
		present := 0
		err := ledger.ReadObject(ctx, m.r, man, o, func(line ledger.EventLine) {
			body.Write(line.Line)
			body.WriteByte('\n')
			if e, err := semconv.ParseLine(line.Line); err == nil && e.SessionID == m.o.Session {
				present = line.N
			}
		})
		if err != nil {
			return err
		}
		if present > 0 {
			return fmt.Errorf("%w: %s line %d", ErrPresent, o.Key, present)
		}
		file := fmt.Sprintf("objects/%s/%012d-%03d.jsonl", l.Log, man.Predicate.Seq, i)
		m.files[file] = body.Bytes()
		l.Objects = append(l.Objects, Object{File: file, Seq: man.Predicate.Seq, Object: o.Key})
	}
	return nil
}
