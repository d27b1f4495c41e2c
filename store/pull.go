package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// PullProgress is how far a pull is.
type PullProgress struct {
	Versions, Total int   // done, and listed so far
	Kept            int   // of those done: they were there and are intact
	NotPulled       int   // of those done, without their content: outside of what was asked for
	Refused         int   // of those done, without their content: the store does not give it
	Gone            int   // in the copy, and not in the store any more
	Bytes           int64 // copied
}

// PullOptions say what to pull.
type PullOptions struct {
	From string // the name of the source: a copy is of one only; "" for any

	// Since and Until bound by the time of its manifest what is pulled of data, texts and
	// prompts; zero: no bound. All else is pulled whole.
	Since, Until time.Time
	// Session is the one whose events are pulled, which Choose knows to find: with what a
	// manifest of that time names, by key. Choose reads through r.
	Session string
	Choose  func(ctx context.Context, r ledger.Reader, manifests func() iter.Seq2[*ledger.Manifest, error], want func(key string)) error

	// Keys, if any, are those that sign the logs: what nobody signed does not say then how far
	// a log had come when it was listed.
	Keys []ledger.PublicKey

	Locks    bool             // ask for all locks again, not only for those that may be longer
	Clock    func() time.Time // nil: time.Now
	Progress func(PullProgress)
	Tell     func(string) // what is not as it was; nil: nothing is told
}

func (o *PullOptions) bounded() bool {
	return !o.Since.IsZero() || !o.Until.IsZero() || o.Choose != nil
}

const (
	pullConcurrency = 8
	// pullAhead bounds how many keys are done before one that comes first.
	pullAhead = 64
)

// Pull copies a trail with all versions, delete markers and locks into dir; OpenDir reads
// the copy. progress may be nil; it is called after each version, never twice at a time.
func Pull(ctx context.Context, from ledger.Reader, dir string, progress func(PullProgress)) error {
	_, err := PullInto(ctx, from, dir, PullOptions{Progress: progress})
	return err
}

// PullInto copies a trail, as Pull does, or brings an earlier copy of it up to date, or
// goes on with one that was interrupted. What is there and intact is not read again, what
// the store lost since stays. What the store lists and refuses to give is kept as such: a
// foreign object must not stop the copy. Memory does not grow with the trail, but for a
// few bytes for each object that a bound, or a lock, has to be known of.
func PullInto(ctx context.Context, from ledger.Reader, dir string, o PullOptions) (PullProgress, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	p := &pull{from: from, o: o, now: o.Clock().UTC().Truncate(time.Second), wanted: map[uint64]struct{}{}, promised: map[uint64]int64{}, last: map[string]int64{}, saw: map[string]int64{}, keys: slices.Clone(o.Keys)}
	if err := p.open(dir); err != nil {
		return p.done, err
	}
	defer p.close()
	if err := p.run(ctx); err != nil {
		return p.done, err
	}
	return p.done, nil
}

type pull struct {
	from ledger.Reader
	root *os.Root
	lock *flock.Flock
	o    PullOptions
	now  time.Time

	known  string   // the index of what is there; "" for nothing
	listed []string // the journals of this pull so far whose keys may be listed again
	// wanted are the objects within the bound, and promised the longest locks of objects
	// as manifests say: by a hash of the key. Nobody checked who signed those manifests,
	// and one that is planted makes a pull read more, never less.
	wanted   map[uint64]struct{}
	promised map[uint64]int64
	newest   map[string]time.Time // by log
	last     map[string]int64     // the last manifest of each log
	saw      map[string]int64     // the last that manifests of other logs name
	keys     []ledger.PublicKey   // given, and named by rotations

	mu   sync.Mutex
	done PullProgress
	read map[[2]string]copied // what Choose has read from the store
	have map[uint64][8]byte   // where Choose may read: the beginnings of digests by key and version
}

