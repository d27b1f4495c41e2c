// Package store keeps a trail on S3 with Object Lock, and reads local copies of
// it: what package ledger needs of storage, and how a bucket is made and checked.
package store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// S3 is a trail in a bucket. It is safe for concurrent use.
type S3 struct {
	client *s3.Client
	http   aws.HTTPClient
	config Config
}

var _ ledger.Store = (*S3)(nil)

// Open makes a client for the trail. It sends nothing to the bucket: Check does.
// Each request is tried a few times where a further try may help; callers that
// must not give up go on from there.
func Open(ctx context.Context, c Config) (*S3, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	shared := c.aws()
	loaded, err := shared.Load(ctx)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.UsePathStyle = c.ForcePathStyle
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
		// Every object that is written brings its own SHA-256. What is read is
		// judged by the signed digest: a checksum that the server keeps would
		// turn a changed object, a finding, into one that cannot be read.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		// Another write to the key was under way; nothing was decided yet.
		o.Retryer = retry.AddWithErrorCodes(awsconf.NewRetryer(), codeConflict)
	})
	return &S3{client: client, http: loaded.HTTPClient, config: c}, nil
}

// Close closes idle connections. The trail can still be used.
func (s *S3) Close() { awsconf.Close(s.http) }

// key is the key in the bucket.
func (s *S3) key(key string) *string {
	return aws.String(s.config.keyPrefix() + key)
}
