package store_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/internal/s3test"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// TestGetTellsWhatIsRefused: the answers are those of Amazon S3, to the letter. What the
// store refuses of one object is told from what stops all of them.
func TestGetTellsWhatIsRefused(t *testing.T) {
	const encrypted = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
	for name, tt := range map[string]struct {
		status        int
		code, message string
		forbidden     bool
	}{
		"SSE-C":                              {400, "InvalidRequest", encrypted, true},
		"archived":                           {403, "InvalidObjectState", "The operation is not valid for the object's storage class", true},
		"KMS key disabled":                   {400, "KMS.DisabledException", "arn:aws:kms:eu-central-1:123456789012:key/k is disabled.", true},
		"KMS key pending deletion":           {400, "KMS.KMSInvalidStateException", "arn:aws:kms:eu-central-1:123456789012:key/k is pending deletion.", true},
		"KMS key gone":                       {400, "KMS.NotFoundException", "Key 'arn:aws:kms:eu-central-1:123456789012:key/k' does not exist", true},
		"KMS key of another":                 {403, "AccessDenied", "User: u is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext", true},
		"denied by a policy":                 {403, "AccessDenied", "Access Denied", true},
		"KMS throttles":                      {400, "KMS.ThrottlingException", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.", false},
		"throttled":                          {400, "ThrottlingException", "Rate exceeded", false},
		"KMS is away":                        {500, "KMS.KMSInternalException", "internal", false},
		"KMS waits":                          {503, "KMS.DependencyTimeoutException", "timed out", false},
		"SlowDown":                           {503, "SlowDown", "Please reduce your request rate.", false},
		"internal error":                     {500, "InternalError", "We encountered an internal error. Please try again.", false},
		"too many requests":                  {429, "TooManyRequests", "wait", false},
		"wrong clock":                        {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", false},
		"expired credentials":                {400, "ExpiredToken", "The provided token has expired.", false},
		"wrong credentials":                  {403, "InvalidAccessKeyId", "The AWS access key ID you provided does not exist in our records.", false},
		"wrong secret":                       {403, "SignatureDoesNotMatch", "The request signature does not match", false},
		"another bad request":                {400, "InvalidRequest", "The authorization mechanism you have provided is not supported.", false},
		"another region":                     {301, "PermanentRedirect", "elsewhere", false},
		"none":                               {404, "NoSuchKey", "none", false},
		"a version that is a delete marker":  {405, "MethodNotAllowed", "marker", false},
		"a bucket that is not there anymore": {404, "NoSuchBucket", "none", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := stub(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", tt.code, tt.message)
			})
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			_, err := open(t, c).Get(t.Context(), "manifests/v1/gw-0/000000000000.json", "v")
			require.Error(t, err)
			if tt.forbidden {
				require.ErrorIs(t, err, ledger.ErrForbidden)
			} else {
				require.NotErrorIs(t, err, ledger.ErrForbidden)
			}
		})
	}
}

// No answer is no refusal.
func TestGetWithoutAnAnswer(t *testing.T) {
	c := stub(t, func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) })
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	_, err := open(t, c).Get(t.Context(), "key", "")
	require.Error(t, err)
	require.NotErrorIs(t, err, ledger.ErrForbidden)
	require.True(t, store.Unavailable(err))
}

// Credentials that another service does not give say nothing of an object.
func TestGetWithoutARole(t *testing.T) {
	c := stub(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not yours</Message></Error></ErrorResponse>")
	})
	t.Setenv("AWS_ENDPOINT_URL_STS", c.Endpoint)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	c.RoleARN = "arn:aws:iam::123456789012:role/audit"
	_, err := open(t, c).Get(t.Context(), "key", "")
	require.ErrorContains(t, err, "AccessDenied")
	require.NotErrorIs(t, err, ledger.ErrForbidden)
}

// An object that its writer encrypted with a key of his own, on a real server, where that
// has it.
func TestGetSSEC(t *testing.T) {
	tr := newTrail(t, s3test.BucketOptions{})
	key := "manifests/v1/gw-0/000000000000.json"
	_, err := tr.server.Client().PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &tr.config.Bucket, Key: aws.String(tr.config.Prefix + "/" + key),
		SSECustomerAlgorithm: aws.String("AES256"),
		SSECustomerKey:       aws.String("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
		SSECustomerKeyMD5:    aws.String("hRasmdxgYDKV3nvbahU1MA=="),
	})
	if err != nil {
		t.Skipf("this server takes no SSE-C: %v", err)
	}
	if _, err = tr.Get(t.Context(), key, ""); err == nil {
		t.Skip("this server passes over SSE-C")
	}
	require.ErrorIs(t, err, ledger.ErrForbidden)
}
