package store

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// InitOptions are the default lock of a bucket.
type InitOptions struct {
	Mode      string        // COMPLIANCE or GOVERNANCE
	Retention time.Duration // rounded up to days
	// Classes are kept for another time than the rest: each gets rules of its own.
	Classes []Class
	// KeepDefault leaves a default lock that the bucket has, where it asks for no more than
	// this: each object brings its own.
	KeepDefault bool
	// Change allows to change a default lock that the bucket has, and lifecycle rules that the
	// trail has.
	Change bool
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
	kept, err := s.setDefaultLock(ctx, o, days)
	if err != nil {
		return done, nil, s.explain(err)
	}
	if kept != "" {
		done = append(done, fmt.Sprintf("kept the default lock: %s; objects bring their own", kept))
	} else {
		done = append(done, "default lock: "+lockFor(o.Mode, days))
	}

	for _, step := range []struct {
		what string
		do   func() error
	}{
		{fmt.Sprintf("lifecycle: data is removed when its lock has ended, %d days after it was written", days+1), func() error { return s.setLifecycle(ctx, days, o.Classes) }},
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

func lockFor(mode string, days int32) string { return fmt.Sprintf("%s for %d days", mode, days) }

// setDefaultLock returns the default lock that was kept, "" where it is now the one of o. What
// others in the bucket rely on changes only where that is allowed.
func (s *S3) setDefaultLock(ctx context.Context, o InitOptions, days int32) (kept string, err error) {
	lock, err := s.lockConfiguration(ctx)
	if err != nil {
		return "", err
	}
	if !o.Change {
		if err := contradiction(s.config.Bucket, lock, o.Mode, o.Retention); err != nil {
			return "", err
		}
		changes, err := s.ruleChanges(ctx, days, o.Classes)
		if err != nil {
			return "", err
		}
		if had := defaultLock(lock); had != "" && had != lockFor(o.Mode, days) {
			if kept = had; !o.KeepDefault {
				changes = append(changes, fmt.Sprintf("its default lock, %s, would become %s, which also other trails in the bucket get, and no collector with a shorter `retention` starts then (--keep-default-lock leaves it: each object brings its own)", had, lockFor(o.Mode, days)))
			}
		}
		if len(changes) > 0 {
			return "", fmt.Errorf("bucket %q is set up for another lock: %s; --change does that", s.config.Bucket, strings.Join(changes, "; "))
		}
		if kept != "" {
			return kept, nil
		}
	}
	return "", s.putDefaultLock(ctx, o.Mode, days, lock == nil)
}

// defaultLock is what a bucket locks objects by that bring no lock, "" for nothing.
func defaultLock(lock *types.ObjectLockConfiguration) string {
	if lock == nil || lock.Rule == nil || lock.Rule.DefaultRetention == nil {
		return ""
	}
	d := lock.Rule.DefaultRetention
	return lockFor(string(d.Mode), aws.ToInt32(d.Days)+365*aws.ToInt32(d.Years))
}

func (s *S3) putDefaultLock(ctx context.Context, mode string, days int32, none bool) error {
	_, err := s.client.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: &s.config.Bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionMode(mode), Days: &days,
			}},
		},
	})
	if err != nil && none {
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
