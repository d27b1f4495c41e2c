package adversary

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

const day = 24 * time.Hour

// step is something that honest writers, the lifecycle of the bucket, or time do.
type step struct {
	name string
	do   func(*world, *logTruth)
}

var steps = []step{
	{"commit", (*world).batch},
	{"commit", (*world).batch},
	{"commit", (*world).batch},
	{"heartbeat", func(w *world, l *logTruth) { w.commit(l, ledger.KindHeartbeat, nil) }},
	{"crash", func(w *world, l *logTruth) { w.reopen(l) }},
	{"close", (*world).closed},
	{"retire", (*world).retire},
	{"lost answer", (*world).lostAnswer},
	{"rotate", (*world).rotate},
	{"watch", (*world).watch},
	{"watch", (*world).watch},
	{"checkpoint", (*world).checkpoint},
	{"checkpoint", (*world).checkpoint},
	{"retention", (*world).retain},
	{"time", (*world).wait},
	{"time", (*world).wait},
	{"lifecycle", (*world).expire},
	{"lifecycle", (*world).expire},
	{"clock", (*world).clock},
	{"squat", (*world).squat},
	{"upgrade", (*world).upgrade},
	{"stop", (*world).stop},
}

// draw makes a world with a history, in which an attacker who needs a replaced key finds one.
func draw(t *rapid.T, r *role) *world {
	w := newWorld(t)
	shared := r.key != replaced && rapid.Bool().Draw(t, "one key for all")
	for i := range rapid.IntRange(1, 3).Draw(t, "logs") {
		key := keys[0]
		if !shared || i == 0 {
			key = w.newKey()
		}
		w.begin(fmt.Sprintf("gw-%d", i), key)
	}
	for range rapid.IntRange(1, 14).Draw(t, "steps") {
		l := rapid.SampledFrom(w.logs).Draw(t, "log")
		s := rapid.SampledFrom(steps).Draw(t, "step")
		if !l.stopped {
			s.do(w, l)
		}
	}
	if l := w.logs[0]; r.key == replaced && len(l.keys) == 1 && !l.stopped {
		w.rotate(l)
		for range rapid.IntRange(0, 4).Draw(t, "since the rotation") {
			w.batch(l)
		}
	}
	w.now = w.now.Add(time.Minute)
	w.say("now")
	return w
}

func (w *world) begin(name string, key *keypair) {
	l := &logTruth{name: name, keys: []*keypair{key}, retention: 10 * day, old: rapid.IntRange(0, 3).Draw(w.t, "v1") == 0}
	w.logs = append(w.logs, l)
	w.say("%s begins, version %d, key %s", name, map[bool]int{true: 1, false: 2}[l.old], key.name)
	w.reopen(l)
}

// at is the time by the writers' clock.
func (l *logTruth) at(w *world) time.Time { return w.now.Add(l.skew) }

// open opens a log as its writers do.
func (w *world) open(l *logTruth) *ledger.Chain {
	o := ledger.ChainOptions{
		Log: l.name, Signer: l.signer().signer, Writer: ledger.Writer{Version: "test"},
		Now: func() time.Time { return l.at(w) },
		Retention: func(now time.Time) ledger.Retention {
			return ledger.Retention{Mode: w.mode, Until: now.Add(l.retention)}
		},
		Heads: func() []ledger.HeadRef {
			defer func() { l.heads = nil }()
			return l.heads
		},
	}
	for _, k := range l.keys[:len(l.keys)-1] {
		o.Earlier = append(o.Earlier, k.public)
	}
	c, err := ledger.OpenChain(ctx, w.b, o)
	if err != nil {
		w.t.Fatalf("an honest writer cannot open its log %s: %v\n%s", l.name, err, w)
	}
	return c
}

// reopen starts the writers of a log, whether or not they had closed it.
func (w *world) reopen(l *logTruth) {
	if !l.old {
		l.writers = [2]*ledger.Chain{w.open(l), nil}
	}
	w.commit(l, ledger.KindOpen, nil)
	if !l.old {
		l.writers[1] = w.open(l)
	}
}

