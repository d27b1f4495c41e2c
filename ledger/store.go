package ledger

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Lock modes of S3 Object Lock.
const (
	Compliance = "COMPLIANCE"
	Governance = "GOVERNANCE"
)

// Retention is an object's lock. The zero value is no lock.
type Retention struct {
	Mode  string
	Until time.Time
}

// Version is one version of an object, or a delete marker over it.
type Version struct {
	Key          string
	ID           string
	ETag         string
	Size         int64 // bytes
	LastModified time.Time
	Latest       bool
	DeleteMarker bool
}

// PutOptions go with a write.
type PutOptions struct {
	SHA256      [32]byte  // of the body, sent as its checksum
	IfMatch     string    // the ETag to write over; "" means that no object may be there
	Retention   Retention // set in the same request; zero means none
	ContentType string
}

// Errors of a store, which callers tell apart with errors.Is.
var (
	// ErrExists: the condition of a write failed. A key is taken, or holds another
	// ETag than the one to write over.
	ErrExists = errors.New("object exists")
	// ErrNotFound: there is no such object, or a delete marker is its newest version.
	ErrNotFound = errors.New("object not found")
	// ErrForbidden: the store refuses these credentials.
	ErrForbidden = errors.New("access denied")
	// ErrNotCopied: a copy that was bounded does not hold the content of a version. It is
	// told with ErrForbidden, since nothing is known of what is there.
	ErrNotCopied = errors.New("not copied")
)

// Reader is what verification needs of a store. Keys are relative to the trail's
// prefix. It is safe for concurrent use.
type Reader interface {
	// Get reads one version, or the newest where versionID is "".
	Get(ctx context.Context, key, versionID string) ([]byte, error)
	// Versions lists the versions and delete markers of exactly that key, oldest
	// first. No version is no error.
	Versions(ctx context.Context, key string) ([]Version, error)
	// List lists the versions and delete markers of all keys under a prefix, by key
	// ascending and then oldest first, from the key after startAfter on.
	List(ctx context.Context, prefix, startAfter string) iter.Seq2[Version, error]
	// Retention is the lock of a version.
	Retention(ctx context.Context, key, versionID string) (Retention, error)
}

// Store is what a writer needs.
type Store interface {
	Reader
	// Put writes an object whole or not at all and returns its version id. A
	// condition that fails is ErrExists. After another error the write may have
	// taken effect.
	Put(ctx context.Context, key string, body []byte, opts PutOptions) (versionID string, err error)
	// ExtendRetention makes a lock last longer; a lock never gets shorter.
	ExtendRetention(ctx context.Context, key, versionID string, r Retention) error
}

// Copy is a Reader of a copy, which may have been changed since it was made.
type Copy interface {
	Reader
	// Changes tells what is not as it was copied.
	Changes(ctx context.Context) iter.Seq2[Change, error]
	// Limits say in words what the copy does not hold, and as of when it speaks.
	Limits() []string
}

// Change is a version whose content in a copy is not what was copied; Expected is
// empty for what was added to the copy.
type Change struct {
	Version
	Expected, Found string // SHA-256, hex, or what there is instead
}
