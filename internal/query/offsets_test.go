package query

import (
	"math"
	"testing"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// An offset is what a regression of the other items says: here one is made anew without
// each item in turn, and solved by Gauss's elimination.
func TestAnOffsetIsThatOfTheOtherItems(t *testing.T) {
	model, err := mastery.Start(mastery.Course{Topics: 3, Items: []mastery.CourseItem{
		{Tags: mastery.EqualTags(0)}, {Tags: mastery.EqualTags(0, 1)}, {Tags: mastery.EqualTags(1)},
		{Tags: []mastery.Tag{{Topic: 1, Weight: 0.7}, {Topic: 2, Weight: 0.3}}}, {Tags: mastery.EqualTags(0)}, {Tags: mastery.EqualTags(2)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	seen := []surprise{{-3, 4}, {-5, 6.5}, {2, 3}, {1, 9}, {-2.5, 2}, {}}
	q := &questions{model: &project.LensModel{Model: model, Topics: make([]project.Topic, 3)}, items: make([]question, len(seen))}
	for i := range seen {
		q.items[i].surprise = seen[i]
	}
	rows := [][4]float64{{1, 1, 0, 0}, {1, 0.5, 0.5, 0}, {1, 0, 1, 0}, {1, 0, 0.7, 0.3}, {1, 1, 0, 0}, {1, 0, 0, 1}}
	for left, got := range q.offsets() {
		var normal [4][5]float64 // the last column is the right side
		for k := range 4 {
			normal[k][k] = 2
		}
		for i, x := range rows {
			if i == left || seen[i].information == 0 {
				continue
			}
			w, y := 1/(1/seen[i].information+0.2), seen[i].residual/seen[i].information
			for a := range 4 {
				for b := range 4 {
					normal[a][b] += w * x[a] * x[b]
				}
				normal[a][4] += w * x[a] * y
			}
		}
		x := rows[left]
		mean := inner(x, eliminated(normal))
		for k := range 4 {
			normal[k][4] = x[k]
		}
		variance := inner(x, eliminated(normal))
		if math.Abs(got.mean-mean) > 1e-12 || math.Abs(got.variance-variance) > 1e-12 {
			t.Errorf("item %d has the offset %+v, want %v with the variance %v", left, got, mean, variance)
		}
	}
}

func inner(a, b [4]float64) (sum float64) {
	for k := range a {
		sum += a[k] * b[k]
	}
	return sum
}

// eliminated solves a system by Gauss and Jordan.
func eliminated(m [4][5]float64) (x [4]float64) {
	for k := range 4 {
		for i := range 4 {
			if i != k {
				f := m[i][k] / m[k][k]
				for j := range 5 {
					m[i][j] -= f * m[k][j]
				}
			}
		}
	}
	for k := range 4 {
		x[k] = m[k][4] / m[k][k]
	}
	return x
}

// By hand: b = -.3 as an intermediate item starts, vb = .2; of 8 first attempts expected
// at 60% each H = 1.92, and with 2 right R = -2.8; learners elsewhere -.5 logits with a
// variance of .1. Left are -2.8 + .96 = -1.84; 1/.2 + 1.92 = 6.92.
func TestDifficultyByHand(t *testing.T) {
	it := question{n: 8, score: 2, expected: 4.8, surprise: surprise{residual: -2.8, information: 1.92}}
	elsewhere := offset{mean: -0.5, variance: 0.1}
	d := it.difficulty(-0.3, 0.2, elsewhere)
	margin := 1.645 * math.Sqrt(1/6.92+(1.92/6.92)*(1.92/6.92)*0.1)
	for name, c := range map[string][2]float64{
		"model": {d.Model, -0.3}, "estimate": {d.Estimate, -0.3 + 1.84/6.92}, "low": {d.Low, -0.3 + 1.84/6.92 - margin},
		"high": {d.High, -0.3 + 1.84/6.92 + margin}, "expected": {it.expectedOf(elsewhere), (4.8 - 0.96) / 8},
	} {
		if math.Abs(c[0]-c[1]) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, c[0], c[1])
		}
	}
	if d := it.difficulty(-0.3, 0, elsewhere); d.Estimate != -0.3 || d.Low != -0.3 || d.High != -0.3 {
		t.Errorf("a difficulty that is certain moves to %+v", d)
	}
}
