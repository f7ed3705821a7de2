package mastery

import (
	"math"
	"slices"
)

// NoTime stands for an unknown time: no gap is counted from it or to it.
const NoTime int64 = math.MinInt64

// State is what the model knows of one learner in one lens. Ordered updates
// make it; equal answers in equal order give equal bits. The zero value is not
// a state: begin with Model.NewState. Not safe for concurrent use.
type State struct {
	A, VA float64 // general ability and its variance (logits, logits²)
	Form  float64 // decayed sum of the last residuals
	Last  int64   // time of the latest answer, µs since the Unix epoch, or NoTime
	N     uint32  // answers

	topics []TopicState // ascending by Topic
	items  itemTable
}

// TopicState is what the model knows of one learner on one topic, from the
// first answer on it.
type TopicState struct {
	Topic uint32
	N     uint32  // answers
	Self  uint32  // of these, graded by the learner
	First uint32  // of these, first attempts at their item
	S, VS float64 // skill on top of the ability, and its variance (logits, logits²)
	Last  int64   // time of the latest answer, µs since the Unix epoch, or NoTime

	FirstRight float64 // scores of the first attempts, summed

	// Observed against expected: scores, expectations of a learner without
	// answers, and weights, all times 2^(age/60 days) counted from a fixed
	// epoch, so that they stay plain sums. See Observed.
	Right, Expected, Weight float64

	// Residuals and their weights with a half-life of 14 days, as of Last. See Trend.
	TrendSum, TrendWeight float64
}

// NewState returns the state of a learner without answers.
func (m *Model) NewState() *State {
	return &State{VA: m.Prior.Ability, Last: NoTime}
}

// reset makes it the state of a learner without answers, and keeps its memory.
func (s *State) reset(m *Model) {
	clear(s.items.slots)
	*s = State{VA: m.Prior.Ability, Last: NoTime, topics: s.topics[:0], items: itemTable{slots: s.items.slots}}
}

// Topic returns the state on a topic, or false when there was no answer on it:
// then its skill is 0 with the prior's variance.
func (s *State) Topic(topic int) (TopicState, bool) {
	if i, ok := s.find(uint32(topic)); ok {
		return s.topics[i], true
	}
	return TopicState{Topic: uint32(topic), Last: NoTime}, false
}

// Topics returns the states of all topics with an answer, ascending. It is the
// state's own slice: read it before the next update and leave it unchanged.
func (s *State) Topics() []TopicState { return s.topics }

// Item returns the summed scores on an item and what was missing to full ones.
func (s *State) Item(item int) (right, wrong float64) {
	if e := s.items.find(uint32(item)); e != nil {
		return e.right, e.wrong
	}
	return 0, 0
}

// Clone returns an independent copy.
func (s *State) Clone() *State {
	c := *s
	c.topics = slices.Clone(s.topics)
	c.items.slots = slices.Clone(s.items.slots)
	return &c
}

// Equal reports whether both states have the same bits, whatever their memory
// looks like.
func (s *State) Equal(o *State) bool {
	return sameBits(s.A, o.A) && sameBits(s.VA, o.VA) && sameBits(s.Form, o.Form) &&
		s.Last == o.Last && s.N == o.N &&
		slices.EqualFunc(s.topics, o.topics, TopicState.equal) &&
		s.items.equal(&o.items)
}

func (t TopicState) equal(o TopicState) bool {
	return t.Topic == o.Topic && t.N == o.N && t.Self == o.Self && t.First == o.First && t.Last == o.Last &&
		sameBits(t.S, o.S) && sameBits(t.VS, o.VS) && sameBits(t.FirstRight, o.FirstRight) &&
		sameBits(t.Right, o.Right) && sameBits(t.Expected, o.Expected) && sameBits(t.Weight, o.Weight) &&
		sameBits(t.TrendSum, o.TrendSum) && sameBits(t.TrendWeight, o.TrendWeight)
}

func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b)
}

// find returns where a topic is, or would be inserted.
func (s *State) find(topic uint32) (int, bool) {
	low, high := 0, len(s.topics)
	for low < high {
		middle := int(uint(low+high) / 2)
		if s.topics[middle].Topic < topic {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(s.topics) && s.topics[low].Topic == topic
}

// touch returns the state of a topic, made with the prior's variance when there is
// none. The pointer holds until the next touch.
func (s *State) touch(topic uint32, prior float64) *TopicState {
	i, ok := s.find(topic)
	if !ok {
		s.topics = slices.Insert(s.topics, i, TopicState{Topic: topic, VS: prior, Last: NoTime})
	}
	return &s.topics[i]
}
