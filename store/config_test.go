package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/store"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		config store.Config
		want   string // "" is no error
	}{
		{store.Config{Bucket: "trail"}, ""},
		{store.Config{Bucket: "trail", Prefix: "team/a=b", Endpoint: "http://127.0.0.1:9000", RoleARN: "arn:aws:iam::1:role/x", KMSKeyID: "k"}, ""},
		{store.Config{}, "`bucket` must be set"},
		{store.Config{Bucket: "Trail"}, "`bucket` (\"Trail\") must be 3 to 63 lower case letters, digits, dots and hyphens"},
		{store.Config{Bucket: "trail", Prefix: "/a"}, "`prefix` (\"/a\") must be letters, digits and the characters . _ = - in parts with one slash between them, such as team/trail"},
		{store.Config{Bucket: "trail", Prefix: "a/"}, "`prefix` (\"a/\") must be"},
		{store.Config{Bucket: "trail", Prefix: "a//b"}, "`prefix` (\"a//b\") must be"},
		{store.Config{Bucket: "trail", Prefix: "a/../b"}, "`prefix` (\"a/../b\") must be"},
		{store.Config{Bucket: "trail", Prefix: strings.Repeat("a", 513)}, "`prefix` (513 bytes) must be at most 512 bytes"},
		{store.Config{Bucket: "trail", Endpoint: "localhost:9000"}, "`endpoint` (\"localhost:9000\") must be a URL such as https://s3.example.com"},
		{store.Config{Bucket: "trail", RoleARN: "audit"}, "`role_arn` (\"audit\") must be an ARN"},
		{store.Config{Prefix: "/"}, "`bucket` must be set\n`prefix` (\"/\") must be"},
	} {
		err := c.config.Validate()
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, raw := range []string{"s3://trail", "s3://trail/", "s3://trail/team/a", "s3://", "s3://trail//", "s3:///x", "https://trail/x", "s3://trail//a", "s3://trail/..", "trail"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		bucket, prefix, err := store.ParseURL(raw)
		if err != nil {
			return
		}
		again := "s3://" + bucket
		if prefix != "" {
			again += "/" + prefix
		}
		require.Equal(t, strings.TrimSuffix(raw, "/"), again)
		require.NoError(t, (&store.Config{Bucket: bucket, Prefix: prefix}).Validate())
	})
}

func TestParseURL(t *testing.T) {
	bucket, prefix, err := store.ParseURL("s3://trail/team/a/")
	require.NoError(t, err)
	require.Equal(t, "trail", bucket)
	require.Equal(t, "team/a", prefix)
	for _, raw := range []string{"trail", "s3://", "https://trail", "s3://trail//", "s3://trail/../x", "s3://Trail"} {
		_, _, err := store.ParseURL(raw)
		require.ErrorContains(t, err, "must be a URL such as s3://bucket/prefix", raw)
	}
}
