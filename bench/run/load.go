//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// raw sends bytes that are marshalled already.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// outcome is what senders saw.
type outcome struct {
	spans    int64 // acknowledged
	requests int64
	refused  int64
	seconds  float64
	late     []time.Duration // from when a request was due to its acknowledgement
}

func (o *outcome) perSecond() float64 { return float64(o.spans) / o.seconds }

// quantile of the latencies, in milliseconds.
func (o *outcome) quantile(q float64) float64 {
	if len(o.late) == 0 {
		return 0
	}
	slices.Sort(o.late)
	return float64(o.late[min(len(o.late)-1, int(q*float64(len(o.late))))].Microseconds()) / 1000
}

// inFlight is how many bytes the senders of a closed loop have under way together: more
// than the largest batch of any case.
const inFlight = 48 << 20

// load sends for a time. With a rate of 0 it is a closed loop, as fast as the other end
// takes it; else an open one of so many spans a second, whatever the other end does.
func load(address string, m *mix, rate float64, d time.Duration) (*outcome, error) {
	const connections = 4
	var conns []*grpc.ClientConn
	for range connections {
		c, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
		if err != nil {
			return nil, err
		}
		defer func() { _ = c.Close() }()
		conns = append(conns, c)
	}
	var o outcome
	var mu sync.Mutex
	var number atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), d+2*time.Minute)
	defer cancel()
	send := func(t *template, due time.Time) {
		body, answer := t.next(), []byte(nil)
		// What is refused is sent again, the same, as an SDK does.
		for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
			err := conns[number.Add(1)%connections].Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", &body, &answer)
			if err == nil {
				break
			}
			atomic.AddInt64(&o.refused, 1)
			if ctx.Err() != nil {
				return
			}
			time.Sleep(pause)
		}
		late := time.Since(due)
		t.sent.Add(1)
		mu.Lock()
		o.spans += int64(t.spans)
		o.requests++
		o.late = append(o.late, late)
		mu.Unlock()
	}
	began := time.Now()
	var group sync.WaitGroup
	size := 0
	for _, t := range m.templates {
		size += len(t.body)
	}
	if rate == 0 {
		for i := range min(max(inFlight*len(m.templates)/size, 16), 1000) {
			group.Go(func() {
				for n := i; time.Since(began) < d; n++ {
					send(m.templates[n%len(m.templates)], time.Now())
				}
			})
		}
	} else {
		due := began
		for n := 0; due.Sub(began) < d; n++ {
			t, at := m.templates[n%len(m.templates)], due
			time.Sleep(time.Until(at))
			group.Go(func() { send(t, at) })
			due = due.Add(time.Duration(float64(t.spans) / rate * float64(time.Second)))
		}
	}
	group.Wait()
	o.seconds = time.Since(began).Seconds()
	if o.spans == 0 {
		return nil, fmt.Errorf("nothing was acknowledged, %d requests were refused", o.refused)
	}
	return &o, nil
}
