package stream

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Pointer is one small value, kept as JSON, that is changed only by
// compare-and-set: such as which generation answers the requests.
type Pointer[T any] struct {
	bucket *Bucket
	key    string
}

// NewPointer returns the pointer of that name: letters, digits, "-", "_", "."
// and "/". It needs no broker yet.
func NewPointer[T any](bucket *Bucket, name string) *Pointer[T] {
	return &Pointer[T]{bucket: bucket, key: "pointer." + name}
}

// Get returns the value and its revision; the zero value and 0 when it was never
// set.
func (p *Pointer[T]) Get(ctx context.Context) (value T, revision uint64, err error) {
	revision, err = p.bucket.get(ctx, p.key, &value)
	return value, revision, err
}

// CompareAndSet sets the value if it still has the revision (0: was never set)
// and returns the new revision. Otherwise it changes nothing and returns
// ErrChanged. After any other error the value may or may not be set: Get tells.
func (p *Pointer[T]) CompareAndSet(ctx context.Context, revision uint64, value T) (uint64, error) {
	return p.bucket.set(ctx, p.key, revision, value)
}

// Watch calls changed with the present value, if there is one, and then with
// each later one, in order of revision, until ctx ends. Of values that follow
// each other fast, some may be left out, never the last. It returns an error
// when it can't go on, nil when ctx ended.
func (p *Pointer[T]) Watch(ctx context.Context, changed func(value T, revision uint64)) error {
	return p.bucket.watch(ctx, p.key, func() {}, func(entry jetstream.KeyValueEntry) error {
		if entry.Operation() != jetstream.KeyValuePut {
			return nil
		}
		var value T
		if err := json.Unmarshal(entry.Value(), &value); err != nil {
			return fmt.Errorf("read %s at revision %d: %w", p.key, entry.Revision(), err)
		}
		changed(value, entry.Revision())
		return nil
	})
}

// Set is a handful of small values of one kind, each under a name, kept as JSON:
// such as the work that is being done.
type Set[T any] struct {
	bucket *Bucket
	prefix string
}

// NewSet returns the set of that name. It needs no broker yet.
func NewSet[T any](bucket *Bucket, name string) *Set[T] {
	return &Set[T]{bucket: bucket, prefix: "set." + name + "."}
}

// Put keeps a value under a name, in place of the one before.
func (s *Set[T]) Put(ctx context.Context, name string, value T) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s%s: %w", s.prefix, name, err)
	}
	if _, err := s.bucket.kv.Put(ctx, s.prefix+name, data); err != nil {
		return fmt.Errorf("write %s%s: %w", s.prefix, name, err)
	}
	return nil
}

// Get returns the value under a name; false when there is none.
func (s *Set[T]) Get(ctx context.Context, name string) (value T, known bool, err error) {
	revision, err := s.bucket.get(ctx, s.prefix+name, &value)
	return value, revision > 0, err
}

// Remove forgets a name, whether it is there or not.
func (s *Set[T]) Remove(ctx context.Context, name string) error {
	if err := s.bucket.kv.Purge(ctx, s.prefix+name, jetstream.PurgeTTL(markerTTL)); err != nil {
		return fmt.Errorf("remove %s%s: %w", s.prefix, name, err)
	}
	return nil
}

// All returns the values.
func (s *Set[T]) All(ctx context.Context) (values []T, err error) {
	names, err := s.bucket.kv.ListKeysFiltered(ctx, s.prefix+">")
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.prefix, err)
	}
	for name := range names.Keys() {
		var value T
		revision, err := s.bucket.get(ctx, name, &value)
		if err != nil {
			return nil, err
		}
		if revision > 0 {
			values = append(values, value)
		}
	}
	return values, nil
}
