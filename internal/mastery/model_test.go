package mastery

import (
	"math"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*Parameters)
	}{
		{"weight B2", func(p *Parameters) { p.Weights[2] = math.NaN() }},
		{"item variance", func(p *Parameters) { p.ItemVariance = -1 }},
		{"topic 1 has C=+Inf", func(p *Parameters) { p.Topics[1].C = math.Inf(1) }},
		{"topic 0 has", func(p *Parameters) { p.Topics[0].VC = -.1 }},
		{"topic 0, level staff", func(p *Parameters) { p.Topics[0].Levels[Staff].D = 99 }},
		{"item 4 has B=31", func(p *Parameters) { p.Items[4].B = 31 }},
		{"item 4: level 9", func(p *Parameters) { p.Items[4].Level = 9 }},
		{"item 4: it has no topic", func(p *Parameters) { p.Items[4].Tags = nil }},
		{"item 4: topic 5 does not exist", func(p *Parameters) { p.Items[4].Tags = EqualTags(5) }},
		{"item 4: topic 3 is tagged twice", func(p *Parameters) { p.Items[4].Tags = EqualTags(3, 3) }},
		{"item 4: the weight of topic 1 is 0", func(p *Parameters) { p.Items[4].Tags = []Tag{{Topic: 1}} }},
		{"item 4: its tag weights sum to 0.5", func(p *Parameters) { p.Items[4].Tags = []Tag{{Topic: 1, Weight: .5}} }},
	} {
		m := must(Start(sampleCourse(5, 20)))(t)
		p := m.Parameters
		c.change(&p)
		if _, err := New(p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestCourseRefuses(t *testing.T) {
	for _, c := range []struct {
		want   string
		course Course
	}{
		{"-1 topics", Course{Topics: -1}},
		{"course item 0: it has no topic", Course{Topics: 1, Items: []CourseItem{{}}}},
	} {
		for name, begin := range map[string]func(Course) (*Model, error){"Start": Start, "Default": Default} {
			if _, err := begin(c.course); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.want)
			}
		}
	}
}

// TestNewCopies: a model doesn't change when its parameters do.
func TestNewCopies(t *testing.T) {
	p := must(Start(sampleCourse(5, 20)))(t).Parameters
	m := must(New(p))(t)
	p.Items[0].B, p.Topics[0].C, p.Items[0].Tags[0].Topic = 9, 9, 4
	if m.Items[0].B == 9 || m.Topics[0].C == 9 || m.Items[0].Tags[0].Topic == 4 {
		t.Error("the model shares memory with its parameters")
	}
}

func TestStart(t *testing.T) {
	m := must(Start(Course{Topics: 3, Items: []CourseItem{
		{Level: Foundational, Tags: EqualTags(0)},
		{Level: Staff, Tags: EqualTags(0, 1)},
		{Level: Staff, Tags: EqualTags(1)},
	}}))(t)
	if got := m.Topics[0]; got.D != 0 || got.Levels[Foundational] != (LevelDifficulty{-.9, 1}) || got.Levels[Staff] != (LevelDifficulty{.9, 1}) {
		t.Errorf("topic of an easy and a hard item: %+v", got)
	}
	if got := m.Topics[1]; got.D != .9 || got.Levels[Staff] != (LevelDifficulty{.9, 2}) {
		t.Errorf("topic of two hard items: %+v", got)
	}
	if got := m.Topics[2]; got.D != 0 || got.Levels != [NumLevels]LevelDifficulty{} {
		t.Errorf("topic without items: %+v", got)
	}
}

func TestLevels(t *testing.T) {
	for l := range Level(NumLevels) {
		if got, err := ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("%s parses to %v, %v", l, got, err)
		}
	}
	if _, err := ParseLevel("expert"); err == nil {
		t.Error("level expert was parsed")
	}
	if got := Level(9).String(); got != "Level(9)" {
		t.Errorf("level 9 is %q", got)
	}
}
