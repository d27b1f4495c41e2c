package agentauditexporter

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRetry(t *testing.T) {
	p := newParts(t)
	tries := 0
	require.NoError(t, p.retry().do(context.Background(), func() error {
		if tries++; tries < 5 {
			return errors.New("away")
		}
		return nil
	}))
	require.Equal(t, 5, tries)
	require.Equal(t, 4, p.logs.FilterMessage("sealing failed and will be tried again").Len())

	ctx, cancel := context.WithCancel(context.Background())
	last := errors.New("last")
	require.Equal(t, last, p.retry().do(ctx, func() error {
		cancel()
		return last
	}), "not the error of ctx")
	require.Equal(t, 4, p.logs.Len(), "nobody is told of a try that is not made")
	require.NoError(t, p.retry().do(ctx, func() error { return nil }), "the first try is always made")
}
