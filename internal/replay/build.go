package replay

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Progress tells how far the building of a candidate is. It is kept where every
// process finds it, and is what a build goes on from.
type Progress struct {
	Replay    string    `json:"replay"` // the candidate's id
	Step      string    `json:"step"`   // decoding, folding, comparing, done
	Done      uint64    `json:"done"`
	Of        uint64    `json:"of"` // about
	Unit      string    `json:"unit"`
	PerSecond float64   `json:"per_second"`      // of late
	Left      float64   `json:"seconds_left"`    // of this step, at that rate; 0 when it can't be told
	Error     string    `json:"error,omitempty"` // why it waits, to try again
	Updated   time.Time `json:"updated"`

	Seconds float64 `json:"seconds"` // of work so far
	Fold    *Fold   `json:"fold,omitzero"`
}

// Fold is up to where learners are folded. The learner is named by a hash: what is
// kept here is not reached by an erasure.
type Fold struct {
	Head     uint64 `json:"head"`  // up to which sequence
	After    string `json:"after"` // learner_hmac of the last one who is done, in the order of ids; empty: none
	Learners uint64 `json:"learners"`
}

// The steps of a build.
const (
	Decoding  = "decoding"
	Folding   = "folding"
	Comparing = "comparing"
	Done      = "done"
)

// BuildStore is what a build reads and writes of the tables.
type BuildStore interface {
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// CountAnswers tells how many answers there are up to a sequence.
	CountAnswers(ctx context.Context, facts uint32, upTo uint64) (uint64, error)
	// LearnerWith returns the learner with answers who has a hash; empty for none.
	LearnerWith(ctx context.Context, facts uint32, learner project.HMAC) (string, error)
}

// Keeper keeps the progress of a build and its comparison where every process finds
// them.
type Keeper interface {
	Progress(ctx context.Context, id string) (*Progress, error) // nil: none
	SaveProgress(ctx context.Context, p Progress) error
	SaveComparison(ctx context.Context, c Compared) error
}

// Builder builds one candidate. One process does at a time: the one that projects.
type Builder struct {
	Candidate Candidate
	Store     BuildStore
	Deriver   *project.Deriver // of the candidate
	Keeper    Keeper
	HMAC      func(learner string) project.HMAC
	// Compare compares the candidate with what is active.
	Compare func(ctx context.Context, tell func(done, of uint64)) (*query.Comparison, error)
	// Ready moves the pointer: the candidate is built.
	Ready func(ctx context.Context, b Built) error
	Now   func() time.Time
	Log   *slog.Logger

	mu       sync.Mutex
	progress Progress
	at       time.Time // of the last step, and
	from     uint64    // what was done by then
	counted  time.Time // up to when Seconds counts
}

// The pauses of a build.
const (
	look     = 200 * time.Millisecond // between looks at how far the projector is
	tellAll  = time.Second            // between writes of the progress
	tryAgain = 2 * time.Second        // after an error
)

// Run builds until the candidate is ready or the context ends. After an error it
// waits and goes on from where it was.
func (b *Builder) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for ctx.Err() == nil {
		err := b.run(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		b.Log.WarnContext(ctx, "a replay is interrupted, will go on", "replay", b.Candidate.ID, "error", err)
		b.mu.Lock()
		b.progress.Error = err.Error()
		b.mu.Unlock()
		b.save(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(tryAgain):
		}
	}
	return nil
}

func (b *Builder) run(ctx context.Context) error {
	before, err := b.Keeper.Progress(ctx, b.Candidate.ID)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.progress = Progress{Replay: b.Candidate.ID}
	if before != nil {
		b.progress = *before
	}
	b.progress.Error, b.counted = "", b.Now()
	b.mu.Unlock()

	telling, quiet := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { b.tell(telling) })
	defer told.Wait()
	defer quiet()

	if err := b.decode(ctx); err != nil {
		return err
	}
	if err := b.fold(ctx); err != nil {
		return err
	}
	events, err := b.events(ctx)
	if err != nil {
		return err
	}
	if err := b.compare(ctx); err != nil {
		return err
	}
	b.step(Done, "", 0, 0)
	b.save(ctx)
	return b.Ready(ctx, Built{Ended: b.Now().UTC(), Events: events, Seconds: b.now().Seconds})
}

