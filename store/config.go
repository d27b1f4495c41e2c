package store

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
)

// Config says where a trail is. Credentials come from the AWS default chain.
type Config struct {
	Bucket string `mapstructure:"bucket"`
	// Region of the bucket; empty is the one of the AWS default chain, or
	// us-east-1 where an endpoint is set and the chain names none.
	Region string `mapstructure:"region"`
	// Prefix that all keys of the trail sit under, without slashes around it; may be empty.
	Prefix string `mapstructure:"prefix"`
	// Endpoint is the URL of a server that is not AWS.
	Endpoint string `mapstructure:"endpoint"`
	// ForcePathStyle puts the bucket into the path instead of the host name.
	ForcePathStyle bool `mapstructure:"force_path_style"`
	// RoleARN is a role to assume before the bucket is used.
	RoleARN string `mapstructure:"role_arn"`
	// KMSKeyID encrypts what is written with this key of AWS KMS; empty leaves it to the bucket.
	KMSKeyID string `mapstructure:"kms_key_id"`
}

var (
	// The rules for names of general purpose buckets, in the Amazon S3 user guide.
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// The characters that the same guide calls safe in keys, without those that query engines trip over.
	prefixPart = regexp.MustCompile(`^[A-Za-z0-9._=-]+$`)
)

const maxPrefixBytes = 512 // a key has 1024 bytes, and the trail needs its part

// Validate checks what can be known without a request. Each mistake is one line.
func (c *Config) Validate() error {
	var errs []error
	if c.Bucket == "" {
		errs = append(errs, errors.New("`bucket` must be set"))
	} else if !bucketName.MatchString(c.Bucket) {
		errs = append(errs, fmt.Errorf("`bucket` (%q) must be 3 to 63 lower case letters, digits, dots and hyphens", c.Bucket))
	}
	if c.Prefix != "" {
		if err := validPrefix(c.Prefix); err != nil {
			errs = append(errs, err)
		}
	}
	shared := c.aws()
	errs = append(errs, shared.Validate())
	return errors.Join(errs...)
}

func (c *Config) aws() awsconf.Config {
	return awsconf.Config{Region: c.Region, Endpoint: c.Endpoint, RoleARN: c.RoleARN}
}

func validPrefix(p string) error {
	if len(p) > maxPrefixBytes {
		return fmt.Errorf("`prefix` (%d bytes) must be at most %d bytes", len(p), maxPrefixBytes)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "." || part == ".." || !prefixPart.MatchString(part) {
			return fmt.Errorf("`prefix` (%q) must be letters, digits and the characters . _ = - in parts with one slash between them, such as team/trail", p)
		}
	}
	return nil
}

// keyPrefix is what stands before a key of the trail in the bucket.
func (c *Config) keyPrefix() string {
	if c.Prefix == "" {
		return ""
	}
	return c.Prefix + "/"
}

// ParseURL takes s3://BUCKET or s3://BUCKET/PREFIX apart; a slash at its end is allowed.
func ParseURL(raw string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(raw, "s3://")
	if !ok {
		return "", "", fmt.Errorf("%q must be a URL such as s3://bucket/prefix", raw)
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	if prefix != "/" {
		prefix = strings.TrimSuffix(prefix, "/")
	}
	c := Config{Bucket: bucket, Prefix: prefix}
	if err := c.Validate(); err != nil {
		return "", "", fmt.Errorf("%q must be a URL such as s3://bucket/prefix: %w", raw, err)
	}
	return bucket, prefix, nil
}
