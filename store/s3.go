// Package store keeps a trail on S3 with Object Lock, and reads local copies of
// it: what package ledger needs of storage, and how a bucket is made and checked.
package store

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// S3 is a trail in a bucket. It is safe for concurrent use.
type S3 struct {
	client *s3.Client
	http   aws.HTTPClient
	config Config
}

var _ ledger.Store = (*S3)(nil)

const (
	maxAttempts = 4
	maxBackoff  = 2 * time.Second
	// A server that has the whole request and says nothing is asked again.
	responseTimeout = 30 * time.Second
	// Uploads run in parallel, to one host.
	idleConnections = 64
)

// Open makes a client for the trail. It sends nothing to the bucket: Check does.
// Each request is tried a few times where a further try may help; callers that
// must not give up go on from there.
func Open(ctx context.Context, c Config) (*S3, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(c.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = idleConnections
			t.ResponseHeaderTimeout = responseTimeout
		})),
		config.WithRetryer(newRetryer),
	)
	if err != nil {
		return nil, err
	}
	if loaded.Region == "" && c.Endpoint != "" {
		loaded.Region = "us-east-1" // servers other than AWS want some region in the signature
	}
	if client, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		loaded.HTTPClient = client.Freeze() // so that Close reaches its connections
	}
	if c.RoleARN != "" {
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), c.RoleARN))
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
	})
	return &S3{client: client, http: loaded.HTTPClient, config: c}, nil
}

func newRetryer() aws.Retryer {
	return retry.AddWithErrorCodes(
		retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff }),
		// Another write to the key was under way; nothing was decided yet.
		codeConflict,
	)
}

// Close closes idle connections. The trail can still be used.
func (s *S3) Close() {
	if c, ok := s.http.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// key is the key in the bucket.
func (s *S3) key(key string) *string {
	return aws.String(s.config.keyPrefix() + key)
}
