package mastery

import (
	"fmt"
	"testing"
)

// BenchmarkUpdate measures one answer of a learner who knows 25 topics and 600
// items, by the item's number of topics.
func BenchmarkUpdate(b *testing.B) {
	const topics, items = 25, 600
	for tags := 1; tags <= 3; tags++ {
		b.Run(fmt.Sprintf("tags=%d", tags), func(b *testing.B) {
			c := Course{Topics: topics}
			for i := range items {
				var ks []int
				for j := range tags {
					ks = append(ks, (i+7*j)%topics)
				}
				c.Items = append(c.Items, CourseItem{Level: Level(i % NumLevels), Tags: EqualTags(ks...)})
			}
			m, err := Start(c)
			if err != nil {
				b.Fatal(err)
			}
			answers := make([]Answer, 4096)
			random := stream(1)
			for i := range answers {
				answers[i] = Answer{
					Item:  int(random.next() % items),
					Score: float64(random.next() % 2),
					Time:  twinEpoch + int64(i)*1800_000000,
				}
			}
			s := m.NewState()
			m.Fold(s, answers)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Update(s, answers[i%len(answers)])
			}
		})
	}
}

func BenchmarkMastery(b *testing.B) {
	m, s := sample(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Mastery(s, i%len(m.Topics), twinEpoch)
	}
}

func BenchmarkExp(b *testing.B) {
	sum := 0.0
	for i := 0; b.Loop(); i++ {
		sum += exp(float64(i%2000)*0.01 - 10)
	}
	sink(b, sum)
}

func BenchmarkLog(b *testing.B) {
	sum := 0.0
	for i := 0; b.Loop(); i++ {
		sum += log(float64(i%2000)*0.01 + 0.01)
	}
	sink(b, sum)
}

// sink keeps the compiler from dropping what computed x.
func sink(b *testing.B, x float64) {
	if x != x {
		b.Fatal("not a number")
	}
}

// BenchmarkFit measures a fit by answer: 200 learners of 100 answers.
func BenchmarkFit(b *testing.B) {
	m := must(Start(sampleCourse(25, 300)))(b)
	learners := make([][]Answer, 200)
	for u := range learners {
		learners[u] = sampleAnswers(uint64(u), 300, 100)
	}
	for b.Loop() {
		if _, err := Fit(m, learners, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/answer")
}
