package agentauditprocessor

import (
	"sync"

	"go.opentelemetry.io/collector/processor"
)

// shared gives the traces and the logs processors of one configuration one auditor:
// log records complete spans, so both signals must know of the same runs.
type shared struct {
	mu   sync.Mutex
	uses map[*Config]*use
}

type use struct {
	auditor *auditor
	n       int
}

func newShared() *shared { return &shared{uses: map[*Config]*use{}} }

func (s *shared) get(set processor.Settings, cfg *Config) (*auditor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uses[cfg]
	if u == nil {
		a, err := newAuditor(set.TelemetrySettings, cfg)
		if err != nil {
			return nil, err
		}
		u = &use{auditor: a}
		s.uses[cfg] = u
	}
	u.n++
	return u.auditor, nil
}

func (s *shared) release(cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uses[cfg]
	if u == nil {
		return
	}
	if u.n--; u.n <= 0 {
		u.auditor.shutdown()
		delete(s.uses, cfg)
	}
}
