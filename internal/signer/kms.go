package signer

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/agentaudit/otelcol-agentaudit/internal/awsconf"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// KMS is a signing key that never leaves AWS KMS. It is safe for concurrent use.
type KMS struct {
	client *kms.Client
	http   aws.HTTPClient
	arn    string // of the key itself: an alias may be given another key meanwhile
	public ledger.PublicKey
}

var _ ledger.Signer = (*KMS)(nil)

// CheckKMSKeyID checks what can be known of a key's name without a request: a key id,
// a key's ARN, alias/NAME or an alias's ARN. An ARN must be in the region, if one is
// named.
func CheckKMSKeyID(id, region string) error {
	if !strings.HasPrefix(id, "arn:") {
		return nil
	}
	a, err := arn.Parse(id)
	if err != nil || a.Service != "kms" || a.Region == "" {
		return fmt.Errorf("(%q) must be a key id, alias/NAME, or an ARN such as arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", id)
	}
	if region != "" && a.Region != region {
		return fmt.Errorf("(%q) is in another region than %s", id, region)
	}
	return nil
}

// KMSRegion is the region that a key's name says, "" where it says none.
func KMSRegion(id string) string {
	a, err := arn.Parse(id)
	if err != nil {
		return ""
	}
	return a.Region
}

// OpenKMS asks for the public key, and refuses a key that cannot sign manifests: only
// keys of spec ECC_NIST_P256 can. An ARN says which region it is in.
//
// KMS makes plain Ed25519 signatures as well, but over at most 4096 bytes, and a
// manifest has no such bound; its prehashed Ed25519ph is another scheme, which the
// common tools do not check.
func OpenKMS(ctx context.Context, id string, c awsconf.Config) (*KMS, error) {
	if err := CheckKMSKeyID(id, c.Region); err != nil {
		return nil, fmt.Errorf("the key id %w", err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if region := KMSRegion(id); region != "" {
		c.Region = region
	}
	loaded, err := c.Load(ctx)
	if err != nil {
		return nil, err
	}
	k := &KMS{http: loaded.HTTPClient, client: kms.NewFromConfig(loaded, func(o *kms.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
	})}
	if err := k.fetch(ctx, id); err != nil {
		k.Close()
		return nil, fmt.Errorf("key %s of AWS KMS: %w", id, err)
	}
	return k, nil
}

// fetch reads and checks the public key. KMS gives that of an enabled key only.
func (k *KMS) fetch(ctx context.Context, id string) error {
	key, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &id})
	if err != nil {
		return explain(err)
	}
	switch {
	case key.KeySpec == types.KeySpecEccNistEdwards25519:
		return errors.New("has the spec ECC_NIST_EDWARDS25519, with which KMS signs at most 4096 bytes, and manifests are longer: use a key of spec ECC_NIST_P256")
	case key.KeySpec != types.KeySpecEccNistP256:
		return fmt.Errorf("has the spec %s: use a key of spec ECC_NIST_P256", key.KeySpec)
	case key.KeyUsage != types.KeyUsageTypeSignVerify:
		return fmt.Errorf("has the usage %s: use a key of usage SIGN_VERIFY", key.KeyUsage)
	}
	pub, err := x509.ParsePKIXPublicKey(key.PublicKey)
	if err != nil {
		return fmt.Errorf("the answer holds no public key: %w", err)
	}
	if k.public, err = ledger.NewPublicKey(pub); err != nil {
		return err
	}
	k.arn = aws.ToString(key.KeyId)
	return nil
}

// KeyID is the ledger's id of the key, not that of KMS.
func (k *KMS) KeyID() (string, error) { return k.public.ID, nil }

// Public is the public key.
func (k *KMS) Public() crypto.PublicKey { return k.public.Key }

// ARN names the key in KMS.
func (k *KMS) ARN() string { return k.arn }

// Sign has KMS sign the SHA-256 of data. It gives no signature that the public key
// does not confirm.
func (k *KMS) Sign(ctx context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	signed, err := k.client.Sign(ctx, &kms.SignInput{
		KeyId: &k.arn, Message: sum[:], MessageType: types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("key %s of AWS KMS: %w", k.arn, explain(err))
	}
	if !k.public.Verify(data, signed.Signature) {
		return nil, fmt.Errorf("key %s of AWS KMS: the signature is not of this key", k.arn)
	}
	return signed.Signature, nil
}

// Close closes idle connections. The key can still be used.
func (k *KMS) Close() { awsconf.Close(k.http) }

// explain says what to do about an answer of KMS.
func explain(err error) error {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	what := map[string]string{
		"NotFoundException":             "there is no such key in this account and region",
		"DisabledException":             "it is disabled; enable it",
		"KMSInvalidStateException":      "it is not in a state to be used",
		"UnsupportedOperationException": "it is no asymmetric key; use one of spec ECC_NIST_P256 and usage SIGN_VERIFY",
		"InvalidKeyUsageException":      "it is no key for signatures; use one of spec ECC_NIST_P256 and usage SIGN_VERIFY",
		"AccessDeniedException":         "the credentials are wrong or lack kms:GetPublicKey and kms:Sign on it",
	}[answer.ErrorCode()]
	if what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
