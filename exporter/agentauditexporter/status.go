package agentauditexporter

import (
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// status tells the Collector, for all exporters that share an auditExporter, whether the
// bucket answers, and the key where that is reached by requests.
type status struct {
	mu      sync.Mutex
	hosts   []component.Host
	over    bool // it was said that the Collector is to stop
	failing map[string]bool
}

func (s *status) add(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, host)
}

// fatal stops the Collector. One exporter's word is enough, and it waits for nobody to take
// it: a Collector that is stopping already listens no more.
func (s *status) fatal(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hosts) > 0 && !s.over {
		host := s.hosts[0]
		s.over = true
		go componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
	}
}

// report is given the outcome of every request by what was asked, and passes on the
// changes; all is well when nothing fails any more.
func (s *status) report(what string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing[what] == (err != nil) {
		return
	}
	if err == nil {
		delete(s.failing, what)
		if len(s.failing) > 0 {
			return
		}
	} else {
		s.failing[what] = true
	}
	for _, host := range s.hosts {
		event := componentstatus.NewEvent(componentstatus.StatusOK)
		if err != nil {
			event = componentstatus.NewRecoverableErrorEvent(err)
		}
		componentstatus.ReportStatus(host, event)
	}
}
