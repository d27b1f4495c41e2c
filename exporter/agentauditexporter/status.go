package agentauditexporter

import (
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// status tells the Collector, for all exporters that share a sealer, whether the
// bucket answers.
type status struct {
	mu      sync.Mutex
	hosts   []component.Host
	failing bool
}

func (s *status) add(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, host)
}

// report is given the outcome of every request, and passes on the changes.
func (s *status) report(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing == (err != nil) {
		return
	}
	s.failing = err != nil
	for _, host := range s.hosts {
		event := componentstatus.NewEvent(componentstatus.StatusOK)
		if err != nil {
			event = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(host, event)
	}
}
