package mastery

import "fmt"

// Snapshot is a State laid out for columns: the learner's numbers, one row of
// parallel slices a topic and one an item, both ascending. Export and Import
// keep every bit.
type Snapshot struct {
	A, VA, Form float64
	Last        int64 // µs since the Unix epoch, or NoTime
	N           uint32

	// By topic.
	Topic                   []uint32
	TopicN, Self, First     []uint32
	TopicLast               []int64
	S, VS                   []float64
	FirstRight              []float64
	Right, Expected, Weight []float64
	TrendSum, TrendWeight   []float64

	// By item.
	Item                 []uint32
	ItemRight, ItemWrong []float64
}

// Export returns the state as columns that share no memory with it.
func (s *State) Export() Snapshot {
	n := len(s.topics)
	snap := Snapshot{
		A: s.A, VA: s.VA, Form: s.Form, Last: s.Last, N: s.N,
		Topic: make([]uint32, n), TopicN: make([]uint32, n), Self: make([]uint32, n), First: make([]uint32, n),
		TopicLast: make([]int64, n),
		Item:      make([]uint32, s.items.count),
		ItemRight: make([]float64, s.items.count), ItemWrong: make([]float64, s.items.count),
	}
	// The float columns of the topics share one allocation.
	floats := make([]float64, 0, 8*n)
	for _, column := range snap.topicFloats() {
		*column = floats[len(floats) : len(floats)+n : len(floats)+n]
		floats = floats[:len(floats)+n]
	}
	for i, t := range s.topics {
		snap.Topic[i], snap.TopicN[i], snap.Self[i], snap.First[i] = t.Topic, t.N, t.Self, t.First
		snap.TopicLast[i], snap.S[i], snap.VS[i], snap.FirstRight[i] = t.Last, t.S, t.VS, t.FirstRight
		snap.Right[i], snap.Expected[i], snap.Weight[i] = t.Right, t.Expected, t.Weight
		snap.TrendSum[i], snap.TrendWeight[i] = t.TrendSum, t.TrendWeight
	}
	for i, e := range s.items.sorted() {
		snap.Item[i], snap.ItemRight[i], snap.ItemWrong[i] = e.key-1, e.right, e.wrong
	}
	return snap
}

// topicFloats lists the float columns that have one row a topic.
func (snap *Snapshot) topicFloats() [8]*[]float64 {
	return [8]*[]float64{&snap.S, &snap.VS, &snap.FirstRight, &snap.Right, &snap.Expected, &snap.Weight,
		&snap.TrendSum, &snap.TrendWeight}
}

// Import returns the state that a snapshot was exported from. It refuses
// columns of unequal length and rows out of order; that topics and items are
// those of the model is for the caller to know.
func Import(snap Snapshot) (*State, error) {
	if err := snap.validate(); err != nil {
		return nil, fmt.Errorf("mastery: snapshot: %w", err)
	}
	s := &State{A: snap.A, VA: snap.VA, Form: snap.Form, Last: snap.Last, N: snap.N}
	if n := len(snap.Topic); n > 0 {
		s.topics = make([]TopicState, n)
	}
	for i := range s.topics {
		s.topics[i] = TopicState{
			Topic: snap.Topic[i], N: snap.TopicN[i], Self: snap.Self[i], First: snap.First[i],
			S: snap.S[i], VS: snap.VS[i], Last: snap.TopicLast[i], FirstRight: snap.FirstRight[i],
			Right: snap.Right[i], Expected: snap.Expected[i], Weight: snap.Weight[i],
			TrendSum: snap.TrendSum[i], TrendWeight: snap.TrendWeight[i],
		}
	}
	if n := len(snap.Item); n > 0 {
		slots := 4
		for 4*n > 3*slots {
			slots *= 2
		}
		s.items.resize(slots)
	}
	for i, item := range snap.Item {
		e := s.items.touch(item)
		e.right, e.wrong = snap.ItemRight[i], snap.ItemWrong[i]
	}
	return s, nil
}

func (snap *Snapshot) validate() error {
	n := len(snap.Topic)
	if len(snap.TopicN) != n || len(snap.Self) != n || len(snap.First) != n || len(snap.TopicLast) != n {
		return fmt.Errorf("the count columns of its %d topics differ in length", n)
	}
	for _, column := range snap.topicFloats() {
		if len(*column) != n {
			return fmt.Errorf("a column of its %d topics has %d rows", n, len(*column))
		}
	}
	if n := len(snap.Item); len(snap.ItemRight) != n || len(snap.ItemWrong) != n {
		return fmt.Errorf("the score columns of its %d items have %d and %d rows", n, len(snap.ItemRight), len(snap.ItemWrong))
	}
	if i := firstDisorder(snap.Topic); i > 0 {
		return fmt.Errorf("topic %d follows topic %d: rows must ascend", snap.Topic[i], snap.Topic[i-1])
	}
	if i := firstDisorder(snap.Item); i > 0 {
		return fmt.Errorf("item %d follows item %d: rows must ascend", snap.Item[i], snap.Item[i-1])
	}
	return nil
}

// firstDisorder returns the first row that is not above the one before, or 0.
func firstDisorder(rows []uint32) int {
	for i := 1; i < len(rows); i++ {
		if rows[i] <= rows[i-1] {
			return i
		}
	}
	return 0
}
