package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const revokedPrefix = "revoked."

// Revocations is the list of tokens that are refused although they have not
// expired, kept in memory and up to date. It is safe for concurrent use.
type Revocations struct {
	bucket *Bucket

	mu      sync.RWMutex
	ids     map[string]struct{}
	failure error // why the list isn't followed now; nil while it is
}

type revocation struct {
	Expires time.Time `json:"expires"`
}

// watchPause is the pause before what broke is watched again.
const watchPause = time.Second

// Revocations loads the list and keeps it up to date until ctx ends. While the
// broker is away the list stays as it was.
func (b *Bucket) Revocations(ctx context.Context) (*Revocations, error) {
	r := &Revocations{bucket: b, ids: map[string]struct{}{}}
	loaded := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- r.watch(ctx, sync.OnceFunc(func() { close(loaded) }))
	}()
	select {
	case <-loaded:
	case err := <-failed:
		return nil, errors.Join(err, ctx.Err())
	}
	go r.follow(ctx, failed)
	return r, nil
}

// follow watches again whenever a watch has failed. Each begins with the whole
// list, so that nothing revoked in between is missed.
func (r *Revocations) follow(ctx context.Context, failed chan error) {
	for {
		err := <-failed
		if ctx.Err() != nil {
			return
		}
		r.fails(err)
		r.bucket.logger.Error("revocations are not followed now", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchPause):
		}
		failed <- r.watch(ctx, func() {})
	}
}

// watch keeps the list up to date and calls loaded when it is whole, until ctx
// ends or it fails.
func (r *Revocations) watch(ctx context.Context, loaded func()) error {
	return r.bucket.watch(ctx, revokedPrefix+"*", func() { r.fails(nil); loaded() }, r.seen)
}

func (r *Revocations) fails(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
}

// Check returns why tokens that others revoke now would still be taken, nil while
// the list is followed.
func (r *Revocations) Check(context.Context) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.failure != nil {
		return fmt.Errorf("revocations are not followed: %w", r.failure)
	}
	return nil
}

func (r *Revocations) seen(entry jetstream.KeyValueEntry) error {
	id := strings.TrimPrefix(entry.Key(), revokedPrefix)
	r.mu.Lock()
	defer r.mu.Unlock()
	if entry.Operation() == jetstream.KeyValuePut {
		r.ids[id] = struct{}{}
	} else {
		delete(r.ids, id) // the token expired
	}
	return nil
}

// Revoke refuses the token with this id in every process from now on, until the
// token's own expiry. The id consists of letters, digits, "-" and "_".
func (r *Revocations) Revoke(ctx context.Context, id string, expires time.Time) error {
	value, err := json.Marshal(revocation{Expires: expires.UTC()})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	// Kept for longer than the token lives, by more than clocks differ.
	ttl := max(time.Until(expires), 0) + time.Hour
	_, err = r.bucket.kv.Create(ctx, revokedPrefix+id, value, jetstream.KeyTTL(ttl.Truncate(time.Second)))
	if err != nil && !isConflict(err) { // revoked twice is revoked
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id] = struct{}{}
	return nil
}

// Revoked tells whether the token with this id is refused.
func (r *Revocations) Revoked(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, found := r.ids[id]
	return found
}
