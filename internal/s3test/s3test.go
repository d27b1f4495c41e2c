// Package s3test gives tests a real S3 server with Object Lock and locked
// buckets on it.
package s3test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/agentaudit/otelcol-agentaudit/internal/locals3"
	"github.com/agentaudit/otelcol-agentaudit/internal/tooltest"
	"github.com/agentaudit/otelcol-agentaudit/store"
)

// Region is the one that the server goes by.
const Region = "us-east-1"

// Server is an S3 server of one test.
type Server struct {
	Endpoint             string
	AccessKey, SecretKey string
	Dir                  string

	t      testing.TB
	server *locals3.Server
}

// Start starts a server that lives as long as the test, and puts its
// credentials into the environment, where the AWS default chain finds them: the
// test and its parents cannot be parallel.
func Start(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	server, err := locals3.Start(ctx, locals3.Options{Binary: Binary(t), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
	t.Setenv("AWS_SESSION_TOKEN", "")
	// What the developer has configured for real accounts stays out of tests.
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return &Server{Endpoint: server.Endpoint, AccessKey: server.AccessKey, SecretKey: server.SecretKey, Dir: server.Dir, t: t, server: server}
}

const startTimeout = time.Minute

// Binary is the path of the S3 server that `make tools` built. The test fails where it is missing.
func Binary(t testing.TB) string {
	t.Helper()
	return tooltest.Path(t, "versitygw")
}

// Stop takes the server away; its data stays.
func (s *Server) Stop() { s.server.Stop() }

// Start brings the server back after Stop, at the same address.
func (s *Server) Start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := s.server.Restart(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// BucketOptions are what a bucket differs in from what a trail needs.
type BucketOptions struct {
	Prefix      string // of the trail within it
	Unversioned bool   // neither versioning nor Object Lock
	Unlocked    bool   // versioning without Object Lock
}

// Bucket makes a bucket with versioning and Object Lock, and no default retention.
func (s *Server) Bucket(t testing.TB, o BucketOptions) store.Config {
	t.Helper()
	c := store.Config{
		Bucket: "trail-" + strings.ToLower(rand.Text()), Region: Region, Prefix: o.Prefix,
		Endpoint: s.Endpoint, ForcePathStyle: true,
	}
	client := s.Client()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &c.Bucket, ObjectLockEnabledForBucket: aws.Bool(!o.Unversioned && !o.Unlocked),
	}); err != nil {
		t.Fatal(err)
	}
	if o.Unlocked {
		if _, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: &c.Bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// AsUser puts an account into the environment that may do no more than the
// actions, such as s3:GetObject, with the bucket and what is in it.
func (s *Server) AsUser(t testing.TB, bucket string, actions ...string) {
	t.Helper()
	access, secret := rand.Text(), rand.Text()
	if err := s.server.AddUser(t.Context(), access, secret); err != nil {
		t.Fatal(err)
	}
	policy, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"AWS": []string{access}}, "Action": actions,
			"Resource": []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client().PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(string(policy))}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
}

// Client is the root account of the server, for what only tests do to a bucket.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint), UsePathStyle: true, Region: Region,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}
