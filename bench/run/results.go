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
	limits  []limit   // by mix
	slow    []float64 // p99 in ms with a slow bucket, by mix
	growth  []ratio   // by growths
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
func cpu(f figures) float64     { return 1 / f.perCore }
func peak(f figures) float64    { return f.peak }
func size(f figures) float64    { return f.bytes }

// goal is one of what we set out to reach: the ratio of a figure of one system to that
// of another, at least or at most.
type goal struct {
	text  string
	a, b  string
	of    func(figures) float64
	least bool
	bound float64
}

var goals = []goal{
	{"sealed gzip: spans a second a core, against the peer's gzip", "sealed gzip", "peer gzip", perCore, true, 8},
	{"sealed gzip: spans a second a core, against the peer's zstd", "sealed gzip", "peer zstd", perCore, true, 1.2},
	{"sealed zstd: spans a second a core, against the peer's zstd", "sealed zstd", "peer zstd", perCore, true, 1.2},
	{"sealed gzip: CPU a span, against the peer's without compression", "sealed gzip", "peer none", cpu, false, 1.2},
	{"sealed gzip: peak memory, against the peer's gzip", "sealed gzip", "peer gzip", peak, false, 1.2},
	{"sealed gzip: bytes stored a span, against the peer's gzip", "sealed gzip", "peer gzip", size, false, 1},
	{"sealed zstd: bytes stored a span, against the peer's zstd", "sealed zstd", "peer zstd", size, false, 1},
	{"spooled gzip: spans a second a core, against sealed gzip", "spooled gzip", "sealed gzip", perCore, true, 0.8},
	{"sealed gzip: spans a second a core, against SQLite with a transaction a span", "sealed gzip", "sqlite, a transaction a span", perCore, true, 30},
	{"sealed gzip: spans a second, against SQLite with a transaction a span", "sealed gzip", "sqlite, a transaction a span", func(f figures) float64 { return f.max }, true, 30},
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
		for _, s := range r.systems {
			of := func(f func(figures) float64) float64 { return r.median(s, m, f) }
			all := r.values(s, m, perCore)
			puts := "-"
			if s.config != nil {
				puts = fmt.Sprintf("%.0f", of(func(f figures) float64 { return f.puts }))
			}
			p("| %s | %.0f | %.0f–%.0f | %.1f | %.0f | %.0f | %.1f | %.1f | %.0f | %s |\n", s.name, of(perCore), slices.Min(all), slices.Max(all), 1e6/of(perCore),
				of(func(f figures) float64 { return f.max }), of(peak), of(func(f figures) float64 { return f.p50 }), of(func(f figures) float64 { return f.p99 }), of(size), puts)
		}
		l := r.limits[i]
		p("\nThe least the machine needs, in µs a span: decoding %.1f, and of our lines SHA-256 %.1f, gzip %.1f, zstd %.1f.\n\n", l.decode, l.sha256, l.gzip, l.zstd)
	}
	p("The peer's OK means queued in memory, SQLite's means synced to its file, ours sealed in the locked bucket, or with\n`spooled` synced to the local disk: the latencies are those of different promises.\n\n")
	p("## Goals\n\nMedians of the ratios of the rounds, with the least and the most.\n\n| goal | bound |")
	for _, m := range r.mixes {
		p(" %s |", m.name)
	}
	p("\n| --- | --: |%s\n", strings.Repeat(" --: |", len(r.mixes)))
	for _, g := range goals {
		p("| %s | %s |", g.text, bounded(g.least, g.bound))
		for _, m := range r.mixes {
			x, err := r.compare(g.a, g.b, m, g.of)
			if err != nil {
				p(" - |")
				continue
			}
			p(" %s |", x.meets(g.least, g.bound))
		}
		p("\n")
	}
	if len(r.slow) == len(r.mixes) && len(r.slow) > 0 {
		p("| sealed gzip: p99 of the acknowledgement with a bucket that takes 50 ms a PUT, ms | at most 2000 |")
		for _, v := range r.slow {
			p(" %s %.0f |", verdict(v <= 2000), v)
		}
		p("\n")
	}
	if len(r.growth) == len(growths) {
		p("\n| goal, by the Go benchmarks of this folder | bound | |\n| --- | --: | --: |\n")
		for i, g := range growths {
			p("| %s | %s | %s |\n", g.text, bounded(g.least, g.bound), r.growth[i].meets(g.least, g.bound))
		}
	}
	return nil
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
