package agentauditexporter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// committing is a committer of a log in memory.
type committing struct {
	*parts
	part *committer
	life context.Context
	end  context.CancelFunc
}

func newCommitting(t *testing.T, change func(*Config)) *committing {
	p := newParts(t)
	change(p.cfg)
	c := &committing{parts: p}
	c.life, c.end = context.WithCancel(context.Background())
	t.Cleanup(c.end)
	log, err := ledger.OpenChain(context.Background(), p.store, ledger.ChainOptions{Log: "gw-0", Signer: p.signer, Retention: p.cfg.ObjectLock.from})
	require.NoError(t, err)
	require.NoError(t, log.Commit(context.Background(), ledger.KindOpen, nil))
	key := newPublicKey(p.signer, p.putter(), &p.cfg.ObjectLock, p.report.logger)
	require.NoError(t, key.publish(context.Background()))
	c.part = newCommitter(p.cfg, "gw-0", log, key, p.retry(), p.report)
	return c
}

// manifests are those of the log, as a reader finds them.
func (c *committing) manifests() (list []*ledger.Manifest) {
	_, err := ledger.ReadLog(context.Background(), c.store, []ledger.PublicKey{ledgertest.Public(c.t, c.signer)}, nil, time.Time{}, "gw-0", func(m *ledger.Manifest, _ *ledger.Tree) error {
		list = append(list, m)
		return nil
	})
	require.NoError(c.t, err)
	return list
}

func (c *committing) kinds() (list []ledger.Kind) {
	for _, m := range c.manifests() {
		list = append(list, m.Predicate.Kind)
	}
	return list
}

// What has come by the time of a manifest is in it, whole, and then finished.
func TestCommitterCommitsInGroups(t *testing.T) {
	c := newCommitting(t, func(*Config) {})
	m, free := c.maker(), make(slots, maxPending)
	var list []*object
	for i := range 5 {
		o := c.object(m, free, event(i))
		list = append(list, o)
		c.part.take(o)
	}
	c.part.start(c.life)
	for _, o := range list {
		require.NoError(t, finished(t, o))
	}
	require.Empty(t, free)
	require.NoError(t, c.part.stop(c.life))
	manifests := c.manifests()
	require.Equal(t, []ledger.Kind{ledger.KindOpen, ledger.KindBatch, ledger.KindClose}, c.kinds())
	require.Len(t, manifests[1].Predicate.Objects, 5)
	for i, o := range list {
		require.Equal(t, o.sealed.Key, manifests[1].Predicate.Objects[i].Key)
	}
	require.Len(t, c.store.Keys(ledger.CheckpointPrefix), 1, "of the end")
}

// A text that two objects need stands once in the manifest, before both, with the lock that
// is longer.
func TestCommitterNamesATextOnce(t *testing.T) {
	p := newParts(t)
	m := p.maker()
	var list []*object
	for range 2 {
		o := m.object(kind{}, time.Now(), "", nil)
		require.Equal(t, []string{ledger.ObjectBlob}, p.attached(o, withTexts("", "long")))
		list = append(list, o)
		p.cfg.ObjectLock.Retention += Duration(day)
	}
	described := describe(list)
	require.Len(t, described, 3)
	require.Equal(t, list[1].attached[0].Object, described[0])
	require.True(t, described[0].Retention.Until.After(described[1].Retention.Until))
	list[0], list[1] = list[1], list[0]
	require.Equal(t, described[0], describe(list)[0])
}

func TestCommitterBeatsWhenIdle(t *testing.T) {
	c := newCommitting(t, func(c *Config) { c.Heartbeat = time.Millisecond })
	c.part.start(c.life)
	require.Eventually(t, func() bool { return len(c.kinds()) > 3 }, time.Minute, time.Millisecond)
	require.Equal(t, ledger.KindHeartbeat, c.kinds()[2])
	require.NoError(t, c.part.stop(c.life))
}