// commit seals objects by one of the log's two writers.
func (w *world) commit(l *logTruth, kind ledger.Kind, objects []ledger.Object) {
	n := 0
	if l.writers[1] != nil && rapid.IntRange(0, 2).Draw(w.t, "writer") == 0 {
		n = 1
	}
	w.commitBy(l, n, kind, objects)
}

func (w *world) commitBy(l *logTruth, n int, kind ledger.Kind, objects []ledger.Object) {
	w.now = w.now.Add(7 * time.Minute)
	if l.old {
		w.oldCommit(l, kind, nil)
		return
	}
	c := l.writers[n]
	if err := c.Commit(ctx, kind, objects); err != nil {
		w.t.Fatalf("an honest writer of %s cannot commit: %v\n%s", l.name, err, w)
	}
	for _, o := range objects {
		l.acked = append(l.acked, o.Key)
	}
	w.say("%s %s at %d, %d objects", l.name, kind, c.Head().Seq, len(objects))
}

// batch seals one or two objects, perhaps of another retention class.
func (w *world) batch(l *logTruth) {
	n := rapid.IntRange(1, 2).Draw(w.t, "objects")
	class := rapid.SampledFrom([]string{"default", "default", "long", "short"}).Draw(w.t, "class")
	keep := l.retention * time.Duration(map[string]int{"default": 2, "long": 6, "short": 1}[class]) / 2
	keep = max(keep, 3*day) // more than any clock is off
	lock := ledger.Retention{Mode: w.mode, Until: l.at(w).Add(keep).Truncate(time.Second)}
	if l.old {
		w.oldCommit(l, ledger.KindBatch, &lock)
		return
	}
	var objects []ledger.Object
	for range n {
		objects = append(objects, w.seal(l, class, lock, rapid.IntRange(1, 3).Draw(w.t, "events")))
	}
	w.commit(l, ledger.KindBatch, objects)
}

// seal builds and stores an object as the exporter does.
func (w *world) seal(l *logTruth, class string, lock ledger.Retention, n int) ledger.Object {
	w.sessions++
	session := fmt.Sprint("s", w.sessions)
	compression := ledger.None
	if w.sessions%8 == 0 {
		compression = ledger.Gzip
	}
	b := ledger.NewObjectBuilder(ledger.ObjectOptions{
		Log: l.name, Compression: compression, Retention: lock, RetentionClass: class, Source: session,
	}, l.at(w))
	for i := 1; i <= n; i++ {
		b.Add(line(session, i), semconv.Meta{EventType: "tool_call", Timestamp: eventTime(i), SessionID: session})
	}
	o, err := b.Finish()
	if err == nil {
		_, err = w.b.Put(ctx, o.Key, o.Body, ledger.PutOptions{SHA256: o.Digest, Retention: lock})
	}
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w)
	}
	return o.Object
}

// oldCommit writes a manifest of version 1, as the writers of that time did: its lock is
// that of its own data, whatever was before.
func (w *world) oldCommit(l *logTruth, kind ledger.Kind, data *ledger.Retention) {
	lock := promise{w.mode, l.at(w).Add(l.retention)}
	p := follow(l.name, l.chain(), 1, l.at(w), lock)
	p.Kind = string(kind)
	if data != nil {
		w.sessions++
		o, body := describe(l.name, fmt.Sprint("s", w.sessions), 2, "default", promise(*data), 1, l.at(w))
		w.put(o.Key, body, *data)
		p.Objects = []object{o}
		l.acked = append(l.acked, o.Key)
		if data.Until.After(lock.Until) {
			lock.Until = data.Until
		}
	}
	w.put(manifestKey(l.name, p.Seq), seal(p.payload(1), l.signer()), ledger.Retention(lock))
	w.say("%s %s at %d (v1), %d objects", l.name, kind, p.Seq, len(p.Objects))
}

