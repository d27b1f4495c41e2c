//go:build linux

// Command run measures the collector against what its users have: the stock Collector
// writing OTLP JSON to S3, and a row a span in SQLite. `make bench` builds all of them
// and runs it from the top of the repository; it writes bench/RESULTS.md.
//
// Each system runs alone on core 0; the senders and the S3 server have core 1. The
// systems take turns, for several rounds, and what is compared are medians of one run.
// Cores are given to processes as Linux does it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	rounds  = flag.Int("rounds", 5, "how often each system has its turn")
	seconds = flag.Int("seconds", 5, "how long each load lasts")
	only    = flag.String("systems", "", "a regular expression of the systems to run")
	kinds   = flag.String("mixes", "", "a regular expression of the mixes to send")
	out     = flag.String("out", "bench/RESULTS.md", "where the tables are written; - is nowhere")
	profile = flag.String("profile", "", "write CPU profiles into this folder")
)

// figures are those of one turn of a system.
type figures struct {
	perCore  float64 // spans a second of CPU time, until all was written
	max      float64 // spans a second
	peak     float64 // MiB
	bytes    float64 // stored, a span
	puts     float64 // a million spans
	p50, p99 float64 // ms, of the acknowledgement at half of max
}

func main() {
	log.SetFlags(log.Ltime)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func bench(ctx context.Context) error {
	all, err := mixes()
	if err != nil {
		return err
	}
	r := &results{began: time.Now()}
	for _, m := range all {
		if ok, err := regexp.MatchString(*kinds, m.name); err != nil || !ok {
			continue
		}
		r.mixes = append(r.mixes, m)
	}
	for _, s := range systems() {
		if ok, err := regexp.MatchString(*only, s.name); err == nil && ok {
			r.systems = append(r.systems, s)
		}
	}
	for round := range *rounds {
		for _, m := range r.mixes {
			for _, s := range r.of(m) {
				f, err := turn(ctx, s, m, round == 0)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, m.name, err)
				}
				r.add(s, m, f)
				log.Printf("%d/%d  %-9s %-32s %8.0f spans/s/core %6.1f µs/span %5.0f MiB %7.1f B/span", round+1, *rounds, m.name, s.name, f.perCore, 1e6/f.perCore, f.peak, f.bytes)
			}
		}
	}
	if err := r.latencies(ctx); err != nil {
		return err
	}
	for _, m := range r.mixes {
		if err := pinned(0, func() error {
			l, err := m.limit(ctx)
			r.limits = append(r.limits, l)
			return err
		}); err != nil {
			return err
		}
	}
	if *only == "" && *kinds == "" { // the whole of it
		for i, g := range growths {
			x, err := grow(ctx, i)
			if err != nil {
				return err
			}
			log.Printf("%s: %.2f", g.text, x.mid)
			r.growth = append(r.growth, x)
		}
	}
	if *out == "-" {
		return r.write(os.Stdout)
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	if err := r.write(f); err != nil {
		return err
	}
	log.Println("written:", *out)
	return f.Close()
}

// turn is one closed loop of a system. The first of each checks what was stored.
func turn(ctx context.Context, s *system, m *mix, check bool) (f figures, err error) {
	p, err := newPlace(ctx, 0)
	if err != nil {
		return f, err
	}
	defer p.leave()
	x, err := s.start(p, 1)
	if err != nil {
		return f, err
	}
	for _, t := range m.templates {
		t.sent.Store(0)
	}
	profiled := make(chan error, 1)
	if *profile != "" && check && s.config != nil {
		name := strings.NewReplacer(" ", "-", ",", "").Replace(m.name + "-" + s.name + ".prof")
		go func() {
			time.Sleep(time.Second)
			profiled <- x.profile(p, time.Duration(*seconds-1)*time.Second, filepath.Join(*profile, name))
		}()
	} else {
		profiled <- nil
	}
	var o *outcome
	err = pinned(1, func() (err error) {
		o, err = load(p.otlp, m, 0, time.Duration(*seconds)*time.Second)
		return err
	})
	if err != nil {
		return f, err
	}
	if err := <-profiled; err != nil {
		return f, err
	}
	f.peak = x.peak()
	cpu, err := x.stop()
	if err != nil {
		return f, err
	}
	f.max, f.perCore = o.perSecond(), float64(o.spans)/cpu.Seconds()
	if s.config == nil {
		if info, err := os.Stat(filepath.Join(p.dir, "events.db")); err == nil {
			f.bytes = float64(info.Size()) / float64(o.spans)
		}
		return f, nil
	}
	if s.drops {
		return f, nil
	}
	size, objects, err := p.stored()
	if err != nil {
		return f, err
	}
	f.bytes, f.puts = float64(size)/float64(o.spans), float64(objects)/float64(o.spans)*1e6
	switch {
	case !check:
	case s.ours:
		err = p.confirm(ctx, m)
	default:
		var n int64
		if n, err = p.count(); err == nil && n != o.spans {
			err = fmt.Errorf("%d spans were acknowledged and %d are in the bucket", o.spans, n)
		}
	}
	return f, err
}

// slowest is what a slow bucket takes for a PUT.
const slowest = 50 * time.Millisecond

// latencies measures the acknowledgement at half of what each system took at most, and
// ours also with buckets that take their time for each PUT.
func (r *results) latencies(ctx context.Context) error {
	for _, m := range r.mixes {
		for _, s := range r.of(m) {
			rate := r.median(s, m, func(f figures) float64 { return f.max }) / 2
			delays := []time.Duration{0}
			if strings.HasPrefix(s.name, "sealed") && m.only == nil {
				delays = append(delays, slowest/10, slowest)
			}
			for _, delay := range delays {
				o, puts, err := open(ctx, s, m, rate, delay)
				if err != nil {
					return fmt.Errorf("%s, %s, at half of the most and %v a PUT: %w", s.name, m.name, delay, err)
				}
				w := wait{s, m, delay, o.quantile(0.5), o.quantile(0.99), puts}
				if delay == 0 {
					r.late(s, m, w.p50, w.p99)
				}
				if len(delays) > 1 {
					r.waits = append(r.waits, w)
				}
			}
		}
	}
	return nil
}

// open is one open loop of a system, and the PUTs a second that it made.
func open(ctx context.Context, s *system, m *mix, rate float64, delay time.Duration) (o *outcome, puts float64, err error) {
	p, err := newPlace(ctx, delay)
	if err != nil {
		return nil, 0, err
	}
	defer p.leave()
	x, err := s.start(p, 1)
	if err != nil {
		return nil, 0, err
	}
	_, before, err := p.stored()
	if err != nil {
		return nil, 0, err
	}
	if err = pinned(1, func() (err error) {
		o, err = load(p.otlp, m, rate, time.Duration(*seconds)*time.Second)
		return err
	}); err != nil {
		return nil, 0, err
	}
	_, after, err := p.stored()
	if err != nil {
		return nil, 0, err
	}
	_, err = x.stop()
	return o, float64(after-before) / o.seconds, err
}
