package index

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Options say what is put into an index.
type Options struct {
	Keys []ledger.PublicKey
	Logs []string // nil: every log that has manifests
	// Shard of Shards, from 0: only logs of that share, so that several programs may work at
	// once without doing work in vain. 0 of 0 is all.
	Shard, Shards int
	Workers       int // logs that are read at once; 0: as many as there are processors
	FlushRows     int // rows of a write; 0: about a million
	FlushBytes    int // of memory for rows, over all workers; 0: 256 MiB
	Note          func(ledger.Finding)
	Progress      func(Progress)
}

// Progress is how far an update has come.
type Progress struct {
	Logs, LogsDone int
	Log            string  // one that is being read
	Done           float64 // of that log's time, 0 to 1
	Objects        int64
	Events         int64
	Bytes          int64 // of objects, as stored
	Files          int64
	Commits        int64
}

// defaults.
const (
	flushRows  = 8 * 122_880
	flushBytes = 256 << 20
)

// updater is the state of an update, shared by its workers.
type updater struct {
	x *Index
	r ledger.Reader
	o Options

	next chan string // logs to read
	mu   sync.Mutex
	done Progress

	objects, events, bytes, files, commits atomic.Int64
	unknown                                atomic.Int64 // logs of which no given key signed a manifest
}

// Update puts what the logs sealed since the last update into the index. What it has written
// when it ends early stays, and the next update goes on from there. What does not hold is
// noted and has no rows.
func (x *Index) Update(ctx context.Context, r ledger.Reader, o Options) (Progress, error) {
	if len(o.Keys) == 0 {
		return Progress{}, errors.New("no public key to verify with")
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.FlushRows == 0 {
		o.FlushRows = flushRows
	}
	if o.FlushBytes == 0 {
		o.FlushBytes = flushBytes
	}
	logs, err := o.mine(ctx, r)
	if err != nil {
		return Progress{}, err
	}
	o.Workers = max(min(o.Workers, len(logs)), 1)
	u := &updater{x: x, r: r, o: o}
	if note := o.Note; note != nil {
		u.o.Note = func(f ledger.Finding) { u.mu.Lock(); defer u.mu.Unlock(); note(f) }
	} else {
		u.o.Note = func(ledger.Finding) {}
	}
	u.done.Logs = len(logs)
	err = u.run(ctx, logs)
	if err == nil && len(logs) > 0 && int(u.unknown.Load()) == len(logs) && o.Shards < 2 {
		err = fmt.Errorf("of all logs of this trail %w", ledger.ErrUnknownLog)
	}
	return u.progress(), err
}

// mine are the logs of the share.
func (o *Options) mine(ctx context.Context, r ledger.Reader) ([]string, error) {
	if o.Shards > 0 && (o.Shard < 0 || o.Shard >= o.Shards) {
		return nil, fmt.Errorf("shard %d of %d: the first is 0", o.Shard, o.Shards)
	}
	logs := o.Logs
	if logs == nil {
		var err error
		if logs, err = ledger.Logs(ctx, r); err != nil {
			return nil, err
		}
	}
	if len(logs) == 0 {
		return nil, errors.New("there is no manifest: not a trail, or the wrong prefix")
	}
	return slices.DeleteFunc(slices.Clone(logs), func(log string) bool {
		h := fnv.New32a()
		_, _ = h.Write([]byte(log))
		return o.Shards > 1 && int(h.Sum32()%uint32(o.Shards)) != o.Shard
	}), nil
}

// maxStale bounds how often logs are read again that another writer indexed at the same time.
const maxStale = 20

func (u *updater) run(ctx context.Context, logs []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u.next = make(chan string)
	var workers sync.WaitGroup
	for range u.o.Workers {
		workers.Go(func() {
			if err := u.worker(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for _, log := range logs {
		select {
		case u.next <- log:
		case <-ctx.Done():
		}
	}
	close(u.next)
	workers.Wait()
	return context.Cause(ctx)
}

// worker reads logs and writes what it has of them when it is enough, and at the end.
func (u *updater) worker(ctx context.Context) error {
	b, err := u.builder(ctx)
	if err != nil {
		return err
	}
	for log := range u.next {
		if err := u.log(ctx, &b, log); err != nil {
			return err
		}
		u.mu.Lock()
		u.done.LogsDone++
		u.mu.Unlock()
	}
	return u.end(ctx, b)
}

// end writes what is left. Where another writer was faster with some of the logs, all of them
// are read again from where they are now.
func (u *updater) end(ctx context.Context, b *builder) error {
	for range maxStale {
		logs := b.logs()
		err := b.flush(ctx)
		if !errors.Is(err, errStale) {
			return err
		}
		if b, err = u.again(ctx, logs); err != nil {
			return err
		}
	}
	return errStale
}

// again reads logs from where they are now.
func (u *updater) again(ctx context.Context, logs []string) (*builder, error) {
	b, err := u.builder(ctx)
	for _, log := range logs {
		if err == nil {
			err = u.log(ctx, &b, log)
		}
	}
	return b, err
}

func (u *updater) builder(ctx context.Context) (*builder, error) {
	s, err := u.x.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return newBuilder(u, s), nil
}

// log reads one log into the builder, which may become another.
func (u *updater) log(ctx context.Context, b **builder, log string) error {
	for range maxStale {
		err := (*b).read(ctx, log)
		switch {
		case errors.Is(err, ledger.ErrUnknownLog) && u.o.Logs == nil:
			u.unknown.Add(1)
			return nil // planted, or not the user's
		case !errors.Is(err, errStale):
			return err
		}
		others := slices.DeleteFunc((*b).logs(), func(l string) bool { return l == log })
		if *b, err = u.again(ctx, others); err != nil {
			return err
		}
	}
	return fmt.Errorf("log %s: %w: several programs index it; give each a share of the logs (--shard)", log, errStale)
}

func (u *updater) progress() Progress {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.done
	p.Objects, p.Events, p.Bytes, p.Files, p.Commits = u.objects.Load(), u.events.Load(), u.bytes.Load(), u.files.Load(), u.commits.Load()
	return p
}

// came tells how far a log was read.
func (u *updater) came(log string, done float64) {
	u.mu.Lock()
	u.done.Log, u.done.Done = log, done
	u.mu.Unlock()
	if u.o.Progress != nil {
		u.o.Progress(u.progress())
	}
}

// day is the day of a time.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