// put stores something as a writer does, also where something squats.
func (w *world) put(key string, body []byte, lock ledger.Retention) {
	o := ledger.PutOptions{SHA256: sha256.Sum256(body), Retention: lock}
	if list := w.b.objs[key]; len(list) > 0 && !list[len(list)-1].marker {
		o.IfMatch = etag(list[len(list)-1])
	}
	if _, err := w.b.Put(ctx, key, body, o); err != nil {
		w.t.Fatalf("%s: %v\n%s", key, err, w)
	}
}

func (w *world) closed(l *logTruth) {
	w.commit(l, ledger.KindClose, nil)
	w.reopen(l)
}

// retire has another writer end a log, which may still have its own. Where it is not known
// that the log has ended, nothing is written.
func (w *world) retire(l *logTruth) {
	if l.old {
		return
	}
	w.now = w.now.Add(7 * time.Minute)
	err := w.open(l).Retire(ctx)
	if err != nil && !errors.Is(err, ledger.ErrUnsure) {
		w.t.Fatalf("an honest neighbour of %s cannot retire it: %v\n%s", l.name, err, w)
	}
	w.say("%s is retired: %v", l.name, err)
	if rapid.IntRange(0, 3).Draw(w.t, "for good") == 0 {
		l.stopped = true
	}
}

// stop closes a log, or leaves it as it is, for good.
func (w *world) stop(l *logTruth) {
	if rapid.Bool().Draw(w.t, "closed") {
		w.commit(l, ledger.KindClose, nil)
	}
	l.stopped = true
	w.say("%s stops", l.name)
}

// lostAnswer has a manifest stored whose writer is not told, and then goes on or crashes.
func (w *world) lostAnswer(l *logTruth) {
	if l.old {
		return
	}
	w.now = w.now.Add(7 * time.Minute)
	w.b.fail = func(_ string, done bool) error {
		if done {
			return errors.New("connection reset")
		}
		return nil
	}
	_ = l.writers[0].Commit(ctx, ledger.KindHeartbeat, nil)
	w.b.fail = nil
	w.say("%s heartbeat, its answer is lost", l.name)
	if rapid.Bool().Draw(w.t, "crash") {
		w.reopen(l)
	}
}

func (w *world) rotate(l *logTruth) {
	if w.used == len(keys) {
		return
	}
	next := w.newKey()
	if l.old {
		lock := promise{w.mode, l.at(w).Add(l.retention)}
		p := follow(l.name, l.chain(), 1, l.at(w), lock)
		p.Kind, p.NextKey = "key_rotation", &nextKey{next.id, next.pem}
		w.put(manifestKey(l.name, p.Seq), seal(p.payload(1), l.signer()), ledger.Retention(lock))
	} else if err := l.writers[0].Rotate(ctx, next.public); err != nil {
		w.t.Fatalf("an honest writer of %s cannot rotate: %v\n%s", l.name, err, w)
	}
	l.keys = append(l.keys, next)
	w.say("%s rotates to %s", l.name, next.name)
	w.reopen(l)
}

// upgrade goes on from version 1 in version 2.
func (w *world) upgrade(l *logTruth) {
	if !l.old {
		return
	}
	l.old = false
	w.say("%s goes over to version 2", l.name)
	w.reopen(l)
}

// watch has a log see another's head, with that log's newest checkpoint.
func (w *world) watch(l *logTruth) {
	of := rapid.SampledFrom(w.logs).Draw(w.t, "watched")
	if of == l || l.old {
		return
	}
	if rapid.Bool().Draw(w.t, "its checkpoint") {
		w.checkpoint(of)
	}
	var given []ledger.PublicKey
	for _, k := range of.keys {
		given = append(given, k.public)
	}
	h, err := ledger.FindHead(ctx, w.b, of.name, given)
	if err != nil || h.Seq < 0 {
		return
	}
	l.heads = []ledger.HeadRef{{Log: of.name, Seq: h.Seq, SHA256: h.SHA256, Note: string(h.Note)}}
	w.say("%s sees %s at %d, note %t", l.name, of.name, h.Seq, h.Note != nil)
	w.commit(l, ledger.KindHeartbeat, nil)
}

