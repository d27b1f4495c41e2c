package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Codes of the Amazon S3 API reference, "Error responses".
const (
	codeConflict           = "ConditionalRequestConflict"
	codeNoBucket           = "NoSuchBucket"
	codeNoKey              = "NoSuchKey"
	codeNoVersion          = "NoSuchVersion"
	codeNoRetention        = "NoSuchObjectLockConfiguration"
	codeNoLockConfig       = "ObjectLockConfigurationNotFoundError"
	codeNoLifecycle        = "NoSuchLifecycleConfiguration"
	codeInvalidRequest     = "InvalidRequest"
	codeInvalidObjectState = "InvalidObjectState"
	codeMalformedXML       = "MalformedXML"
	codeNotImplemented     = "NotImplemented"
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
	case status == http.StatusForbidden, status == http.StatusUnauthorized, ofKMS(code, status):
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

// ofKMS reports whether the key of AWS KMS that encrypts an object is what refuses it: it is
// disabled, gone, or not for these credentials. That KMS is away, or asked too often, passes.
func ofKMS(code string, status int) bool {
	return strings.HasPrefix(code, "KMS.") && status < http.StatusInternalServerError && !isPassing(code)
}

// explainGet is explainKey for the content of an object. ErrForbidden is what the store will
// not give these credentials of this object, while it gives others: it is encrypted with
// another's key, or archived. What speaks of the credentials themselves, of the network or
// of the moment is not.
func (s *S3) explainGet(err error) error {
	code, status := answered(err)
	switch {
	case err == nil:
		return nil
	case code == codeInvalidRequest && status == http.StatusBadRequest && sse.MatchString(err.Error()),
		code == codeInvalidObjectState, ofKMS(code, status):
		return fmt.Errorf("%w: %w", ledger.ErrForbidden, err)
	case status == http.StatusForbidden && (isPassing(code) || slices.Contains(ofCredentials, code) || !ofS3(err)):
		return err
	}
	return s.explainKey(err)
}

// sse is what a store says of an object under a key that only its writer has (SSE-C): the
// code alone says that of a request in general.
var sse = regexp.MustCompile(`(?i)stored using a form of server[ -]side encryption`)

// Codes of the same reference that tell of the credentials, whatever is asked.
var ofCredentials = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "TokenRefreshRequired", "AccountProblem", "NotSignedUp", "InvalidSecurity", "UnrecognizedClientException"}

// ofS3 is false for an answer of another service, which was asked for the credentials.
func ofS3(err error) bool {
	last := ""
	for op, ok := errors.AsType[*smithy.OperationError](err); ok; op, ok = errors.AsType[*smithy.OperationError](op.Err) {
		last = op.ServiceID
	}
	return last == "" || last == s3.ServiceID
}

// Codes of the same reference that tell of credentials that have run out or of a clock
// that is wrong: they pass.
var passing = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "TooManyRequests"}

func isPassing(code string) bool {
	return slices.Contains(passing, code) || strings.Contains(code, "Throttl") || strings.Contains(code, "LimitExceeded")
}

// Unavailable reports whether an error is of a store that gave no answer, or one that
// will be another when it is asked later. All other errors need someone to act.
func Unavailable(err error) bool {
	code, status := answered(err)
	if status == 0 {
		_, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
		_, network := errors.AsType[net.Error](err)
		return unsent || network || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || isPassing(code)
}