// After each manifest what is due is done, and a failure of that costs no event.
func TestCommitterDoesWhatIsDue(t *testing.T) {
	c := newCommitting(t, func(c *Config) { c.Checkpoint = time.Nanosecond })
	c.part.key.at = time.Now().Add(-keepInterval)
	before, err := c.store.Retention(context.Background(), c.part.key.key, "")
	require.NoError(t, err)
	c.cfg.ObjectLock.Retention += Duration(5 * day) // as if days had passed
	var writable atomic.Bool
	c.store.Fail = func(key string, _ bool) error {
		if !writable.Load() && strings.HasPrefix(key, ledger.CheckpointPrefix) {
			return ledger.ErrForbidden
		}
		return nil
	}
	c.part.start(c.life)
	o := c.object(c.maker(), nil, event(0))
	c.part.take(o)
	require.NoError(t, finished(t, o))
	require.Eventually(t, func() bool { return c.logs.FilterMessageSnippet("the checkpoint").Len() == 1 }, time.Minute, time.Millisecond)
	writable.Store(true)
	require.NoError(t, c.part.stop(c.life))
	after, err := c.store.Retention(context.Background(), c.part.key.key, "")
	require.NoError(t, err)
	require.True(t, after.Until.After(before.Until))
	require.Less(t, time.Since(c.part.key.at), time.Hour)
	require.Len(t, c.store.Keys(ledger.CheckpointPrefix), 1)
	require.NotEmpty(t, c.store.Keys(ledger.TilePrefix))
}

// refusing is a log that refuses for a while.
type refusing struct {
	manifests
	answers chan error
}

func (r *refusing) Commit(context.Context, ledger.Kind, []ledger.Object) error { return <-r.answers }

func TestCommitterTellsOfARefusal(t *testing.T) {
	c := newCommitting(t, func(*Config) {})
	r := &refusing{c.part.log, make(chan error, 10)}
	c.part.log = r
	c.part.start(c.life)
	o := c.object(c.maker(), nil, event(0))
	c.part.take(o)
	r.answers <- errors.New("away") // of which the requests tell
	r.answers <- ledger.ErrForbidden
	require.Equal(t, componentstatus.StatusRecoverableError, <-c.status)
	r.answers <- ledger.ErrRotated
	r.answers <- nil
	require.Equal(t, componentstatus.StatusOK, <-c.status)
	require.NoError(t, finished(t, o))
	require.Equal(t, 3, c.logs.FilterMessage("sealing failed and will be tried again").Len())
	r.answers <- nil
	require.NoError(t, c.part.stop(c.life))
}

// At the end of all tries what was taken is given up, and so is the closing manifest.
func TestCommitterGivesUpAtTheEnd(t *testing.T) {
	c := newCommitting(t, func(*Config) {})
	away := errors.New("away")
	c.store.Fail = func(string, bool) error { return away }
	c.part.start(c.life)
	o := c.object(c.maker(), nil, event(0))
	c.part.take(o)
	time.Sleep(5 * time.Millisecond)
	c.end()
	require.Error(t, finished(t, o))
	require.ErrorContains(t, c.part.stop(c.life), `the log "gw-0" is left without a closing manifest: `)
	c.store.Fail = nil
	require.Equal(t, []ledger.Kind{ledger.KindOpen}, c.kinds())
	require.Empty(t, c.store.Keys(ledger.CheckpointPrefix))
}

// Where another has taken the log, nothing more is sealed, nobody waits for it, and the
// Collector is told to stop: once, also where several exporters share the log.
func TestCommitterWhoseLogIsTaken(t *testing.T) {
	c := newCommitting(t, func(*Config) {})
	ctx := context.Background()
	alone := ledger.ChainOptions{Log: "gw-0", Signer: c.signer, Retention: c.cfg.ObjectLock.from, Alone: true}
	mine, err := ledger.OpenChain(ctx, c.store, alone)
	require.NoError(t, err)
	c.part.log = mine
	other, err := ledger.OpenChain(ctx, c.store, alone)
	require.NoError(t, err)
	require.NoError(t, other.Commit(ctx, ledger.KindOpen, nil))

	taken := make(chan componentstatus.Status) // nobody listens
	c.report.status.add(statusHost{Host: componenttest.NewNopHost(), status: taken})
	m, free := c.maker(), make(slots, maxPending)
	first, second := c.object(m, free, event(1)), c.object(m, free, event(2))
	c.part.start(c.life)
	c.part.take(first)
	require.ErrorIs(t, finished(t, first), ledger.ErrTaken)
	c.part.take(second)
	require.ErrorIs(t, finished(t, second), ledger.ErrTaken)
	require.NoError(t, c.part.stop(c.life), "the log is another's to close")
	require.Equal(t, componentstatus.StatusFatalError, <-c.status)
	require.Empty(t, c.status)
	require.Equal(t, []ledger.Kind{ledger.KindOpen, ledger.KindOpen}, c.kinds())
}
