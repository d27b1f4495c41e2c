//go:build linux

package main

import "math"

// model is what a system costs: µs a request, a span, and a kB of OTLP.
type model struct{ request, span, kb float64 }

// cost is a mix of requests, and what a system needed for a span of it, in µs.
type cost struct{ requests, kb, cpu float64 }

// fit finds the model with the least relative errors: linear least squares, each mix weighed
// by what it costs. It reports whether there are mixes enough.
func fit(costs []cost) (model, bool) {
	var a [3][4]float64 // the normal equations
	for _, c := range costs {
		row := [4]float64{c.requests / c.cpu, 1 / c.cpu, c.kb / c.cpu, 1}
		for i := range 3 {
			for j := range 4 {
				a[i][j] += row[i] * row[j]
			}
		}
	}
	for i := range 3 {
		if math.Abs(a[i][i]) < 1e-12 {
			return model{}, false
		}
		for k := range 3 {
			if k == i {
				continue
			}
			f := a[k][i] / a[i][i]
			for j := range 4 {
				a[k][j] -= f * a[i][j]
			}
		}
	}
	return model{a[0][3] / a[0][0], a[1][3] / a[1][1], a[2][3] / a[2][2]}, len(costs) >= 4
}

// model fits what a system costs to the mixes that it was sent.
func (r *results) model(s *system) (model, bool) {
	var costs []cost
	for _, m := range r.mixes {
		per := r.median(s, m, perCore)
		if per == 0 {
			continue
		}
		spans := 0
		for _, t := range m.templates {
			spans += t.spans
		}
		costs = append(costs, cost{float64(len(m.templates)) / float64(spans), float64(m.perSpan()) / 1000, 1e6 / per})
	}
	return fit(costs)
}
