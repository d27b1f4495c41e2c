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
