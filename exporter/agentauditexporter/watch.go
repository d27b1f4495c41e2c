package agentauditexporter

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// watchedLogs is how many other logs a log watches: those that follow it in the order of
// the bucket. So every log is watched by as many, whatever their number.
const watchedLogs = 4

// checkpoint writes the head of the log as a signed note, with a timestamp where an
// authority is configured. A failure costs no event: the next checkpoint says the same
// and more.
func (s *sealer) checkpoint() {
	if err := s.chain.Checkpoint(s.ctx, s.stamp()); err != nil {
		s.set.Logger.Warn("the checkpoint, or its timestamp, was not written; the next one speaks for the same manifests", zap.Error(err))
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
	tick := time.NewTicker(s.cfg.Checkpoint)
	defer tick.Stop()
	for {
		s.watchOthers()
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
	}
}

// watchOthers looks at the heads of the log's neighbours. Only what a trusted key
// signed is noted: nobody else can have this log accuse another.
func (s *sealer) watchOthers() {
	keys := append([]ledger.PublicKey{{ID: ledger.KeyID(s.signer.Public()), Key: s.signer.Public()}}, s.trusted...)
	logs, err := ledger.LogsBehind(s.ctx, s.bucket, s.cfg.Log, watchedLogs)
	var heads []ledger.HeadRef
	for _, log := range logs {
		h, e := ledger.FindHead(s.ctx, s.bucket, log, keys)
		if e != nil {
			continue // of a key that is not trusted here, or broken, which verification tells
		}
		if h.Seq >= 0 {
			heads = append(heads, ledger.HeadRef{Log: log, Seq: h.Seq, SHA256: h.SHA256})
		}
	}
	if err != nil && s.ctx.Err() == nil {
		s.set.Logger.Warn("the heads of other logs could not be read and will be again at the next checkpoint", zap.Error(err))
	}
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
