package mastery

import "testing"

func TestTargetsAreSpelledAndRead(t *testing.T) {
	for _, name := range append([]string{"typical"}, levelNames[:]...) {
		target, err := ParseTarget(name)
		if err != nil || target.String() != name {
			t.Errorf("%q reads as %v: %v", name, target, err)
		}
		level, isLevel := target.Level()
		if isLevel != (name != "typical") || isLevel && level.String() != name {
			t.Errorf("%q has the level %v, %t", name, level, isLevel)
		}
	}
	for _, name := range []string{"", "Senior", "principal"} {
		if got, err := ParseTarget(name); err == nil || got != Typical {
			t.Errorf("%q reads as %v", name, got)
		}
	}
}

// A learner is measured at the target's level where the topic has items of it, and
// at the typical difficulty where it has none.
func TestMeasuredAgainstATarget(t *testing.T) {
	m, err := Start(Course{Topics: 2, Items: []CourseItem{
		{Level: Foundational, Tags: EqualTags(0)}, {Level: Staff, Tags: EqualTags(0)}, {Level: Senior, Tags: EqualTags(1)},
		{Level: Senior, Tags: EqualTags(0), Aside: true}, // not typical: it makes no level
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewState()
	m.Fold(s, []Answer{{Item: 0, Score: 1, Time: NoTime}, {Item: 1, Score: 0, Time: NoTime}, {Item: 2, Score: 1, Time: NoTime}})
	for _, c := range []struct {
		topic  int
		target Target
		used   Target
	}{
		{0, Typical, Typical},
		{0, TargetLevel(Foundational), TargetLevel(Foundational)},
		{0, TargetLevel(Staff), TargetLevel(Staff)},
		{0, TargetLevel(Senior), Typical},
		{1, TargetLevel(Senior), TargetLevel(Senior)},
		{1, TargetLevel(Staff), Typical},
	} {
		want := m.Mastery(s, c.topic, NoTime)
		if level, ok := c.used.Level(); ok {
			want, _ = m.MasteryAtLevel(s, c.topic, level, NoTime)
		}
		used, _ := m.Against(c.topic, c.target)
		if got := m.MasteryAgainst(s, c.topic, c.target, NoTime); used != c.used || got != want {
			t.Errorf("topic %d for %v is measured against %v: %+v, want %v: %+v", c.topic, c.target, used, got, c.used, want)
		}
	}
	easy, hard := m.MasteryAgainst(s, 0, TargetLevel(Foundational), NoTime), m.MasteryAgainst(s, 0, TargetLevel(Staff), NoTime)
	if easy.Mean <= hard.Mean || easy.PWeak >= hard.PWeak {
		t.Errorf("foundational %+v is no easier than staff %+v", easy, hard)
	}
}
