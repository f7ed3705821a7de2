package recommend

import (
	"math"

	"github.com/gapwise/gapwise/internal/mastery"
)

// Policy is a way to choose the topic of the next block.
type Policy int

// The policies that are compared.
const (
	Ours           Policy = iota // mastery.Rank, as the next-topics report uses it
	Random                       // any topic
	LeastRecent                  // the topic that was not asked for longest
	LowestAccuracy               // the topic with the lowest share of right answers, one without answers first
	LowestMastery                // the topic that the model takes for least mastered
	Oracle                       // knows the truth and takes the block that helps the exam most
	NumPolicies    = iota
)

var policyNames = [NumPolicies]string{"ours", "random", "least recent", "lowest accuracy", "lowest mastery", "oracle"}

// String returns the policy's name.
func (p Policy) String() string { return policyNames[p] }

// choose returns the topic of the next block; false when there is nothing to study.
func (s *study) choose(p Policy, block int) (topic int, ok bool) {
	switch p {
	case Ours:
		return s.recommended()
	case Random:
		return int(draw(s.seed, drawRandom, s.learner, uint64(s.day), uint64(block)) * float64(topics)), true
	case LeastRecent:
		return s.least(func(k int) float64 { return s.asked[k].last }), true
	case LowestAccuracy:
		return s.least(func(k int) float64 { return s.asked[k].right / max(s.asked[k].answers, 1) }), true
	case LowestMastery:
		return s.least(func(k int) float64 { return s.model.Mastery(s.state, k, s.now()).Mean }), true
	case Oracle:
		return s.least(func(k int) float64 { return -s.worth(k) }), true
	}
	panic("recommend: no such policy")
}

// recommended is the first topic of Rank, from what the model has measured.
func (s *study) recommended() (topic int, ok bool) {
	var estimates [topics]float64
	for k := range estimates {
		estimates[k] = s.model.Mastery(s.state, k, s.now()).Mean
	}
	candidates := make([]mastery.Candidate, topics)
	for k := range candidates {
		candidates[k] = mastery.Candidate{Topic: k, Importance: outline[k].importance, Mastery: estimates[k]}
		if t, practised := s.state.Topic(k); practised {
			candidates[k].Recent = t.Recent(s.now())
		}
		for _, p := range outline[k].prerequisites {
			candidates[k].Prerequisites = append(candidates[k].Prerequisites, mastery.Prerequisite{Topic: p, Mastery: estimates[p]})
		}
	}
	best := mastery.Rank(candidates, 1)
	if len(best) == 0 {
		return 0, false
	}
	return best[0].Topic, true
}

// least returns the topic of the lowest value; equal ones go by an order of the
// learner's own, so that no topic is favoured for its place in the course.
func (s *study) least(value func(topic int) float64) int {
	best, lowest := 0, math.Inf(1)
	for _, k := range s.order {
		if v := value(k); v < lowest {
			best, lowest = k, v
		}
	}
	return best
}

// worth returns what a block on the topic adds to the exam's result, if it came now.
func (s *study) worth(topic int) float64 {
	sum := 0.0
	for i := range answersPerBlock {
		sum += s.truth.learn(s.nextItem(topic, i), s.at)
	}
	for i := range answersPerBlock {
		s.truth.unlearn(s.nextItem(topic, i))
	}
	return sum
}
