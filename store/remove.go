package store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Remove removes a version for good. One that is locked stays: ledger.ErrForbidden. It is for
// what is derived, and needs s3:DeleteObjectVersion, which a collector does not have.
func (s *S3) Remove(ctx context.Context, key, versionID string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.config.Bucket, Key: s.key(key), VersionId: &versionID})
	return s.explainKey(err)
}

// Locks reports whether the bucket has Object Lock, so that its default lock would keep what is
// written without one of its own.
func (s *S3) Locks(ctx context.Context) (bool, error) {
	lock, err := s.lockConfiguration(ctx)
	if err != nil {
		return false, s.checkFailed("s3:GetBucketObjectLockConfiguration", err)
	}
	return lock != nil && lock.ObjectLockEnabled == types.ObjectLockEnabledEnabled, nil
}
