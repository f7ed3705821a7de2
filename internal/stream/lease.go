package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// ErrLeaseLost is the cause of a lease's context when another holder may have
// taken it, or could soon.
var ErrLeaseLost = errors.New("lease lost")

// leaseRecord is what the key of a lease holds.
type leaseRecord struct {
	Holder string `json:"holder"`
	Term   string `json:"term"` // unique to one acquisition
}

// ErrHeld says that another holder kept a lease for as long as it was waited for.
var ErrHeld = errors.New("held by another process")

// Lease is the right to do something alone, such as to project. It renews itself
// until it is released or lost.
type Lease struct {
	bucket   *Bucket
	key      string
	record   leaseRecord
	ttl      time.Duration
	revision uint64 // of the last renewal; the renewing goroutine's until ended

	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  chan struct{}
}

// Acquire waits until the lease of that name is free, or its holder has not
// renewed it for ttl, and takes it; while the broker is away it waits too. ttl
// must be the same for all who want the lease.
//
// A holder that comes back under its own name takes the lease at once, since it
// must have ended before: the name is unique among the running processes.
//
// A lease ends with Release, or with ctx and is then left to expire.
func (b *Bucket) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	return b.acquire(ctx, ctx, name, holder, ttl)
}

// AcquireNow is Acquire for who won't wait for a living holder: it waits no longer
// than it takes to see whether the holder renews the lease, and then fails with
// ErrHeld.
func (b *Bucket) AcquireNow(ctx context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	wait, cancel := context.WithTimeout(ctx, ttl+ttl/2)
	defer cancel()
	l, err := b.acquire(ctx, wait, name, holder, ttl)
	if err == nil || ctx.Err() != nil || wait.Err() == nil {
		return l, err
	}
	var current leaseRecord
	if _, err := b.get(ctx, "lease."+name, &current); err != nil { // the broker was away
		return nil, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	return nil, fmt.Errorf("acquire lease %s: %w", name, ErrHeld)
}

// acquire waits while one context lasts, and holds the lease while the other does.
func (b *Bucket) acquire(ctx, wait context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	l := &Lease{
		bucket: b,
		key:    "lease." + name,
		record: leaseRecord{Holder: holder, Term: nuid.Next()},
		ttl:    ttl,
		ended:  make(chan struct{}),
	}
	renewed, err := l.take(wait)
	if err != nil {
		return nil, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	go l.renew(renewed)
	return l, nil
}

// Context ends when the lease does; its cause is ErrLeaseLost when it was lost.
// Work done under the lease uses it.
func (l *Lease) Context() context.Context { return l.ctx }

// Release gives the lease up, so that another may take it at once. The work done
// under it must have ended.
func (l *Lease) Release(ctx context.Context) error {
	l.cancel(context.Canceled)
	<-l.ended
	err := l.bucket.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision))
	if err != nil && !isConflict(err) { // another has it: nothing to give up
		return fmt.Errorf("release %s: %w", l.key, err)
	}
	return nil
}

// take waits for the lease and returns the moment before it was written.
func (l *Lease) take(ctx context.Context) (renewed time.Time, err error) {
	var (
		watched uint64    // the revision that another holder wrote last
		since   time.Time // when it was first seen
	)
	poll := time.NewTicker(l.ttl / 5)
	defer poll.Stop()
	for {
		sent := time.Now()
		var current leaseRecord
		revision, err := l.bucket.get(ctx, l.key, &current)
		if err == nil {
			if revision != watched {
				watched, since = revision, time.Now()
			}
			if revision == 0 || current.Holder == l.record.Holder || time.Since(since) >= l.ttl {
				l.revision, err = l.bucket.set(ctx, l.key, revision, l.record)
				if err == nil {
					return sent, nil
				}
			}
		}
		if err != nil && !errors.Is(err, ErrChanged) && ctx.Err() == nil {
			l.bucket.logger.Warn("lease not acquired yet", "lease", l.key, "holder", l.record.Holder, "error", err)
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-poll.C:
		}
	}
}

// renew writes the lease three times in its time to live. When that has failed
// for so long that others may think the holder gone, the lease is lost.
func (l *Lease) renew(renewed time.Time) {
	defer close(l.ended)
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	for {
		expiry := time.NewTimer(time.Until(renewed.Add(l.ttl)))
		select {
		case <-l.ctx.Done():
			expiry.Stop()
			return
		case <-expiry.C:
			l.lose(errors.New("it could not be renewed in time"))
			return
		case <-tick.C:
			expiry.Stop()
		}
		sent := time.Now()
		err := l.write(renewed.Add(l.ttl))
		switch {
		case err == nil:
			renewed = sent
		case errors.Is(err, ErrChanged):
			l.lose(err)
			return
		case l.ctx.Err() == nil:
			l.bucket.logger.Warn("lease not renewed", "lease", l.key, "holder", l.record.Holder, "error", err)
		}
	}
}

// write renews the lease, until the deadline at most. A write whose answer was
// lost looks like a change by someone else; the term tells it apart.
func (l *Lease) write(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	revision, err := l.bucket.set(ctx, l.key, l.revision, l.record)
	if errors.Is(err, ErrChanged) {
		var current leaseRecord
		found, getErr := l.bucket.get(ctx, l.key, &current)
		if getErr != nil {
			return getErr
		}
		if found == 0 || current.Term != l.record.Term {
			return err
		}
		revision, err = l.bucket.set(ctx, l.key, found, l.record)
	}
	if err == nil {
		l.revision = revision
	}
	return err
}

func (l *Lease) lose(cause error) {
	l.bucket.logger.Warn("lease lost", "lease", l.key, "holder", l.record.Holder, "error", cause)
	l.cancel(fmt.Errorf("%w: %w", ErrLeaseLost, cause))
}
