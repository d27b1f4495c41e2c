package agentauditexporter

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
)

// What lies at a key keeps nothing from being there, and locked.
func TestPutter(t *testing.T) {
	body, key := []byte("the text"), ledger.BlobPrefix+"x"
	short := ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(time.Hour).UTC()}
	long := ledger.Retention{Mode: ledger.Governance, Until: time.Now().Add(2 * time.Hour).UTC()}
	strict := ledger.Retention{Mode: ledger.Compliance, Until: short.Until}
	put := func(s *ledgertest.Store, text []byte, lock ledger.Retention) {
		_, err := s.Put(context.Background(), key, text, ledger.PutOptions{SHA256: sha256.Sum256(text), Retention: lock})
		require.NoError(t, err)
	}
	for name, tt := range map[string]struct {
		before   func(*ledgertest.Store)
		versions int
		locked   ledger.Retention // of the oldest version that is the text
		warned   int
	}{
		"nothing":             {func(*ledgertest.Store) {}, 1, long, 0},
		"the same":            {func(s *ledgertest.Store) { put(s, body, short) }, 1, long, 0},
		"the same, stricter":  {func(s *ledgertest.Store) { put(s, body, strict) }, 1, ledger.Retention{Mode: ledger.Compliance, Until: long.Until}, 0},
		"the same, hidden":    {func(s *ledgertest.Store) { put(s, body, short); s.Delete(key) }, 3, long, 0},
		"garbage":             {func(s *ledgertest.Store) { put(s, []byte("garbage"), short) }, 2, long, 1},
		"as much garbage":     {func(s *ledgertest.Store) { put(s, []byte("THE TEXT"), short) }, 2, long, 1},
		"under garbage":       {func(s *ledgertest.Store) { put(s, body, short); s.Overwrite(key, []byte("garbage")) }, 2, long, 0},
		"what cannot be read": {func(s *ledgertest.Store) { s.Plant(key, int64(len(body)), ledger.ErrForbidden) }, 2, long, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, warned := ledgertest.New(), 0
			tt.before(s)
			p := putter{store: s, warn: func(code, _ string) {
				require.Equal(t, ledger.CodeForeignObject, code)
				warned++
			}}
			for range 2 { // the second time changes nothing
				require.NoError(t, p.put(context.Background(), key, body, ledger.PutOptions{SHA256: sha256.Sum256(body), Retention: long}))
				versions, err := s.Versions(context.Background(), key)
				require.NoError(t, err)
				require.Len(t, versions, tt.versions)
				require.Equal(t, tt.warned, warned)
				for _, v := range versions {
					have, err := s.Get(context.Background(), key, v.ID)
					if err != nil || string(have) != string(body) {
						continue
					}
					lock, err := s.Retention(context.Background(), key, v.ID)
					require.NoError(t, err)
					require.Equal(t, tt.locked, lock)
					break
				}
			}
		})
	}
}

func TestPutterTellsOfFailures(t *testing.T) {
	s := ledgertest.New()
	s.Fail = func(string, bool) error { return ledger.ErrForbidden }
	p := putter{store: s}
	require.ErrorIs(t, p.put(context.Background(), "data/v1/x", []byte("x"), ledger.PutOptions{}), ledger.ErrForbidden)
}
