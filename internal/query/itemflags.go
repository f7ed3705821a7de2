package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/catalog"
)

// The rules of what looks broken judge items with so many first attempts, or learners
// who gave a choice, or first attempts graded by the learners and by others each.
const (
	difficultyFrom     = 20
	takersFrom         = 20
	gradersFrom        = 20
	discriminationFrom = 100
)

const (
	// driftVariance is how much difficulties differ between groups of learners however
	// well a model knows an item, in logits²: less is no reason to call an item broken.
	driftVariance = 0.09
	// farFrom is how far right answers must be from the expectation, as a difference of
	// shares: near 0 and 1 a slip or a guess is surprising, and yet no reason to act.
	farFrom = 0.2
	// blurredBelow is the correlation that an item should have at least.
	blurredBelow = 0.05
	// gradingApart is how far self-grades and other grades of one item must be apart, beyond
	// what they are on all items, as a difference of chances.
	gradingApart = 0.15
	// How many grades must contradict the course's key, and what share of those given to choices.
	otherKeyFrom  = 3
	otherKeyShare = 0.05
)

// flags tells what looks broken, by item. Each rule that rests on chance raises a false
// alarm on honest items in at most one of twenty reports, however many items it judges.
func (q *questions) flags(offsets []offset) [][]ItemFlag {
	flags := make([][]ItemFlag, len(q.items))
	add := func(item int, kind FlagKind, reason string) {
		flags[item] = append(flags[item], ItemFlag{Kind: kind, Reason: reason})
	}
	q.flagOtherKey(add)
	q.flagWrongKey(offsets, add)
	q.flagDifficulty(offsets, add)
	q.flagBlurred(add)
	q.flagGrading(add)
	return flags
}

type addFlag func(item int, kind FlagKind, reason string)

// flagOtherKey finds items whose grades contradict the key of the course: no chance is
// involved, but a few slips of a producer are no other key.
func (q *questions) flagOtherKey(add addFlag) {
	for i := range q.items {
		item, right := &q.items[i], rightChoice(q.choices(i))
		var refused, taken int
		for _, t := range item.takers {
			switch {
			case int(t.choice) == right && !t.right:
				refused++
			case int(t.choice) != right && t.right:
				taken++
			}
		}
		if n := refused + taken; n >= otherKeyFrom && float64(n) >= otherKeyShare*float64(len(item.takers)) {
			add(i, OtherKey, fmt.Sprintf("grades contradict the course's key: of %d first attempts with a choice, %d with the right one were graded "+
				"wrong and %d with a wrong one right; whoever graded them has another key", len(item.takers), refused, taken))
		}
	}
}

// flagWrongKey finds items where the better half of the learners, by their ability after
// all answers, takes a wrong choice more often than the right one, by more than the sides
// of a fair coin differ, and was expected to be right more often than not.
func (q *questions) flagWrongKey(offsets []offset, add addFlag) {
	tests := 0
	for i := range q.items {
		if len(q.items[i].takers) >= takersFrom {
			tests += len(q.choices(i)) - 1
		}
	}
	for i := range q.items {
		item, choices := &q.items[i], q.choices(i)
		if len(item.takers) < takersFrom {
			continue
		}
		counts, expected := item.betterHalf(len(choices), offsets[i])
		right := counts[rightChoice(choices)]
		favourite := slices.Index(counts, slices.Max(counts))
		if n := counts[favourite]; n > right && expected >= 0.5 && coinTail(n, n+right) <= alarm(tests) {
			add(i, WrongKey, fmt.Sprintf("of the better half of the learners, %d chose “%s” and %d the choice marked right, where %s were "+
				"expected to be right: check the key, or teach against what the wrong choice says", n, choices[favourite].Text, right, percent(expected)))
		}
	}
}

// betterHalf counts the choices of the half of the takers with the higher ability, and
// returns what share of them was expected to be right.
func (it *question) betterHalf(choices int, o offset) (counts []int, expected float64) {
	takers := slices.Clone(it.takers)
	slices.SortStableFunc(takers, func(a, b taker) int { return cmp.Compare(b.ability, a.ability) })
	takers = takers[:len(takers)/2]
	counts = make([]int, choices)
	for _, t := range takers {
		counts[t.choice]++
		p := float64(t.expected)
		expected += p + float64(p*(1-p)*o.mean)
	}
	return counts, expected / float64(len(takers))
}

