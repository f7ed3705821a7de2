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
