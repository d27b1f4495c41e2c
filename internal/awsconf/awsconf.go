// Package awsconf loads what the clients of AWS services have in common: region,
// credentials, retries and connections.
package awsconf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Config says how a service is reached. Credentials come from the AWS default chain.
type Config struct {
	// Region of the service; empty is the one of the AWS default chain, or us-east-1
	// where an endpoint is set and the chain names none.
	Region string `mapstructure:"region"`
	// Endpoint is the URL of a server that is not AWS, or of a VPC endpoint.
	Endpoint string `mapstructure:"endpoint"`
	// RoleARN is a role to assume first.
	RoleARN string `mapstructure:"role_arn"`
}

// Validate checks what can be known without a request. Each mistake is one line.
func (c *Config) Validate() error {
	var errs []error
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("`endpoint` (%q) must be a URL such as https://s3.example.com", c.Endpoint))
		}
	}
	if c.RoleARN != "" && !strings.HasPrefix(c.RoleARN, "arn:") {
		errs = append(errs, fmt.Errorf("`role_arn` (%q) must be an ARN such as arn:aws:iam::123456789012:role/audit", c.RoleARN))
	}
	return errors.Join(errs...)
}

const (
	maxAttempts = 4
	maxBackoff  = 2 * time.Second
	// A server that has the whole request and says nothing is asked again.
	responseTimeout = 30 * time.Second
	// Uploads run in parallel, to one host.
	idleConnections = 64
)

// Load sends no request but what the default chain needs for credentials, when they
// are first used.
func (c *Config) Load(ctx context.Context) (aws.Config, error) {
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(c.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = idleConnections
			t.ResponseHeaderTimeout = responseTimeout
		})),
		config.WithRetryer(func() aws.Retryer { return NewRetryer() }),
	)
	if err != nil {
		return aws.Config{}, err
	}
	if loaded.Region == "" && c.Endpoint != "" {
		loaded.Region = "us-east-1" // servers other than AWS want some region in the signature
	}
	if client, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok {
		loaded.HTTPClient = client.Freeze() // so that Close reaches its connections
	}
	if c.RoleARN != "" {
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), c.RoleARN))
	}
	return loaded, nil
}

// NewRetryer tries a request a few times where a further try may help; callers that
// must not give up go on from there.
func NewRetryer() aws.RetryerV2 {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff })
}

// Close closes the idle connections of clients made of a configuration.
func Close(client aws.HTTPClient) {
	if c, ok := client.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
