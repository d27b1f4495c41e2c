// Package ledgertest is a store in memory for tests of the ledger: it keeps
// versions, delete markers and locks as S3 does, and fails when told to.
package ledgertest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// Store is a bucket in memory. Like AWS, it lets a write that must not find an
// object succeed over a delete marker.
type Store struct {
	mu   sync.Mutex
	next int
	objs map[string][]*version
	keys []string // of objs, in order

	// Fail, if any, is asked before and after each Put; an error is the answer. After
	// the write (done) it has taken effect all the same.
	Fail func(key string, done bool) error
}

type version struct {
	ledger.Version
	body       []byte
	lock       ledger.Retention
	unreadable error
}

// New is an empty store.
func New() *Store { return &Store{objs: map[string][]*version{}} }

var _ ledger.Store = (*Store)(nil)

// Put implements ledger.Store.
func (s *Store) Put(ctx context.Context, key string, body []byte, o ledger.PutOptions) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := s.fail(key, false); err != nil {
		return "", err
	}
	id, err := s.put(key, body, o)
	if err != nil {
		return "", err
	}
	return id, s.fail(key, true)
}

func (s *Store) fail(key string, done bool) error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail(key, done)
}

func (s *Store) put(key string, body []byte, o ledger.PutOptions) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.objs[key]
	if n := len(list); n > 0 && !list[n-1].DeleteMarker {
		if o.IfMatch == "" || list[n-1].ETag != o.IfMatch {
			return "", ledger.ErrExists
		}
	} else if o.IfMatch != "" {
		return "", ledger.ErrExists
	}
	return s.add(key, body, o.Retention, false), nil
}

func (s *Store) add(key string, body []byte, lock ledger.Retention, marker bool) string {
	s.next++
	if s.objs[key] == nil {
		i, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, i, key)
	}
	for _, v := range s.objs[key] {
		v.Latest = false
	}
	id := fmt.Sprintf("v%06d", s.next)
	s.objs[key] = append(s.objs[key], &version{
		Version: ledger.Version{Key: key, ID: id, ETag: "etag-" + id, Size: int64(len(body)), LastModified: time.Now(), Latest: true, DeleteMarker: marker},
		body:    append([]byte(nil), body...), lock: lock,
	})
	return id
}

// Overwrite puts a version without a condition, as anyone with write access may.
func (s *Store) Overwrite(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(key, body, ledger.Retention{}, false)
}

// Plant puts a version of that many bytes that is not to be read: Get fails with err.
func (s *Store) Plant(key string, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(key, nil, ledger.Retention{}, false)
	v := s.objs[key][len(s.objs[key])-1]
	v.Size, v.unreadable = size, err
}

// Delete puts a delete marker over an object.
func (s *Store) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(key, nil, ledger.Retention{}, true)
}

// Purge removes all versions of an object, as an administrator with governance
// bypass may, or a lifecycle rule after the retention.
func (s *Store) Purge(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := slices.BinarySearch(s.keys, key); ok {
		s.keys = slices.Delete(s.keys, i, i+1)
	}
	delete(s.objs, key)
}

// Alter changes the body of the oldest version of an object in place, which no S3
// server lets anyone do: a damaged or forged copy.
func (s *Store) Alter(key string, change func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.objs[key][0]
	v.body = change(append([]byte(nil), v.body...))
	v.Size = int64(len(v.body))
}

// Unlock takes the locks off an object.
func (s *Store) Unlock(key string, to ledger.Retention) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.objs[key] {
		v.lock = to
	}
}

// Keys lists the keys of all objects under a prefix.
func (s *Store) Keys(prefix string) (keys []string) {
	for k := s.after(prefix, ""); k != ""; k = s.after(prefix, k) {
		keys = append(keys, k)
	}
	return keys
}

// after is the first key with a prefix that comes after another; "" where there is none.
func (s *Store) after(prefix, key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearch(s.keys, max(prefix, key))
	if found && key >= prefix {
		i++
	}
	if i == len(s.keys) || !strings.HasPrefix(s.keys[i], prefix) {
		return ""
	}
	return s.keys[i]
}

// Get implements ledger.Reader.
func (s *Store) Get(ctx context.Context, key, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.objs[key] {
		if (v.ID == id || id == "" && v.Latest) && !v.DeleteMarker {
			return append([]byte(nil), v.body...), v.unreadable
		}
	}
	return nil, ledger.ErrNotFound
}

// Versions implements ledger.Reader.
func (s *Store) Versions(_ context.Context, key string) ([]ledger.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []ledger.Version
	for _, v := range s.objs[key] {
		list = append(list, v.Version)
	}
	return list, nil
}

// List implements ledger.Reader.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		for k := s.after(prefix, startAfter); k != ""; k = s.after(prefix, k) {
			list, _ := s.Versions(ctx, k)
			for _, v := range list {
				if !yield(v, ctx.Err()) {
					return
				}
			}
		}
	}
}

// Retention implements ledger.Reader.
func (s *Store) Retention(_ context.Context, key, id string) (ledger.Retention, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.objs[key] {
		if v.ID == id || id == "" && v.Latest {
			return v.lock, nil
		}
	}
	return ledger.Retention{}, ledger.ErrNotFound
}

// ExtendRetention implements ledger.Store.
func (s *Store) ExtendRetention(_ context.Context, key, id string, r ledger.Retention) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.objs[key] {
		if v.ID == id || id == "" && v.Latest {
			if r.Until.Before(v.lock.Until) {
				return ledger.ErrForbidden
			}
			v.lock = r
			return nil
		}
	}
	return ledger.ErrNotFound
}
