package mastery

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// learnersOf makes up learners whose answers follow the model's own kind of truth:
// an ability, a skill on each topic, and given difficulties of items.
func learnersOf(seed uint64, n, answers, topics int, difficulty []float64) [][]Answer {
	random := stream(seed)
	normal := func() float64 { // sum of uniforms: near enough, and portable
		sum := -6.0
		for range 12 {
			sum += random.float()
		}
		return sum
	}
	list := make([][]Answer, n)
	for u := range list {
		ability, skills := 0.8*normal(), make([]float64, topics)
		for k := range skills {
			skills[k] = 0.5 * normal()
		}
		for i := range answers {
			item := random.below(len(difficulty))
			z := 0.4 + ability + skills[item%topics] - difficulty[item]
			a := Answer{Item: item, Time: twinEpoch + int64(i)*60e6}
			if random.float() < sigmoid(z) {
				a.Score = 1
			}
			list[u] = append(list[u], a)
		}
	}
	return list
}

// TestFitFindsDifficulties: from answers alone, the fit finds which items and
// topics are difficult, as surely as the answers allow.
func TestFitFindsDifficulties(t *testing.T) {
	const topics, items = 4, 40
	c := Course{Topics: topics}
	difficulty := make([]float64, items)
	for i := range difficulty {
		difficulty[i] = float64(i%7-3) / 2
		if i%topics == 1 {
			difficulty[i] += 1.5
		}
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(i % topics)})
	}
	c.Items = append(c.Items, CourseItem{Tags: EqualTags(0)}) // never answered
	start := must(Default(c))(t)
	var told []float64
	m := must(Fit(start, learnersOf(1, 400, 60, topics, difficulty), func(done float64) error {
		told = append(told, done)
		return nil
	}))(t)

	found := make([]float64, items)
	for i := range found {
		found[i] = m.difficulty(m.Items[i])
		if m.Items[i].VB > 0.05 {
			t.Errorf("item %d answered 600 times has a variance of %v", i, m.Items[i].VB)
		}
	}
	if r := correlation(found, difficulty); r < 0.97 {
		t.Errorf("difficulties found correlate with the true ones by %v", r)
	}
	hard := m.Topics[1].D - (m.Topics[0].D+m.Topics[2].D+m.Topics[3].D)/3
	if hard < 1 || hard > 2 {
		t.Errorf("topic 1 is found harder by %v, is by 1.5", hard)
	}
	if it := m.Items[items]; it.B != 0 || it.VB != 1 {
		t.Errorf("the item that nobody answered changed: %+v", it)
	}
	if want := []float64{.125, .25, .375, .5, .625, .75, .875, 1}; !slices.Equal(told, want) {
		t.Errorf("progress %v", told)
	}
}

// TestFitPredictsBetter: what was fitted on some learners predicts others better
// than the start, and as surely as it says.
func TestFitPredictsBetter(t *testing.T) {
	const topics, items = 4, 40
	c := Course{Topics: topics}
	random := stream(9)
	difficulty := make([]float64, items)
	for i := range difficulty {
		difficulty[i] = 4*random.float() - 2
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(i % topics)})
	}
	start := must(Default(c))(t)
	m := must(Fit(start, learnersOf(1, 300, 60, topics, difficulty), nil))(t)
	score := func(m *Model) Scores {
		var list []Scored
		for _, answers := range learnersOf(2, 100, 60, topics, difficulty) {
			s := m.NewState()
			for _, a := range answers {
				list = append(list, Scored{P: m.Update(s, a).P, Y: a.Score})
			}
		}
		return Score(list)
	}
	before, after := score(start), score(m)
	if after.LogLoss > before.LogLoss-0.05 || after.AUC < before.AUC+0.05 || after.ECE > 0.02 {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

// TestFitIgnoresTheOrderOfLearners, to the bit.
func TestFitIgnoresTheOrderOfLearners(t *testing.T) {
	start := must(Start(sampleCourse(5, 30)))(t)
	learners := make([][]Answer, 40)
	for u := range learners {
		learners[u] = sampleAnswers(uint64(u), 30, 50)
	}
	a := must(Fit(start, learners, nil))(t)
	slices.Reverse(learners)
	b := must(Fit(start, learners, nil))(t)
	if !slices.EqualFunc(a.Items, b.Items, func(x, y Item) bool { return sameBits(x.B, y.B) && sameBits(x.VB, y.VB) }) ||
		!slices.Equal(a.Topics, b.Topics) || a.Weights != b.Weights || !sameBits(a.ItemVariance, b.ItemVariance) {
		t.Error("the order of learners changes the model")
	}
	for l, at := range a.Topics[0].Levels {
		if at.Items != start.Topics[0].Levels[l].Items {
			t.Errorf("level %v has %d typical items, had %d", Level(l), at.Items, start.Topics[0].Levels[l].Items)
		}
	}
}

func TestFitOfNothing(t *testing.T) {
	start := must(Start(sampleCourse(5, 30)))(t)
	if _, err := Fit(start, [][]Answer{nil, {}}, nil); !errors.Is(err, ErrNothingToFit) {
		t.Errorf("got %v", err)
	}
}

// TestFitEndsWhenItIsToldTo: a process that stops waits for no further pass.
func TestFitEndsWhenItIsToldTo(t *testing.T) {
	start := must(Start(sampleCourse(5, 30)))(t)
	enough, passes := errors.New("enough"), 0
	m, err := Fit(start, [][]Answer{sampleAnswers(1, 30, 50)}, func(float64) error {
		passes++
		if passes == 2 {
			return enough
		}
		return nil
	})
	if m != nil || !errors.Is(err, enough) || passes != 2 {
		t.Errorf("after %d passes: %v, %v", passes, m, err)
	}
}

func TestSolve(t *testing.T) {
	random := stream(3)
	var a [NumFeatures][NumFeatures]float64
	var x, y [NumFeatures]float64
	for i := range a {
		x[i] = random.float() - .5
		for j := range i {
			a[i][j] = random.float() - .5
			a[j][i] = a[i][j]
		}
		a[i][i] = 5
	}
	for i := range a {
		for j := range a {
			y[i] += a[i][j] * x[j]
		}
	}
	for i, got := range solve(a, y) {
		if math.Abs(got-x[i]) > 1e-12 {
			t.Errorf("x[%d] = %v, want %v", i, got, x[i])
		}
	}
}

func correlation(a, b []float64) float64 {
	n := float64(len(a))
	var sa, sb, saa, sbb, sab float64
	for i := range a {
		sa += a[i]
		sb += b[i]
		saa += a[i] * a[i]
		sbb += b[i] * b[i]
		sab += a[i] * b[i]
	}
	return (sab - sa*sb/n) / math.Sqrt((saa-sa*sa/n)*(sbb-sb*sb/n))
}
