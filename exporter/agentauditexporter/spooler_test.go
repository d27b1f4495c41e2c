package agentauditexporter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

// spooling is a spooler that passes on to the test.
type spooling struct {
	*parts
	part *spooler
	sent outbox
	end  context.CancelFunc
}

// newSpooling opens the spool in a directory, whose objects are passed on if ready.
func newSpooling(t *testing.T, dir string, ready bool, named map[string]bool) *spooling {
	p := newParts(t)
	p.cfg.Spool.Directory = dir
	p.cfg.Spool.MaxBytes, p.cfg.Batch.MaxBytes, p.cfg.Batch.MaxEvents = 1<<20, minMaxBytes, 3
	life, end := context.WithCancel(context.Background())
	s, err := openSpooler(life, p.maker(), make(slots, 2), p.retry(), p.report)
	require.NoError(t, err)
	r := &spooling{parts: p, part: s, sent: make(outbox, 100), end: end}
	s.start(life, func(context.Context) (sender, map[string]bool) {
		if !ready {
			return nil, nil
		}
		return r.sent, named
	})
	return r
}

// crash ends it with whatever is under way.
func (s *spooling) crash() {
	s.end()
	s.part.drain(context.Background())
	s.part.close()
}

// files are how many files of events the spool has.
func (s *spooling) files() int {
	list, err := filepath.Glob(filepath.Join(s.cfg.Spool.Directory, "*.wal"))
	require.NoError(s.t, err)
	return len(list)
}

func TestSpoolerPassesOnAndForgets(t *testing.T) {
	s := newSpooling(t, t.TempDir(), true, nil)
	require.NoError(t, s.part.push(context.Background(), lines(t, numbered(0, 3)...)))
	o := s.sent.next(t)
	require.Equal(t, int64(3), o.sealed.Events, "it is built")
	require.Eventually(t, func() bool { return len(s.part.slots) == 2 }, time.Minute, time.Millisecond, "one is its own, one waits for the next segment")
	require.Equal(t, 1, s.files())
	o.finish(nil)
	require.Eventually(t, func() bool { return s.files() == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, s.part.push(context.Background(), lines(t)))

	require.NoError(t, s.part.push(context.Background(), lines(t, event(3))))
	done := make(chan struct{})
	go func() { s.part.drain(context.Background()); close(done) }() // closes what is not full
	s.sent.next(t).finish(nil)
	<-done
	s.part.close()
	require.Zero(t, s.files())
	require.Empty(t, s.part.slots)
}

// What was given up, or not passed on, is passed on by the next process: the same object.
// What a manifest names by then is not.
func TestSpoolerKeepsWhatIsNotSealed(t *testing.T) {
	dir := t.TempDir()
	s := newSpooling(t, dir, true, nil)
	require.NoError(t, s.part.push(context.Background(), lines(t, numbered(0, 3)...)))
	first := s.sent.next(t)
	first.finish(errors.New("gone"))
	s.crash()
	require.Equal(t, 1, s.files())

	s = newSpooling(t, dir, false, nil)
	s.crash()
	require.Empty(t, s.sent)
	require.Equal(t, 1, s.logs.FilterMessageSnippet("events stay in the spool").Len())

	s = newSpooling(t, dir, true, nil)
	again := s.sent.next(t)
	require.Equal(t, first.sealed, again.sealed)
	again.finish(errors.New("gone"))
	s.crash()

	s = newSpooling(t, dir, true, map[string]bool{first.sealed.Key: true})
	s.part.drain(context.Background())
	s.part.close()
	require.Empty(t, s.sent)
	require.Zero(t, s.files())
}

// A segment is an object a class, and gone when all of them are sealed.
func TestSpoolerKeepsClassesApart(t *testing.T) {
	s := newSpooling(t, t.TempDir(), true, nil)
	l := lines(t, numbered(0, 3)...)
	l.Metas[1].Quarantine = true
	require.NoError(t, s.part.push(context.Background(), l))
	events := map[bool]int{}
	list := []*object{s.sent.next(t)}
	require.Eventually(t, func() bool { return len(s.part.slots) == 2 }, time.Minute, time.Millisecond)
	list = append(list, s.sent.next(t))
	for _, o := range list {
		require.Equal(t, 1, s.files())
		events[o.kind.quarantine] = o.events
		o.finish(nil)
	}
	require.Equal(t, map[bool]int{false: 2, true: 1}, events)
	require.Eventually(t, func() bool { return s.files() == 0 }, time.Minute, time.Millisecond)
	s.crash()
}

// While as many objects are pending as may be, no more is taken from the disk.
func TestSpoolerTakesAsFewAsMayBePending(t *testing.T) {
	s := newSpooling(t, t.TempDir(), true, nil)
	for i := range 4 {
		require.NoError(t, s.part.push(context.Background(), lines(t, numbered(3*i, 3*i+3)...)))
	}
	first, second := s.sent.next(t), s.sent.next(t)
	time.Sleep(20 * time.Millisecond)
	require.Empty(t, s.sent)
	first.finish(nil)
	s.sent.next(t).finish(nil)
	s.sent.next(t).finish(nil)
	second.finish(nil)
	s.part.drain(context.Background())
	s.part.close()
	require.Zero(t, s.files())
}

func TestSpoolerAnswers(t *testing.T) {
	s := newSpooling(t, t.TempDir(), false, nil)
	require.NoError(t, s.part.push(context.Background(), lines(t, event(0))))
	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.part.push(impatient, lines(t, numbered(10, 5000)...))
	require.ErrorContains(t, err, "not all events of the request are spooled yet: the spool is full")
	require.Equal(t, 1, s.logs.FilterMessage("senders are held back until the bucket takes more").Len())
	s.crash()
	err = s.part.push(context.Background(), lines(t, event(1)))
	require.ErrorContains(t, err, "not all events of the request are spooled yet: ")
	require.False(t, consumererror.IsPermanent(err))

	_, err = openSpooler(context.Background(), &maker{cfg: &Config{}}, nil, s.retry(), s.report)
	require.ErrorContains(t, err, "`spool::directory`: ")
}

// Damage is told in the trail, beside what can be read.
func TestSpoolerTellsOfDamage(t *testing.T) {
	dir := t.TempDir()
	s := newSpooling(t, dir, false, nil)
	require.NoError(t, s.part.push(context.Background(), lines(t, numbered(0, 2)...)))
	s.crash()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	body, err := os.ReadFile(files[0])
	require.NoError(t, err)
	body[strings.Index(string(body), `"event_id":"event-0"`)] ^= 1
	require.NoError(t, os.WriteFile(files[0], body, 0o600))

	s = newSpooling(t, dir, true, nil)
	o := s.sent.next(t)
	require.Equal(t, int64(1), o.sealed.EventTypes["finding"])
	require.Equal(t, 1, s.logs.FilterMessageSnippet("a file of the spool is damaged").Len())
	o.finish(nil)
	s.part.drain(context.Background())
	s.part.close()
}
