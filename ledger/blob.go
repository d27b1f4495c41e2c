package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A blob is the full text of a field that was too long for its line. Its key is the
// SHA-256 of the text, which the line has under `oversize`; a manifest names it like
// a data object, one without lines.

// BlobKey is the key of the blob of a text with that SHA-256, in hex, in the default class.
func BlobKey(digest string) string { return BlobPrefix + digest + ".gz" }

// PromptKey is the key of a system prompt with that SHA-256, in hex, in the default class.
func PromptKey(digest string) string { return PromptPrefix + digest + ".txt" }

// blobDigest is the digest in a blob's key; "" where it is the key of something else.
func blobDigest(key string) string {
	return digestIn(key, BlobPrefix, ".gz")
}

// promptDigest is the digest in a system prompt's key; "" where it is the key of something
// else.
func promptDigest(key string) string { return digestIn(key, PromptPrefix, ".txt") }

func digestIn(key, prefix, suffix string) string {
	rest, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return ""
	}
	if _, rest, ok = cutClass(rest); !ok {
		return ""
	}
	digest, ok := strings.CutSuffix(rest, suffix)
	if b, err := hex.DecodeString(digest); !ok || err != nil || len(b) != sha256.Size || hex.EncodeToString(b) != digest {
		return ""
	}
	return digest
}

// NewPrompt describes a system prompt for a manifest; the body is its text.
func NewPrompt(text string, at time.Time, r ObjectRetention) *SealedObject {
	sum := sha256.Sum256([]byte(text))
	return named(ObjectPrompt, PromptKey(hexDigest(sum)), []byte(text), len(text), at, r)
}

// named is an object without lines, which belongs to an event of the time at.
func named(kind, key string, body []byte, size int, at time.Time, r ObjectRetention) *SealedObject {
	s := &SealedObject{Body: body, Digest: sha256.Sum256(body), Object: Object{
		Key: key, Kind: kind, Bytes: int64(len(body)), UncompressedBytes: int64(size),
		MerkleRoot:   hex.EncodeToString(NewTree().Root()),
		MinTimestamp: Instant{at}, MaxTimestamp: Instant{at},
		EventTypes: map[string]int64{}, MissingFields: map[string]int64{},
		Retention: r, Sessions: (&sessionSet{}).summary(),
	}}
	s.SHA256 = hexDigest(s.Digest)
	return s
}

// NewBlob makes the blob of a text, which belongs to an event of the time at.
func NewBlob(text string, at time.Time, r ObjectRetention) (*SealedObject, error) {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := io.WriteString(z, text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(text))
	return named(ObjectBlob, BlobKey(hexDigest(sum)), body.Bytes(), len(text), at, r), nil
}

// maxBlob bounds the text of a blob, in bytes.
const maxBlob = maxLine

// blobText is the text of a blob of that digest. It is strict, as lines are: one gzip
// member and nothing after it.
func blobText(body []byte, digest string) ([]byte, error) {
	in := bytes.NewReader(body)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	z.Multistream(false)
	text, err := io.ReadAll(io.LimitReader(z, maxBlob+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("gzip: %w", err)
	case len(text) > maxBlob:
		return nil, fmt.Errorf("a text of more than %d bytes", maxBlob)
	case in.Len() > 0:
		return nil, fmt.Errorf("%d bytes after the end of the gzip member", in.Len())
	}
	if sum := sha256.Sum256(text); hexDigest(sum) != digest {
		return nil, fmt.Errorf("the text has the SHA-256 %s", hexDigest(sum))
	}
	return text, nil
}

// ReadBlob is the text with that SHA-256, in hex, as a line that was sealed names it:
// the digest in the line proves the text, whoever stored it. The error is a *Finding
// where no version holds the text: a warning, since a line can name what it likes;
// verification knows from the manifests what should be there.
func ReadBlob(ctx context.Context, r Reader, digest string) ([]byte, error) {
	return readText(ctx, r, BlobKey(digest), blobDigest, func(body []byte) ([]byte, error) { return blobText(body, digest) },
		"the full text of a shortened field is not there")
}

// ReadPrompt is the system prompt with that SHA-256, in hex, as ReadBlob reads other texts.
func ReadPrompt(ctx context.Context, r Reader, digest string) ([]byte, error) {
	return readText(ctx, r, PromptKey(digest), promptDigest, func(body []byte) ([]byte, error) {
		if found := hexDigest(sha256.Sum256(body)); found != digest {
			return nil, errors.New("a text with the SHA-256 " + found)
		}
		return body, nil
	}, "the system prompt is not stored")
}

// readText is what open makes of a version of a key, the first that it opens.
func readText(ctx context.Context, r Reader, key string, digestIn func(key string) string, open func(body []byte) ([]byte, error), absent string) ([]byte, error) {
	digest := digestIn(key)
	if digest == "" {
		return nil, &Finding{Severity: SeverityWarning, Code: CodeObjectMissing, Object: key, Message: fmt.Sprintf("%q names no SHA-256", key)}
	}
	versions, err := r.Versions(ctx, key)
	if err != nil {
		return nil, err
	}
	reason := errors.New("none")
	for _, v := range versions {
		if v.DeleteMarker || v.Size > maxBlob {
			continue
		}
		body, err := r.Get(ctx, key, v.ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if errors.Is(err, ErrNotCopied) {
			reason = err
			continue
		}
		if err != nil {
			return nil, err
		}
		text, err := open(body)
		if err == nil {
			return text, nil
		}
		reason = err
	}
	return nil, &Finding{Severity: SeverityWarning, Code: CodeObjectMissing, Object: key, Expected: "the text with the SHA-256 " + digest, Found: reason.Error(), Message: absent}
}
