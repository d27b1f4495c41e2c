package adversary

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

var ctx = context.Background()

// version is one version of an object, or a delete marker.
type version struct {
	id     string
	body   []byte
	lock   ledger.Retention
	at     time.Time
	marker bool
	denied bool // the store refuses its content: another's key encrypts it
}

// bucket is an S3 bucket with versions and Object Lock, in memory. Besides what a writer
// may do through ledger.Store it has what attackers do to its bytes.
type bucket struct {
	mu   *sync.Mutex
	now  func() time.Time
	next int
	keys []string // in order
	objs map[string][]*version

	written func(key string, v *version)          // told of what a writer stored
	fail    func(key string, done bool) error     // asked before and after a write
	show    func(key string, v *version) *version // what a man in the middle makes of it
}

var _ ledger.Store = (*bucket)(nil)

func newBucket(now func() time.Time) *bucket {
	return &bucket{mu: &sync.Mutex{}, now: now, objs: map[string][]*version{}}
}

// clone is the bucket as it is, for an attacker to spoil.
func (b *bucket) clone() *bucket {
	c := &bucket{mu: &sync.Mutex{}, now: b.now, next: b.next, keys: slices.Clone(b.keys), objs: map[string][]*version{}}
	for k, list := range b.objs {
		for _, v := range list {
			w := *v
			c.objs[k] = append(c.objs[k], &w)
		}
	}
	return c
}

// add puts a version on top of a key.
func (b *bucket) add(key string, v version) *version {
	b.next++
	v.id, v.at = fmt.Sprintf("v%06d", b.next), b.now()
	if len(b.objs[key]) == 0 {
		if i, ok := slices.BinarySearch(b.keys, key); !ok {
			b.keys = slices.Insert(b.keys, i, key)
		}
	}
	b.objs[key] = append(b.objs[key], &v)
	return &v
}

// drop takes a version away for good.
func (b *bucket) drop(key string, gone func(*version) bool) {
	if b.objs[key] = slices.DeleteFunc(b.objs[key], gone); len(b.objs[key]) > 0 {
		return
	}
	delete(b.objs, key)
	if i, ok := slices.BinarySearch(b.keys, key); ok {
		b.keys = slices.Delete(b.keys, i, i+1)
	}
}

// Put implements ledger.Store. Like AWS, it lets a write that must not find an object
// succeed over a delete marker.
func (b *bucket) Put(_ context.Context, key string, body []byte, o ledger.PutOptions) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(key, false); err != nil {
			return "", err
		}
	}
	list := b.objs[key]
	taken := len(list) > 0 && !list[len(list)-1].marker
	if taken && (o.IfMatch == "" || o.IfMatch != etag(list[len(list)-1])) || !taken && o.IfMatch != "" {
		return "", ledger.ErrExists
	}
	if !o.Retention.Until.After(b.now()) {
		return "", fmt.Errorf("InvalidRequest: the lock of %s would end in the past", key)
	}
	v := b.add(key, version{body: slices.Clone(body), lock: o.Retention})
	if b.written != nil {
		b.written(key, v)
	}
	if b.fail != nil {
		return v.id, b.fail(key, true)
	}
	return v.id, nil
}

func etag(v *version) string { return "etag-" + v.id }

// versions are those of a key, as they are shown.
func (b *bucket) versions(key string) (list []*version) {
	for _, v := range b.objs[key] {
		if b.show != nil {
			v = b.show(key, v)
		}
		if v != nil {
			list = append(list, v)
		}
	}
	return list
}

func (b *bucket) find(key, id string) (*version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.versions(key)
	for i, v := range slices.Backward(list) {
		if (v.id == id || id == "" && i == len(list)-1) && !v.marker {
			return v, nil
		}
	}
	return nil, ledger.ErrNotFound
}

// Get implements ledger.Reader.
func (b *bucket) Get(_ context.Context, key, id string) ([]byte, error) {
	v, err := b.find(key, id)
	if err == nil && v.denied {
		err = fmt.Errorf("%w: the key that encrypts %s is not yours", ledger.ErrForbidden, key)
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.body), nil
}

// Versions implements ledger.Reader.
func (b *bucket) Versions(_ context.Context, key string) ([]ledger.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []ledger.Version
	shown := b.versions(key)
	for i, v := range shown {
		list = append(list, ledger.Version{
			Key: key, ID: v.id, ETag: etag(v), Size: int64(len(v.body)), LastModified: v.at,
			Latest: i == len(shown)-1, DeleteMarker: v.marker,
		})
	}
	return list, nil
}

// List implements ledger.Reader.
func (b *bucket) List(_ context.Context, prefix, startAfter string) iter.Seq2[ledger.Version, error] {
	return func(yield func(ledger.Version, error) bool) {
		b.mu.Lock()
		keys := slices.Clone(b.keys)
		b.mu.Unlock()
		for _, k := range keys {
			if !strings.HasPrefix(k, prefix) || startAfter != "" && k <= startAfter {
				continue
			}
			list, _ := b.Versions(ctx, k)
			for _, v := range list {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// Retention implements ledger.Reader.
func (b *bucket) Retention(_ context.Context, key, id string) (ledger.Retention, error) {
	v, err := b.find(key, id)
	if err != nil {
		return ledger.Retention{}, err
	}
	return v.lock, nil
}

// ExtendRetention implements ledger.Store.
func (b *bucket) ExtendRetention(_ context.Context, key, id string, r ledger.Retention) error {
	v, err := b.find(key, id)
	if err != nil || r.Until.Before(v.lock.Until) {
		return ledger.ErrForbidden
	}
	v.lock = r
	return nil
}

// localCopy is a copy of a bucket whose side file says that nothing was changed, which
// whoever makes a copy can have it say.
type localCopy struct{ *bucket }

var _ ledger.Copy = localCopy{}

// Changes implements ledger.Copy.
func (localCopy) Changes(context.Context) iter.Seq2[ledger.Change, error] {
	return func(func(ledger.Change, error) bool) {}
}

// Limits implements ledger.Copy.
func (localCopy) Limits() []string { return nil }
