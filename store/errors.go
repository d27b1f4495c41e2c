package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Codes of the Amazon S3 API reference, "Error responses".
const (
	codeConflict       = "ConditionalRequestConflict"
	codeNoBucket       = "NoSuchBucket"
	codeNoKey          = "NoSuchKey"
	codeNoVersion      = "NoSuchVersion"
	codeNoRetention    = "NoSuchObjectLockConfiguration"
	codeNoLockConfig   = "ObjectLockConfigurationNotFoundError"
	codeNoLifecycle    = "NoSuchLifecycleConfiguration"
	codeInvalidRequest = "InvalidRequest"
	codeMalformedXML   = "MalformedXML"
	codeNotImplemented = "NotImplemented"
)

// answered takes an answer of the store apart; "" and 0 where there was none.
func answered(err error) (code string, status int) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = resp.HTTPStatusCode()
	}
	return code, status
}

// explain makes of an answer of the store an error that package ledger and a
// person understand. A missing bucket is never a missing key: a reader would
// take the one for an empty trail.
func (s *S3) explain(err error) error {
	code, status := answered(err)
	switch {
	case err == nil:
		return nil
	case code == codeNoBucket:
		return fmt.Errorf("there is no bucket %q: make it with `agentaudit bucket init`, or correct `bucket`: %w", s.config.Bucket, err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", ledger.ErrExists, err)
	case status == http.StatusForbidden, status == http.StatusUnauthorized, strings.HasPrefix(code, "KMS."):
		return fmt.Errorf("%w: %w", ledger.ErrForbidden, err)
	case status == http.StatusMovedPermanently:
		return fmt.Errorf("bucket %q is in another region: correct `region`: %w", s.config.Bucket, err)
	}
	return err
}

// explainKey is explain for requests about one object, where there may be none.
func (s *S3) explainKey(err error) error {
	code, status := answered(err)
	// A version that is a delete marker answers 405.
	if slices.Contains([]string{codeNoKey, codeNoVersion}, code) || status == http.StatusMethodNotAllowed {
		return fmt.Errorf("%w: %w", ledger.ErrNotFound, err)
	}
	return s.explain(err)
}

// Codes of the same reference that tell of credentials that have run out or of a clock
// that is wrong: they pass.
var passing = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "TooManyRequests"}

// Unavailable reports whether an error is of a store that gave no answer, or one that
// will be another when it is asked later. All other errors need someone to act.
func Unavailable(err error) bool {
	code, status := answered(err)
	if status == 0 {
		_, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
		_, network := errors.AsType[net.Error](err)
		return unsent || network || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || slices.Contains(passing, code)
}
