package mastery

import "testing"

// stream is a splitmix64 generator: the same numbers on every platform and with
// every version of Go, which golden files need.
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below returns a number in 0..n-1.
func (s *stream) below(n int) int { return int(s.next() % uint64(n)) }

// float returns a number in [0,1), a multiple of 2^-53.
func (s *stream) float() float64 { return float64(s.next()>>11) / (1 << 53) }

// sampleCourse has items of one, two and three topics and of all levels.
func sampleCourse(topics, items int) Course {
	c := Course{Topics: topics}
	for i := range items {
		ks := []int{i % topics}
		for len(ks) <= i%3 {
			ks = append(ks, (ks[len(ks)-1]+1+i%2)%topics)
		}
		c.Items = append(c.Items, CourseItem{Level: Level(i / topics % NumLevels), Tags: EqualTags(ks...)})
	}
	return c
}

// sampleAnswers are random answers: whole and partial scores, pauses from
// seconds to weeks, repeats, and now and then no time.
func sampleAnswers(seed uint64, items, n int) []Answer {
	random := stream(seed)
	now := twinEpoch
	answers := make([]Answer, n)
	for i := range answers {
		pause := exp(random.float()*16) * 1e6 // 1 s .. 100 days
		now += int64(pause)
		a := Answer{Item: random.below(items), Score: float64(random.below(2)), Time: now, SelfGraded: random.below(4) == 0}
		if random.below(5) == 0 {
			a.Score = float64(random.below(101)) / 100
		}
		if random.below(50) == 0 {
			a.Time = NoTime
		}
		answers[i] = a
	}
	return answers
}

// sample returns the sample course's starting model and a learner of 500 answers.
func sample(tb testing.TB) (*Model, *State) {
	tb.Helper()
	m := must(Start(sampleCourse(25, 300)))(tb)
	s := m.NewState()
	m.Fold(s, sampleAnswers(1, 300, 500))
	return m, s
}

// must returns a value whose making must not fail.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