func (p *pull) open(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == copyFolder && e.IsDir() }) {
		return fmt.Errorf("%s is not empty and is no copy of a trail: name a new directory, or one that was pulled into before", dir)
	}
	if p.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := p.root.MkdirAll(copyContents, 0o700); err != nil {
		return err
	}
	if err := p.exclude(dir); err != nil {
		return err
	}
	if err := errors.Join(p.root.RemoveAll(copyTemp), p.root.MkdirAll(copyTemp, 0o700)); err != nil {
		return err
	}
	if err := p.recall(dir); err != nil {
		return err
	}
	if p.known == "" && len(entries) > 1 && !unfinished(p.root) {
		return fmt.Errorf("%s is not empty and is no copy of a trail: name a new directory, or one that was pulled into before", dir)
	}
	return nil
}

// exclude keeps other pulls out. The folder itself is locked, since a file for it would be
// one that nobody pulled; where folders cannot be locked, as on NFS, a file is.
func (p *pull) exclude(dir string) error {
	p.lock = flock.New(filepath.Join(dir, copyFolder), flock.SetFlag(os.O_RDONLY))
	ok, err := p.lock.TryLock()
	if err != nil {
		if info, err := p.root.Lstat(copyLock); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("lock %s: %w", dir, regular(copyLock, info))
		}
		p.lock = flock.New(filepath.Join(dir, copyLock), flock.SetPermissions(0o600))
		ok, err = p.lock.TryLock()
	}
	switch {
	case err != nil:
		return fmt.Errorf("lock %s: %w", dir, err)
	case !ok:
		return fmt.Errorf("another pull into %s is under way", dir)
	}
	return nil
}

func (p *pull) close() {
	if p.lock != nil && p.lock.Locked() {
		_ = p.root.RemoveAll(copyTemp)
		_ = p.lock.Unlock()
	}
	_ = p.root.Close()
}

func exists(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return err == nil
}

// unfinished reports whether a pull was interrupted.
func unfinished(root *os.Root) bool {
	return slices.ContainsFunc(append(journals, copyKnown), func(name string) bool { return exists(root, name) })
}

// recall gathers what earlier pulls knew, also such as were interrupted, into one index.
func (p *pull) recall(dir string) error {
	names := slices.DeleteFunc(append(slices.Clone(journals), copyKnown, copyIndex), func(name string) bool { return !exists(p.root, name) })
	for _, name := range names {
		a, err := describes(p.root, name)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if a != nil && a.From != "" && p.o.From != "" && a.From != p.o.From {
			return fmt.Errorf("%s is a copy of %s, not of %s: name a new directory", dir, a.From, p.o.From)
		}
	}
	switch {
	case len(names) == 0:
		return nil
	case names[0] == copyKnown || names[0] == copyIndex: // no journal: the first knows all
		p.known = names[0]
		return nil
	}
	w, err := newIndexWriter(p.root, copyKnown+".new")
	if err != nil {
		return err
	}
	err = w.write(line2{p.about()})
	for group, failed := range entries(p.root, names, func(name string) bool { return name != copyIndex }) {
		for i := range group {
			err = errors.Join(err, w.write(group[i]))
		}
		if err = errors.Join(err, failed); err != nil {
			break
		}
	}
	if err := errors.Join(err, w.close()); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if err := p.root.Rename(copyKnown+".new", copyKnown); err != nil {
		return err
	}
	p.known = copyKnown
	return p.remove(journals...)
}

