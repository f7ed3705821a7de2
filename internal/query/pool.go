package query

import (
	"iter"
	"slices"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Fewer answers are neither scored nor judged; so many, 22 bytes each, are held at
// most.
const (
	leastScored = 100
	mostScored  = 1 << 20
)

// pool holds answers until they are scored, in columns. When there would be too
// many, it goes on with the answers of half of its learners, chosen by their hash:
// the same ones each time.
type pool struct {
	most int
	bits int // learners are in whose hash ends with so many zeros

	p, y            []float64
	item            []int32
	earlier, grader []uint8
	learners        []pooled
	open            bool // the learner at hand is in
}

// pooled is one learner in a pool.
type pooled struct {
	hash     uint64
	from, to int
	cohorts  []*agreement
}

func (l *pool) begin(hash uint64, cohorts []*agreement) {
	if l.open = hash&(1<<l.bits-1) == 0; l.open {
		l.learners = append(l.learners, pooled{hash: hash, from: len(l.p), cohorts: slices.Clone(cohorts)})
	}
}

func (l *pool) add(p, y float64, item int, earlier, grader uint8) {
	if !l.open {
		return
	}
	l.p, l.y, l.item = append(l.p, p), append(l.y, y), append(l.item, int32(item))
	l.earlier, l.grader = append(l.earlier, earlier), append(l.grader, grader)
}

func (l *pool) end() {
	if !l.open {
		return
	}
	l.learners[len(l.learners)-1].to = len(l.p)
	for len(l.p) > l.most && len(l.learners) > 1 && l.bits < 64 {
		l.halve()
	}
}

// halve keeps the learners whose hash ends with one more zero.
func (l *pool) halve() {
	l.bits++
	kept, n := l.learners[:0], 0
	for _, learner := range l.learners {
		if learner.hash&(1<<l.bits-1) != 0 {
			continue
		}
		copy(l.p[n:], l.p[learner.from:learner.to])
		copy(l.y[n:], l.y[learner.from:learner.to])
		copy(l.item[n:], l.item[learner.from:learner.to])
		copy(l.earlier[n:], l.earlier[learner.from:learner.to])
		copy(l.grader[n:], l.grader[learner.from:learner.to])
		learner.from, learner.to, n = n, n+learner.to-learner.from, n+learner.to-learner.from
		kept = append(kept, learner)
	}
	l.learners = kept
	l.p, l.y, l.item, l.earlier, l.grader = l.p[:n], l.y[:n], l.item[:n], l.earlier[:n], l.grader[:n]
}

// every yields all answers.
func (l *pool) every() iter.Seq[int] {
	return l.where(func(int) bool { return true })
}

// where yields the answers of a part.
func (l *pool) where(in func(answer int) bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range l.p {
			if in(i) && !yield(i) {
				return
			}
		}
	}
}

// of yields the answers of a cohort's members.
func (l *pool) of(cohort *agreement) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, learner := range l.learners {
			if !slices.Contains(learner.cohorts, cohort) {
				continue
			}
			for i := learner.from; i < learner.to; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// scores scores some answers; nil when they are too few.
func (l *pool) scores(answers iter.Seq[int]) *mastery.Scores {
	var list []mastery.Scored
	for i := range answers {
		list = append(list, mastery.Scored{P: l.p[i], Y: l.y[i]})
	}
	if len(list) < leastScored {
		return nil
	}
	scores := mastery.Score(list)
	return &scores
}
