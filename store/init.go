package store

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// InitOptions are the default lock of a bucket.
type InitOptions struct {
	Mode      string        // COMPLIANCE or GOVERNANCE
	Retention time.Duration // rounded up to days
}

// InitBucket makes a bucket for a trail, or makes an existing one fit: versioning,
// Object Lock with a default, lifecycle rules that remove data after its
// retention, no public access, encryption. It can be run again. done and notDone
// are lines for a person; notDone are the things that the server does not have.
func InitBucket(ctx context.Context, c Config, o InitOptions) (done, notDone []string, err error) {
	if o.Mode != string(types.ObjectLockRetentionModeCompliance) && o.Mode != string(types.ObjectLockRetentionModeGovernance) {
		return nil, nil, fmt.Errorf("`mode` (%q) must be COMPLIANCE or GOVERNANCE", o.Mode)
	}
	if o.Retention <= 0 {
		return nil, nil, fmt.Errorf("`retention` (%s) must be more than 0", o.Retention)
	}
	s, err := Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	days := int32((o.Retention + day - 1) / day)

	created, err := s.create(ctx)
	if err != nil {
		return nil, nil, s.explain(err)
	}
	if created {
		done = append(done, fmt.Sprintf("made bucket %s with versioning and Object Lock", c.Bucket))
	} else {
		done = append(done, fmt.Sprintf("found bucket %s, with versioning", c.Bucket))
	}
	if err := s.setDefaultLock(ctx, o.Mode, o.Retention, days); err != nil {
		return done, nil, s.explain(err)
	}
	done = append(done, fmt.Sprintf("default lock: %s for %d days", o.Mode, days))

	for _, step := range []struct {
		what string
		do   func() error
	}{
		{fmt.Sprintf("lifecycle: data is removed when its lock has ended, %d days after it was written", days+1), func() error { return s.setLifecycle(ctx, days) }},
		{"public access is blocked", func() error { return s.blockPublicAccess(ctx) }},
		{"encryption by default", func() error { return s.setEncryption(ctx) }},
	} {
		switch err := step.do(); {
		case err == nil:
			done = append(done, step.what)
		case notImplemented(err):
			notDone = append(notDone, step.what+": this server does not have that")
		default:
			return done, notDone, fmt.Errorf("%s: %w", step.what, s.explain(err))
		}
	}
	return done, notDone, nil
}

// notImplemented is an answer of servers that lack a part of S3. Some take a
// request that they don't know for a bad one.
func notImplemented(err error) bool {
	code, status := answered(err)
	return code == codeNotImplemented || code == codeMalformedXML ||
		status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed
}

// create makes the bucket, or switches on versioning in one that is there
// already, and is false then.
func (s *S3) create(ctx context.Context) (bool, error) {
	found, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.config.Bucket})
	if err == nil && found.Status == types.BucketVersioningStatusEnabled {
		return false, nil
	}
	if err == nil {
		_, err = s.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket:                  &s.config.Bucket,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
		return false, err
	}
	if code, _ := answered(err); code != codeNoBucket {
		return false, err
	}
	in := &s3.CreateBucketInput{Bucket: &s.config.Bucket, ObjectLockEnabledForBucket: aws.Bool(true)}
	// us-east-1 is the one region that must not be named.
	if region := s.client.Options().Region; region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	_, err = s.client.CreateBucket(ctx, in)
	return true, err
}

func (s *S3) setDefaultLock(ctx context.Context, mode string, retention time.Duration, days int32) error {
	lock, err := s.lockConfiguration(ctx)
	if err != nil {
		return err
	}
	if err := contradiction(s.config.Bucket, lock, mode, retention); err != nil {
		return err
	}
	_, err = s.client.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: &s.config.Bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionMode(mode), Days: &days,
			}},
		},
	})
	if err != nil && lock == nil {
		return fmt.Errorf("bucket %q was made without Object Lock, and it cannot be switched on here: choose another `bucket`: %w", s.config.Bucket, err)
	}
	return err
}

func (s *S3) blockPublicAccess(ctx context.Context) error {
	_, err := s.client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &s.config.Bucket,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
			IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	})
	return err
}

func (s *S3) setEncryption(ctx context.Context) error {
	standard := &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}
	if s.config.KMSKeyID != "" {
		standard = &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &s.config.KMSKeyID}
	}
	_, err := s.client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &s.config.Bucket,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{
			{ApplyServerSideEncryptionByDefault: standard, BucketKeyEnabled: aws.Bool(s.config.KMSKeyID != "")},
		}},
	})
	return err
}
