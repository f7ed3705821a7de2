package mastery

import (
	"strings"
	"testing"
)

// TestManyItems: a learner of 12,000 items is looked up as exactly as one of three.
func TestManyItems(t *testing.T) {
	const items = 12_000
	c := Course{Topics: 3}
	for i := range items {
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(i % 3)})
	}
	m := must(Start(c))(t)
	s := m.NewState()
	for i := range items {
		m.Update(s, Answer{Item: i * 7 % items, Score: float64(i%101) / 100, Time: NoTime})
	}
	for i := range items {
		score := float64(i%101) / 100
		if right, wrong := s.Item(i * 7 % items); right != score || wrong != 1-score {
			t.Fatalf("item %d: %v right, %v wrong, want %v", i*7%items, right, wrong, score)
		}
	}
	if imported := must(Import(s.Export()))(t); !imported.Equal(s) {
		t.Error("the imported state differs")
	}
	if right, wrong := s.Item(items); right != 0 || wrong != 0 {
		t.Errorf("an item never answered has %v, %v", right, wrong)
	}
}

func TestUpdateAllocatesNothing(t *testing.T) {
	m, s := sample(t)
	answers := sampleAnswers(1, 300, 500)
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		m.Update(s, answers[i%len(answers)])
		i++
	}); n != 0 {
		t.Errorf("an update allocates %v times", n)
	}
}

// TestPredictChangesNothing: a prediction is that of the update, without it.
func TestPredictChangesNothing(t *testing.T) {
	m, s := sample(t)
	before := s.Clone()
	a := Answer{Item: 3, Score: 1, Time: s.Last + day}
	p := m.Predict(s, a.Item, a.Time)
	if !s.Equal(before) {
		t.Error("the prediction changed the state")
	}
	u := m.Update(s, a)
	if p.R != 0 || u.R != 1-u.P {
		t.Errorf("residuals: %v predicted, %v updated", p.R, u.R)
	}
	u.R = 0
	if p != u {
		t.Errorf("predicted %+v, updated %+v", p, u)
	}
}

// TestLearn: difficulty falls with a right answer and becomes more certain.
func TestLearn(t *testing.T) {
	m := must(Default(sampleCourse(5, 20)))(t)
	s := m.NewState()
	const item = 2 // of three topics
	st := m.Update(s, Answer{Item: item, Score: 1, Time: NoTime})
	NewFilter().Learn(m, item, st)
	if it := m.Items[item]; !near(it.B, -st.R/st.D) || !near(it.VB, 1-st.H/st.D) {
		t.Errorf("item %+v after %+v", it, st)
	}
	for _, tag := range m.Items[item].Tags {
		w, topic := tag.Weight, m.Topics[tag.Topic]
		if !near(topic.C, -w*st.R/st.D) || !near(topic.VC, 1-w*w*st.H/st.D) {
			t.Errorf("topic %+v after %+v", topic, st)
		}
	}
}

// TestCounters follows the report counters of a topic over a few answers.
func TestCounters(t *testing.T) {
	c := Course{Topics: 1, Items: []CourseItem{
		{Level: Intermediate, Tags: EqualTags(0)}, {Level: Intermediate, Tags: EqualTags(0)},
	}}
	m := must(Start(c))(t)
	s := m.NewState()
	start := twinEpoch
	var r [3]float64
	for i, a := range []Answer{
		{Item: 0, Score: 0, Time: start},
		{Item: 0, Score: 1, Time: start + 60*day, SelfGraded: true},
		{Item: 1, Score: 1, Time: start + 60*day},
	} {
		r[i] = m.Update(s, a).R
	}
	ts, _ := s.Topic(0)
	if ts.N != 3 || ts.Self != 1 || ts.First != 2 || ts.FirstRight != 1 {
		t.Errorf("counts: %+v", ts)
	}
	p0 := m.Predict(s, 0, NoTime).P0
	o := ts.Observed(start + 60*day)
	if !near(o.Right, 2) || !near(o.Answers, 2.5) || !near(o.Expected, 2.5*p0) {
		t.Errorf("observed after 60 days: %+v, p0=%v", o, p0)
	}
	if want := logit((2+6*p0)/8.5) - logit(p0); !near(o.Effect, want) {
		t.Errorf("effect %v, want %v", o.Effect, want)
	}
	if o := ts.Observed(start + 120*day); !near(o.Right, 1) || !near(o.Answers, 1.25) {
		t.Errorf("observed after 120 days: %+v", o)
	}
	fade := exp2(-60. / 14)
	mean, weight := ts.Trend(start + 74*day)
	if !near(weight, (fade+2)/2) || !near(mean, (r[0]*fade+r[1]+r[2])/(fade+2)) {
		t.Errorf("trend %v with weight %v", mean, weight)
	}
	none, ok := s.Topic(7)
	if _, weight := none.Trend(start); ok || weight != 0 || none.Observed(start) != (Observed{}) {
		t.Error("a topic without answers has a trend or was observed")
	}
}

// TestCountersWithStrangeTimes: whatever times producers send, sums stay finite
// and the twin's comparison stays a number.
func TestCountersWithStrangeTimes(t *testing.T) {
	m, _ := sample(t)
	for _, at := range []int64{-62135596800_000000, 0, 253402300799_000000, NoTime} {
		s := m.NewState()
		for range 1000 {
			m.Update(s, Answer{Item: 0, Score: 1, Time: at})
		}
		ts, _ := s.Topic(0)
		o := ts.Observed(at)
		if !near(o.Right, 1000) || !near(o.Answers, 1000) || !(o.Effect > 0 && o.Effect < 20) {
			t.Errorf("at %d: %+v", at, o)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	_, s := sample(t)
	for name, c := range map[string]struct {
		change func(*Snapshot)
		want   string
	}{
		"short counts":    {func(s *Snapshot) { s.Self = s.Self[1:] }, "differ in length"},
		"short floats":    {func(s *Snapshot) { s.VS = s.VS[1:] }, "has 24 rows"},
		"short scores":    {func(s *Snapshot) { s.ItemRight = nil }, "have 0 and"},
		"topics disorder": {func(s *Snapshot) { s.Topic[1] = 0 }, "topic 0 follows topic 0"},
		"items disorder":  {func(s *Snapshot) { s.Item[0] = s.Item[1] }, "must ascend"},
	} {
		snap := s.Export()
		c.change(&snap)
		if _, err := Import(snap); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
