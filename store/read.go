package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// MaxObjectBytes is the largest object that is written or read. The trail's own are far
// smaller; anyone who may write to the bucket could put terabytes under a key.
const MaxObjectBytes = 512 << 20

// Get reads a version whole, at most MaxObjectBytes; "" is the newest one.
func (s *S3) Get(ctx context.Context, key, versionID string) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: &s.config.Bucket, Key: s.key(key)}
	if versionID != "" {
		in.VersionId = &versionID
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, s.explainGet(err)
	}
	defer func() { _ = out.Body.Close() }()
	size := aws.ToInt64(out.ContentLength)
	if size < 0 || size > MaxObjectBytes {
		return nil, fmt.Errorf("%w: %s has %d bytes, more than the %d that are read", errTooLarge, key, size, MaxObjectBytes)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(out.Body, body); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return body, nil
}

var errTooLarge = errors.New("object too large")

// Retention is the lock of a version as the store keeps it, zero where there is none.
func (s *S3) Retention(ctx context.Context, key, versionID string) (ledger.Retention, error) {
	in := &s3.GetObjectRetentionInput{Bucket: &s.config.Bucket, Key: s.key(key)}
	if versionID != "" {
		in.VersionId = &versionID
	}
	out, err := s.client.GetObjectRetention(ctx, in)
	if code, status := answered(err); code == codeNoRetention ||
		// The bucket has no Object Lock at all.
		code == codeInvalidRequest && status == http.StatusBadRequest {
		return ledger.Retention{}, nil
	}
	if err != nil {
		return ledger.Retention{}, s.explainKey(err)
	}
	if out.Retention == nil {
		return ledger.Retention{}, nil
	}
	return ledger.Retention{Mode: string(out.Retention.Mode), Until: aws.ToTime(out.Retention.RetainUntilDate)}, nil
}

// Versions are the versions and delete markers of one key, oldest first.
func (s *S3) Versions(ctx context.Context, key string) ([]ledger.Version, error) {
	var found []ledger.Version
	for v, err := range s.List(ctx, key, "") {
		if err != nil {
			return nil, err
		}
		if v.Key != key {
			break // the key itself sorts before all others that begin with it
		}
		found = append(found, v)
	}
	return found, nil
}
