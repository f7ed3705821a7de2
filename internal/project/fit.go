package project

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/mastery"
)

// FitStore reads the answers that a model is fitted to.
type FitStore interface {
	HistoryReader
	// Floor returns the last committed sequence of a generation of facts.
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// LastAnswer returns the last sequence, up to one of them, of an answer or of a
	// void, and when the log stored it; 0 for none.
	LastAnswer(ctx context.Context, facts uint32, upTo uint64) (uint64, time.Time, error)
	// Sample lists learners with answers up to a sequence in an order that depends on
	// their ids alone, until they have so many answers in all.
	Sample(ctx context.Context, facts uint32, upTo, answers uint64) ([]Answerer, error)
}

// Answerer is a learner with a number of answers, voided and unmapped ones too.
type Answerer struct {
	Learner string
	Answers uint64
}

// Fitter fits a model to the facts that there are, and tries it on learners that it
// doesn't know. Equal facts, catalogs and sequences give the same model to the bit.
type Fitter struct {
	Store  FitStore
	Facts  uint32  // generation
	Course *Course // the active one: its catalog is fitted, its model compared with

	Most    uint64 // answers, which bounds memory to about 100 bytes each; 0: 1,000,000
	Workers int    // fits at the same time; 0: one for two processors
}

// Fit is a fitted model, and what speaks for it.
type Fit struct {
	Model      *Model
	Comparison Comparison
}

// FitProgress tells how far a fit is. The unit is an answer read or replayed.
type FitProgress struct {
	Step string `json:"step"` // reading or fitting
	Done uint64 `json:"done"`
	Of   uint64 `json:"of"` // about
}

// Folds is into how many parts learners are divided: each part is predicted by a
// model that was fitted to the others.
const Folds = 5

const (
	fitMost       = 1_000_000
	fitReplays    = 8   // that a fit needs, for progress
	fitHistories  = 500 // learners whose facts are read at a time
	compareReplay = 2   // replays of a learner that is predicted
)

// ErrTooFew is returned when too few learners have answered.
var ErrTooFew = errors.New("too few learners have answered to fit a model to them")

// fitting is one run of a Fitter.
type fitting struct {
	*Fitter
	fitted  Fitted
	sample  []Answerer
	answers [NumLenses][][]mastery.Answer // by lens and learner, in the order of the sample

	mu       sync.Mutex
	progress FitProgress
	tell     func(FitProgress)
}

// Run fits to the facts up to the floor of now. It ends soon after its context does.
func (f *Fitter) Run(ctx context.Context, tell func(FitProgress)) (*Fit, error) {
	r := &fitting{Fitter: f, tell: tell, progress: FitProgress{Step: "reading"}}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	return r.fit(ctx)
}

// read gathers what the fit rests on.
func (r *fitting) read(ctx context.Context) error {
	floor, err := r.Store.Floor(ctx, r.Facts)
	if err != nil {
		return err
	}
	if r.fitted.Seq, r.fitted.Time, err = r.Store.LastAnswer(ctx, r.Facts, floor); err != nil {
		return err
	}
	most := r.Most
	if most == 0 {
		most = fitMost
	}
	if r.sample, err = r.Store.Sample(ctx, r.Facts, r.fitted.Seq, most); err != nil {
		return err
	}
	total := uint64(0)
	for _, one := range r.sample {
		total += one.Answers
	}
	r.progress.Of = total * (1 + NumLenses*(fitReplays*Folds+compareReplay))
	for lens := range r.answers {
		r.answers[lens] = make([][]mastery.Answer, len(r.sample))
	}
	place := make(map[string]int, fitHistories)
	for from := 0; from < len(r.sample); from += fitHistories {
		some := r.sample[from:min(from+fitHistories, len(r.sample))]
		clear(place)
		learners := make([]string, len(some))
		for i, one := range some {
			learners[i], place[one.Learner] = one.Learner, from+i
		}
		slices.Sort(learners)
		q := HistoryQuery{Facts: r.Facts, Seq: r.fitted.Seq, Learners: learners, Whole: true}
		err := r.Store.Histories(ctx, q, func(h *History) error {
			r.take(h, place[h.Learner])
			return nil
		})
		if err != nil {
			return err
		}
	}
	if r.fitted.Learners < Folds {
		return fmt.Errorf("%w: %d have, %d are needed to try it on some that it doesn't know", ErrTooFew, r.fitted.Learners, Folds)
	}
	return nil
}

