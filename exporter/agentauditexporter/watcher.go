package agentauditexporter

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

const (
	// watchedLogs is how many other logs are noted at a checkpoint.
	watchedLogs = 4
	// maxProbes bounds the logs whose heads are looked for at a checkpoint. One that turns
	// out to be dead, or to be nothing, costs a probe and no place.
	maxProbes = 64
	// maxProbeRequests bounds the requests of one: of an honest log some fifty, under
	// squatters two thousand.
	maxProbeRequests = 4096
	// maxRoundRequests bounds those of a checkpoint, and what is spent of them on logs that
	// are not known yet: much while there are places left, little when there are not.
	maxRoundRequests  = 16384
	maxSearchRequests = 8192
	minSearchRequests = 256
	// maxKnownLogs bounds the memory for logs that were alive.
	maxKnownLogs = 1024
	// minAlive is how long a log without a new manifest counts as alive, at least. It is
	// far above a heartbeat and the differences between clocks.
	minAlive = time.Hour
)

// watcher chooses the logs that are noted at a checkpoint: at random, among those of its
// keys that are alive. Whatever else is planted in the bucket takes no place from them.
type watcher struct {
	store ledger.Reader
	log   string // its own, which it does not watch
	keys  []ledger.PublicKey
	alive time.Duration // how old the newest manifest of a log may be that is alive
	now   func() time.Time
	rand  *rand.Rand

	known []living
	from  string // the log behind which the search goes on
}

// living is a log that was alive when it was last looked at.
type living struct {
	log  string
	keys []ledger.PublicKey // of the watcher's, that signed some of it
}

// look is a round: the heads of up to watchedLogs logs, and of those that have ended since
// they were looked at. They are good also where there is
// an error, which is the store's.
func (w *watcher) look(ctx context.Context) (heads []ledger.HeadRef, logs int, err error) {
	round := &bounded{Reader: w.store, left: maxRoundRequests}
	probes := maxProbes
	var kept []living
	w.rand.Shuffle(len(w.known), func(i, j int) { w.known[i], w.known[j] = w.known[j], w.known[i] })
	for i, l := range w.known {
		if logs == watchedLogs || probes == 0 || round.over() {
			kept = append(kept, w.known[i:]...)
			break
		}
		probes--
		found, alive := w.heads(ctx, round, l.log, l.keys)
		if round.failed != nil {
			return heads, logs, round.failed
		}
		heads = append(heads, found...) // also how it ended, which takes no place
		if alive {
			kept, logs = append(kept, l), logs+1
		}
	}
	w.known = kept
	found, more := w.search(ctx, round, watchedLogs-logs, probes)
	return append(heads, found...), logs + more, round.failed
}

// search looks for logs that are alive and not known yet, and gives the heads of up to
// places of them.
func (w *watcher) search(ctx context.Context, round *bounded, places, probes int) (heads []ledger.HeadRef, logs int) {
	r := &bounded{Reader: round, left: minSearchRequests}
	if places > 0 {
		r.left = maxSearchRequests
	}
	// It goes on where it was, so that it comes round, and begins at random as often, so
	// that nobody can plant logs before it faster than it goes.
	if w.from == "" || w.rand.IntN(2) == 0 {
		w.from = w.anywhere()
	}
	met := 0
	for s := range w.around(ctx, r, w.from) {
		w.from = s.log
		if s.log == w.log || s.whole && w.now().Sub(s.newest) > w.alive {
			continue
		}
		keys := w.signers(ctx, r, s)
		if len(keys) == 0 || w.knows(s.log, keys) {
			continue
		}
		if probes--; probes < 0 {
			break
		}
		found, alive := w.heads(ctx, round, s.log, keys)
		if !alive {
			continue
		}
		w.remember(living{s.log, keys})
		if logs < places {
			heads, logs = append(heads, found...), logs+1
		}
		if met++; met == watchedLogs {
			break
		}
	}
	return heads, logs
}

// heads are the newest manifests of late in a log, of each of those keys: of one, but where
// another has taken the name of the log it hides nothing. alive is false where the log has
// no writer.
func (w *watcher) heads(ctx context.Context, r ledger.Reader, log string, keys []ledger.PublicKey) (heads []ledger.HeadRef, alive bool) {
	probe := &bounded{Reader: r, left: maxProbeRequests * len(keys)}
	for _, k := range keys {
		h, err := ledger.FindHead(ctx, probe, log, []ledger.PublicKey{k})
		if err == nil && h.Seq >= 0 && w.now().Sub(h.At) <= w.alive {
			heads = append(heads, ledger.HeadRef{Log: log, Seq: h.Seq, SHA256: h.SHA256, Note: bare(h.Note, k)})
			alive = alive || !h.Closed
		}
	}
	return heads, alive
}

// remember makes a log one that is preferred. Where there are many already, it takes the
// place of any.
func (w *watcher) remember(l living) {
	if len(w.known) < maxKnownLogs {
		w.known = append(w.known, l)
		return
	}
	w.known[w.rand.IntN(len(w.known))] = l
}

// knows reports whether a log is remembered, and remembers that those keys sign it too.
func (w *watcher) knows(log string, keys []ledger.PublicKey) bool {
	i := slices.IndexFunc(w.known, func(l living) bool { return l.log == log })
	if i < 0 {
		return false
	}
	for _, k := range keys {
		if !slices.ContainsFunc(w.known[i].keys, func(have ledger.PublicKey) bool { return have.ID == k.ID }) {
			w.known[i].keys = append(w.known[i].keys, k)
		}
	}
	return true
}

// anywhere is the beginning of a name.
func (w *watcher) anywhere() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	name := make([]byte, 4)
	for i := range name {
		name[i] = letters[w.rand.IntN(len(letters))]
	}
	return string(name)
}

// bare is a checkpoint with the signature of its log's key and no others: anyone can add
// to it in the bucket.
func bare(note []byte, k ledger.PublicKey) string {
	text, signatures, ok := bytes.Cut(note, []byte("\n\n"))
	if !ok {
		return ""
	}
	for line := range bytes.Lines(signatures) {
		alone := string(text) + "\n\n" + strings.TrimSuffix(string(line), "\n") + "\n"
		if _, err := ledger.ParseCheckpoint([]byte(alone), []ledger.PublicKey{k}, nil); err == nil {
			return alone
		}
	}
	return ""
}
