package query

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

// offset is what the learners of a cohort have more or less trouble with at an item than
// the model expected, judged by the other items: in logits, above 0 where they are better.
// That much is the learners', and not the item's.
type offset struct{ mean, variance float64 }

// offsetVariance is the prior variance of what a cohort is better at than the model
// expects, over all and on each topic, in logits².
const offsetVariance = 0.5

// offsets tells what is the learners' from what is the items'. An item was easier than
// expected by y = R/H logits, with a variance of 1/H for chance and v for how much items
// differ; and y is explained, as far as it goes, by what the cohort is better at over all
// and on the item's topics, by their weights x: a ridge regression
//
//	(XᵀWX + 2·I)·δ = XᵀWy,   W = 1/(1/H + v),   v = max(vb, .09)
//
// whose prediction for an item leaves that item out (Sherman and Morrison 1950): with
// g = xᵀ(XᵀWX + 2·I)⁻¹x it is (xᵀδ - gWy)/(1 - gW), with the variance g/(1 - gW).
func (q *questions) offsets() []offset {
	normal := newSquare(1 + len(q.model.Topics))
	right := make([]float64, normal.n)
	for k := range normal.n {
		normal.add(k, k, 1/offsetVariance)
	}
	for i := range q.items {
		x := q.explaining(i)
		w, y := q.items[i].easier(q.spread(i))
		for _, a := range x {
			right[a.Topic] += float64(w * a.Weight * y)
			for _, b := range x {
				normal.add(a.Topic, b.Topic, float64(w*a.Weight*b.Weight))
			}
		}
	}
	normal.factor()
	delta := normal.solve(right)
	list := make([]offset, len(q.items))
	for i := range q.items {
		x := q.explaining(i)
		w, y := q.items[i].easier(q.spread(i))
		unit := make([]float64, normal.n)
		for _, a := range x {
			unit[a.Topic] = a.Weight
		}
		reach := normal.solve(unit)
		predicted, g := 0.0, 0.0
		for _, a := range x {
			predicted += float64(a.Weight * delta[a.Topic])
			g += float64(a.Weight * reach[a.Topic])
		}
		without := 1 - float64(g*w)
		list[i] = offset{mean: (predicted - float64(g*w*y)) / without, variance: g / without}
	}
	return list
}

// explaining is a row of X: the cohort over all, then the item's topics by weight.
func (q *questions) explaining(item int) []mastery.Tag {
	x := []mastery.Tag{{Topic: 0, Weight: 1}}
	for _, tag := range q.model.Parameters.Items[item].Tags {
		x = append(x, mastery.Tag{Topic: 1 + tag.Topic, Weight: tag.Weight})
	}
	return x
}

// easier is by how much an item was easier than expected, in logits, and the weight of
// that; 0 without answers.
func (it *question) easier(spread float64) (weight, logits float64) {
	if it.information == 0 {
		return 0, 0
	}
	return 1 / (1/it.information + spread), it.residual / it.information
}

// spread is v, the variance of an item's difficulty for a group of learners.
func (q *questions) spread(item int) float64 {
	return max(q.model.Parameters.Items[item].VB, driftVariance)
}

// square is a symmetric matrix, positive definite when it is factored.
type square struct {
	n     int
	cells []float64
}

func newSquare(n int) *square { return &square{n, make([]float64, n*n)} }

func (s *square) at(i, j int) *float64 { return &s.cells[i*s.n+j] }

func (s *square) add(i, j int, x float64) { *s.at(i, j) += x }

// factor replaces the matrix by its lower triangle L with LLᵀ = A (Cholesky).
func (s *square) factor() {
	for i := range s.n {
		for j := range i + 1 {
			sum := *s.at(i, j)
			for k := range j {
				sum -= float64(*s.at(i, k) * *s.at(j, k))
			}
			if i == j {
				*s.at(i, i) = math.Sqrt(sum)
			} else {
				*s.at(i, j) = sum / *s.at(j, j)
			}
		}
	}
}

// solve returns x with Ax = b, of a factored matrix.
func (s *square) solve(b []float64) []float64 {
	x := make([]float64, s.n)
	for i := range s.n {
		sum := b[i]
		for k := range i {
			sum -= float64(*s.at(i, k) * x[k])
		}
		x[i] = sum / *s.at(i, i)
	}
	for i := s.n - 1; i >= 0; i-- {
		sum := x[i]
		for k := i + 1; k < s.n; k++ {
			sum -= float64(*s.at(k, i) * x[k])
		}
		x[i] = sum / *s.at(i, i)
	}
	return x
}
