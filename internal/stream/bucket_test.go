package stream_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/stream"
)

type active struct {
	Facts   int `json:"facts"`
	Derived int `json:"derived"`
}

func (b *broker) bucket() *stream.Bucket {
	b.t.Helper()
	bucket, err := stream.OpenBucket(b.t.Context(), b.connect(), 1, quiet())
	if err != nil {
		b.t.Fatal(err)
	}
	return bucket
}

func TestPointer(t *testing.T) {
	b := startBroker(t)
	pointer := stream.NewPointer[active](b.bucket(), "generation")
	value, revision, err := pointer.Get(t.Context())
	if err != nil || revision != 0 || value != (active{}) {
		t.Fatalf("a pointer never set gave %+v, %d, %v", value, revision, err)
	}
	first, err := pointer.CompareAndSet(t.Context(), 0, active{Facts: 1, Derived: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pointer.CompareAndSet(t.Context(), 0, active{Facts: 9}); !errors.Is(err, stream.ErrChanged) {
		t.Fatalf("setting it for the first time twice gave %v", err)
	}
	second, err := pointer.CompareAndSet(t.Context(), first, active{Facts: 1, Derived: 2})
	if err != nil || second <= first {
		t.Fatalf("got revision %d after %d, %v", second, first, err)
	}
	if _, err := pointer.CompareAndSet(t.Context(), first, active{Facts: 9}); !errors.Is(err, stream.ErrChanged) {
		t.Fatalf("a stale change gave %v", err)
	}

	b.stop()
	b.start()
	again := stream.NewPointer[active](b.bucket(), "generation")
	value, revision, err = again.Get(t.Context())
	if err != nil || revision != second || value != (active{Facts: 1, Derived: 2}) {
		t.Fatalf("after a restart it is %+v at %d, %v", value, revision, err)
	}
}

// Of those who change the pointer at the same time one succeeds a revision.
func TestPointerCountsConcurrentChanges(t *testing.T) {
	b := startBroker(t)
	bucket := b.bucket()
	const workers, changes = 4, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			pointer := stream.NewPointer[int](bucket, "count")
			for done := 0; done < changes; {
				n, revision, err := pointer.Get(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				switch _, err := pointer.CompareAndSet(t.Context(), revision, n+1); {
				case err == nil:
					done++
				case !errors.Is(err, stream.ErrChanged):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, _, err := stream.NewPointer[int](bucket, "count").Get(t.Context()); err != nil || n != workers*changes {
		t.Fatalf("counted %d, %v, want %d", n, err, workers*changes)
	}
}

func TestPointerWatch(t *testing.T) {
	b := startBroker(t)
	pointer := stream.NewPointer[int](b.bucket(), "generation")
	revision, err := pointer.CompareAndSet(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan int)
	ended := make(chan error)
	go func() {
		ended <- pointer.Watch(ctx, func(n int, _ uint64) { seen <- n })
	}()
	if n := <-seen; n != 1 {
		t.Fatalf("saw %d first", n)
	}
	for want := 2; want < 5; want++ {
		if revision, err = pointer.CompareAndSet(t.Context(), revision, want); err != nil {
			t.Fatal(err)
		}
		if n := <-seen; n != want {
			t.Fatalf("saw %d, want %d", n, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

const ttl = 600 * time.Millisecond

func acquire(t *testing.T, bucket *stream.Bucket, holder string) *stream.Lease {
	t.Helper()
	lease, err := bucket.Acquire(t.Context(), "projector", holder, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestLeaseHasOneHolderAtATime(t *testing.T) {
	b := startBroker(t)
	var holders, total atomic.Int32
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		bucket := b.bucket()
		wg.Go(func() {
			for range 4 {
				lease := acquire(t, bucket, name)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders", n)
				}
				total.Add(1)
				holders.Add(-1)
				if err := lease.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if total.Load() != 12 {
		t.Fatalf("held %d times", total.Load())
	}
}

func TestLeaseOfADeadHolderIsTaken(t *testing.T) {
	b := startBroker(t)
	ctx, die := context.WithCancel(t.Context())
	dead, err := b.bucket().Acquire(ctx, "projector", "a", ttl)
	if err != nil {
		t.Fatal(err)
	}
	die() // it renews no more and releases nothing
	acquire(t, b.bucket(), "b")
	if err := dead.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What the dead holder released was not the lease of the next one.
	within, cancel := context.WithTimeout(t.Context(), ttl/2)
	defer cancel()
	if _, err := b.bucket().Acquire(within, "projector", "c", ttl); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a third got the lease: %v", err)
	}
}

// Who won't wait for a lease learns that another holds it, and takes it at once from
// one that gave it up, from one that died, and from itself.
func TestLeaseIsNotWaitedFor(t *testing.T) {
	b := startBroker(t)
	const ttl = 2 * time.Second
	now := func(ctx context.Context, holder string) (*stream.Lease, error) {
		return b.bucket().AcquireNow(ctx, "rebuild", holder, ttl)
	}
	held, err := now(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := now(t.Context(), "b"); !errors.Is(err, stream.ErrHeld) {
		t.Fatalf("while a holds the lease b gets %v", err)
	}
	if err := held.Context().Err(); err != nil {
		t.Fatalf("the lease ended: %v", context.Cause(held.Context()))
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, die := context.WithCancel(t.Context())
	if _, err := now(ctx, "b"); err != nil {
		t.Fatalf("after its release: %v", err)
	}
	die()
	again, err := now(t.Context(), "b")
	if err != nil {
		t.Fatalf("under its own name: %v", err)
	}
	if err := again.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, die = context.WithCancel(t.Context())
	if _, err := now(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	die()
	if _, err := now(t.Context(), "d"); err != nil {
		t.Fatalf("from one that died: %v", err)
	}
}

// A holder that renews keeps the lease for longer than its time to live.
func TestLeaseIsKept(t *testing.T) {
	b := startBroker(t)
	const ttl = 2 * time.Second // long enough for a busy machine to renew within
	lease, err := b.bucket().Acquire(t.Context(), "projector", "a", ttl)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*ttl)
	defer cancel()
	if _, err := b.bucket().Acquire(ctx, "projector", "b", ttl); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("another got the lease: %v", err)
	}
	if err := lease.Context().Err(); err != nil {
		t.Fatalf("the lease ended: %v", context.Cause(lease.Context()))
	}
}

func TestLeaseIsLostWithTheBroker(t *testing.T) {
	b := startBroker(t)
	lease := acquire(t, b.bucket(), "a")
	b.stop()
	<-lease.Context().Done()
	if cause := context.Cause(lease.Context()); !errors.Is(cause, stream.ErrLeaseLost) {
		t.Fatalf("the cause is %v", cause)
	}
	b.start()
	acquire(t, b.bucket(), "b")
}

func TestLeaseIsLostToTheSameName(t *testing.T) {
	b := startBroker(t)
	first := acquire(t, b.bucket(), "a")
	second := acquire(t, b.bucket(), "a")
	<-first.Context().Done()
	if cause := context.Cause(first.Context()); !errors.Is(cause, stream.ErrLeaseLost) {
		t.Fatalf("the cause is %v", cause)
	}
	if err := second.Context().Err(); err != nil {
		t.Fatalf("the second lease ended: %v", context.Cause(second.Context()))
	}
}

func TestRevocations(t *testing.T) {
	b := startBroker(t)
	here, err := b.bucket().Revocations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour)
	for range 2 {
		if err := here.Revoke(t.Context(), "token-1", expires); err != nil {
			t.Fatal(err)
		}
	}
	if !here.Revoked("token-1") || here.Revoked("token-2") {
		t.Fatal("the revoking process doesn't know")
	}
	there, err := b.bucket().Revocations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !there.Revoked("token-1") || there.Revoked("token-2") {
		t.Fatal("a process started later doesn't know")
	}
	if err := there.Revoke(t.Context(), "token-2", expires); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return here.Revoked("token-2") })
	if err := here.Revoke(t.Context(), "not an id", expires); err == nil {
		t.Fatal("an id that can't be stored was revoked")
	}
}

// eventually waits for what another goroutine brings about.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("it did not come about")
		}
	}
}

// A bucket that was made or changed with other settings is told, and left alone.
func TestOpenBucketTellsEveryDifference(t *testing.T) {
	b := startBroker(t)
	b.bucket()
	b.bucket() // what it makes itself is as it wants it
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "KV_"+stream.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.CachedInfo().Config
	changed.MaxMsgsPerSubject = 1
	changed.MaxBytes = 1 << 20
	changed.MaxAge = time.Hour
	changed.Duplicates = time.Minute // of no account here
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}

	_, err = stream.OpenBucket(t.Context(), b.connect(), 1, quiet())
	var mismatch *stream.MismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v", err)
	}
	want := []stream.Difference{
		{Setting: "max_msgs_per_subject", Want: "5", Have: "1"},
		{Setting: "max_bytes", Want: "-1", Have: "1048576"},
		{Setting: "max_age", Want: "0s", Have: "1h0m0s"},
	}
	if !slices.Equal(mismatch.Differences, want) {
		t.Errorf("got %+v, want %+v", mismatch.Differences, want)
	}
	if says := "nats stream edit KV_GAPWISE"; !strings.Contains(err.Error(), says) {
		t.Errorf("it doesn't say %q: %v", says, err)
	}
	if after, err := s.Info(t.Context()); err != nil || after.Config.MaxAge != time.Hour {
		t.Errorf("the bucket was changed: %+v, %v", after, err)
	}
}

// A bucket in memory would forget which generation is active.
func TestABucketInMemoryIsRefused(t *testing.T) {
	b := startBroker(t)
	js, err := jetstream.New(b.connect())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: stream.BucketName, Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	_, err = stream.OpenBucket(t.Context(), b.connect(), 1, quiet())
	if err == nil || !strings.Contains(err.Error(), "storage is Memory, wanted File") {
		t.Errorf("got %v", err)
	}
}
