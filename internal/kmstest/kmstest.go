// Package kmstest gives tests a server that speaks the part of the AWS KMS protocol
// which signing needs, and makes real signatures. It takes a request only with a valid
// signature of its own (SigV4), and refuses as KMS does.
package kmstest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"
)

// Region and Account are what the server's keys are in.
const (
	Region  = "eu-central-1"
	Account = "123456789012"
)

// Limits of KMS, in its API reference.
const (
	maxMessage = 4096 // bytes
	maxSkew    = 5 * time.Minute
)

// Error is an answer that refuses.
type Error struct {
	Status  int // 400 if 0
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Server is a KMS of one test.
type Server struct {
	Endpoint string
	// Fault, if any, is asked about each request that is signed well, and may refuse it
	// or hold it up until ctx ends. It is called by several goroutines.
	Fault func(ctx context.Context, operation string) *Error

	t           testing.TB
	credentials aws.Credentials
	address     string
	server      *http.Server

	mu      sync.Mutex
	keys    map[string]*key   // by id
	aliases map[string]string // alias/NAME to id
	calls   map[string]int    // answered requests by operation
}

type key struct {
	arn     string
	spec    types.KeySpec
	usage   types.KeyUsageType
	state   types.KeyState
	private crypto.Signer // nil: symmetric
}

// Start starts a server that lives as long as the test and takes requests that are
// signed with these credentials.
func Start(t testing.TB, access, secret string) *Server {
	t.Helper()
	s := &Server{
		t: t, credentials: aws.Credentials{AccessKeyID: access, SecretAccessKey: secret},
		address: "127.0.0.1:0", keys: map[string]*key{}, aliases: map[string]string{}, calls: map[string]int{},
	}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Stop takes the server away; its keys stay.
func (s *Server) Stop() { _ = s.server.Close() }

// Start brings the server back after Stop, at the same address.
func (s *Server) Start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	s.Endpoint = "http://" + s.address
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(l) }()
}

// NewKey makes an enabled key for signatures and returns its ARN. The specs are
// ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_EDWARDS25519, RSA_2048 and SYMMETRIC_DEFAULT.
func (s *Server) NewKey(spec types.KeySpec) string {
	s.t.Helper()
	k := &key{spec: spec, usage: types.KeyUsageTypeSignVerify, state: types.KeyStateEnabled}
	var err error
	switch spec {
	case types.KeySpecEccNistP256:
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case types.KeySpecEccNistP384:
		k.private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case types.KeySpecEccNistEdwards25519:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	case types.KeySpecRsa2048:
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case types.KeySpecSymmetricDefault:
		k.usage = types.KeyUsageTypeEncryptDecrypt
	default:
		err = fmt.Errorf("no keys of spec %s here", spec)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	id := uuid.NewString()
	k.arn = "arn:aws:kms:" + Region + ":" + Account + ":key/" + id
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = k
	return k.arn
}

// SetState gives a key another state, and SetUsage another usage.
func (s *Server) SetState(arn string, state types.KeyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[keyID(arn)].state = state
}

// SetUsage gives a key another usage.
func (s *Server) SetUsage(arn string, usage types.KeyUsageType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[keyID(arn)].usage = usage
}

// SetAlias points alias/NAME at a key.
func (s *Server) SetAlias(alias, arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliases[alias] = keyID(arn)
}

// Public is the public key of a key, DER SubjectPublicKeyInfo.
func (s *Server) Public(arn string) []byte {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	der, err := x509.MarshalPKIXPublicKey(s.keys[keyID(arn)].private.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	return der
}

// Calls is how many requests of an operation succeeded.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

func keyID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// ServeHTTP answers one request of the protocol AWS JSON 1.1.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.handle(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	if refused, ok := errors.AsType[*Error](err); ok {
		if refused.Status == 0 {
			refused.Status = http.StatusBadRequest
		}
		w.WriteHeader(refused.Status)
		answer = map[string]string{"__type": refused.Code, "message": refused.Message}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) handle(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, &Error{Code: "SerializationException", Message: err.Error()}
	}
	if err := s.authenticate(r, body); err != nil {
		return nil, err
	}
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if !ok || r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		return nil, &Error{Code: "UnknownOperationException"}
	}
	if s.Fault != nil {
		if e := s.Fault(r.Context(), operation); e != nil {
			return nil, e
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer any
	switch operation {
	case "GetPublicKey":
		answer, err = s.getPublicKey(body)
	case "Sign":
		answer, err = s.sign(body)
	default:
		err = &Error{Code: "UnknownOperationException"}
	}
	if err == nil {
		s.calls[operation]++
	}
	return answer, err
}

// authenticate makes the request's signature again and compares.
func (s *Server) authenticate(r *http.Request, body []byte) error {
	const scheme = "AWS4-HMAC-SHA256 "
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), scheme)
	if !ok {
		return &Error{Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(given, ", ") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return &Error{Code: "IncompleteSignatureException", Message: "X-Amz-Date"}
	}
	if skew := time.Since(at).Abs(); skew > maxSkew {
		return &Error{Code: "InvalidSignatureException", Message: "Signature expired"}
	}
	id, scope, _ := strings.Cut(parts["Credential"], "/")
	if id != s.credentials.AccessKeyID {
		return &Error{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."}
	}
	if want := at.Format("20060102") + "/" + Region + "/kms/aws4_request"; scope != want {
		return &Error{Code: "InvalidSignatureException", Message: "Credential should be scoped to " + want}
	}
	signed := strings.Split(parts["SignedHeaders"], ";")
	for _, need := range []string{"host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(signed, need) {
			return &Error{Code: "IncompleteSignatureException", Message: need + " is not signed"}
		}
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil) //nolint:gosec // is signed, never sent
	if err != nil {
		return &Error{Code: "IncompleteSignatureException", Message: err.Error()}
	}
	for _, name := range signed {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), s.credentials, again, hex.EncodeToString(sum[:]), "kms", Region, at); err != nil {
		return &Error{Code: "IncompleteSignatureException", Message: err.Error()}
	}
	if subtle.ConstantTimeCompare([]byte(again.Header.Get("Authorization")), []byte(scheme+given)) != 1 {
		return &Error{Code: "InvalidSignatureException", Message: "The request signature we calculated does not match the signature you provided."}
	}
	return nil
}