// flagDifficulty finds items that were far harder or easier than expected of these learners:
//
//	z = (R - H·offset)/√(H + H²·(max(vb, .09) + the offset's variance))
//
// by 20 points at least, so that neither a weak cohort nor an item that differs no more than the model says makes one.
func (q *questions) flagDifficulty(offsets []offset, add addFlag) {
	tests := 0
	for i := range q.items {
		if q.items[i].n >= difficultyFrom {
			tests++
		}
	}
	for i := range q.items {
		item := &q.items[i]
		if item.n < difficultyFrom {
			continue
		}
		h := item.information
		spread := q.spread(i) + offsets[i].variance
		left := item.left(offsets[i])
		far := math.Abs(item.score/float64(item.n)-item.expectedOf(offsets[i])) >= farFrom
		if !far || twoSided(left/math.Sqrt(h+float64(h*h*spread))) > alarm(tests) {
			continue
		}
		found := fmt.Sprintf("right at first attempt in %s of %d, where %s was to be expected of these learners",
			percent(item.score/float64(item.n)), item.n, percent(item.expectedOf(offsets[i])))
		if left < 0 {
			add(i, Harder, found+": check its wording and its key, and whether the course teaches it")
		} else {
			add(i, Easier, found+": its wording may give the answer away, or the answer has got round")
		}
	}
}

// flagBlurred finds items that don't tell apart who was expected to know them: the
// interval of their discrimination, widened for the number of items, is below .05.
func (q *questions) flagBlurred(add addFlag) {
	tests := 0
	for i := range q.items {
		if q.items[i].n >= discriminationFrom {
			tests++
		}
	}
	for i := range q.items {
		item := &q.items[i]
		if item.n < discriminationFrom {
			continue
		}
		r, ok := item.pairs.correlation(farOut(2 * alarm(tests))) // one side
		if ok && r.High < blurredBelow {
			add(i, Blurred, fmt.Sprintf("learners who were expected to know it were right no more often than others, in %d first attempts "+
				"(correlation %.2f): it may be ambiguous, or about something else", item.n, r.Estimate))
		}
	}
}

// flagGrading finds items that learners grade higher or lower than others do, beyond
// what they do on all items: z of the difference, with the item's variances or those of
// all items, whichever are larger.
func (q *questions) flagGrading(add addFlag) {
	var self, others graded
	tests := 0
	for i := range q.items {
		self.take(q.items[i].bySelf)
		others.take(q.items[i].byOthers)
		if q.items[i].bothGraded() {
			tests++
		}
	}
	if tests == 0 {
		return
	}
	usual := self.mean() - others.mean()
	for i := range q.items {
		item := &q.items[i]
		if !item.bothGraded() {
			continue
		}
		apart := item.bySelf.mean() - item.byOthers.mean() - usual
		sd := math.Sqrt(item.bySelf.error(self.variance()) + item.byOthers.error(others.variance()))
		if math.Abs(apart) >= gradingApart && twoSided(apart/sd) <= alarm(tests) {
			direction := "higher"
			if apart < 0 {
				direction = "lower"
			}
			add(i, Grading, fmt.Sprintf("graded %.0f points %s by learners themselves (%d first attempts) than by others (%d), beyond what they do on all "+
				"questions: the rubric leaves room; say what counts", 100*math.Abs(apart), direction, item.bySelf.n, item.byOthers.n))
		}
	}
}

func (it *question) bothGraded() bool {
	return it.bySelf.n >= gradersFrom && it.byOthers.n >= gradersFrom
}

func (g *graded) take(other graded) {
	g.n += other.n
	g.sum += other.sum
	g.square += other.square
}

func (g *graded) variance() float64 {
	mean := g.mean()
	return g.square/float64(g.n) - float64(mean*mean)
}

// error is the variance of the mean, with at least so much for one.
func (g *graded) error(least float64) float64 { return max(least, g.variance()) / float64(g.n) }

// choices are those of the item at an index of the model.
func (q *questions) choices(item int) []catalog.Choice {
	known, _ := q.catalog.Item(q.model.Items[item])
	return known.Choices
}

func rightChoice(choices []catalog.Choice) int {
	return slices.IndexFunc(choices, func(c catalog.Choice) bool { return c.Right })
}
