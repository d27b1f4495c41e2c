//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are those of all turns.
type results struct {
	began   time.Time
	mixes   []*mix
	systems []*system
	rows    map[*system]map[*mix][]figures
	limits  []limit // by mix
	waits   []wait
	growth  []ratio // by growths
}

// wait is how long senders waited at half of what a system takes at most, with a bucket that
// takes its time for a PUT.
type wait struct {
	s        *system
	m        *mix
	put      time.Duration
	p50, p99 float64 // ms
	puts     float64 // a second
}

// of are the systems that a mix is sent to.
func (r *results) of(m *mix) (list []*system) {
	for _, s := range r.systems {
		if m.only == nil || m.only.MatchString(s.name) {
			list = append(list, s)
		}
	}
	return list
}

// ratio is one of two figures over the rounds: the median, and the least and the most.
type ratio struct{ mid, low, high float64 }

// ratios divides figures of the same rounds.
func ratios(over, under []float64) (ratio, error) {
	var list []float64
	for i := range min(len(over), len(under)) {
		list = append(list, over[i]/under[i])
	}
	if len(list) == 0 {
		return ratio{}, errors.New("nothing to compare")
	}
	return ratio{median(list), slices.Min(list), slices.Max(list)}, nil
}

// meets writes a ratio and whether it meets a bound.
func (x ratio) meets(least bool, bound float64) string {
	return fmt.Sprintf("%s %.2f (%.2f–%.2f)", verdict(least && x.mid >= bound || !least && x.mid <= bound), x.mid, x.low, x.high)
}

func bounded(least bool, bound float64) string {
	if least {
		return fmt.Sprintf("at least %g", bound)
	}
	return fmt.Sprintf("at most %g", bound)
}

func (r *results) add(s *system, m *mix, f figures) {
	if r.rows == nil {
		r.rows = map[*system]map[*mix][]figures{}
	}
	if r.rows[s] == nil {
		r.rows[s] = map[*mix][]figures{}
	}
	r.rows[s][m] = append(r.rows[s][m], f)
}

func (r *results) late(s *system, m *mix, p50, p99 float64) {
	for i := range r.rows[s][m] {
		r.rows[s][m][i].p50, r.rows[s][m][i].p99 = p50, p99
	}
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	if n := len(list); n%2 == 0 && n > 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	if len(list) == 0 {
		return 0
	}
	return list[len(list)/2]
}

func (r *results) values(s *system, m *mix, of func(figures) float64) (list []float64) {
	for _, f := range r.rows[s][m] {
		list = append(list, of(f))
	}
	return list
}

func (r *results) median(s *system, m *mix, of func(figures) float64) float64 {
	return median(r.values(s, m, of))
}

func (r *results) system(name string) *system {
	for _, s := range r.systems {
		if s.name == name {
			return s
		}
	}
	return nil
}

// compare compares two systems round by round.
func (r *results) compare(a, b string, m *mix, of func(figures) float64) (ratio, error) {
	x, y := r.system(a), r.system(b)
	if x == nil || y == nil {
		return ratio{}, errors.New("not measured")
	}
	return ratios(r.values(x, m, of), r.values(y, m, of))
}

func perCore(f figures) float64 { return f.perCore }
func peak(f figures) float64    { return f.peak }
func size(f figures) float64    { return f.bytes }

// goal is one of what we set out to reach: the ratio of a figure of one system to that
// of another, at least or at most.
type goal struct {
	text   string
	a, b   string
	of     func(figures) float64
	least  bool
	bounds bounds
}

// bounds are those of the mixes that have one.
type bounds struct{ metadata, content, long float64 }

func (b bounds) of(m *mix) float64 {
	return map[string]float64{"metadata": b.metadata, "content": b.content, "long": b.long}[m.name]
}

func all(bound float64) bounds { return bounds{bound, bound, bound} }

