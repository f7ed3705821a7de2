package evaluate

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Row is one model's scores.
type Row struct {
	Name, About string
	mastery.Scores
	// Seconds is what predicting and taking in an answer took on average, fitting
	// aside.
	Seconds float64
	// ByAnswers are the scores by how many answers came before on the item's
	// least-seen topic; see Bands.
	ByAnswers []mastery.Scores
	Folds     []mastery.Scores
}

// Bands are the numbers of earlier answers at which a new band begins.
var Bands = []int{0, 1, 3, 6, 11}

// bandOf returns the band of a number of earlier answers.
func bandOf(n int) int {
	at, exact := slices.BinarySearch(Bands, n)
	if exact {
		return at
	}
	return at - 1
}

// Progress is told what is being done and the share of the whole that is done.
type Progress func(what string, done float64)

// outcome is one prediction.
type outcome struct {
	mastery.Scored
	band int
}

// seen counts answers by learner and topic.
type seen struct {
	set    *Set
	counts perUser[[]int]
}

func newSeen(s *Set) *seen {
	return &seen{s, newPerUser(s, func() *[]int {
		list := make([]int, s.Course.Topics)
		return &list
	})}
}

// band returns the band of an answer and counts it.
func (n *seen) band(user int, a mastery.Answer) int {
	counts, least := *n.counts.of(user), math.MaxInt
	for _, t := range n.set.topics(a.Item) {
		least = min(least, counts[t.Topic])
		counts[t.Topic]++
	}
	return bandOf(least)
}

// Split fits each model on four fifths of the learners and predicts each answer of
// the others in its order, for each of the five fifths.
func Split(ctx context.Context, s *Set, tell Progress) ([]Row, error) {
	all := methods()
	outcomes := make([][Folds][]outcome, len(all))
	took := make([][Folds]time.Duration, len(all))
	var jobs []job
	for fold := range Folds {
		for i, m := range all {
			jobs = append(jobs, job{m.name, func() error {
				var err error
				outcomes[i][fold], took[i][fold], err = s.holdOut(m, fold)
				return err
			}})
		}
	}
	if err := work(ctx, jobs, tell); err != nil {
		return nil, err
	}
	rows := make([]Row, len(all))
	for i, m := range all {
		rows[i] = row(m, outcomes[i][:], took[i][:])
	}
	return rows, nil
}

// holdOut predicts the answers of one fold's learners.
func (s *Set) holdOut(m method, fold int) ([]outcome, time.Duration, error) {
	p, err := m.fit(s, s.others(fold))
	if err != nil {
		return nil, 0, err
	}
	var turns []turn
	for u, answers := range s.learners {
		if s.fold[u] != fold {
			continue
		}
		for i, a := range answers {
			turns = append(turns, turn{u, i, a})
		}
	}
	list, took := s.run(p, turns)
	return list, took, nil
}

// run lets a model predict and take in one answer after the other.
func (s *Set) run(p predictor, turns []turn) ([]outcome, time.Duration) {
	list := make([]outcome, len(turns))
	started := time.Now()
	for i := range turns {
		list[i].P = p.answer(turns[i].user, turns[i].Answer)
	}
	took := time.Since(started)
	count := newSeen(s)
	for i, t := range turns {
		list[i].Y, list[i].band = t.Score, count.band(t.user, t.Answer)
	}
	return list, took
}

// Prequential lets each model predict each answer of the whole stream and then
// learn from it, beginning with nothing.
func Prequential(ctx context.Context, s *Set, tell Progress) ([]Row, error) {
	all, stream := methods(), s.stream()
	rows := make([]Row, len(all))
	var jobs []job
	for i, m := range all {
		jobs = append(jobs, job{m.name, func() error {
			p, err := m.online(s)
			if err != nil {
				return err
			}
			list, took := s.run(p, stream)
			rows[i] = row(m, [][]outcome{list}, []time.Duration{took})
			return nil
		}})
	}
	return rows, work(ctx, jobs, tell)
}

// row pools a model's predictions.
func row(m method, folds [][]outcome, took []time.Duration) Row {
	r := Row{Name: m.name, About: m.about}
	var all []mastery.Scored
	banded := make([][]mastery.Scored, len(Bands))
	for _, fold := range folds {
		var own []mastery.Scored
		for _, o := range fold {
			own = append(own, o.Scored)
			banded[o.band] = append(banded[o.band], o.Scored)
		}
		all = append(all, own...)
		r.Folds = append(r.Folds, mastery.Score(own))
	}
	for _, list := range banded {
		r.ByAnswers = append(r.ByAnswers, mastery.Score(list))
	}
	var total time.Duration
	for _, d := range took {
		total += d
	}
	r.Seconds = total.Seconds() / float64(max(1, len(all)))
	r.Scores = mastery.Score(all)
	return r
}

// job is a part of an evaluation that depends on no other.
type job struct {
	what string
	do   func() error
}

// work does jobs on all cores. They start in their order; the first error ends it.
func work(ctx context.Context, jobs []job, tell Progress) error {
	var (
		mutex   sync.Mutex
		next    int
		done    int
		failure error
		workers sync.WaitGroup
	)
	take := func() (job, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		if failure == nil {
			failure = ctx.Err()
		}
		if failure != nil || next == len(jobs) {
			return job{}, false
		}
		next++
		return jobs[next-1], true
	}
	finish := func(j job, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		done++
		if err != nil && failure == nil {
			failure = fmt.Errorf("%s: %w", j.what, err)
		}
		if tell != nil {
			tell(j.what, float64(done)/float64(len(jobs)))
		}
	}
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		workers.Go(func() {
			for j, ok := take(); ok; j, ok = take() {
				finish(j, j.do())
			}
		})
	}
	workers.Wait()
	return failure
}

// sortedKeys returns a map's keys ascending.
func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
