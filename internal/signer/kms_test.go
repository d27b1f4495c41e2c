package signer_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/internal/kmstest"
	"github.com/agentaudit/otelcol-agentaudit/internal/signer"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start gives a KMS, and puts credentials that it takes into the environment.
func start(t *testing.T) (*kmstest.Server, awsconf.Config) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	s := kmstest.Start(t, "AKIAEXAMPLE", "secret")
	return s, awsconf.Config{Region: kmstest.Region, Endpoint: s.Endpoint}
}

func open(t *testing.T, id string, c awsconf.Config) *signer.KMS {
	k, err := signer.OpenKMS(t.Context(), id, c)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

// A signature of KMS is one like that of a key file: also for openssl.
func TestKMSSigns(t *testing.T) {
	s, c := start(t)
	arn := s.NewKey(types.KeySpecEccNistP256)
	s.SetAlias("alias/audit", arn)
	pub, err := x509.ParsePKIXPublicKey(s.Public(arn))
	require.NoError(t, err)
	message := []byte(strings.Repeat("longer than KMS takes ", 1000))

	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		return file
	}
	for name, tt := range map[string]struct{ id, region string }{
		"id":        {arn[strings.LastIndex(arn, "/")+1:], kmstest.Region},
		"ARN":       {arn, ""}, // which says the region
		"alias":     {"alias/audit", kmstest.Region},
		"alias ARN": {strings.Replace(arn, arn[strings.LastIndex(arn, ":")+1:], "alias/audit", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.Region = tt.region
			k := open(t, tt.id, c)
			require.Equal(t, arn, k.ARN())
			id, err := k.KeyID()
			require.NoError(t, err)
			require.Equal(t, ledger.KeyID(pub), id)
			sig, err := k.Sign(t.Context(), message)
			require.NoError(t, err)
			out, err := exec.Command("openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-digest", "sha256",
				"-inkey", write("pub", ledger.MarshalPublicKey(k.Public())),
				"-in", write("message", message), "-sigfile", write("sig", sig)).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func TestKMSRefuses(t *testing.T) {
	s, c := start(t)
	p256 := s.NewKey(types.KeySpecEccNistP256)
	changed := func(change func(arn string)) string {
		arn := s.NewKey(types.KeySpecEccNistP256)
		change(arn)
		return arn
	}
	for name, tt := range map[string]struct{ id, want string }{
		"Ed25519":         {s.NewKey(types.KeySpecEccNistEdwards25519), "has the spec ECC_NIST_EDWARDS25519, with which KMS signs at most 4096 bytes, and manifests are longer: use a key of spec ECC_NIST_P256"},
		"P-384":           {s.NewKey(types.KeySpecEccNistP384), "has the spec ECC_NIST_P384: use a key of spec ECC_NIST_P256"},
		"RSA":             {s.NewKey(types.KeySpecRsa2048), "has the spec RSA_2048: use a key of spec ECC_NIST_P256"},
		"symmetric":       {s.NewKey(types.KeySpecSymmetricDefault), "it is no asymmetric key; use one of spec ECC_NIST_P256 and usage SIGN_VERIFY"},
		"key agreement":   {changed(func(arn string) { s.SetUsage(arn, types.KeyUsageTypeKeyAgreement) }), "has the usage KEY_AGREEMENT: use a key of usage SIGN_VERIFY"},
		"disabled":        {changed(func(arn string) { s.SetState(arn, types.KeyStateDisabled) }), "it is disabled; enable it: "},
		"to be deleted":   {changed(func(arn string) { s.SetState(arn, types.KeyStatePendingDeletion) }), "it is not in a state to be used: "},
		"not there":       {p256[:len(p256)-1] + "x", "there is no such key in this account and region: "},
		"no alias":        {"alias/none", "there is no such key in this account and region: "},
		"of S3":           {"arn:aws:s3:::bucket", `the key id ("arn:aws:s3:::bucket") must be a key id, alias/NAME, or an ARN such as arn:aws:kms:`},
		"no ARN":          {"arn:aws", `the key id ("arn:aws") must be a key id, alias/NAME, or an ARN such as arn:aws:kms:`},
		"another region":  {strings.Replace(p256, kmstest.Region, "us-east-1", 1), "is in another region than " + kmstest.Region},
		"another account": {strings.Replace(p256, kmstest.Account, "210987654321", 1), "there is no such key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signer.OpenKMS(t.Context(), tt.id, c)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// The server of these tests takes no request that is not signed by its account.
func TestKMSNeedsCredentials(t *testing.T) {
	s, c := start(t)
	arn := s.NewKey(types.KeySpecEccNistP256)
	for name, tt := range map[string]struct{ access, secret, want string }{
		"another account": {"AKIAOTHER", "secret", "UnrecognizedClientException"},
		"wrong secret":    {"AKIAEXAMPLE", "guess", "InvalidSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", tt.access)
			t.Setenv("AWS_SECRET_ACCESS_KEY", tt.secret)
			_, err := signer.OpenKMS(t.Context(), arn, c)
			require.ErrorContains(t, err, tt.want)
		})
	}
	s.Fault = func(context.Context, string) *kmstest.Error {
		return &kmstest.Error{Code: "AccessDeniedException", Message: "User is not authorized to perform: kms:GetPublicKey"}
	}
	_, err := signer.OpenKMS(t.Context(), arn, c)
	require.ErrorContains(t, err, "the credentials are wrong or lack kms:GetPublicKey and kms:Sign on it: ")
}

// The role of a configuration is assumed with the credentials of the default chain, and
// KMS is asked with those of the role.
func TestKMSRole(t *testing.T) {
	_, c := start(t)
	const role = "arn:aws:iam::123456789012:role/sign"
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAEXAMPLE/") || r.FormValue("RoleArn") != role {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>temporary</SecretAccessKey><SessionToken>token</SessionToken>
			<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	s := kmstest.Start(t, "ASIAROLE", "temporary")
	arn := s.NewKey(types.KeySpecEccNistP256)
	c.Endpoint = s.Endpoint
	_, err := signer.OpenKMS(t.Context(), arn, c)
	require.ErrorContains(t, err, "UnrecognizedClientException", "without the role")
	c.RoleARN = role
	_, err = open(t, arn, c).Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
}

// An alias that gets another key does not change who signs.
func TestKMSAliasIsFollowedOnce(t *testing.T) {
	s, c := start(t)
	one, two := s.NewKey(types.KeySpecEccNistP256), s.NewKey(types.KeySpecEccNistP256)
	s.SetAlias("alias/audit", one)
	k := open(t, "alias/audit", c)
	s.SetAlias("alias/audit", two)
	_, err := k.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	s.SetState(two, types.KeyStateDisabled)
	_, err = k.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	s.SetState(one, types.KeyStateDisabled)
	_, err = k.Sign(t.Context(), []byte("message"))
	require.ErrorContains(t, err, "it is disabled; enable it")
}

// Throttling is waited out within a request; what holds a request up ends with its context.
func TestKMSFaults(t *testing.T) {
	s, c := start(t)
	k := open(t, s.NewKey(types.KeySpecEccNistP256), c)
	n := 0
	s.Fault = func(context.Context, string) *kmstest.Error {
		if n++; n < 3 {
			return &kmstest.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
		}
		return nil
	}
	_, err := k.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.Equal(t, 3, n)

	ctx, cancel := context.WithCancel(t.Context())
	s.Fault = func(held context.Context, _ string) *kmstest.Error {
		cancel()
		<-held.Done()
		return &kmstest.Error{Code: "KMSInternalException"}
	}
	_, err = k.Sign(ctx, []byte("message"))
	require.ErrorIs(t, err, context.Canceled)
}
