package mastery

import (
	"testing"

	"pgregory.net/rapid"
)

// drawAnswers draws a learner's answers in the order of time.
func drawAnswers(t *rapid.T, items, most int) []Answer {
	answers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Answer {
		return Answer{
			Item:       rapid.IntRange(0, items-1).Draw(t, "item"),
			Score:      rapid.OneOf(rapid.SampledFrom([]float64{0, 1}), rapid.Float64Range(0, 1)).Draw(t, "score"),
			Time:       rapid.Int64Range(0, 200*day).Draw(t, "pause"), // made a time below
			SelfGraded: rapid.Bool().Draw(t, "self"),
		}
	}), 1, most).Draw(t, "answers")
	now := twinEpoch
	for i := range answers {
		now += answers[i].Time
		answers[i].Time = now
	}
	return answers
}

// TestBounds: whatever is answered, chances are chances, variances stay positive
// and within their bounds, and intervals hold their estimate.
func TestBounds(t *testing.T) {
	m := fittedSample(t, 8, 40)
	rapid.Check(t, func(t *rapid.T) {
		s := m.NewState()
		for _, a := range drawAnswers(t, 40, 200) {
			st := m.Update(s, a)
			if !(st.P > 0 && st.P < 1 && st.P0 > 0 && st.P0 < 1) {
				t.Fatalf("p=%v, p0=%v", st.P, st.P0)
			}
			if !(st.H > 0 && st.H <= .25 && st.D >= 1) {
				t.Fatalf("h=%v, d=%v", st.H, st.D)
			}
			if !(s.VA > 0 && s.VA <= m.Prior.Ability+m.Prior.AbilityDrift*float64(s.N)) {
				t.Fatalf("va=%v after %d answers", s.VA, s.N)
			}
			if !(s.Form > -5 && s.Form < 5) {
				t.Fatalf("form=%v", s.Form)
			}
			for _, ts := range s.Topics() {
				if !(ts.VS > 0 && ts.VS <= m.Prior.Skill) {
					t.Fatalf("vs=%v on topic %d", ts.VS, ts.Topic)
				}
				if ts.First > ts.N || ts.Self > ts.N || ts.FirstRight > float64(ts.First) || ts.N > s.N {
					t.Fatalf("counts of %+v", ts)
				}
			}
		}
		now := s.Last + rapid.Int64Range(-day, 1000*day).Draw(t, "later")
		for k := range m.Topics {
			e := m.Mastery(s, k, now)
			if !(0 < e.Low && e.Low < e.Mean && e.Mean < e.High && e.High < 1) {
				t.Fatalf("topic %d: %+v", k, e)
			}
			if e.PWeak < 0 || e.PWeak > 1 || e.GapHours < 0 || e.SharedSD > e.SD {
				t.Fatalf("topic %d: %+v", k, e)
			}
			if word := e.Word(); e.N < enoughAnswers && word != NotEnoughAnswers {
				t.Fatalf("topic %d is %s after %d answers", k, word, e.N)
			}
		}
	})
}

// TestRightIsBetterThanWrong: with all else equal, a right answer leaves a higher
// mastery of each of its topics than a wrong one, and the same uncertainty.
func TestRightIsBetterThanWrong(t *testing.T) {
	m := fittedSample(t, 8, 40)
	rapid.Check(t, func(t *rapid.T) {
		answers := drawAnswers(t, 40, 100)
		right := m.NewState()
		m.Fold(right, answers[:len(answers)-1])
		wrong := right.Clone()
		a := answers[len(answers)-1]
		a.Score = 1
		m.Update(right, a)
		a.Score = 0
		m.Update(wrong, a)
		for _, tag := range m.Items[a.Item].Tags {
			r, w := m.Mastery(right, tag.Topic, a.Time), m.Mastery(wrong, tag.Topic, a.Time)
			if r.Mean <= w.Mean || r.PWeak > w.PWeak || r.SD != w.SD {
				t.Fatalf("topic %d: %+v after a right answer, %+v after a wrong one", tag.Topic, r, w)
			}
		}
	})
}

