package agentauditexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/agentaudit/otelcol-agentaudit/internal/witness"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// cosigner has witnesses cosign the checkpoints of the log, beside the committer: whatever
// they do, or do not, nothing waits for them.
type cosigner struct {
	cfg       *WitnessConfig
	policy    *ledger.Policy
	witnesses []*witness.Client
	store     ledger.Store
	key       ledger.PublicKey // of the log
	report    *reporter

	mu    sync.Mutex
	hurry context.CancelFunc // ends the round that is under way

	rounds chan round
	loop   sync.WaitGroup
}

// round is one checkpoint of which the witnesses are told.
type round struct {
	note []byte
	size int64
}

func newCosigner(c *WitnessConfig, p *witnesses, store ledger.Store, signer ledger.Signer, report *reporter) *cosigner {
	key := ledger.PublicKey{ID: ledger.KeyID(signer.Public()), Key: signer.Public()}
	s := &cosigner{cfg: c, policy: p.policy, store: store, key: key, report: report, rounds: make(chan round, 1)}
	for _, url := range p.urls {
		s.witnesses = append(s.witnesses, &witness.Client{URL: url, HTTP: http.DefaultClient})
	}
	return s
}

func (s *cosigner) start(ctx context.Context) {
	s.report.lastQuorum.Store(time.Now().UnixNano())
	s.loop.Go(func() {
		for r := range s.rounds {
			s.round(ctx, r)
		}
	})
}

// take has a checkpoint cosigned, and drops one that waits: the newer says more.
func (s *cosigner) take(r round) {
	select {
	case <-s.rounds:
	default:
	}
	s.rounds <- r // nobody else sends
}

// stop has what was taken last cosigned, if the witnesses answer in time.
func (s *cosigner) stop() {
	close(s.rounds)
	s.mu.Lock()
	if s.hurry != nil && len(s.rounds) > 0 {
		s.hurry()
	}
	s.mu.Unlock()
	s.loop.Wait()
}

// round asks all witnesses at once, and keeps what they said.
func (s *cosigner) round(ctx context.Context, r round) {
	asking, hurry := context.WithTimeout(ctx, s.cfg.Timeout)
	defer hurry()
	s.mu.Lock()
	s.hurry = hurry
	s.mu.Unlock()

	cp, err := ledger.ParseCheckpoint(r.note, []ledger.PublicKey{s.key}, nil)
	if err != nil {
		s.report.logger.Error("the checkpoint cannot be read back", zap.Error(err))
		return
	}
	answers := make([][]byte, len(s.witnesses))
	var all sync.WaitGroup
	for i, w := range s.witnesses {
		all.Go(func() {
			lines, err := s.ask(asking, w, cp)
			if err != nil {
				s.failed(w, err)
				return
			}
			answers[i] = lines
		})
	}
	all.Wait()
	if cp, err = s.join(cp, answers); err != nil || len(cp.Cosigs) == 0 {
		return // told already
	}
	// In a time of its own: one that did not answer has used up all of the other.
	keeping, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := ledger.PutCosigned(keeping, s.store, cp, ledger.Removable()); err != nil {
		s.report.logger.Warn("the cosigned checkpoint was not written", zap.Error(err))
		return
	}
	if !s.policy.Satisfied(cp) {
		s.report.logger.Warn("no quorum of the witnesses cosigned the checkpoint", zap.Int64("size", cp.Size), zap.Int("cosignatures", len(cp.Cosigs)))
		return
	}
	s.report.lastQuorum.Store(time.Now().UnixNano())
}

// ask gives the lines of a witness that are cosignatures of the checkpoint, by keys of the
// policy.
func (s *cosigner) ask(ctx context.Context, w *witness.Client, cp *ledger.Checkpoint) ([]byte, error) {
	tiles := ledger.NewTiles(s.store, cp.Log, uint64(cp.Size))
	lines, err := w.Cosign(ctx, cp.Note, uint64(cp.Size), func(ctx context.Context, from uint64) ([][]byte, error) {
		return tiles.Proof(ctx, from, cp.Root)
	})
	if err != nil {
		return nil, err
	}
	n, err := sumdb.Open(append(cp.Note[:len(cp.Note):len(cp.Note)], lines...), sumdb.VerifierList(s.policy.Known()...))
	if err != nil {
		return nil, fmt.Errorf("answered with no cosignature of a witness of the policy: %w", err)
	}
	var good []byte
	for _, sig := range n.Sigs {
		good = append(good, fmt.Sprintf("— %s %s\n", sig.Name, sig.Base64)...)
	}
	return good, nil
}

// join adds what the witnesses said to the checkpoint: each cosignature once.
func (s *cosigner) join(cp *ledger.Checkpoint, answers [][]byte) (*ledger.Checkpoint, error) {
	text := cp.Note[:len(cp.Note):len(cp.Note)]
	for _, lines := range answers {
		text = append(text, lines...)
	}
	return ledger.ParseCheckpoint(text, []ledger.PublicKey{s.key}, s.policy.Known())
}

// failed counts and tells of a witness that did not cosign. One that has seen another log,
// or more of it, tells that something is wrong with the log: that is a warning of its own.
func (s *cosigner) failed(w *witness.Client, err error) {
	s.report.AgentauditExporterWitnessFailures.Add(context.Background(), 1, metric.WithAttributes(attribute.String("witness", w.URL)))
	switch {
	case errors.Is(err, witness.ErrFork):
		s.report.warn(ledger.CodeLogForked, fmt.Sprintf("witness %s: %v", w.URL, err))
	case errors.Is(err, witness.ErrAhead):
		s.report.warn(ledger.CodeLogRewound, fmt.Sprintf("witness %s: %v", w.URL, err))
	default:
		s.report.logger.Warn("a witness did not cosign the checkpoint; it is asked again at the next", zap.String("witness", w.URL), zap.Error(err))
	}
}
