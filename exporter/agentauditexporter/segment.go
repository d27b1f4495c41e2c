package agentauditexporter

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter/internal/spool"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// segment is a file of the spool whose events are being sealed.
type segment struct {
	*spool.Segment
	remove func(*spool.Segment) // is called when all of them are

	mu     sync.Mutex
	left   int // objects of it that are not sealed
	failed bool
}

// objects builds the objects of the segment: the same of the same segment, so that one
// that was being sealed when the process ended is not sealed again under another key.
// It leaves out those that were sealed before that.
func (g *segment) objects(m *maker, report *reporter, named map[string]bool) ([]*object, error) {
	s := &sorter{segment: g, maker: m, open: map[kind]*object{}}
	recovered, unread := 0, uint64(0)
	damage, err := g.Read(func(r spool.Record) {
		line, meta, err := parseSpoolRecord(r.Data)
		if err != nil { // of another program
			unread++
			return
		}
		recovered++
		s.add(line, meta)
	})
	if err != nil {
		return nil, err
	}
	damage.Missing += unread
	if damage.Torn {
		report.logger.Info("the last write to the spool was cut off: its senders were not told OK",
			zap.String("file", g.Name()), zap.Int64("bytes", damage.Bytes))
	}
	if damage.Any() {
		report.AgentauditExporterSpoolLostEvents.Add(context.Background(), int64(damage.Missing))
		report.logger.Error("a file of the spool is damaged: acknowledged events are lost; the others of it are sealed, the file is kept",
			zap.String("file", g.Name()), zap.Uint64("lost", damage.Missing), zap.Int("recovered", recovered))
		line, meta, err := damageEvent(m.log, g.Segment, damage, recovered)
		if err != nil {
			return nil, err
		}
		s.add(line, meta)
	}
	var left []*object
	for _, o := range s.all {
		if err := o.build(); err != nil {
			return nil, err
		}
		if !named[o.sealed.Key] {
			left = append(left, o)
		}
	}
	return left, nil
}

// sorter puts the lines of a segment into objects, one after the other of each kind.
type sorter struct {
	segment *segment
	maker   *maker
	open    map[kind]*object
	all     []*object
}

func (s *sorter) add(line []byte, m semconv.Meta) {
	k := kindOf(&m)
	if o := s.open[k]; o != nil && o.takeLine(line, m) {
		return
	}
	o := s.maker.object(k, s.segment.Began, fmt.Sprintf("spool %016x", s.segment.ID), s.segment.settled)
	s.open[k] = o
	s.all = append(s.all, o)
	o.takeLine(line, m) // an empty one takes any
}

// settled is told of an object that is sealed, or given up with err. The segment is
// removed when all of them are sealed.
func (g *segment) settled(_ *object, err error) {
	g.mu.Lock()
	g.left--
	g.failed = g.failed || err != nil
	whole := g.left == 0 && !g.failed
	g.mu.Unlock()
	if whole {
		g.remove(g.Segment)
	}
}

// damageEvent tells in the trail what is missing from it.
func damageEvent(log string, g *spool.Segment, d spool.Damage, recovered int) ([]byte, semconv.Meta, error) {
	at := g.Began
	if at.IsZero() {
		at = time.Now()
	}
	content, err := json.Marshal(map[string]any{"file": g.Name(), "lost": d.Missing, "recovered": recovered})
	if err != nil {
		return nil, semconv.Meta{}, err
	}
	rec := plog.NewLogRecord()
	semconv.WriteLog(&semconv.Event{
		EventID: semconv.RecordEventID("spool_damage", log, g.Name()), EventType: semconv.TypeFinding,
		Timestamp: at, RecordedAt: time.Now(), SessionID: "agentaudit", AgentID: "agentaudit", StepNumber: semconv.Some(int64(1)),
		Rule: "spool_damage", Severity: "error",
		Message: fmt.Sprintf("a file of the spool of log %s was damaged: %d or more acknowledged events are lost, %d were recovered", log, d.Missing, recovered),
		Content: content, Source: []byte(`{"dialect":"agentaudit","signal":"internal"}`),
	}, rec)
	return semconv.AppendLog(nil, rec)
}
