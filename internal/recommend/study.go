package recommend

import (
	"cmp"
	"slices"

	"github.com/gapwise/gapwise/internal/mastery"
)

// The protocol: warm-up, two weeks of study, a pause, the exam.
const (
	studyDays       = 14
	blocksPerDay    = 5
	answersPerBlock = 3
	examDay         = 18.0

	courseSeed  = 1
	session     = 18.0 / 24 // when it begins, in days
	minute      = 1.0 / (24 * 60)
	blockLength = 12 * minute
	microsADay  = 24 * 3600 * 1e6
)

// study is one learner on the way to the exam.
type study struct {
	seed, learner uint64
	items         []item
	model         *mastery.Model
	state         *mastery.State // what is measured
	truth         *truth         // what is so
	order         [topics]int    // the learner's own order of topics
	first         [topics]int    // the item that each topic begins with

	day   int
	at    float64 // days since the first midnight
	asked [topics]tally
}

// tally counts a topic's answers, as main or second topic of their items.
type tally struct {
	answers, right float64
	last           float64 // days; 0 before the first answer
	own            int     // answers with it as main topic
}

func newStudy(r *Regime, w *world, learner uint64) *study {
	s := &study{seed: w.seed, learner: learner, items: w.items, model: w.model,
		state: w.model.NewState(), truth: r.Truth.learner(w.seed, learner)}
	for k := range s.order {
		s.order[k] = k
		s.first[k] = int(draw(w.seed, drawFirst, learner, uint64(k)) * itemsPerTopic)
	}
	slices.SortStableFunc(s.order[:], func(a, b int) int {
		return cmp.Compare(draw(w.seed, drawOrder, learner, uint64(a)), draw(w.seed, drawOrder, learner, uint64(b)))
	})
	s.at = session
	for i := range r.Warmup {
		s.answer(int(draw(w.seed, drawWarmup, learner, uint64(i)) * float64(topics)))
	}
	return s
}

// follow studies by a policy for two weeks and returns the exam's result.
func (s *study) follow(p Policy) float64 {
	for s.day = 1; s.day <= studyDays; s.day++ {
		for block := range blocksPerDay {
			s.at = float64(s.day) + session + float64(float64(block)*blockLength)
			topic, ok := s.choose(p, block)
			if !ok {
				continue
			}
			for range answersPerBlock {
				s.answer(topic)
			}
		}
	}
	return s.truth.exam()
}

// nextItem returns the topic's item that comes after so many others: its items
// take turns, from one of the learner's own on.
func (s *study) nextItem(topic, after int) *item { return &s.items[s.nextNumber(topic, after)] }

func (s *study) nextNumber(topic, after int) int {
	return topic*itemsPerTopic + (s.first[topic]+s.asked[topic].own+after)%itemsPerTopic
}

// now is the time as the model counts it.
func (s *study) now() int64 { return int64(float64(s.at * microsADay)) }

// answer lets the learner answer the topic's next item and learn from it. A
// minute passes.
func (s *study) answer(topic int) {
	it := s.nextItem(topic, 0)
	score := 0.0
	if draw(s.seed, drawOutcome, s.learner, uint64(topic), uint64(s.asked[topic].own)) < s.truth.chance(it, s.at) {
		score = 1
	}
	s.truth.learn(it, s.at)
	s.model.Update(s.state, mastery.Answer{Item: s.nextNumber(topic, 0), Score: score, Time: s.now()})
	s.asked[topic].own++
	for _, tag := range it.tags {
		t := &s.asked[tag.Topic]
		t.answers++
		t.right += score
		t.last = s.at
	}
	s.at += minute
}
