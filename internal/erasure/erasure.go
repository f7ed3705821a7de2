package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
)

// Request is a learner's request to be forgotten, as the log holds it.
type Request struct {
	Seq     uint64
	Key     event.Key
	HMAC    project.HMAC
	ID      string       // the request's
	Letters event.Ranges // dead letters that can't tell whose they are, but name the learner
	Done    bool         // a receipt tells that it was carried out
}

// Left is what is left of a learner who asked to be forgotten.
type Left struct {
	Sequences event.Ranges // of messages: facts, duplicates, dead letters and those that came later
	Rows      int64        // in all tables and generations
}

// Plan is an erasure that is being carried out. It is kept until its receipt is
// in the log.
type Plan struct {
	HMAC      string    `json:"learner_hmac"`
	Request   string    `json:"request"`
	Sequences string    `json:"sequences"`
	Letters   string    `json:"letters,omitempty"` // those of the sequences whose rows don't carry the HMAC
	UpTo      uint64    `json:"up_to"`             // the floor when it was made: what came later is for another plan
	Rows      int64     `json:"rows"`
	Time      time.Time `json:"time"` // of the receipt, so that it is the same however often it is published
}

// Log is the log of events.
type Log interface {
	// Payload returns a message; [project.ErrNoMessage] when there is none.
	Payload(ctx context.Context, seq uint64) ([]byte, error)
	// Erase overwrites a message on the disk and removes it. One that isn't there
	// is no error.
	Erase(ctx context.Context, seq uint64) error
	// Publish stores an event and returns its sequence; for a repeat perhaps that
	// of the first.
	Publish(ctx context.Context, e *event.Event, payload []byte) (seq uint64, err error)
}

// Plans keeps plans where every process of a deployment finds them.
type Plans interface {
	Plans(ctx context.Context) ([]Plan, error)
	Save(ctx context.Context, p Plan) error
	Drop(ctx context.Context, p Plan) error
}

// Tables are the rows in the database.
type Tables interface {
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// Requests lists all requests of a generation of facts, ascending.
	Requests(ctx context.Context, facts uint32) ([]Request, error)
	// Left tells what is left of the learners who asked to be forgotten, up to a
	// sequence; those of whom nothing is left are not in it.
	Left(ctx context.Context, facts uint32, requests []Request, upTo uint64) (map[project.HMAC]Left, error)
	// Delete deletes all rows of a learner, those of sequences up to one of them
	// only, and the dead letters given. When it returns no reader sees them.
	Delete(ctx context.Context, learner project.HMAC, letters event.Ranges, upTo uint64) error
	// Vanished waits until what was deleted before has left the disk.
	Vanished(ctx context.Context) error
}

// Eraser carries out the requests of one generation of facts. One process at a
// time does: the one that projects.
type Eraser struct {
	Log    Log
	Plans  Plans
	Tables Tables
	List   *List
	Facts  uint32
	Logger *slog.Logger
	Now    func() time.Time
	Every  time.Duration // between sweeps that nobody asked for; 0: 5 minutes

	wake    chan struct{}
	pending atomic.Int64
}

// New returns an eraser that is ready to run.
func New(e *Eraser) *Eraser {
	if e.Every == 0 {
		e.Every = 5 * time.Minute
	}
	e.wake = make(chan struct{}, 1)
	return e
}

// Pending is how many learners are to be forgotten and aren't yet, as far as the
// last sweep saw.
func (e *Eraser) Pending() int { return int(e.pending.Load()) }

// Projected tells the eraser about a batch that was written: a request, or a
// message of a learner who is to be forgotten, calls for a sweep.
func (e *Eraser) Projected(b *project.Batch) {
	due := len(b.Erasures) > 0
	for i := 0; i < len(b.Sequences) && !due; i++ {
		due = b.Sequences[i].Outcome == project.Erased
	}
	if due {
		e.again()
	}
}

// again asks for another sweep right after this one.
func (e *Eraser) again() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// pauseAfterFailure is how long a sweep that failed is put off.
const pauseAfterFailure = 2 * time.Second

// Run sweeps until the context ends. Errors are told to the log and tried again.
func (e *Eraser) Run(ctx context.Context) error {
	for {
		wait, wake := e.Every, e.wake
		if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
			e.Logger.WarnContext(ctx, "an erasure was interrupted, will go on", "error", err)
			wait, wake = pauseAfterFailure, nil // whatever calls for it, not sooner
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-wake:
			timer.Stop()
		}
	}
}

// Sweep carries out what is due up to the present floor.
func (e *Eraser) Sweep(ctx context.Context) error {
	floor, err := e.Tables.Floor(ctx, e.Facts)
	if err != nil {
		return err
	}
	requests, err := e.Tables.Requests(ctx, e.Facts)
	if err != nil {
		return err
	}
	if err := e.remember(ctx, requests); err != nil {
		return err
	}
	if err := e.carryOut(ctx); err != nil { // what was begun before
		return err
	}
	if len(requests) == 0 {
		return nil
	}
	left, err := e.Tables.Left(ctx, e.Facts, requests, floor)
	if err != nil {
		return err
	}
	planned := map[project.HMAC]bool{}
	defer func() { e.pending.Store(int64(len(planned))) }()
	for _, r := range requests {
		l, isLeft := left[r.HMAC]
		if r.Done && !isLeft || r.Seq > floor {
			continue
		}
		if planned[r.HMAC] {
			e.again() // a second request of the learner has a receipt of its own
			continue
		}
		planned[r.HMAC] = true
		if err := e.Plans.Save(ctx, e.plan(r, l, floor)); err != nil {
			return fmt.Errorf("keep the plan of erasure %s: %w", r.ID, err)
		}
	}
	if err := e.carryOut(ctx); err != nil {
		return err
	}
	clear(planned)
	return nil
}