var goals = []goal{
	{"sealed gzip: spans a second a core, against the peer's gzip", "sealed gzip", "peer gzip", perCore, true, bounds{1.3, 1.3, 3.5}},
	{"sealed zstd: spans a second a core, against the peer's zstd", "sealed zstd", "peer zstd", perCore, true, bounds{1, 0.75, 0.9}},
	{"sealed gzip: bytes stored a span, against the peer's gzip", "sealed gzip", "peer gzip", size, false, bounds{1.25, 1.1, 1.02}},
	{"sealed zstd: bytes stored a span, against the peer's zstd", "sealed zstd", "peer zstd", size, false, bounds{1.25, 1.1, 1.02}},
	{"sealed gzip: peak memory, against the peer's gzip", "sealed gzip", "peer gzip", peak, false, all(1)},
	{"sealed zstd: peak memory, against the peer's zstd", "sealed zstd", "peer zstd", peak, false, all(1)},
	{"spooled gzip: spans a second a core, against sealed gzip", "spooled gzip", "sealed gzip", perCore, true, all(0.9)},
}

// floorGoals are of the CPU a span against the floor: what no collector can do without.
var floorGoals = []struct {
	name, peer string
	packed     func(*limit, float64) float64 // the cheapest compression that stores no more than so many bytes a span
	bounds     bounds
}{
	{"sealed zstd", "peer zstd", func(l *limit, b float64) float64 { return cheapest(l.zstd, b) }, bounds{2, 3, 1.6}},
	{"sealed gzip", "peer gzip", func(l *limit, b float64) float64 { return cheapest(l.gzip, b) }, bounds{2, 3, 1.4}},
}

// floors are the floor of a mix in each round, in µs a span: a collector that drops all, one
// pass of SHA-256 over our lines, and the compression.
func (r *results) floors(m *mix, l *limit, packed float64) (list []float64) {
	for _, v := range r.values(r.system("nop"), m, perCore) {
		list = append(list, 1e6/v+l.sha256+packed)
	}
	return list
}

func (r *results) write(w io.Writer) error {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("# Benchmark results\n\n")
	p("Written by `make bench` (`go run ./bench/run -rounds %d -seconds %d`); [README.md](README.md) says what is measured and how.\n\n", *rounds, *seconds)
	p("| | |\n| --- | --- |\n")
	p("| when | %s, %s |\n", r.began.UTC().Format("2006-01-02"), time.Since(r.began).Round(time.Minute))
	p("| machine | %s, %d cores, %s |\n", cpuinfo("model name"), runtime.NumCPU(), memory())
	p("| kernel, Go | %s, %s |\n", output("uname", "-sr"), runtime.Version())
	p("| commit | %s |\n", output("git", "rev-parse", "--short", "HEAD"))
	p("| peer | awss3exporter v0.158.0 on Collector v0.160.0 |\n\n")
	for i, m := range r.mixes {
		p("## %s: %d bytes of OTLP a span\n\n%s.\n\n", m.name, m.perSpan(), strings.ToUpper(m.about[:1])+m.about[1:])
		p("| system | spans/s/core | least–most | µs CPU/span | spans/s | peak MiB | p50 ms | p99 ms | bytes/span | PUTs/million |\n")
		p("| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n")
		for _, s := range r.of(m) {
			of := func(f func(figures) float64) float64 { return r.median(s, m, f) }
			all := r.values(s, m, perCore)
			puts := "-"
			if s.config != nil && !s.drops {
				puts = fmt.Sprintf("%.0f", of(func(f figures) float64 { return f.puts }))
			}
			p("| %s | %.0f | %.0f–%.0f | %.1f | %.0f | %.0f | %.1f | %.1f | %.0f | %s |\n", s.name, of(perCore), slices.Min(all), slices.Max(all), 1e6/of(perCore),
				of(func(f figures) float64 { return f.max }), of(peak), of(func(f figures) float64 { return f.p50 }), of(func(f figures) float64 { return f.p99 }), of(size), puts)
		}
		l := r.limits[i]
		p("\nThe least the machine needs, in µs a span: decoding %.1f, and of our lines (%.0f bytes) SHA-256 %.1f, gzip %s, zstd %s.\n\n", l.decode, l.line, l.sha256, told(l.gzip), told(l.zstd))
	}
	p("The peer's OK means queued in memory, SQLite's means synced to its file, ours sealed in the locked bucket, or with\n`spooled` synced to the local disk: the latencies are those of different promises.\n\n")
	p("## Goals\n\nMedians of the ratios of the rounds, with the least and the most.\n\n| goal | bound |")
	for _, m := range r.mixes {
		p(" %s |", m.name)
	}
	p("\n| --- | --: |%s\n", strings.Repeat(" --: |", len(r.mixes)))
	for _, g := range goals {
		p("| %s | %s |", g.text, g.bounds.tell(g.least))
		for _, m := range r.mixes {
			x, err := r.compare(g.a, g.b, m, g.of)
			if bound := g.bounds.of(m); err == nil && bound > 0 {
				p(" %s |", x.meets(g.least, bound))
			} else {
				p(" - |")
			}
		}
		p("\n")
	}
	r.tellFloors(p)
	r.tellWaits(p)
	r.tellModels(p)
	if len(r.growth) == len(growths) {
		p("\n| goal, by the Go benchmarks of this folder | bound | |\n| --- | --: | --: |\n")
		for i, g := range growths {
			p("| %s | %s | %s |\n", g.text, bounded(g.least, g.bound), r.growth[i].meets(g.least, g.bound))
		}
	}
	return nil
}