func (p *pull) remove(names ...string) error {
	for _, name := range names {
		if err := p.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// line2 is the first line of an index.
type line2 struct {
	Copy *about `json:"copy"`
}

func (p *pull) about() *about {
	a := &about{From: p.o.From, PulledAt: p.now, Session: p.o.Session}
	if !p.o.Since.IsZero() {
		a.Since = &p.o.Since
	}
	if !p.o.Until.IsZero() {
		a.Until = &p.o.Until
	}
	return a
}

// run goes through the bucket: checkpoints first and manifests next, so that no checkpoint
// of the copy speaks of manifests that were sealed after these were listed, and all
// objects that manifests name, which are older than they, are listed after them.
func (p *pull) run(ctx context.Context) error {
	in := func(segment string) func(string) bool {
		return func(key string) bool { return segmentOf(key) == segment }
	}
	if err := p.segment(ctx, journalCheckpoints, in(journalCheckpoints), p.prefix(ctx, ledger.CheckpointPrefix)); err != nil {
		return err
	}
	if err := p.segment(ctx, journalManifests, in(journalManifests), p.prefix(ctx, ledger.ManifestPrefix)); err != nil {
		return err
	}
	if err := p.later(ctx); err != nil {
		return err
	}
	if err := p.choose(ctx); err != nil {
		return err
	}
	if err := p.segment(ctx, journalRest, in(journalRest), p.rest(ctx)); err != nil {
		return err
	}
	if p.done.Total == 0 && p.done.Gone > 0 {
		return errors.Join(errors.New("the store lists nothing there, and the copy was left as it was: the bucket was emptied, or this is another"), p.remove(journals...))
	}
	return p.finish()
}

// later goes on with logs of which others name manifests that were sealed after the log was
// listed: a copy without them would look as if the log had been cut off.
func (p *pull) later(ctx context.Context) error {
	p.listed = []string{journalManifests}
	for _, journal := range journalLater {
		var behind []string
		for log, seq := range p.saw {
			if last, ok := p.last[log]; ok && last < seq {
				behind = append(behind, log+"/") // in the order of keys
			}
		}
		if len(behind) == 0 {
			return nil
		}
		slices.Sort(behind)
		from := map[string]string{}
		for _, log := range behind {
			from[log] = ""
			if last := p.last[strings.TrimSuffix(log, "/")]; last >= 0 {
				from[log] = ledger.ManifestKey(strings.TrimSuffix(log, "/"), last)
			}
		}
		clear(p.saw)
		covers := func(key string) bool {
			rest, ok := strings.CutPrefix(key, ledger.ManifestPrefix)
			log, _, _ := strings.Cut(rest, "/")
			after, known := from[log+"/"]
			return ok && known && key > after
		}
		list := func(yield func(ledger.Version, error) bool) {
			for _, log := range behind {
				for v, err := range p.from.List(ctx, ledger.ManifestPrefix+log, from[log]) {
					if (err != nil || covers(v.Key)) && !yield(v, err) {
						return
					}
				}
			}
		}
		if err := p.segment(ctx, journal, covers, list); err != nil {
			return err
		}
		p.listed = append(p.listed, journal)
	}
	p.listed = nil
	return nil
}

// segmentOf is the journal that a key goes to.
func segmentOf(key string) string {
	switch {
	case strings.HasPrefix(key, ledger.CheckpointPrefix):
		return journalCheckpoints
	case strings.HasPrefix(key, ledger.ManifestPrefix):
		return journalManifests
	}
	return journalRest
}

func (p *pull) prefix(ctx context.Context, prefix string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		for v, err := range p.from.List(ctx, prefix, "") {
			if (err != nil || strings.HasPrefix(v.Key, prefix)) && !yield(v, err) {
				return
			}
		}
	}
}

// rest lists what is under neither prefix, which is passed over where it begins.
func (p *pull) rest(ctx context.Context) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		after := ""
		for again := true; again; {
			again = false
			for v, err := range p.from.List(ctx, "", after) {
				if err != nil {
					yield(v, err)
					return
				}
				if v.Key <= after && after != "" {
					continue
				}
				if segment := segmentOf(v.Key); segment != journalRest {
					skip := ledger.CheckpointPrefix + "~" // behind all that is the trail's own
					if segment == journalManifests {
						skip = ledger.ManifestPrefix + "~"
					}
					if v.Key < skip {
						after, again = skip, true
						break
					}
					continue
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// keyed is one key in the store and in the copy.
type keyed struct {
	key    string
	listed []ledger.Version
	known  []copied
}

// both goes through a part of the store, and of the copy, by key.
func (p *pull) both(covers func(key string) bool, list iter.Seq2[ledger.Version, error]) iter.Seq2[keyed, error] {
	return func(yield func(keyed, error) bool) {
		names := slices.Clone(p.listed)
		if p.known != "" {
			names = append(names, p.known)
		}
		next, stop := iter.Pull2(entries(p.root, names, func(name string) bool { return name != copyIndex }))
		defer stop()
		var known []copied
		step := func() error {
			for {
				group, err, ok := next()
				if err != nil || !ok {
					known = nil
					return err
				}
				if known = group; covers(group[0].Key) {
					return nil
				}
			}
		}
		if err := step(); err != nil {
			yield(keyed{}, err)
			return
		}
		flush := func(listed []ledger.Version) bool {
			for len(known) > 0 && (len(listed) == 0 || known[0].Key <= listed[0].Key) {
				k := keyed{key: known[0].Key, known: known}
				if len(listed) > 0 && listed[0].Key == k.key {
					k.listed = listed
				}
				if !yield(k, nil) {
					return false
				}
				if err := step(); err != nil {
					yield(keyed{}, err)
					return false
				}
				if k.listed != nil {
					return true
				}
			}
			return len(listed) == 0 || yield(keyed{key: listed[0].Key, listed: listed}, nil)
		}
		var listed []ledger.Version
		for v, err := range list {
			switch {
			case err != nil:
				yield(keyed{}, err)
				return
			case len(listed) > 0 && listed[0].Key > v.Key:
				yield(keyed{}, fmt.Errorf("the store does not list keys in order: %q comes before %q", listed[0].Key, v.Key))
				return
			case len(listed) > 0 && listed[0].Key != v.Key:
				if !flush(listed) {
					return
				}
				listed = nil
			}
			listed = append(listed, v)
			p.mu.Lock()
			p.done.Total++
			p.mu.Unlock()
		}
		if len(listed) > 0 && !flush(listed) {
			return
		}
		flush(nil)
	}
}

// result is what became of a key.
type result struct {
	lines     []copied
	manifests []placed
}

// placed is a manifest, and the key that it stands at.
type placed struct {
	*ledger.Manifest
	key string
}

// segment brings a part of the copy up to date, and writes its journal, in order.
func (p *pull) segment(ctx context.Context, journal string, covers func(key string) bool, list iter.Seq2[ledger.Version, error]) (err error) {
	w, err := newIndexWriter(p.root, journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.write(line2{p.about()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(pullConcurrency)
	ordered := make(chan chan result, pullAhead)
	written := make(chan error)
	go func() {
		var failed error
		for one := range ordered {
			r := <-one // nothing where it failed: what others did is noted all the same
			if failed == nil {
				if failed = p.note(w, &r); failed != nil {
					cancel(failed)
				}
			}
		}
		written <- failed
	}()
	var failed error
	for k, err := range p.both(covers, list) {
		if failed = err; failed == nil {
			failed = context.Cause(ctx)
		}
		if failed != nil {
			break
		}
		one := make(chan result, 1)
		ordered <- one
		work.Go(func() error {
			defer close(one)
			r, err := p.key(ctx, &k)
			if err == nil {
				one <- r
			}
			return err
		})
	}
	close(ordered)
	// What went wrong first tells why the rest did.
	done := work.Wait()
	if err := <-written; err != nil {
		return err
	}
	if done != nil {
		return done
	}
	return failed
}

// note writes what became of a key into the journal.
func (p *pull) note(w *indexWriter, r *result) error {
	for i := range r.lines {
		if err := w.write(r.lines[i]); err != nil {
			return err
		}
	}
	for _, m := range r.manifests {
		p.learn(m.Manifest)
		p.reach(m)
	}
	return w.settle()
}

// finish makes one index of the journals. It comes last: a copy without it is not taken
// for a whole one.
func (p *pull) finish() error {
	const next = copyIndex + ".new"
	w, err := newIndexWriter(p.root, next)
	if err != nil {
		return err
	}
	err = w.write(line2{p.about()})
	for group, failed := range entries(p.root, journals, func(string) bool { return false }) {
		for i := range group {
			err = errors.Join(err, w.write(group[i]))
		}
		if err = errors.Join(err, failed); err != nil {
			break
		}
	}
	if err == nil {
		err = w.seal()
	}
	if err := errors.Join(err, w.close()); err != nil {
		return err
	}
	if err := p.root.Rename(next, copyIndex); err != nil {
		return err
	}
	return p.remove(append([]string{copyKnown}, journals...)...)
}

func hashOf(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

// learn notes what a manifest says of the objects that come later. It is called in the
// order of keys.
func (p *pull) learn(m *ledger.Manifest) {
	within := p.within(m)
	for _, h := range m.Predicate.Heads {
		p.saw[h.Log] = max(p.saw[h.Log], h.Seq)
	}
	for i := range m.Predicate.Objects {
		o := &m.Predicate.Objects[i]
		if within && p.o.Choose == nil && p.o.bounded() {
			p.wanted[hashOf(o.Key)] = struct{}{}
		}
		if p.known != "" && o.Retention.Until.After(p.now) {
			h := hashOf(o.Key)
			p.promised[h] = max(p.promised[h], o.Retention.Until.Unix())
		}
	}
}

// reach notes how far a log has come. Where the keys are known, something that was laid
// ahead of its end does not count, under which the log may go on while it is pulled.
func (p *pull) reach(m placed) {
	log, seq := m.Predicate.Log, m.Predicate.Seq
	if ledger.ManifestKey(log, seq) != m.key {
		return
	}
	if len(p.keys) > 0 {
		signed, err := ledger.ParseManifest(m.Envelope, p.keys)
		if err != nil {
			if _, ok := p.last[log]; !ok {
				p.last[log] = -1
			}
			return
		}
		if next, err := signed.NextKey(); err == nil && next != nil {
			p.keys = append(p.keys, *next)
		}
	}
	p.last[log] = max(p.last[log], seq)
}

// within reports whether a manifest may be of the time that was asked for. In version 1,
// whose time is the latest so far of its log, it may be of any up to the latest that
// anything at the log's keys says.
func (p *pull) within(m *ledger.Manifest) bool {
	from, to := m.SealedAt(), m.SealedAt()
	if m.Predicate.Time == nil {
		if p.newest == nil {
			p.newest = map[string]time.Time{}
		}
		if log := m.Predicate.Log; p.newest[log].Before(to) {
			p.newest[log] = to
		} else {
			to = p.newest[log]
		}
	}
	return (p.o.Until.IsZero() || !from.After(p.o.Until)) && (p.o.Since.IsZero() || !to.Before(p.o.Since))
}

// boundedPrefixes are those of what a bound leaves out. All else is small, and the chain is
// verified by it.
var boundedPrefixes = []string{ledger.DataPrefix, ledger.QuarantinePrefix, ledger.ContentPrefix, ledger.BlobPrefix, ledger.PromptPrefix}

// wants reports whether the content of a key is within the bound.
func (p *pull) wants(key string) bool {
	if !p.o.bounded() || !slices.ContainsFunc(boundedPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
		return true
	}
	_, ok := p.wanted[hashOf(key)]
	return ok
}

// choose asks which objects are wanted, with the manifests as they are in the copy now.
func (p *pull) choose(ctx context.Context) error {
	if p.o.Choose == nil {
		return nil
	}
	p.read, p.have = map[[2]string]copied{}, map[uint64][8]byte{}
	if p.known != "" {
		for group, err := range entries(p.root, []string{p.known}, func(name string) bool { return name != copyIndex }) {
			if err != nil {
				return err
			}
			for _, c := range group {
				if sum, err := hex.DecodeString(c.SHA256); err == nil && len(sum) == sha256.Size && c.File != "" {
					p.have[hashOf(c.Key+"\x00"+c.VersionID)] = [8]byte(sum)
				}
			}
		}
	}
	manifests := func() iter.Seq2[*ledger.Manifest, error] {
		return func(yield func(*ledger.Manifest, error) bool) {
			p.newest = nil
			read := slices.DeleteFunc(append([]string{journalManifests}, journalLater...), func(name string) bool { return !exists(p.root, name) })
			for group, err := range entries(p.root, read, func(string) bool { return true }) {
				if err = errors.Join(err, ctx.Err()); err != nil {
					yield(nil, err)
					return
				}
				for _, c := range group {
					if c.File == "" || c.Size > maxChanged {
						continue
					}
					body, err := readBounded(p.root, c.File, maxChanged)
					if err != nil {
						yield(nil, err)
						return
					}
					if m, err := ledger.ParseEnvelope(body); err == nil && p.within(m) && !yield(m, nil) {
						return
					}
				}
			}
		}
	}
	return p.o.Choose(ctx, &keeping{p.from, p}, manifests, func(key string) { p.wanted[hashOf(key)] = struct{}{} })
}

// keeping reads from the store, and keeps what was read for the copy.
type keeping struct {
	ledger.Reader
	p *pull
}

func (k *keeping) Get(ctx context.Context, key, id string) ([]byte, error) {
	at := [2]string{key, id}
	p := k.p
	p.mu.Lock()
	c, ok := p.read[at]
	p.mu.Unlock()
	if ok {
		return readBounded(p.root, c.File, MaxObjectBytes)
	}
	if sum, ok := p.have[hashOf(key+"\x00"+id)]; ok {
		for _, file := range []string{key, contentsFile(key, id)} {
			if file == key && !plain(key) {
				continue
			}
			body, err := readBounded(p.root, file, MaxObjectBytes)
			if have := sha256.Sum256(body); err == nil && [8]byte(have[:8]) == sum {
				return body, nil
			}
		}
	}
	body, err := k.Reader.Get(ctx, key, id)
	if err != nil {
		return nil, err
	}
	c = copied{File: contentsFile(key, id), SHA256: hexSHA256(body)}
	if err := p.put(key, id, c.File, body); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.read[at] = c
	p.mu.Unlock()
	return body, nil
}

// The names that a file of the copy may have: those of the trail's own keys. No name of
// a file is a folder of another, and none differs from another by case alone, which some
// file systems do not tell apart.
var plainKey = func() *regexp.Regexp {
	const (
		log   = `[a-z0-9-][a-z0-9.-]*`
		class = `(?:class=[a-z0-9-]+/)?`
		name  = `(?:[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-)?[a-z0-9_-][a-z0-9._-]*`
	)
	return regexp.MustCompile(`^(?:` + strings.Join([]string{
		`(?:manifests|checkpoints)/v1/` + log + `/` + name,
		`(?:data|quarantine|content)/v1/` + class + `date=[0-9-]+/` + log + `/` + name,
		`(?:data|quarantine|content|keys|held-keys)/v1/` + name,
		`(?:blobs|prompts)/v1/` + class + name,
		`tlog/v1/` + log + `/(?:checkpoint|tile/[a-z0-9]+(?:/x[0-9]{3})*/[0-9]{3}(?:\.p/[0-9]{1,3})?)`,
	}, `|`) + `)$`)
}()

var lowerTime = regexp.MustCompile(`/[0-9]{8}t[0-9]{6}\.[0-9]{3}z-`)

const maxNameBytes = 255

func plain(key string) bool {
	if !plainKey.MatchString(key) || lowerTime.MatchString(key) {
		return false
	}
	for name := range strings.SplitSeq(key, "/") {
		if len(name) > maxNameBytes {
			return false
		}
	}
	return true
}

// contentsFile is where a version stands that has no path of its own.
func contentsFile(key, id string) string {
	digest := sha256.Sum256([]byte(key + "\x00" + id))
	return copyContents + "/" + hex.EncodeToString(digest[:])
}

// key brings one key up to date. A version never moves in the copy: an index that was
// written before stays true while a pull is under way.
func (p *pull) key(ctx context.Context, k *keyed) (r result, err error) {
	free := plain(k.key)
	known := map[string]*copied{}
	for i := range k.known {
		c := &k.known[i]
		known[c.VersionID] = c
		free = free && c.File != k.key
	}
	newest := -1
	for i, v := range k.listed {
		if !v.DeleteMarker {
			newest = i
		}
	}
	listed := map[string]bool{}
	for _, v := range k.listed {
		listed[v.ID] = true
	}
	before := k.known
	// gone writes what the store does not list any more, up to what it lists.
	gone := func() {
		for ; len(before) > 0 && !listed[before[0].VersionID]; before = before[1:] {
			r.lines = p.lost(r.lines, before[0])
		}
	}
	for i, v := range k.listed {
		gone()
		if len(before) > 0 && known[v.ID] != nil {
			before = before[1:]
		}
		c := copied{
			Key: v.Key, VersionID: v.ID, ETag: v.ETag, Size: v.Size,
			LastModified: v.LastModified, Latest: v.Latest, DeleteMarker: v.DeleteMarker,
		}
		file := contentsFile(v.Key, v.ID)
		if i == newest && free {
			file = v.Key
		}
		m, err := p.version(ctx, &c, known[v.ID], file)
		switch {
		case errors.Is(err, ledger.ErrNotFound) && known[v.ID] != nil:
			r.lines = p.lost(r.lines, *known[v.ID])
			continue
		case errors.Is(err, ledger.ErrNotFound):
			continue // its retention ended between the listing and now
		case err != nil:
			return r, err
		}
		r.lines = append(r.lines, c)
		if m != nil {
			r.manifests = append(r.manifests, placed{m, c.Key})
		}
	}
	gone()
	return r, nil
}

// lost keeps what the store has not any more: of what it holds, not that it is there.
func (p *pull) lost(lines []copied, c copied) []copied {
	if c.File == "" || c.DeleteMarker {
		return lines
	}
	if c.Gone == nil {
		c.Gone = &p.now
	}
	c.Latest = false
	p.mu.Lock()
	p.done.Gone++
	p.mu.Unlock()
	return append(lines, c)
}

// version brings one version up to date; file is where its content goes that is not there
// yet. It returns the manifest that it is, where that has to be known.
func (p *pull) version(ctx context.Context, c, known *copied, file string) (m *ledger.Manifest, err error) {
	var n int64
	kept := false
	defer func() {
		if err == nil {
			p.count(c, n, kept)
		}
	}()
	if c.DeleteMarker {
		kept = known != nil
		return nil, nil
	}
	asManifest := segmentOf(c.Key) == journalManifests && c.Size <= maxChanged
	var body []byte
	if known != nil && known.File != "" {
		c.File, c.SHA256, c.Mode, c.Until, c.LockRead = known.File, known.SHA256, known.Mode, known.Until, known.LockRead
		found := "the store gives another version of that id"
		if known.Size == c.Size && known.ETag == c.ETag {
			body, found = p.intact(known, asManifest)
		}
		if kept = found == ""; !kept {
			p.tell("%s is not as it was pulled, and is pulled anew: %s", known.File, found)
			if body, err = p.content(ctx, c, known.File); err != nil {
				return nil, err
			}
			if c.SHA256 != "" && known.SHA256 != "" && c.SHA256 != known.SHA256 && c.Size == known.Size && c.ETag == known.ETag {
				p.tell("%s: the store gives another content than when it was pulled", c.Key)
			}
		}
	} else if !p.wants(c.Key) {
		c.NotPulled = true
		return nil, nil
	} else if body, err = p.content(ctx, c, file); err != nil {
		return nil, err
	}
	if !kept {
		n = int64(len(body))
	}
	if asManifest && body != nil {
		if parsed, err := ledger.ParseEnvelope(body); err == nil {
			m = parsed
		}
	}
	if !p.fresh(c, m, kept) {
		if err := p.readLock(ctx, c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// fresh reports whether what is known of a lock can stand: nothing that was pulled promises
// a longer one.
func (p *pull) fresh(c *copied, m *ledger.Manifest, kept bool) bool {
	if !kept || p.o.Locks {
		return false
	}
	until := int64(0)
	if segmentOf(c.Key) == journalRest { // the others are not named by manifests, which are still being read
		until = p.promised[hashOf(c.Key)]
	}
	if m != nil && m.Predicate.Retention != nil && m.Predicate.Retention.Until.After(p.now) {
		until = m.Predicate.Retention.Until.Unix()
	}
	return until == 0 || c.Until != nil && c.Until.Unix() >= until
}

func (p *pull) readLock(ctx context.Context, c *copied) error {
	r, err := p.from.Retention(ctx, c.Key, c.VersionID)
	if err != nil {
		return fmt.Errorf("retention of %s: %w", c.Key, err)
	}
	c.Mode, c.Until, c.LockRead = "", nil, &p.now
	if r != (ledger.Retention{}) {
		c.Mode, c.Until = r.Mode, &r.Until
	}
	return nil
}

func (p *pull) count(c *copied, bytes int64, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done.Versions++
	p.done.Bytes += bytes
	switch {
	case c.Unreadable != "":
		p.done.Refused++
	case c.NotPulled:
		p.done.NotPulled++
	case kept:
		p.done.Kept++
	}
	if p.o.Progress != nil {
		p.o.Progress(p.done)
	}
}

func (p *pull) tell(format string, args ...any) {
	if p.o.Tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Tell(fmt.Sprintf(format, args...))
}

// intact reads a file of the copy and holds it against the index; found is what is there
// instead. The content is returned only where it is asked for.
func (p *pull) intact(c *copied, whole bool) (body []byte, found string) {
	f, info, err := openRegular(p.root, c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "it is not there"
	case err != nil:
		return nil, err.Error()
	}
	defer func() { _ = f.Close() }()
	if c.SHA256 == "" { // of a copy of an older version
		return nil, "the index does not say what it was"
	}
	// A size that differs from what was pulled is not read.
	if info.Size() != c.Size {
		return nil, fmt.Sprintf("it has %d bytes, %d were pulled", info.Size(), c.Size)
	}
	sum := sha256.New()
	var out io.Writer = sum
	var read bytes.Buffer
	if whole {
		read.Grow(int(c.Size))
		out = io.MultiWriter(sum, &read)
	}
	if _, err := io.Copy(out, io.LimitReader(f, c.Size+1)); err != nil {
		return nil, err.Error()
	}
	if hex.EncodeToString(sum.Sum(nil)) != c.SHA256 {
		return nil, "its content is another"
	}
	if whole {
		body = read.Bytes()
	}
	return body, ""
}

// content copies what is in a version to a file.
func (p *pull) content(ctx context.Context, c *copied, file string) ([]byte, error) {
	c.File, c.SHA256 = "", ""
	p.mu.Lock()
	read, ok := p.read[[2]string{c.Key, c.VersionID}]
	p.mu.Unlock()
	var body []byte
	var err error
	if ok {
		body, err = readBounded(p.root, read.File, MaxObjectBytes)
	} else {
		body, err = p.from.Get(ctx, c.Key, c.VersionID)
	}
	if errors.Is(err, ledger.ErrForbidden) || errors.Is(err, errTooLarge) {
		c.Unreadable = err.Error()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if ok && read.File != file {
		if err := p.remove(read.File); err != nil {
			return nil, err
		}
	}
	if !ok || read.File != file {
		if err := p.put(c.Key, c.VersionID, file, body); err != nil {
			return nil, err
		}
	}
	c.File, c.SHA256 = file, hexSHA256(body)
	return body, nil
}

// put writes a file whole or not at all, over whatever stands there.
func (p *pull) put(key, id, file string, body []byte) error {
	if err := p.root.MkdirAll(path.Dir(file), 0o700); err != nil {
		return err
	}
	temporary := copyTemp + "/" + path.Base(contentsFile(key, id))
	f, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = p.root.Rename(temporary, file); err == nil {
		return nil
	}
	if info, failed := p.root.Lstat(file); failed != nil || !info.IsDir() {
		return err
	}
	// A folder was laid in its place.
	if err := p.root.RemoveAll(file); err != nil {
		return err
	}
	return p.root.Rename(temporary, file)
}
