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

	mu  sync.RWMutex
	ids map[string]struct{}
}

type revocation struct {
	Expires time.Time `json:"expires"`
}

// Revocations loads the list and keeps it up to date until ctx ends. While the
// broker is away the list stays as it was.
func (b *Bucket) Revocations(ctx context.Context) (*Revocations, error) {
	r := &Revocations{bucket: b, ids: map[string]struct{}{}}
	loaded := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		failed <- b.watch(ctx, revokedPrefix+"*", sync.OnceFunc(func() { close(loaded) }), r.seen)
	}()
	select {
	case <-loaded:
	case err := <-failed:
		return nil, errors.Join(err, ctx.Err())
	}
	go func() {
		if err := <-failed; err != nil {
			b.logger.Error("revocations are no longer followed", "error", err)
		}
	}()
	return r, nil
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
