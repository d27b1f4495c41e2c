package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestUnavailable(t *testing.T) {
	answer := func(status int, code string) error {
		return fmt.Errorf("check: %w", &smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: &smithy.GenericAPIError{Code: code},
		}}})
	}
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"refused connection":    {&smithy.OperationError{Err: &smithyhttp.RequestSendError{Err: errors.New("connection refused")}}, true},
		"no name":               {fmt.Errorf("x: %w", &net.DNSError{Err: "no such host"}), true},
		"timeout":               {fmt.Errorf("x: %w", context.DeadlineExceeded), true},
		"500":                   {answer(500, "InternalError"), true},
		"SlowDown":              {answer(503, "SlowDown"), true},
		"not implemented":       {answer(501, "NotImplemented"), false},
		"expired credentials":   {answer(400, "ExpiredToken"), true},
		"wrong clock":           {answer(403, "RequestTimeTooSkewed"), true},
		"access denied":         {answer(403, "AccessDenied"), false},
		"wrong key":             {answer(403, "InvalidAccessKeyId"), false},
		"no such bucket":        {answer(404, "NoSuchBucket"), false},
		"another region":        {answer(301, "PermanentRedirect"), false},
		"not of the store":      {errors.New("versioning is off"), false},
		"a wrong configuration": {&smithy.OperationError{Err: errors.New("missing region")}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, Unavailable(tt.err)) })
	}
}

// TestMissingPermission: what is refused is told with the action that allows it.
func TestMissingPermission(t *testing.T) {
	refused := func(op, message string) error {
		return &smithy.OperationError{ServiceID: "S3", OperationName: op, Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}},
			Err:      &smithy.GenericAPIError{Code: "AccessDenied", Message: message},
		}}}
	}
	s := &S3{}
	for op, want := range map[string]string{
		"ListObjectVersions": "need s3:ListBucketVersions", "GetObject": "need s3:GetObject and s3:GetObjectVersion",
		"GetObjectRetention": "need s3:GetObjectRetention",
	} {
		err := s.explain(refused(op, "Access Denied"))
		require.ErrorIs(t, err, ledger.ErrForbidden)
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, s.explain(refused("GetObject", "not authorized to perform: kms:Decrypt")).Error(), "s3:GetObject and")
}
