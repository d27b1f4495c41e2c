package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// List walks through all versions and delete markers under the prefix, by key,
// then oldest first; startAfter is a key, exclusive. The versions of one key are
// in memory at a time.
func (s *S3) List(ctx context.Context, prefix, startAfter string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		var current []ledger.Version // of one key, newest first
		flush := func() bool {
			for _, v := range slices.Backward(current) {
				if !yield(v, nil) {
					return false
				}
			}
			current = current[:0]
			return true
		}
		for v, err := range s.newestFirst(ctx, prefix, startAfter) {
			if err != nil {
				yield(ledger.Version{}, err)
				return
			}
			if len(current) > 0 && current[0].Key != v.Key && !flush() {
				return
			}
			current = append(current, v)
		}
		flush()
	}
}

// newestFirst is List in the order of S3: by key, then newest first.
func (s *S3) newestFirst(ctx context.Context, prefix, startAfter string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		in := &s3.ListObjectVersionsInput{
			Bucket: &s.config.Bucket,
			Prefix: s.key(prefix),
			// A foreign key may hold characters that XML cannot.
			EncodingType: types.EncodingTypeUrl,
		}
		if startAfter != "" {
			in.KeyMarker = s.key(startAfter)
		}
		for {
			out, err := s.client.ListObjectVersions(ctx, in)
			if err != nil {
				yield(ledger.Version{}, s.explain(err))
				return
			}
			page, err := s.page(out)
			if err != nil {
				yield(ledger.Version{}, err)
				return
			}
			for _, v := range page {
				// The markers are exclusive. To Versity they sometimes are not.
				if v.Key == startAfter || *s.key(v.Key) == aws.ToString(in.KeyMarker) && v.ID == aws.ToString(in.VersionIdMarker) {
					continue
				}
				if !yield(v, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			next, err := decoded(out.EncodingType, out.NextKeyMarker)
			if err == nil && next == aws.ToString(in.KeyMarker) && aws.ToString(out.NextVersionIdMarker) == aws.ToString(in.VersionIdMarker) {
				err = errors.New("list the bucket: the store gives the same page again")
			}
			if err != nil {
				yield(ledger.Version{}, err)
				return
			}
			in.KeyMarker, in.VersionIdMarker = &next, out.NextVersionIdMarker
		}
	}
}

// page merges the versions and the delete markers of an answer, which come as two
// lists, each by key, then newest first.
func (s *S3) page(out *s3.ListObjectVersionsOutput) ([]ledger.Version, error) {
	var errs []error
	relative := func(key *string) string {
		full, err := decoded(out.EncodingType, key)
		errs = append(errs, err)
		return strings.TrimPrefix(full, s.config.keyPrefix())
	}
	versions := make([]ledger.Version, 0, len(out.Versions))
	for _, v := range out.Versions {
		versions = append(versions, ledger.Version{
			Key: relative(v.Key), ID: aws.ToString(v.VersionId), ETag: aws.ToString(v.ETag), Size: aws.ToInt64(v.Size),
			LastModified: aws.ToTime(v.LastModified), Latest: aws.ToBool(v.IsLatest),
		})
	}
	markers := make([]ledger.Version, 0, len(out.DeleteMarkers))
	for _, m := range out.DeleteMarkers {
		markers = append(markers, ledger.Version{
			Key: relative(m.Key), ID: aws.ToString(m.VersionId),
			LastModified: aws.ToTime(m.LastModified), Latest: aws.ToBool(m.IsLatest), DeleteMarker: true,
		})
	}
	page := make([]ledger.Version, 0, len(versions)+len(markers))
	for len(versions) > 0 && len(markers) > 0 {
		if versionFirst(versions[0], markers[0]) {
			page, versions = append(page, versions[0]), versions[1:]
		} else {
			page, markers = append(page, markers[0]), markers[1:]
		}
	}
	return append(append(page, versions...), markers...), errors.Join(errs...)
}

// versionFirst is whether a version stands before a delete marker, newest first.
// Stores give times in seconds; within one, the marker counts as the newer, as
// markers come to hide something.
func versionFirst(version, marker ledger.Version) bool {
	c := cmp.Or(
		strings.Compare(version.Key, marker.Key),
		marker.LastModified.Truncate(time.Second).Compare(version.LastModified.Truncate(time.Second)),
	)
	if version.Key == marker.Key && version.Latest != marker.Latest {
		return version.Latest
	}
	return c < 0
}

func decoded(encoding types.EncodingType, key *string) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return aws.ToString(key), nil
	}
	return url.QueryUnescape(aws.ToString(key))
}
