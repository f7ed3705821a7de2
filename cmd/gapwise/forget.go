package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/stream"
)

// forgotten is the set of learners whose events this process refuses.
type forgotten struct {
	app *App
	set atomic.Pointer[map[project.HMAC]uint64]
}

// forgottenEvery is how often a process looks for erasures asked for elsewhere.
// What it takes meanwhile is erased, too.
const forgottenEvery = 2 * time.Second

// follow keeps the set equal to what is projected, until the context ends.
func (f *forgotten) follow(ctx context.Context) {
	again := time.NewTicker(forgottenEvery)
	defer again.Stop()
	for {
		if err := f.load(ctx); err != nil && ctx.Err() == nil {
			f.app.Log.WarnContext(ctx, "can't look for new erasures, will go on", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (f *forgotten) load(ctx context.Context) error {
	found, err := f.app.store.Erased(ctx, f.app.active.Active().Facts)
	if err != nil {
		return err
	}
	f.change(func(set map[project.HMAC]uint64) { maps.Copy(set, found) })
	return nil
}

// add refuses a learner from now on.
func (f *forgotten) add(learner project.HMAC) {
	f.change(func(set map[project.HMAC]uint64) { set[learner] = 0 })
}

// change adds to the set: who is forgotten once stays so.
func (f *forgotten) change(add func(map[project.HMAC]uint64)) {
	for {
		before := f.set.Load()
		next := map[project.HMAC]uint64{}
		if before != nil {
			maps.Copy(next, *before)
		}
		add(next)
		if before != nil && len(next) == len(*before) {
			return
		}
		if f.set.CompareAndSwap(before, &next) {
			return
		}
	}
}

// none reports whether nobody is forgotten.
func (f *forgotten) none() bool {
	set := f.set.Load()
	return set == nil || len(*set) == 0
}

func (f *forgotten) has(learner string) bool {
	if f.none() {
		return false
	}
	_, is := (*f.set.Load())[f.app.key.learner(learner)]
	return is
}

// newEraser makes what carries out erasures while this process projects.
func (a *App) newEraser(facts uint32) *erasure.Eraser {
	return erasure.New(&erasure.Eraser{
		Log: erasureLog{logSource{a.log, a.key}}, Plans: plans{stream.NewSet[erasure.Plan](a.bucket, "erasures")},
		Tables: a.store, List: a.erased, Facts: facts, Logger: a.Log, Now: time.Now,
	})
}

// erasedPath is where the list of erasures is: with the keys, which are not in the
// backups.
func erasedPath(c *Config) string { return filepath.Join(filepath.Dir(keysPath(c)), "erased.ndjson") }

// interruptedErasure tells which messages were being erased when the process before
// ended; nil for none.
func interruptedErasure(c *Config) (func(seq uint64) bool, error) {
	lists, err := erasure.Unfinished(erasedPath(c))
	if err != nil || len(lists) == 0 {
		return nil, err
	}
	return func(seq uint64) bool {
		return slices.ContainsFunc(lists, func(r event.Ranges) bool { return r.Has(seq) })
	}, nil
}

// erasureLog is the log as an erasure needs it.
type erasureLog struct{ logSource }

func (l erasureLog) Payload(ctx context.Context, seq uint64) ([]byte, error) {
	m, err := l.Get(ctx, seq)
	return m.Payload, err
}

func (l erasureLog) Erase(ctx context.Context, seq uint64) error { return l.log.Erase(ctx, seq) }

func (l erasureLog) Publish(ctx context.Context, e *event.Event, payload []byte) (uint64, error) {
	acks, err := l.log.Publish(ctx, []stream.Message{l.key.message(e, payload)})
	if err != nil {
		return 0, err
	}
	return acks[0].Seq, nil
}

// plans keeps the plans of erasures in the broker.
type plans struct{ set *stream.Set[erasure.Plan] }

func (p plans) Plans(ctx context.Context) ([]erasure.Plan, error) { return p.set.All(ctx) }

func (p plans) Save(ctx context.Context, plan erasure.Plan) error {
	return p.set.Put(ctx, plan.HMAC, plan)
}

func (p plans) Drop(ctx context.Context, plan erasure.Plan) error {
	return p.set.Remove(ctx, plan.HMAC)
}

// publishEvents stores events in the log and returns the sequence of the last.
func (a *App) publishEvents(ctx context.Context, events []*event.Event) (uint64, error) {
	messages := make([]stream.Message, len(events))
	for i, e := range events {
		payload, err := event.Encode(e)
		if err != nil {
			return 0, err
		}
		messages[i] = a.key.message(e, payload)
	}
	acks, err := a.log.Publish(ctx, messages)
	if err != nil {
		return 0, err
	}
	var last uint64
	for _, ack := range acks {
		last = max(last, ack.Seq)
	}
	return last, nil
}

// erasuresPending is how many learners are still to be forgotten; 0 while another
// process projects.
func (a *App) erasuresPending() int {
	if w := a.writing.Load(); w != nil {
		if e := w.erasing(); e != nil {
			return e.Pending()
		}
	}
	return 0
}