// tell names the bounds, least or most.
func (b bounds) tell(least bool) string {
	list := []string{}
	for _, v := range []float64{b.metadata, b.content, b.long} {
		if n := fmt.Sprintf("%g", v); len(list) == 0 || list[len(list)-1] != n {
			list = append(list, n)
		}
	}
	if least {
		return "at least " + strings.Join(list, ", ")
	}
	return "at most " + strings.Join(list, ", ")
}

type printer func(format string, args ...any)

func (r *results) tellFloors(p printer) {
	for _, g := range floorGoals {
		s, peer := r.system(g.name), r.system(g.peer)
		if s == nil || peer == nil || r.system("nop") == nil {
			continue
		}
		p("| %s: CPU a span, against the floor | %s |", g.name, g.bounds.tell(false))
		for i, m := range r.mixes {
			packed := g.packed(&r.limits[i], r.median(peer, m, size))
			floors := r.floors(m, &r.limits[i], packed)
			x, err := ratios(r.values(s, m, func(f figures) float64 { return 1e6 / f.perCore }), floors)
			if bound := g.bounds.of(m); err == nil && bound > 0 {
				p(" %s of %.1f µs |", x.meets(false, bound), median(floors))
			} else {
				p(" - |")
			}
		}
		p("\n")
	}
}

func (r *results) tellWaits(p printer) {
	p("\nThe acknowledgement at half of the most, with a bucket that takes its time for a PUT. Goals: a p50 of at most 30 ms with none, and at\n50 ms a PUT a p50 of at most 200 ms and a p99 of at most 500 ms with at most 15 PUTs a second.\n\n")
	p("| mix | system | ms a PUT | p50 ms | p99 ms | PUTs/s | goal |\n| --- | --- | --: | --: | --: | --: | --- |\n")
	for _, w := range r.waits {
		goal := "-"
		switch w.put {
		case 0:
			goal = verdict(w.p50 <= 30)
		case slowest:
			goal = verdict(w.p50 <= 200 && w.p99 <= 500 && w.puts <= 15)
		}
		p("| %s | %s | %d | %.1f | %.1f | %.1f | %s |\n", w.m.name, w.s.name, w.put.Milliseconds(), w.p50, w.p99, w.puts, goal)
	}
}

// tellModels writes what systems cost; a request of ours is to cost at most 50 µs.
func (r *results) tellModels(p printer) {
	p("\nCPU time = a · requests + b · spans + c · kB of OTLP, fitted to the mixes above. Goal: a request of ours costs at most 50 µs.\n\n")
	p("| system | a µs/request | b µs/span | c µs/kB | goal |\n| --- | --: | --: | --: | --- |\n")
	for _, s := range r.systems {
		m, ok := r.model(s)
		if !ok {
			continue
		}
		goal := "-"
		if s.ours {
			goal = verdict(m.request <= 50)
		}
		p("| %s | %.0f | %.1f | %.2f | %s |\n", s.name, m.request, m.span, m.kb, goal)
	}
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

func output(name string, args ...string) string {
	text, err := exec.Command(name, args...).Output() //nolint:gosec // fixed commands
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

func cpuinfo(key string) string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func memory() string {
	text, _ := os.ReadFile("/proc/meminfo")
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return "unknown memory"
	}
	var kib int
	_, _ = fmt.Sscan(f[1], &kib)
	return fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
}