// maxRuns bounds a receipt: so many runs of sequences fit one for sure. What is over
// is left for the next sweep.
const maxRuns = event.MaxRanges / len("9007199254740991-9007199254740991,")

func (e *Eraser) plan(r Request, l Left, floor uint64) Plan {
	p := Plan{HMAC: r.HMAC.String(), Request: r.ID, UpTo: floor, Rows: l.Rows, Time: e.Now().UTC().Truncate(time.Microsecond)}
	if len(l.Sequences) > maxRuns {
		l.Sequences = l.Sequences[:maxRuns]
		p.UpTo = l.Sequences[maxRuns-1].To
		e.again() // for the rest
	}
	p.Sequences = l.Sequences.String()
	p.Letters = r.Letters.String()
	return p
}

// carryOut does what the plans say, from whichever step.
func (e *Eraser) carryOut(ctx context.Context) error {
	plans, err := e.Plans.Plans(ctx)
	if err != nil || len(plans) == 0 {
		return err
	}
	if err := e.List.Begin(plans); err != nil {
		return err
	}
	for _, p := range plans {
		if err := e.destroy(ctx, p); err != nil {
			return fmt.Errorf("erasure %s: %w", p.Request, err)
		}
	}
	if err := e.Tables.Vanished(ctx); err != nil {
		return err
	}
	var last uint64
	for _, p := range plans {
		seq, err := e.conclude(ctx, p)
		if err != nil {
			return fmt.Errorf("erasure %s: %w", p.Request, err)
		}
		last = max(last, seq)
	}
	if err := e.List.End(); err != nil {
		return err
	}
	return e.await(ctx, last)
}

// await waits until a sequence is projected, so that the next sweep knows of the
// receipts.
func (e *Eraser) await(ctx context.Context, seq uint64) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		floor, err := e.Tables.Floor(ctx, e.Facts)
		if err != nil || floor >= seq {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// destroy deletes a plan's messages, then its rows.
func (e *Eraser) destroy(ctx context.Context, p Plan) error {
	sequences, err := event.ParseRanges(p.Sequences)
	if err != nil {
		return fmt.Errorf("its plan: %w", err)
	}
	letters, err := event.ParseRanges(p.Letters)
	if err != nil {
		return fmt.Errorf("its plan: %w", err)
	}
	learner, ok := project.ParseHMAC(p.HMAC)
	if !ok {
		return errors.New("its plan names no learner")
	}
	for seq := range sequences.All() {
		if err := e.Log.Erase(ctx, seq); err != nil {
			return fmt.Errorf("delete message %d from the log: %w", seq, err)
		}
	}
	return e.Tables.Delete(ctx, learner, letters, p.UpTo)
}

// Source is the source of the events that an erasure writes.
const Source = "gapwise/erasure"

// conclude publishes the receipt, whose sequence it returns, and drops the plan.
func (e *Eraser) conclude(ctx context.Context, p Plan) (uint64, error) {
	sequences, err := event.ParseRanges(p.Sequences)
	if err != nil {
		return 0, fmt.Errorf("its plan: %w", err)
	}
	id := fmt.Sprintf("%s/%d", p.Request, p.UpTo)
	receipt, err := event.New(Source, id, p.HMAC, p.Time,
		&event.Receipt{LearnerHMAC: p.HMAC, Request: p.Request, Sequences: sequences, Rows: p.Rows})
	if err != nil {
		return 0, fmt.Errorf("write its receipt: %w", err)
	}
	payload, err := event.Encode(receipt)
	if err != nil {
		return 0, fmt.Errorf("write its receipt: %w", err)
	}
	seq, err := e.Log.Publish(ctx, receipt, payload)
	if err != nil {
		return 0, fmt.Errorf("publish its receipt: %w", err)
	}
	e.Logger.InfoContext(ctx, "a learner is forgotten", "request", p.Request, "learner_hmac", p.HMAC,
		"messages", sequences.Len(), "rows", p.Rows)
	return seq, e.Plans.Drop(ctx, p)
}

// remember keeps the list beside the keys equal to the requests in the log: what
// the log has goes into the list, and what the log lacks, since it was restored
// from an older copy, goes into the log again.
func (e *Eraser) remember(ctx context.Context, requests []Request) error {
	known := make(map[event.Key]bool, len(requests))
	for _, r := range requests {
		known[r.Key] = true
		if e.List.Has(r.Key) {
			continue
		}
		payload, err := e.Log.Payload(ctx, r.Seq)
		if err != nil {
			return fmt.Errorf("read erasure %s: %w", r.ID, err)
		}
		if err := e.List.Add(payload); err != nil {
			return fmt.Errorf("list erasure %s: %w", r.ID, err)
		}
	}
	for _, listed := range e.List.Entries() {
		if known[listed.Event.Key] {
			continue
		}
		if _, err := e.Log.Publish(ctx, listed.Event, listed.Payload); err != nil {
			return fmt.Errorf("ask again for an erasure that the log lacks: %w", err)
		}
		e.Logger.WarnContext(ctx, "an erasure is asked for again: the log doesn't know it, it may be an older copy",
			"event_id", listed.Event.ID)
	}
	return nil
}
