package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// Order is what an operator asks for.
type Order struct {
	Action string `json:"action"`
	// From is where to begin: log or facts. Empty: as what changed calls for.
	From From `json:"from,omitempty"`
	// Catalog is the version to use. Empty: the proposed one, else the active one.
	Catalog string `json:"catalog,omitempty"`
	// Model is the version to use. Empty: the active one, if it is of the catalog's course.
	Model string `json:"model,omitempty"`
	// MostAffected is the share of learners, from 0 to 1, of whom activating may change
	// a word. Nil: [AskAbove].
	MostAffected *float64 `json:"most_affected,omitempty"`
	// DryRun only tells what the action would do.
	DryRun bool `json:"dry_run,omitempty"`
}

// The actions.
const (
	ActionStart    = "start"
	ActionCompare  = "compare"
	ActionActivate = "activate"
	ActionRollback = "rollback"
	ActionCancel   = "cancel"
	ActionDrop     = "drop"
)

// AskAbove is the share of learners, of whom a word may change before anybody is asked.
const AskAbove = 0.1

// switchAfter is how far ahead a switch is agreed on, so that all processes know of it
// in time. Their clocks may differ by as much.
const switchAfter = 500 * time.Millisecond

// The bounds of waiting for others.
const (
	floorWithin = 30 * time.Second // for the generation to be as far as the active one
	cleanWithin = 5 * time.Second  // for the rows of a generation to be gone
)

// Pointer is the value that decides which generation answers requests. Every process
// that changes it does so by compare-and-set.
type Pointer interface {
	Get(ctx context.Context) (State, uint64, error)
	// CompareAndSet returns [ErrChanged] when the value has another revision by now.
	CompareAndSet(ctx context.Context, revision uint64, s State) (uint64, error)
}

// ErrChanged says that the state is no longer the one that a change was based on.
var ErrChanged = errors.New("the state has changed meanwhile")

// Replays carries out what operators ask for, in whichever process they ask.
type Replays struct {
	Pointer Pointer
	// Plan finds what an order asks for, numbers the generation and stores what it is
	// seen through in the log and the database.
	Plan func(ctx context.Context, s State, o Order) (Candidate, error)
	// Choose tells what Plan would do, and changes nothing.
	Choose func(ctx context.Context, s State, o Order) (Candidate, error)
	Keeper interface {
		Keeper
		Comparison(ctx context.Context, of string) (*Compared, error) // nil: none
	}
	Store BuildStore
	// Reached waits until this process answers with a generation.
	Reached func(ctx context.Context, derived uint32) error
	// Compare compares a generation with the active one.
	Compare func(ctx context.Context, s State, to Generation, tell func(done, of uint64)) (*query.Comparison, error)

	// Context ends when the process does.
	Context context.Context
	Now     func() time.Time
	Log     *slog.Logger

	comparing jobs
}

// change changes the state, however many do so at the same time.
func (r *Replays) change(ctx context.Context, how func(State) (State, error)) (State, error) {
	for {
		s, revision, err := r.Pointer.Get(ctx)
		if err != nil {
			return s, fmt.Errorf("read which generation is active: %w", err)
		}
		next, err := how(s)
		if err != nil {
			return s, err
		}
		_, err = r.Pointer.CompareAndSet(ctx, revision, next)
		switch {
		case err == nil:
			return next, nil
		case !errors.Is(err, ErrChanged):
			return s, fmt.Errorf("move the pointer: %w", err)
		}
	}
}

// Start begins a replay, or with DryRun tells which it would be.
func (r *Replays) Start(ctx context.Context, o Order) (*Candidate, error) {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("read which generation is active: %w", err)
	}
	if s.Candidate != nil {
		return nil, s.Candidate.inTheWay()
	}
	plan := r.Plan
	if o.DryRun {
		plan = r.Choose
	}
	c, err := plan(ctx, s, o)
	if err != nil || o.DryRun {
		return &c, err
	}
	_, err = r.change(ctx, func(now State) (State, error) {
		if now.Active.Derived != s.Active.Derived && c.From == FromFacts {
			return now, httpserver.Conflict("generation %s became active meanwhile, in place of %s: start again", now.Active.Name(), s.Active.Name())
		}
		return now.Begin(c)
	})
	if err == nil {
		r.Log.InfoContext(ctx, "replay begins", "replay", c.ID, "generation", c.Name(), "from", c.From, "why", c.Why,
			"catalog", c.Catalog, "model", c.Model)
	}
	return &c, err
}

// Ready says that a candidate is built.
func (r *Replays) Ready(ctx context.Context, id string, b Built) error {
	s, err := r.change(ctx, func(s State) (State, error) { return s.Ready(id, b) })
	if err == nil {
		r.Log.InfoContext(ctx, "generation is ready: gapwise replay compare tells what it changes", "replay", id,
			"generation", s.Candidate.Name(), "events", b.Events, "seconds", b.Seconds)
	}
	return err
}

// Activate lets the candidate answer requests, and waits until this process does so.
func (r *Replays) Activate(ctx context.Context, most *float64) error {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return fmt.Errorf("read which generation is active: %w", err)
	}
	c, err := s.ready()
	if err != nil {
		return err
	}
	if err := r.affordable(ctx, s.Active, c, most); err != nil {
		return err
	}
	return r.switchTo(ctx, s, c.Generation, func(now State, at time.Time) (State, error) {
		if now.Candidate == nil || now.Candidate.ID != c.ID {
			return now, httpserver.Conflict("replay %s was cancelled or activated meanwhile", c.ID)
		}
		return now.Activate(at)
	})
}

