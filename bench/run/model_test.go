//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFitFindsTheModel(t *testing.T) {
	want := model{50, 8, 3}
	var costs []cost
	for _, c := range []cost{{requests: 1. / 110, kb: 0.5}, {requests: 1. / 11, kb: 0.5}, {requests: 1, kb: 0.6}, {requests: 0.12, kb: 2.1}, {requests: 0.05, kb: 21}} {
		c.cpu = want.request*c.requests + want.span + want.kb*c.kb
		costs = append(costs, c)
	}
	have, ok := fit(costs)
	require.True(t, ok)
	require.InDelta(t, want.request, have.request, 1e-6)
	require.InDelta(t, want.span, have.span, 1e-6)
	require.InDelta(t, want.kb, have.kb, 1e-6)
	_, ok = fit(costs[:2])
	require.False(t, ok)
}
