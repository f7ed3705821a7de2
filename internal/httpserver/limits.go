package httpserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// retryIn is how long a caller is asked to wait when the bounds of the process
// are reached: most requests last far less than a second.
const retryIn = time.Second

// Limits bounds what callers may use. A zero field means its default.
type Limits struct {
	// Rates for each token, by role. Roles left out have the default: people
	// (learner, instructor) 200 requests a second in bursts of 1,000, programs
	// (producer, operator) 5,000 in bursts of 10,000.
	Rates map[Role]Rate
	// Tokens is how many tokens' rates are remembered, 10,000 by default. Those
	// unused for longest are forgotten, which fills their buckets again.
	Tokens int
	// Requests at once, 512 by default; streams and machines not counted.
	Requests int64
	// Streams at once, 256 by default.
	Streams int64
	// BodyBytes of all request bodies at once, 256 MiB by default. A body of
	// undeclared length counts as its route's [MaxBody].
	BodyBytes int64
}

// Rate is a token bucket.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (l Limits) withDefaults() Limits {
	people, programs := Rate{PerSecond: 200, Burst: 1_000}, Rate{PerSecond: 5_000, Burst: 10_000}
	rates := map[Role]Rate{
		RoleLearner: people, RoleInstructor: people, RoleProducer: programs, RoleOperator: programs,
	}
	for role, r := range l.Rates {
		rates[role] = r
	}
	l.Rates = rates
	if l.Tokens == 0 {
		l.Tokens = 10_000
	}
	if l.Requests == 0 {
		l.Requests = 512
	}
	if l.Streams == 0 {
		l.Streams = 256
	}
	if l.BodyBytes == 0 {
		l.BodyBytes = 256 << 20
	}
	return l
}

// admitter holds the process within its limits. It never waits: a request
// either enters or is told when to come again.
type admitter struct {
	limits   Limits
	now      func() time.Time
	requests *semaphore.Weighted
	streams  *semaphore.Weighted
	bytes    *semaphore.Weighted

	// Buckets by token id in two halves: what is used moves to the young one;
	// when that is full it becomes the old one, whose unused rest is forgotten.
	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func newAdmitter(limits Limits, now func() time.Time) *admitter {
	limits = limits.withDefaults()
	return &admitter{
		limits:   limits,
		now:      now,
		requests: semaphore.NewWeighted(limits.Requests),
		streams:  semaphore.NewWeighted(limits.Streams),
		bytes:    semaphore.NewWeighted(limits.BodyBytes),
		young:    map[string]*rate.Limiter{},
	}
}

// enter counts a request in; leave counts it out.
func (a *admitter) enter(streaming bool) (leave func(), err error) {
	slots, what := a.requests, "requests"
	if streaming {
		slots, what = a.streams, "live streams"
	}
	if !slots.TryAcquire(1) {
		return nil, Unavailable(retryIn, "too many %s at once; try again shortly", what)
	}
	return func() { slots.Release(1) }, nil
}

// allow takes one request out of the principal's bucket.
func (a *admitter) allow(p Principal) error {
	now := a.now()
	reservation := a.limiter(p).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	r := a.limits.Rates[p.Role]
	return TooMany(wait, "over this token's rate of %g requests a second; wait, or send more events in one request", r.PerSecond)
}

// limiter returns the token's bucket, a full one when none is remembered.
func (a *admitter) limiter(p Principal) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if limiter, ok := a.young[p.TokenID]; ok {
		return limiter
	}
	limiter, ok := a.old[p.TokenID]
	if !ok {
		r := a.limits.Rates[p.Role]
		limiter = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	if len(a.young) >= max(1, a.limits.Tokens/2) {
		a.young, a.old = map[string]*rate.Limiter{}, a.young
	}
	a.young[p.TokenID] = limiter
	return limiter
}

// reserveBody bounds the body by limit and counts it in; release counts it out.
func (a *admitter) reserveBody(w http.ResponseWriter, r *http.Request, limit int64) (release func(), err error) {
	size := r.ContentLength
	switch {
	case size == 0:
		return func() {}, nil
	case size > limit:
		return nil, TooLarge(limit).Because(fmt.Errorf("content length is %d", size))
	case size < 0:
		size = limit
	}
	size = min(size, a.limits.BodyBytes) // a route's limit over the whole bound still gets its turn
	if !a.bytes.TryAcquire(size) {
		return nil, Unavailable(retryIn, "too many bytes are being received at once; try again shortly")
	}
	r.Body = body{http.MaxBytesReader(w, r.Body, limit)}
	return func() { a.bytes.Release(size) }, nil
}

// body tells a slow sender from a slow database: both end in a deadline.
type body struct{ io.ReadCloser }

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = NewProblem(http.StatusRequestTimeout, "the body did not arrive in time; send it again").Because(err)
	}
	return n, err
}