// find is the key of an id, ARN, alias or alias's ARN, where it is in a state to be used.
func (s *Server) find(name string) (*key, error) {
	prefix := "arn:aws:kms:" + Region + ":" + Account + ":"
	short := strings.TrimPrefix(name, prefix)
	id := strings.TrimPrefix(short, "key/")
	if strings.HasPrefix(short, "alias/") {
		id = s.aliases[short]
	}
	k := s.keys[id]
	switch {
	case k == nil && strings.HasPrefix(short, "alias/"):
		return nil, &Error{Code: "NotFoundException", Message: "Alias " + prefix + short + " is not found."}
	case k == nil:
		return nil, &Error{Code: "NotFoundException", Message: "Key '" + prefix + "key/" + id + "' does not exist"}
	case k.state == types.KeyStateDisabled:
		return nil, &Error{Code: "DisabledException", Message: k.arn + " is disabled."}
	case k.state == types.KeyStatePendingDeletion:
		return nil, &Error{Code: "KMSInvalidStateException", Message: k.arn + " is pending deletion."}
	case k.private == nil:
		return nil, &Error{Code: "UnsupportedOperationException"}
	}
	return k, nil
}

func (s *Server) getPublicKey(body []byte) (any, error) {
	var in struct{ KeyId string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &Error{Code: "SerializationException", Message: err.Error()}
	}
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil, &Error{Status: http.StatusInternalServerError, Code: "KMSInternalException", Message: err.Error()}
	}
	return map[string]any{
		"KeyId": k.arn, "KeySpec": k.spec, "CustomerMasterKeySpec": k.spec, "KeyUsage": k.usage,
		"PublicKey": der, "SigningAlgorithms": algorithms[k.spec],
	}, nil
}

var algorithms = map[types.KeySpec][]types.SigningAlgorithmSpec{
	types.KeySpecEccNistP256:         {types.SigningAlgorithmSpecEcdsaSha256},
	types.KeySpecEccNistP384:         {types.SigningAlgorithmSpecEcdsaSha384},
	types.KeySpecEccNistEdwards25519: {types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512},
	types.KeySpecRsa2048:             {types.SigningAlgorithmSpecRsassaPssSha256},
}

// sign is Sign for keys of spec ECC_NIST_P256.
func (s *Server) sign(body []byte) (any, error) {
	var in struct {
		KeyId            string
		Message          []byte
		MessageType      types.MessageType
		SigningAlgorithm types.SigningAlgorithmSpec
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &Error{Code: "SerializationException", Message: err.Error()}
	}
	if len(in.Message) == 0 || len(in.Message) > maxMessage {
		return nil, &Error{Code: "ValidationException", Message: "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096"}
	}
	k, err := s.find(in.KeyId)
	switch {
	case err != nil:
		return nil, err
	case k.usage != types.KeyUsageTypeSignVerify || !slices.Contains(algorithms[k.spec], in.SigningAlgorithm):
		return nil, &Error{Code: "InvalidKeyUsageException", Message: "The request uses the SigningAlgorithm " + string(in.SigningAlgorithm) + " with a key that does not support it."}
	case in.SigningAlgorithm != types.SigningAlgorithmSpecEcdsaSha256:
		return nil, &Error{Status: http.StatusInternalServerError, Code: "KMSInternalException", Message: "not in this server"}
	}
	digest := in.Message
	if in.MessageType != types.MessageTypeDigest {
		sum := sha256.Sum256(in.Message)
		digest = sum[:]
	} else if len(digest) != sha256.Size {
		return nil, &Error{Code: "ValidationException", Message: "Digest is invalid length for algorithm ECDSA_SHA_256."}
	}
	signature, err := k.private.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, &Error{Status: http.StatusInternalServerError, Code: "KMSInternalException", Message: err.Error()}
	}
	return map[string]any{"KeyId": k.arn, "Signature": signature, "SigningAlgorithm": in.SigningAlgorithm}, nil
}