// TestRightAnswersRaiseMastery: on one topic, with an item each, one more right
// answer never lowers the estimate.
func TestRightAnswersRaiseMastery(t *testing.T) {
	c := Course{Topics: 1}
	for range 60 {
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(0)})
	}
	m := must(Start(c))(t)
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOfN(rapid.IntRange(0, 1), 0, 59).Draw(t, "scores")
		s := m.NewState()
		for i, y := range scores {
			m.Update(s, Answer{Item: i, Score: float64(y), Time: NoTime})
		}
		before := m.Mastery(s, 0, NoTime)
		m.Update(s, Answer{Item: len(scores), Score: 1, Time: NoTime})
		if after := m.Mastery(s, 0, NoTime); after.Mean < before.Mean {
			t.Fatalf("mastery fell from %v to %v", before.Mean, after.Mean)
		}
	})
}

// TestOtherTopicsKeepTheirSkill: answers on some topics move the ability, which
// all topics share, and nothing else of the others.
func TestOtherTopicsKeepTheirSkill(t *testing.T) {
	c := Course{Topics: 6}
	for i := range 60 {
		c.Items = append(c.Items, CourseItem{Level: Senior, Tags: EqualTags(i % 6)})
	}
	m := must(Start(c))(t)
	rapid.Check(t, func(t *rapid.T) {
		answers := drawAnswers(t, 60, 60)
		s := m.NewState()
		m.Fold(s, answers)
		before, _ := s.Topic(5)
		for _, a := range answers {
			if a.Item%6 != 5 {
				a.Time = s.Last
				m.Update(s, a)
			}
		}
		if after, _ := s.Topic(5); !after.equal(before) {
			t.Fatalf("topic 5 went from %+v to %+v", before, after)
		}
	})
}

// TestWithoutTimesNoGapCounts: answers without a time are those that follow each
// other at once.
func TestWithoutTimesNoGapCounts(t *testing.T) {
	m := fittedSample(t, 8, 40)
	rapid.Check(t, func(t *rapid.T) {
		timed, untimed := m.NewState(), m.NewState()
		for _, a := range drawAnswers(t, 40, 60) {
			a.Time = twinEpoch
			p := m.Update(timed, a)
			a.Time = NoTime
			if q := m.Update(untimed, a); p != q {
				t.Fatalf("%+v at one time, %+v without", p, q)
			}
		}
		for k := range m.Topics {
			if a, b := m.Mastery(timed, k, twinEpoch), m.Mastery(untimed, k, NoTime); a != b {
				t.Fatalf("topic %d: %+v at one time, %+v without", k, a, b)
			}
		}
	})
}

// TestSnapshotsKeepEveryBit: exported, imported, folded on, a state is the one
// that was never exported; and a clone lives a life of its own.
func TestSnapshotsKeepEveryBit(t *testing.T) {
	m := fittedSample(t, 8, 40)
	rapid.Check(t, func(t *rapid.T) {
		answers := drawAnswers(t, 40, 100)
		cut := rapid.IntRange(0, len(answers)).Draw(t, "cut")
		s := m.NewState()
		m.Fold(s, answers[:cut])
		original := s.Clone()
		imported, err := Import(s.Export())
		if err != nil {
			t.Fatal(err)
		}
		if !imported.Equal(s) || !s.Equal(imported) {
			t.Fatal("the imported state differs")
		}
		m.Fold(s, answers[cut:])
		m.Fold(imported, answers[cut:])
		if !imported.Equal(s) {
			t.Fatal("the imported state went another way")
		}
		if cut < len(answers) && (original.Equal(s) || s.Equal(original)) {
			t.Fatal("answers left the state as it was, or changed its clone")
		}
	})
}