// affordable refuses to change what more learners read than was agreed to.
func (r *Replays) affordable(ctx context.Context, active Generation, c *Candidate, most *float64) error {
	share := AskAbove
	if most != nil {
		share = *most
	}
	if share >= 1 {
		return nil
	}
	compared, err := r.against(ctx, active, c.Generation)
	switch {
	case err != nil:
		return err
	case compared == nil:
		return httpserver.Conflict("generation %s is not compared with generation %s: order {\"action\":\"compare\"} first (gapwise replay compare)",
			c.Name(), active.Name())
	case compared.People != nil && compared.People.Share > share:
		p := compared.People
		return httpserver.Conflict("%d of %d learners (%.0f%%) would read another word, and activating may change it for %.0f%% at most: "+
			"look at the comparison (gapwise replay compare), then raise most_affected (--yes)",
			p.Affected, p.Learners, 100*p.Share, 100*share)
	}
	return nil
}

// Rollback lets the kept generation answer requests again.
func (r *Replays) Rollback(ctx context.Context) error {
	s, _, err := r.Pointer.Get(ctx)
	if err != nil {
		return fmt.Errorf("read which generation is active: %w", err)
	}
	if _, err := s.Rollback(time.Time{}); err != nil {
		return err
	}
	kept := *s.Kept
	return r.switchTo(ctx, s, kept, func(now State, at time.Time) (State, error) {
		if now.Kept == nil || now.Kept.Derived != kept.Derived {
			return now, httpserver.Conflict("generation %s is no longer kept: look at the status", kept.Name())
		}
		return now.Rollback(at)
	})
}

// switchTo moves the pointer to a generation once it is as far as the active one.
func (r *Replays) switchTo(ctx context.Context, s State, to Generation, how func(State, time.Time) (State, error)) error {
	if err := r.catchUp(ctx, s, to); err != nil {
		return err
	}
	if wait := s.Since.Sub(r.Now()); wait > 0 && wait <= switchAfter { // one switch after the other
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	next, err := r.change(ctx, func(now State) (State, error) {
		at := r.Now().UTC().Add(switchAfter).Truncate(time.Microsecond)
		if earliest := now.Since.Add(time.Microsecond); at.Before(earliest) {
			at = earliest
		}
		return how(now, at)
	})
	if err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "generation activated", "generation", next.Active.Name(), "catalog", next.Active.Catalog,
		"model", next.Active.Model, "before", s.Active.Name(), "since", next.Since)
	return r.Reached(ctx, to.Derived)
}

// catchUp waits until a generation holds what the active one held when it was asked,
// so that no reader sees an event vanish.
func (r *Replays) catchUp(ctx context.Context, s State, to Generation) error {
	if to.Facts == s.Active.Facts {
		return nil
	}
	goal, err := r.Store.Floor(ctx, s.Active.Facts)
	if err != nil {
		return err
	}
	again := time.NewTicker(look / 4)
	defer again.Stop()
	deadline := time.After(floorWithin)
	for {
		floor, err := r.Store.Floor(ctx, to.Facts)
		if err != nil || floor >= goal {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return httpserver.Unavailable(time.Second, "generation %s is at sequence %d and the active one at %d: ask again once it has caught up", to.Name(), floor, goal)
		case <-again.C:
		}
	}
}

// Cancel gives the candidate up, and waits until its rows are gone.
func (r *Replays) Cancel(ctx context.Context) error { return r.leave(ctx, State.Cancel) }

// Drop gives up the way back, and waits until its rows are gone.
func (r *Replays) Drop(ctx context.Context) error { return r.leave(ctx, State.Drop) }

func (r *Replays) leave(ctx context.Context, how func(State) (State, error)) error {
	s, err := r.change(ctx, how)
	if err != nil {
		return err
	}
	gone := s.Leaving[len(s.Leaving)-1]
	r.Log.InfoContext(ctx, "a generation leaves: its rows are being deleted", "generation", gone.Name())
	ctx, cancel := context.WithTimeout(ctx, cleanWithin)
	defer cancel()
	for {
		if s, _, err = r.Pointer.Get(ctx); err != nil {
			break
		}
		if !s.leaves(gone.Derived) {
			return nil
		}
		if err = pause(ctx, look); err != nil {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // the status tells until it is done
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Left says that the rows of a generation are gone.
func (r *Replays) Left(ctx context.Context, derived uint32) (State, error) {
	return r.change(ctx, func(s State) (State, error) { return s.Left(derived), nil })
}

// Await waits until a candidate is ready, and returns its comparison.
func (r *Replays) Await(ctx context.Context, id string, tell func(*Progress)) (*query.Comparison, error) {
	for {
		s, _, err := r.Pointer.Get(ctx)
		if err != nil {
			return nil, fmt.Errorf("read which generation is active: %w", err)
		}
		if s.Candidate == nil || s.Candidate.ID != id {
			return nil, httpserver.Conflict("replay %s was cancelled", id)
		}
		if s.Candidate.Built != nil {
			c, err := r.Keeper.Comparison(ctx, s.Candidate.Name())
			if err == nil && (c == nil || c.Result == nil) {
				err = httpserver.Conflict("generation %s is not compared: gapwise replay compare", s.Candidate.Name())
			}
			if err != nil {
				return nil, err
			}
			return c.Result, nil
		}
		p, err := r.Keeper.Progress(ctx, id)
		if err != nil {
			return nil, err
		}
		if p != nil {
			tell(p)
		}
		if err := pause(ctx, look); err != nil {
			return nil, err
		}
	}
}
