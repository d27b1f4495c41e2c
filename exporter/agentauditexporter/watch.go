package agentauditexporter

import (
	"context"
	"crypto/rand"
	mrand "math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// checkpoint writes the head of the log as a signed note, with a timestamp where an
// authority is configured. A failure costs no event: the next checkpoint says the same
// and more.
func (s *sealer) checkpoint() {
	if err := s.chain.Checkpoint(s.ctx, s.stamp()); err != nil {
		s.set.Logger.Warn("the checkpoint, or its timestamp, was not written; the next one speaks for the same manifests", zap.Error(err))
	}
	// Tiles are derived: without them, verification says the same and takes longer.
	if err := s.chain.WriteTiles(s.ctx, ledger.Removable); err != nil {
		s.set.Logger.Warn("the tiles of the log were not brought up to date; the next checkpoint does it", zap.Error(err))
	}
}

// stamp asks the time-stamping authority, where one is configured.
func (s *sealer) stamp() func(context.Context, []byte) ([]byte, error) {
	c := &s.cfg.Timestamp
	if c.URL == "" {
		return nil
	}
	return func(ctx context.Context, note []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		return tsa.Stamp(ctx, http.DefaultClient, c.URL, note)
	}
}

// watchLoop notes the heads of other logs for the next manifest, at every checkpoint.
func (s *sealer) watchLoop() {
	if s.cfg.Checkpoint == 0 {
		return
	}
	w := s.newWatcher()
	tick := time.NewTicker(s.cfg.Checkpoint)
	defer tick.Stop()
	for {
		s.watchOthers(w)
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *sealer) newWatcher() *watcher {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &watcher{
		// What others put into the bucket is no failure of the bucket's.
		store: &watched{bucket: s.bucket.bucket, watch: watch{timeout: s.cfg.TimeoutConfig.Timeout, result: func(error) {}}},
		log:   s.cfg.Log,
		keys:  append([]ledger.PublicKey{{ID: ledger.KeyID(s.signer.Public()), Key: s.signer.Public()}}, s.watchedKeys...),
		alive: max(minAlive, 3*s.cfg.Checkpoint, 3*s.cfg.Heartbeat),
		now:   time.Now,
		rand:  mrand.New(mrand.NewChaCha8(seed)), //nolint:gosec // ChaCha8 of a random seed: nobody can foresee it
	}
}

// watchOthers looks at the heads of other logs. Only what a key signed that is watched is
// noted: nobody else can have this log accuse another.
func (s *sealer) watchOthers(w *watcher) {
	heads, logs, err := w.look(s.ctx)
	if s.ctx.Err() != nil {
		return
	}
	if err != nil {
		s.set.Logger.Warn("the heads of other logs could not all be read and will be again at the next checkpoint", zap.Error(err))
	}
	s.watchedLogs.Store(int64(logs))
	if len(heads) > 0 {
		s.heads.Store(&heads)
	}
}

// seen are the heads of other logs that no manifest holds yet.
func (s *sealer) seen() []ledger.HeadRef {
	if s.told = s.heads.Load(); s.told != nil {
		return *s.told
	}
	return nil
}
