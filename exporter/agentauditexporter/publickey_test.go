package agentauditexporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestPublicKeyIsSeenToOnceADay(t *testing.T) {
	p := newParts(t)
	ctx := context.Background()
	k := newPublicKey(p.signer, p.putter(), &p.cfg.ObjectLock, p.report.logger)
	p.store.Fail = func(string, bool) error { return errors.New("away") }
	require.Error(t, k.publish(ctx))
	p.store.Fail = nil
	require.NoError(t, k.publish(ctx))
	body, err := p.store.Get(ctx, k.key, "")
	require.NoError(t, err)
	got, err := ledger.ParsePublicKey(body)
	require.NoError(t, err)
	require.Equal(t, ledger.KeyPrefix+got.ID+".pem", k.key)
	lock, err := p.store.Retention(ctx, k.key, "")
	require.NoError(t, err)
	require.Equal(t, p.cfg.ObjectLock.from(time.Now().Add(2*keepInterval)), lock, "for what is sealed before the next time")

	p.store.Fail = func(string, bool) error { return errors.New("away") }
	k.refresh(ctx)
	require.Zero(t, p.logs.Len(), "it is not due")
	k.at = time.Now().Add(-keepInterval)
	p.store.Purge(k.key)
	k.refresh(ctx)
	require.Equal(t, 1, p.logs.Len(), "a failure is said, and stops nothing")
	p.store.Fail = nil
	k.refresh(ctx)
	require.Less(t, time.Since(k.at), time.Hour)
}