// take adds a learner's answers, in the order of the fold and without those that
// were taken back.
func (r *fitting) take(h *History, at int) {
	given, _ := h.upTo(r.fitted.Seq) // without a snapshot there is nothing to reach behind
	before := r.fitted.Answers
	for lens := range r.answers {
		r.answers[lens][at] = make([]mastery.Answer, 0, len(given))
	}
	for _, g := range given {
		mapped := false
		for lens := range r.answers {
			if item, ok := r.Course.Lenses[lens].Item(g.Item); ok {
				mapped = true
				r.answers[lens][at] = append(r.answers[lens][at], g.answer(item))
			}
		}
		if mapped {
			r.fitted.Answers++
		}
	}
	if r.fitted.Answers > before {
		r.fitted.Learners++
	}
	r.advance(uint64(len(h.Given)))
}

// fit fits one lens after the other.
func (r *fitting) fit(ctx context.Context) (*Fit, error) {
	r.progress.Step = "fitting"
	start, err := r.Course.Start()
	if err != nil {
		return nil, err
	}
	var models [NumLenses]*mastery.Model
	var comparisons [NumLenses]LensComparison
	for lens := range models {
		if models[lens], comparisons[lens], err = r.fitLens(ctx, Lens(lens), start.Lenses[lens].Model); err != nil {
			return nil, err
		}
	}
	r.advance(r.progress.Of) // answers that no topic counts were not replayed
	m, err := newModel(start, r.fitted, models)
	if err != nil {
		return nil, err
	}
	return &Fit{Model: m, Comparison: Comparison{
		Against: r.Course.Model, Folds: Folds, Concern: comparisons[ByConcern], Chapter: comparisons[ByChapter],
	}}, nil
}

// fitLens fits a lens to all learners, and to every four fifths of them to predict the
// others.
func (r *fitting) fitLens(ctx context.Context, lens Lens, start *mastery.Model) (m *mastery.Model, c LensComparison, err error) {
	t := newTrial(r.answers[lens])
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(r.workers())
	group.Go(func() (err error) {
		m, err = r.fitTo(within, start, t.learners)
		return err
	})
	for fold := range Folds {
		group.Go(func() error {
			fitted, err := r.fitTo(within, start, t.others(fold))
			if err == nil {
				r.advance(t.predict(fold, fitted, r.Course.Lenses[lens].Model))
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, c, err
	}
	return m, t.compare(), nil
}

// fitTo fits one lens to some learners; without an answer that has a topic in the
// lens there is nothing to learn.
func (r *fitting) fitTo(ctx context.Context, start *mastery.Model, learners [][]mastery.Answer) (*mastery.Model, error) {
	n := 0
	for _, answers := range learners {
		n += len(answers)
	}
	if n == 0 {
		return start, nil
	}
	told := 0
	m, err := mastery.Fit(start, learners, func(done float64) error {
		replayed := int(done * float64(n*fitReplays))
		r.advance(uint64(replayed - told))
		told = replayed
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return m, ctx.Err()
}

func (r *fitting) advance(answers uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Done = min(r.progress.Done+answers, r.progress.Of)
	r.tell(r.progress)
}

func (r *fitting) workers() int {
	if r.Workers > 0 {
		return r.Workers
	}
	return max(1, runtime.GOMAXPROCS(0)/2)
}