// checkpoint stores a checkpoint, which the auditor may keep.
func (w *world) checkpoint(l *logTruth) {
	if l.old {
		leaves := [][]byte{}
		for _, f := range l.chain() {
			leaves = append(leaves, leaf(f.payload))
		}
		key := checkpointKey(l.name, len(leaves))
		if len(w.b.objs[key]) == 0 {
			lock := ledger.Retention{Mode: w.mode, Until: l.at(w).Add(l.retention)}
			w.put(key, note(l.name, "", len(leaves), root(leaves), l.signer()), lock)
		}
	} else if err := l.writers[0].Checkpoint(ctx, nil); err != nil {
		w.t.Fatalf("checkpoint: %v\n%s", err, w)
	} else if rapid.Bool().Draw(w.t, "tiles") {
		err := l.writers[0].WriteTiles(ctx, func() ledger.Retention {
			return ledger.Retention{Mode: ledger.Governance, Until: w.now.Add(time.Minute)}
		})
		w.say("%s tiles of %d, %v", l.name, l.writers[0].Head().Seq+1, err)
	}
	if len(l.notes) == 0 {
		return
	}
	n := l.notes[len(l.notes)-1]
	w.say("%s checkpoint of %d", l.name, n.size)
	if rapid.Bool().Draw(w.t, "kept") {
		w.kept = append(w.kept, n)
		w.say("the auditor keeps it")
	}
}

func (w *world) retain(l *logTruth) {
	l.retention = time.Duration(rapid.SampledFrom([]int{4, 10, 30}).Draw(w.t, "days")) * day
	w.say("%s retains for %v", l.name, l.retention)
}

func (w *world) wait(*logTruth) {
	w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, day, 5 * day, 15 * day}).Draw(w.t, "time"))
}

func (w *world) clock(l *logTruth) {
	skews := []time.Duration{0, -2 * time.Minute, -day, -2 * day, 3 * time.Hour, 2 * day}
	l.skew = rapid.SampledFrom(skews).Draw(w.t, "skew")
	w.say("the clock of %s is %v off", l.name, l.skew)
}

// expire is a lifecycle that removes what is not locked any more, in any order, and may
// be interrupted. Logs that are written have their newest manifest before it comes.
func (w *world) expire(*logTruth) {
	w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 5, 12, 40}).Draw(w.t, "days")) * day)
	for _, l := range w.logs {
		if !l.stopped {
			// Both writers: one that sleeps until its head has expired would fork the log.
			// Twice: the first may settle a lost answer.
			for range 2 {
				w.commitBy(l, 0, ledger.KindHeartbeat, nil)
				w.commitBy(l, 1, ledger.KindHeartbeat, nil)
			}
		}
	}
	some := rapid.Bool().Draw(w.t, "some")
	n := 0
	for _, key := range slices.Clone(w.b.keys) {
		w.b.drop(key, func(v *version) bool {
			if v.marker || v.lock.Until.After(w.now) || some && rapid.Bool().Draw(w.t, "spared") {
				return false
			}
			w.grave = append(w.grave, lost{key, *v})
			w.swept = w.now
			w.say("lifecycle removes %s", key)
			n++
			return true
		})
	}
}

// squat is a bucket writer at work while the log is written.
func (w *world) squat(l *logTruth) {
	next := manifestKey(l.name, len(l.chain()))
	switch rapid.SampledFrom([]string{"garbage", "marker", "unreadable"}).Draw(w.t, "squat") {
	case "garbage":
		w.b.add(next, version{body: []byte("garbage")})
		w.say("garbage at %s", next)
	case "marker":
		at := manifestKey(l.name, len(l.chain())-1)
		w.b.add(at, version{marker: true})
		w.say("a delete marker over %s", at)
	case "unreadable":
		w.squatted = true
		w.b.add(next, version{body: []byte("xxx"), denied: true})
		w.say("something unreadable at %s", next)
	}
}

// String tells the history.
func (w *world) String() string {
	text := "history (" + w.mode + "):\n"
	for _, s := range w.story {
		text += "  " + s + "\n"
	}
	return text
}