// decode waits until the facts are as far as the log was when the replay began.
func (b *Builder) decode(ctx context.Context) error {
	if b.Candidate.From != FromLog {
		return nil
	}
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		floor, err := b.Store.Floor(ctx, b.Candidate.Facts)
		if err != nil {
			return err
		}
		b.step(Decoding, "events", min(floor, b.Candidate.Head), b.Candidate.Head)
		if floor >= b.Candidate.Head {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// fold writes the snapshots of all learners.
func (b *Builder) fold(ctx context.Context) error {
	var from project.Folded
	if kept := b.now().Fold; kept != nil {
		from.Head = kept.Head
		if hmac, ok := project.ParseHMAC(kept.After); ok {
			learner, err := b.Store.LearnerWith(ctx, b.Candidate.Facts, hmac)
			if err != nil {
				return err
			}
			if learner != "" { // forgotten since: from the first one on
				from.After, from.Learners = learner, kept.Learners
			}
		}
	}
	return b.Deriver.Rebuild(ctx, from, func(f project.Folded) {
		fold := Fold{Head: f.Head, Learners: f.Learners}
		if f.After != "" {
			fold.After = b.HMAC(f.After).String()
		}
		b.step(Folding, "learners", f.Told, f.OfLearners)
		b.mu.Lock()
		b.progress.Fold = &fold
		b.mu.Unlock()
	})
}

// events counts what was replayed.
func (b *Builder) events(ctx context.Context) (uint64, error) {
	floor, err := b.Store.Floor(ctx, b.Candidate.Facts)
	if err != nil || b.Candidate.From == FromLog {
		return floor, err
	}
	return b.Store.CountAnswers(ctx, b.Candidate.Facts, floor)
}

func (b *Builder) compare(ctx context.Context) error {
	started := b.Now().UTC()
	c, err := b.Compare(ctx, func(done, of uint64) { b.step(Comparing, "rows", done, of) })
	if err != nil {
		return err
	}
	return b.Keeper.SaveComparison(ctx, Compared{Of: b.Candidate.Name(), State: ComparisonDone, Started: started, Updated: b.Now().UTC(), Result: c})
}

// step says how far the build is.
func (b *Builder) step(name, unit string, done, of uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.progress
	now := b.Now()
	if p.Step != name || b.at.IsZero() {
		p.Step, p.Unit, p.PerSecond, p.Left = name, unit, 0, 0
		b.at, b.from = now, done
	}
	p.Done, p.Of = done, max(of, done)
	if took := now.Sub(b.at).Seconds(); took > 0.5 && done >= b.from {
		p.PerSecond = float64(done-b.from) / took
		if p.PerSecond > 0 {
			p.Left = float64(p.Of-p.Done) / p.PerSecond
		}
	}
	p.Seconds += now.Sub(b.counted).Seconds()
	b.counted, p.Updated = now, now.UTC()
}

func (b *Builder) now() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.progress
}

// tell writes the progress now and then.
func (b *Builder) tell(ctx context.Context) {
	again := time.NewTicker(tellAll)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			b.save(ctx)
		}
	}
}

// save writes the progress. What isn't written is only done once more.
func (b *Builder) save(ctx context.Context) {
	p := b.now()
	if p.Updated.IsZero() || p.Error != "" {
		p.Updated = b.Now().UTC()
	}
	if err := b.Keeper.SaveProgress(ctx, p); err != nil && ctx.Err() == nil {
		b.Log.WarnContext(ctx, "the progress of a replay is not kept", "replay", b.Candidate.ID, "error", fmt.Errorf("write it: %w", err))
	}
}
