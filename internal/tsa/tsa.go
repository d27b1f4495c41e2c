// Package tsa has a time-stamping authority (RFC 3161) say that a text existed, and
// checks what one said, offline.
package tsa

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// maxResponse bounds an authority's answer, in bytes.
const maxResponse = 1 << 20

// Stamp asks the authority at a URL for a timestamp over the SHA-256 of a text, with
// its certificate. It returns the response in DER, as `openssl ts -verify -in` takes it.
func Stamp(ctx context.Context, client *http.Client, url string, text []byte) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	ask, err := timestamp.CreateRequest(bytes.NewReader(text), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(ask))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, resp.Status)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, err
	}
	if len(answer) > maxResponse {
		return nil, fmt.Errorf("%s answered with more than %d bytes", url, maxResponse)
	}
	t, err := parse(answer, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if t.Nonce == nil || t.Nonce.Cmp(nonce) != 0 {
		return nil, fmt.Errorf("%s answered another question", url)
	}
	return answer, nil
}

// parse reads a response that is about a text, and checks its signature with the
// certificate in it.
func parse(response, text []byte) (*timestamp.Timestamp, error) {
	t, err := timestamp.ParseResponse(response)
	if err != nil {
		return nil, fmt.Errorf("no timestamp: %w", err)
	}
	sum := sha256.Sum256(text)
	switch {
	case t.HashAlgorithm != crypto.SHA256 || !bytes.Equal(t.HashedMessage, sum[:]):
		return nil, errors.New("a timestamp of another text")
	case len(t.Certificates) == 0:
		return nil, errors.New("a timestamp without its certificate")
	}
	return t, nil
}

// Verifier checks timestamps against the roots that it trusts.
type Verifier struct{ roots *x509.CertPool }

// NewVerifier trusts the certificates in a PEM text.
func NewVerifier(text []byte) (*Verifier, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in PEM")
	}
	return &Verifier{roots}, nil
}

// Verify checks a response over a text: that a certificate for time-stamping signed
// it, which one of the roots vouches for at that time. It returns the time and the
// name of the authority.
func (v *Verifier) Verify(response, text []byte) (at time.Time, by string, err error) {
	t, err := parse(response, text)
	if err != nil {
		return time.Time{}, "", err
	}
	p7, err := pkcs7.Parse(t.RawToken)
	if err != nil {
		return time.Time{}, "", err
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return time.Time{}, "", errors.New("a timestamp of more than one signer, or none")
	}
	others := x509.NewCertPool()
	for _, c := range p7.Certificates {
		others.AddCert(c)
	}
	if err := p7.VerifyWithOpts(x509.VerifyOptions{Roots: v.roots, Intermediates: others, CurrentTime: t.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		return time.Time{}, "", err
	}
	return t.Time.UTC(), signer.Subject.String(), nil
}
