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
	codeSkewed             = "RequestTimeTooSkewed"
	codeDenied             = "AccessDenied"
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
	case status == 0:
		return s.explainUnasked(err)
	case code == codeSkewed:
		return fmt.Errorf("the clock of this machine is not that of the store, which refuses what is signed more than 15 minutes off: set it: %w", err)
	case status == http.StatusNotImplemented:
		return fmt.Errorf("the server of bucket %q does not have what a trail needs (conditional writes, versions and Object Lock): use another server: %w", s.config.Bucket, err)
	case code == codeInvalidObjectState:
		return fmt.Errorf("%w: it is in an archive class: restore it first, and have no lifecycle rule move the trail there: %w", ledger.ErrForbidden, err)
	case ofKMS(code, status):
		return fmt.Errorf("%w: the KMS key that encrypts it refuses: it must be enabled, and these credentials need kms:Decrypt, and to write kms:GenerateDataKey: %w", ledger.ErrForbidden, err)
	case code == codeNoBucket:
		return fmt.Errorf("there is no bucket %q: make it with `agentaudit bucket init`, or correct `bucket`: %w", s.config.Bucket, err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", ledger.ErrExists, err)
	case code == codeDenied && actions(err) != "" && !strings.Contains(err.Error(), "kms:"):
		return fmt.Errorf("%w: these credentials need %s, and no policy may deny it: %w", ledger.ErrForbidden, actions(err), err)
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ledger.ErrForbidden, err)
	case status == http.StatusMovedPermanently:
		return fmt.Errorf("bucket %q is in another region: correct `region`: %w", s.config.Bucket, err)
	}
	return err
}

// actionsOf are the IAM actions that allow an operation of S3
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
var actionsOf = map[string]string{
	"GetObject": "s3:GetObject and s3:GetObjectVersion", "HeadObject": "s3:GetObject and s3:GetObjectVersion",
	"ListObjectsV2": "s3:ListBucket", "HeadBucket": "s3:ListBucket", "ListObjectVersions": "s3:ListBucketVersions",
	"PutObject":          "s3:PutObject and, with a lock, s3:PutObjectRetention",
	"GetObjectRetention": "s3:GetObjectRetention", "PutObjectRetention": "s3:PutObjectRetention",
	"DeleteObject": "s3:DeleteObject and s3:DeleteObjectVersion", "DeleteObjects": "s3:DeleteObject and s3:DeleteObjectVersion",
	"CreateBucket": "s3:CreateBucket", "GetBucketVersioning": "s3:GetBucketVersioning", "PutBucketVersioning": "s3:PutBucketVersioning",
	"GetObjectLockConfiguration":      "s3:GetBucketObjectLockConfiguration",
	"PutObjectLockConfiguration":      "s3:PutBucketObjectLockConfiguration",
	"GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
	"PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"GetPublicAccessBlock":            "s3:GetBucketPublicAccessBlock", "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
	"AssumeRole": "sts:AssumeRole",
}

// actions are the IAM actions that the operation of an error needs, "" where it is not known.
func actions(err error) string {
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		return actionsOf[op.OperationName]
	}
	return ""
}

// explainUnasked is about a request that got no answer.
func (s *S3) explainUnasked(err error) error {
	text := err.Error() // the SDK has no type for these
	_, unsent := errors.AsType[*smithyhttp.RequestSendError](err)
	switch {
	case strings.Contains(text, "get credentials:"):
		return fmt.Errorf("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role: %w", err)
	case strings.Contains(text, "Invalid region:") && s.client.Options().Region == "":
		return fmt.Errorf("there is no region: set `region` (--region) or AWS_REGION: %w", err)
	case unsent && s.config.Endpoint != "":
		return fmt.Errorf("the store cannot be reached at `endpoint` %s: %w", s.config.Endpoint, err)
	case unsent:
		return fmt.Errorf("the store cannot be reached: is `region` (%s) right, and does the network let you out? %w", s.client.Options().Region, err)
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
	case code == codeInvalidRequest && status == http.StatusBadRequest && sse.MatchString(err.Error()):
		return fmt.Errorf("%w: %w", ledger.ErrForbidden, err)
	case code == codeSkewed:
		return s.explain(err)
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
var passing = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", codeSkewed, "RequestTimeout", "SlowDown", "TooManyRequests"}

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
	return status >= http.StatusInternalServerError && status != http.StatusNotImplemented || status == http.StatusTooManyRequests || isPassing(code)
}
