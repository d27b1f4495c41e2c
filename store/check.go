package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

const day = 24 * time.Hour

// Check reports what keeps the bucket from holding a trail whose objects are
// locked in that mode and for that long: no bucket, no versioning, no Object
// Lock, a default lock that asks for more, or credentials that may not write or
// list. It leaves nothing behind in the bucket.
func (s *S3) Check(ctx context.Context, mode string, retention time.Duration) error {
	versioning, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.config.Bucket})
	if err != nil {
		return s.checkFailed("s3:GetBucketVersioning", err)
	}
	if versioning.Status != types.BucketVersioningStatusEnabled {
		return fmt.Errorf("versioning is off in bucket %q: a trail needs a bucket with versioning and Object Lock; make one with `agentaudit bucket init`", s.config.Bucket)
	}
	lock, err := s.lockConfiguration(ctx)
	if err != nil {
		return s.checkFailed("s3:GetBucketObjectLockConfiguration", err)
	}
	if lock == nil || lock.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return fmt.Errorf("bucket %q has no Object Lock: what is written there can be deleted; make a bucket with `agentaudit bucket init`", s.config.Bucket)
	}
	if err := contradiction(s.config.Bucket, lock, mode, retention); err != nil {
		return err
	}
	if _, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: &s.config.Bucket, Prefix: s.key(""), MaxKeys: aws.Int32(1),
	}); err != nil {
		return s.checkFailed("s3:ListBucketVersions", err)
	}
	for _, folder := range []string{"data/v1/", "manifests/v1/"} {
		if err := s.checkWrite(ctx, folder, mode, retention); err != nil {
			return err
		}
	}
	return nil
}

// checkWrite asks for a write that is allowed but cannot happen: over an object
// that does not exist. The store looks at permissions first.
func (s *S3) checkWrite(ctx context.Context, folder, mode string, retention time.Duration) error {
	key := folder + "check-" + rand.Text()
	in := s.putInput(key, ledger.PutOptions{
		SHA256:    sha256.Sum256(nil),
		Retention: ledger.Retention{Mode: mode, Until: time.Now().Add(retention)},
	})
	in.IfMatch = aws.String(`"00000000000000000000000000000000"`)
	_, err := s.put(ctx, in, nil)
	switch {
	case errors.Is(err, ledger.ErrExists):
	case err == nil:
		return fmt.Errorf("the server of bucket %q writes without regard to If-Match, so that two writers can destroy each other's trail: use another server", s.config.Bucket)
	default:
		return s.checkFailed("s3:PutObject and s3:PutObjectRetention on "+*s.key(folder)+"*", err)
	}
	if _, err := s.Get(ctx, key, ""); !errors.Is(err, ledger.ErrNotFound) {
		return s.checkFailed("s3:GetObject on "+*s.key(folder)+"*", err)
	}
	return nil
}

// checkFailed names the permission that a check needs.
func (s *S3) checkFailed(permission string, err error) error {
	// Some of these errors have been explained already.
	if !errors.Is(err, ledger.ErrForbidden) {
		err = s.explain(err)
	}
	if errors.Is(err, ledger.ErrForbidden) {
		return fmt.Errorf("the credentials are wrong or lack %s in bucket %q: %w", permission, s.config.Bucket, err)
	}
	return err
}

// lockConfiguration is nil where the bucket has no Object Lock.
func (s *S3) lockConfiguration(ctx context.Context) (*types.ObjectLockConfiguration, error) {
	out, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.config.Bucket})
	if code, _ := answered(err); code == codeNoLockConfig {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.ObjectLockConfiguration, nil
}

// contradiction is about a default lock of the bucket that asks for more than
// the trail's objects would get. One that asks for less is no contradiction:
// each object brings its own lock.
func contradiction(bucket string, lock *types.ObjectLockConfiguration, mode string, retention time.Duration) error {
	if lock == nil || lock.Rule == nil || lock.Rule.DefaultRetention == nil {
		return nil
	}
	standard := lock.Rule.DefaultRetention
	if standard.Mode == types.ObjectLockRetentionModeCompliance && mode != string(types.ObjectLockRetentionModeCompliance) {
		return fmt.Errorf("bucket %q locks in COMPLIANCE mode by default, `mode` is %s: set `mode` to COMPLIANCE or change the bucket's default", bucket, mode)
	}
	days := int(aws.ToInt32(standard.Days)) + 365*int(aws.ToInt32(standard.Years))
	if retention < time.Duration(days)*day {
		return fmt.Errorf("bucket %q locks for %d days by default, `retention` is %g: set `retention` to at least %dd or change the bucket's default", bucket, days, retention.Hours()/24, days)
	}
	return nil
}
