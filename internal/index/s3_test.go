package index

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// In a bucket that locks everything for long by default, an index is written, gone on with, and
// can be removed once its own lock of a minute is over.
func TestInBucket(t *testing.T) {
	server := s3test.Start(t)
	c := server.Bucket(t, s3test.BucketOptions{Prefix: "team/trail"})
	_, err := server.Client().PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: &c.Bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(3000)}},
		},
	})
	require.NoError(t, err)
	s, err := store.Open(ctx, c)
	require.NoError(t, err)
	defer s.Close()
	locks, err := s.Locks(ctx)
	require.NoError(t, err)
	require.True(t, locks)
	tr, x := newTrail(t), Open(InBucket(s, locks))
	for range 2 {
		tr.seal("gw-0", monday, "", tr.events("s", 4)...)
		_, err = x.Update(ctx, tr, tr.options())
		require.NoError(t, err)
		require.Equal(t, tr.want(), keys(t, x))
	}
	snap, err := x.Snapshot(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(2), snap.Number)
	for _, f := range snap.Files {
		versions, err := s.Versions(ctx, f.Key)
		require.NoError(t, err)
		require.Len(t, versions, 1)
		lock, err := s.Retention(ctx, f.Key, versions[0].ID)
		require.NoError(t, err)
		require.Equal(t, ledger.Governance, lock.Mode)
		require.Less(t, lock.Until.Sub(versions[0].LastModified).Minutes(), 2.0)
		require.NoError(t, x.place.Remove(ctx, f.Key), "what is locked stays, and is no error")
	}

	open := server.Bucket(t, s3test.BucketOptions{Unlocked: true})
	plain, err := store.Open(ctx, open)
	require.NoError(t, err)
	defer plain.Close()
	locks, err = plain.Locks(ctx)
	require.NoError(t, err)
	require.False(t, locks)
	x = Open(InBucket(plain, locks))
	_, err = x.Update(ctx, tr, tr.options())
	require.NoError(t, err)
	require.Equal(t, tr.want(), keys(t, x))
	require.ErrorIs(t, x.place.Put(ctx, snapshotKey(1), nil), ledger.ErrExists)
	require.NoError(t, x.place.Remove(ctx, snapshotKey(1)))
	_, err = x.place.Get(ctx, snapshotKey(1))
	require.ErrorIs(t, err, ledger.ErrNotFound)
}
