package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// Compared is a comparison of a generation with the active one, or how far it is. It
// is kept where every process finds it.
type Compared struct {
	Of      string            `json:"of"`    // the generation's name
	State   string            `json:"state"` // running, done or failed
	Started time.Time         `json:"started"`
	Updated time.Time         `json:"updated"`
	Done    uint64            `json:"done"`  // rows
	Total   uint64            `json:"total"` // about
	Error   string            `json:"error,omitempty"`
	Result  *query.Comparison `json:"result,omitzero"`
}

// The states of a comparison.
const (
	ComparisonRunning = "running"
	ComparisonDone    = "done"
	ComparisonFailed  = "failed"
)

// silentAfter is how long a comparison says nothing before it is taken for lost: the
// process that made it tells every second.
const silentAfter = 15 * time.Second

// jobs are the comparisons that this process makes.
type jobs struct {
	mu      sync.Mutex
	running bool
	work    sync.WaitGroup
}

// Wait waits until this process compares nothing.
func (r *Replays) Wait() { r.comparing.work.Wait() }

// compared is the generation that there is to compare: the candidate, else the way
// back.
func (s *State) compared() (Generation, error) {
	switch {
	case s.Candidate != nil && s.Candidate.Built == nil:
		return Generation{}, httpserver.Conflict("generation %s is not built yet: gapwise replay status tells how far it is", s.Candidate.Name())
	case s.Candidate != nil:
		return s.Candidate.Generation, nil
	case s.Kept != nil:
		return *s.Kept, nil
	}
	return Generation{}, httpserver.Conflict("there is no generation to compare with: gapwise replay start makes one")
}

// against returns the last comparison of a generation with the active one; nil: there
// is none, or it was with another one.
func (r *Replays) against(ctx context.Context, active, g Generation) (*query.Comparison, error) {
	c, err := r.Keeper.Comparison(ctx, g.Name())
	if err != nil || c == nil || c.Result == nil || c.Result.From.Generation != active.Name() {
		return nil, err
	}
	return c.Result, nil
}

// Comparison returns the last comparison of what there is to compare.
func (r *Replays) Comparison(ctx context.Context) (*Compared, error) {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which generation is active: %w", err)
	}
	g, err := s.compared()
	if err != nil {
		return nil, err
	}
	c, err := r.Keeper.Comparison(ctx, g.Name())
	switch {
	case err != nil:
		return nil, err
	case c == nil || c.Result != nil && c.Result.From.Generation != s.Active.Name():
		return nil, httpserver.NotFound("generation %s is not compared with generation %s: order {\"action\":\"compare\"}", g.Name(), s.Active.Name())
	case c.State == ComparisonRunning && r.Now().Sub(c.Updated) > silentAfter:
		c.State, c.Error = ComparisonFailed, "the process that compared has ended: order {\"action\":\"compare\"} again"
	}
	return c, nil
}

// Begin begins to compare what there is to compare, as it is now.
func (r *Replays) begin(ctx context.Context) (*Compared, error) {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which generation is active: %w", err)
	}
	g, err := s.compared()
	if err != nil {
		return nil, err
	}
	r.comparing.mu.Lock()
	defer r.comparing.mu.Unlock()
	if r.comparing.running {
		return nil, httpserver.Conflict("a comparison is being made: GET /v1/admin/replays/comparison tells how far it is")
	}
	c := Compared{Of: g.Name(), State: ComparisonRunning, Started: r.Now().UTC(), Updated: r.Now().UTC()}
	if err := r.Keeper.SaveComparison(ctx, c); err != nil {
		return nil, err
	}
	r.comparing.running = true
	r.comparing.work.Go(func() { r.compare(s, g, c) })
	return &c, nil
}

func (r *Replays) compare(s State, g Generation, c Compared) {
	var mu sync.Mutex
	told := r.Now()
	result, err := r.Compare(r.Context, s, g, func(done, of uint64) {
		mu.Lock()
		defer mu.Unlock()
		if r.Now().Sub(told) < tellAll {
			return
		}
		told = r.Now()
		c.Done, c.Total, c.Updated = done, of, told.UTC()
		if err := r.Keeper.SaveComparison(r.Context, c); err != nil {
			r.Log.Warn("how far a comparison is can't be told", "generation", c.Of, "error", err)
		}
	})
	c.State, c.Result, c.Updated = ComparisonDone, result, r.Now().UTC()
	if err != nil {
		c.State, c.Error = ComparisonFailed, err.Error()
	}
	if err := r.Keeper.SaveComparison(r.Context, c); err != nil {
		r.Log.Warn("a comparison is not kept", "generation", c.Of, "error", err)
	}
	r.comparing.mu.Lock()
	r.comparing.running = false
	r.comparing.mu.Unlock()
}
