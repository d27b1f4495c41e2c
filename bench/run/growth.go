//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// growths are the goals that no load of a few seconds shows: ratios of what two of the Go
// benchmarks in bench/ report, in the last column.
var growths = []struct {
	text        string
	bench       string // as -bench has it
	cpu, time   string // likewise
	count       int
	over, under string // what is divided by what
	least       bool
	bound       float64
}{
	{
		text:  "requests a second that are decoded, mapped and encoded on two cores, against one",
		bench: "MapCores", cpu: "1,2", time: "1s", count: 5, over: "BenchmarkMapCores", under: "BenchmarkMapCores-2", least: true, bound: 1.9,
	},
	{ // long enough for collections of garbage, which walk what is remembered
		text:  "CPU an event with a million runs and sessions remembered, against a thousand",
		bench: "MapRuns/^1000(000)?$", cpu: "1", time: "10s", count: 1, over: "BenchmarkMapRuns/1000000", under: "BenchmarkMapRuns/1000", bound: 1.3,
	},
	{
		text:  "CPU a commit to a log of a million manifests, against a thousand",
		bench: "Head/^commit$", cpu: "1", time: "1s", count: 1, over: "BenchmarkHead/commit/1000000", under: "BenchmarkHead/commit/1000", bound: 1.2,
	},
}

// grow measures one of growths: the median, and the least and the most.
func grow(ctx context.Context, i int) (ratio, error) {
	g := growths[i]
	cmd := exec.CommandContext(ctx, "go", "test", "./bench", "-run", "^$", "-bench", g.bench, "-cpu", g.cpu, "-benchtime", g.time, "-count", strconv.Itoa(g.count), "-timeout", "1h") //nolint:gosec // fixed arguments
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return ratio{}, fmt.Errorf("benchmark %s: %w", g.bench, err)
	}
	values := map[string][]float64{}
	for line := range bytes.Lines(out) {
		f := strings.Fields(string(line))
		for n := 2; n+1 < len(f); n++ {
			if strings.HasPrefix(f[n+1], "µs/") {
				v, err := strconv.ParseFloat(f[n], 64)
				if err != nil {
					return ratio{}, err
				}
				values[f[0]] = append(values[f[0]], v)
			}
		}
	}
	return ratios(values[g.over], values[g.under])
}
