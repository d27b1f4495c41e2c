package agentauditexporter

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
)

// shutdownGrace bounds a shutdown whose context has no deadline, as the
// Collector's has none: what is not sealed by then was not acknowledged either.
const shutdownGrace = 30 * time.Second

// shared gives the traces and the logs exporter of one configuration the same
// auditExporter, since one log has one writer.
type shared struct {
	open openBucket

	mu      sync.Mutex
	members map[*Config]*member
}

type member struct {
	exporter *auditExporter
	users    int
}

// join gives the exporter of the configuration to one more exporter.
func (s *shared) join(set exporter.Settings, c *Config) (*auditExporter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.members[c]
	if m == nil {
		e, err := newAuditExporter(set, c, s.open)
		if err != nil {
			return nil, err
		}
		m = &member{exporter: e}
		s.members[c] = m
	}
	m.users++
	return m.exporter, nil
}

// leave shuts an exporter down, and with the last one what they share. The requests
// that drain waits for are answered when ctx ends, sealed or not.
func (s *shared) leave(ctx context.Context, c *Config, drain component.ShutdownFunc) error {
	s.mu.Lock()
	m := s.members[c]
	s.mu.Unlock()
	if m == nil {
		return nil // shut down before
	}

	ctx, cancel := context.WithTimeout(ctx, shutdownGrace)
	defer cancel()
	stop := context.AfterFunc(ctx, m.exporter.end)
	defer stop()

	m.exporter.flush()
	err := drain(ctx)

	s.mu.Lock()
	m.users--
	last := m.users == 0
	if last {
		delete(s.members, c)
	}
	s.mu.Unlock()
	if last {
		err = errors.Join(err, m.exporter.shutdown(ctx))
	}
	return err
}
