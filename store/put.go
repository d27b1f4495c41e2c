package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Put writes an object whole or not at all: one request with its condition, its
// SHA-256 and its retention. ErrExists may also mean that an earlier try, within
// this very call or before it, took effect and its answer was lost: the caller
// compares what is there.
func (s *S3) Put(ctx context.Context, key string, body []byte, opts ledger.PutOptions) (string, error) {
	if len(body) > MaxObjectBytes {
		return "", fmt.Errorf("%w: %s has %d bytes, more than the %d that are written", errTooLarge, key, len(body), MaxObjectBytes)
	}
	in := s.putInput(key, opts)
	if opts.IfMatch != "" {
		in.IfMatch = &opts.IfMatch
		return s.put(ctx, in, body)
	}
	in.IfNoneMatch = aws.String("*")
	version, err := s.put(ctx, in, body)
	if !errors.Is(err, ledger.ErrExists) {
		return version, err
	}
	hidden, listErr := s.hiddenETag(ctx, key)
	if listErr != nil || hidden == "" {
		return "", errors.Join(err, listErr)
	}
	in.IfNoneMatch, in.IfMatch = nil, &hidden
	return s.put(ctx, in, body)
}

// hiddenETag is the ETag of the version under a delete marker, "" where no
// marker is the newest version of the key.
//
// On AWS If-None-Match succeeds over a delete marker. Versity refuses it there,
// and takes If-Match with the ETag of what the marker hides instead: a condition
// that, like the other, only one of several writers meets.
func (s *S3) hiddenETag(ctx context.Context, key string) (string, error) {
	versions, err := s.Versions(ctx, key)
	if err != nil || len(versions) == 0 || !versions[len(versions)-1].DeleteMarker {
		return "", err
	}
	for _, v := range slices.Backward(versions) {
		if !v.DeleteMarker {
			return v.ETag, nil
		}
	}
	return "", nil
}

func (s *S3) putInput(key string, opts ledger.PutOptions) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket:         &s.config.Bucket,
		Key:            s.key(key),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(opts.SHA256[:])),
	}
	if opts.ContentType != "" {
		in.ContentType = &opts.ContentType
	}
	if opts.Retention != (ledger.Retention{}) {
		in.ObjectLockMode = types.ObjectLockMode(opts.Retention.Mode)
		in.ObjectLockRetainUntilDate = aws.Time(opts.Retention.Until)
	}
	if s.config.KMSKeyID != "" {
		in.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		in.SSEKMSKeyId = &s.config.KMSKeyID
	}
	return in
}

func (s *S3) put(ctx context.Context, in *s3.PutObjectInput, body []byte) (string, error) {
	in.Body = bytes.NewReader(body)
	out, err := s.client.PutObject(ctx, in)
	if code, _ := answered(err); in.IfMatch != nil && code == codeNoKey {
		// What was to be written over is gone or behind a delete marker.
		return "", fmt.Errorf("%w: %w", ledger.ErrExists, err)
	}
	if err != nil {
		return "", s.explain(err)
	}
	return aws.ToString(out.VersionId), nil
}

// ExtendRetention locks a version for longer. The store refuses to shorten a
// lock in COMPLIANCE mode, and without a further permission in GOVERNANCE mode.
func (s *S3) ExtendRetention(ctx context.Context, key, versionID string, r ledger.Retention) error {
	_, err := s.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket:            &s.config.Bucket,
		Key:               s.key(key),
		VersionId:         &versionID,
		Retention:         &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(r.Mode), RetainUntilDate: &r.Until},
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	return s.explainKey(err)
}
