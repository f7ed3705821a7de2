package mastery

import (
	"testing"
)

// The cases a person would try first, told as they would tell them.

const day = 86400_000000 // µs

// course is the two lenses of one small course: the same items, tagged by
// concern in one and by chapter in the other.
type course struct{ concerns, chapters *Model }

const (
	caching = iota
	observability
	consistency
)

const (
	chapterCachingAndObservability = iota
	chapterOther
)

// twoLenses has ten items of each of three concerns. Half of those of caching
// and a few of observability make up the chapter "Caching & Observability".
func twoLenses(t *testing.T) (course, map[string][]int) {
	concerns, chapters := Course{Topics: 3}, Course{Topics: 2}
	items := map[string][]int{}
	add := func(name string, concern, chapter, n int) {
		for range n {
			items[name] = append(items[name], len(concerns.Items))
			concerns.Items = append(concerns.Items, CourseItem{Level: Intermediate, Tags: EqualTags(concern)})
			chapters.Items = append(chapters.Items, CourseItem{Level: Intermediate, Tags: EqualTags(chapter)})
		}
	}
	add("caching", caching, chapterCachingAndObservability, 10)
	add("observability", observability, chapterCachingAndObservability, 2)
	add("observability", observability, chapterOther, 8)
	add("consistency", consistency, chapterOther, 10)
	return course{must(Start(concerns))(t), must(Start(chapters))(t)}, items
}

// TestChapterIsEstimatedFromItsOwnItems: when every caching answer is wrong, the
// chapter "Caching & Observability" turns weak and the concern of observability
// stays what its own answers make it.
func TestChapterIsEstimatedFromItsOwnItems(t *testing.T) {
	c, items := twoLenses(t)
	run := func(cachingScore float64) (concerns, chapters *State) {
		concerns, chapters = c.concerns.NewState(), c.chapters.NewState()
		now := twinEpoch
		answer := func(name string, i int, score float64) {
			now += 60_000000
			a := Answer{Item: items[name][i], Score: score, Time: now}
			c.concerns.Update(concerns, a)
			c.chapters.Update(chapters, a)
		}
		for i := range 10 {
			answer("observability", i, 1)
			answer("consistency", i, 1)
			answer("caching", i, cachingScore)
		}
		return concerns, chapters
	}
	concerns, chapters := run(0)
	now := concerns.Last

	for _, check := range []struct {
		what string
		e    Estimate
		want Word
	}{
		{"the concern of caching", c.concerns.Mastery(concerns, caching, now), Weak},
		{"the chapter Caching & Observability", c.chapters.Mastery(chapters, chapterCachingAndObservability, now), Weak},
		{"the concern of observability", c.concerns.Mastery(concerns, observability, now), Strong},
		{"the other chapter", c.chapters.Mastery(chapters, chapterOther, now), Strong},
	} {
		if got := check.e.Word(); got != check.want {
			t.Errorf("%s is %s (%.2f, %.2f–%.2f), want %s", check.what, got, check.e.Mean, check.e.Low, check.e.High, check.want)
		}
	}

	// Had caching gone well, the concern of observability would read the same.
	concerns, chapters = run(1)
	if got := c.concerns.Mastery(concerns, observability, now).Word(); got != Strong {
		t.Errorf("after right caching answers observability is %s", got)
	}
	if got := c.chapters.Mastery(chapters, chapterCachingAndObservability, now).Word(); got != Strong {
		t.Errorf("after right caching answers the chapter is %s", got)
	}
}

// TestMostCellsCarryAWordAfterFiveAnswers is the coverage check of the starting
// model: a demo cohort must not look at a grey table.
func TestMostCellsCarryAWordAfterFiveAnswers(t *testing.T) {
	const topics, perTopic, learners, answers = 25, 12, 40, 5
	courses := map[string]func(i int) CourseItem{
		"all levels, one topic an item": func(i int) CourseItem {
			return CourseItem{Level: Level(i / topics % NumLevels), Tags: EqualTags(i % topics)}
		},
		"derived, no levels": func(i int) CourseItem {
			return CourseItem{Level: Intermediate, Tags: EqualTags(i % topics)}
		},
		"two topics an item": func(i int) CourseItem {
			return CourseItem{Level: Level(i / topics % NumLevels), Tags: EqualTags(i%topics, (i+1+i/topics)%topics)}
		},
	}
	for name, item := range courses {
		t.Run(name, func(t *testing.T) {
			c := Course{Topics: topics}
			for i := range topics * perTopic {
				c.Items = append(c.Items, item(i))
			}
			m := must(Start(c))(t)
			random := stream(4)
			words := map[Word]int{}
			for range learners {
				s := answerEvenly(m, &random, answers)
				for k := range topics {
					words[m.Mastery(s, k, s.Last).Word()]++
				}
			}
			share := 1 - float64(words[NotEnoughAnswers])/(topics*learners)
			t.Logf("%.1f%% of cells carry a word: %v", 100*share, words)
			if share < .85 {
				t.Errorf("only %.1f%% of cells carry a word after %d answers a topic", 100*share, answers)
			}
			if words[Weak] == 0 || words[Strong] == 0 {
				t.Errorf("nobody is weak or nobody is strong: %v", words)
			}
		})
	}
}

// answerEvenly makes a learner up and has them go through the items in their
// order, leaving out those whose topics all have n answers.
func answerEvenly(m *Model, random *stream, n int) *State {
	gauss := func() float64 { // by the central limit theorem, variance 1
		sum := -6.0
		for range 12 {
			sum += random.float()
		}
		return sum
	}
	ability := 0.8 * gauss()
	skill := make([]float64, len(m.Topics))
	for k := range skill {
		skill[k] = 0.6 * gauss()
	}
	s, now := m.NewState(), twinEpoch
	for i := range m.Items {
		if !needed(m.Items[i], s, n) {
			continue
		}
		it := m.Items[i]
		z := ability - it.B + m.Weights[FeatureOne]
		for _, tag := range it.Tags {
			z += tag.Weight * skill[tag.Topic]
		}
		a := Answer{Item: i, Time: now}
		if random.float() < sigmoid(z) {
			a.Score = 1
		}
		m.Update(s, a)
		now += 120_000000
	}
	return s
}

// needed reports whether one of the item's topics has fewer than n answers.
func needed(it Item, s *State, n int) bool {
	for _, tag := range it.Tags {
		if ts, _ := s.Topic(tag.Topic); int(ts.N) < n {
			return true
		}
	}
	return false
}

// TestNotMeasuredLearnersSayNothingOfACohort: 55 of 60 learners never practised
// the topic. The five who did are what the report is about.
func TestNotMeasuredLearnersSayNothingOfACohort(t *testing.T) {
	c := Course{Topics: 4}
	for i := range 80 {
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(i % 4)})
	}
	m := must(Start(c))(t)
	const topic = 0
	var all, practised Cohort
	for learner := range 60 {
		s, now := m.NewState(), twinEpoch
		measured := learner%12 == 0
		for i, it := range m.Items {
			onTopic := it.Tags[0].Topic == topic
			if onTopic && !measured {
				continue
			}
			now += 60_000000
			score := 1.0
			if onTopic {
				score = 0
			}
			m.Update(s, Answer{Item: i, Score: score, Time: now})
		}
		e := m.Mastery(s, topic, now)
		all.Add(e)
		if measured {
			practised.Add(e)
			if e.Word() != Weak {
				t.Fatalf("a learner with only wrong answers on the topic is %s", e.Word())
			}
		} else if e.Word() != NotEnoughAnswers {
			t.Fatalf("a learner without answers on the topic is %s", e.Word())
		}
	}
	if all != practised || all.Measured != 5 {
		t.Errorf("learners without answers changed the cohort: %+v, of those with answers %+v", all, practised)
	}
	share, _ := all.ShareWeak(all.MeanPWeak())
	mean, _ := all.Mastery()
	if share.Estimate < .9 || mean.Estimate > .5 {
		t.Errorf("share weak %+v, mastery %+v of five who got all wrong", share, mean)
	}
	if word := CohortWord(share, all.Measured); word != Weak {
		t.Errorf("the cohort is %s", word)
	}
}

// TestRusty: what was good enough and then rested for two years is called rusty,
// not weak.
func TestRusty(t *testing.T) {
	c := Course{Topics: 3}
	for i := range 90 {
		c.Items = append(c.Items, CourseItem{Level: Intermediate, Tags: EqualTags(i % 3)})
	}
	p := must(Start(c))(t).Parameters
	p.Weights[FeatureGap] = -.165 // a deployment that forgets fast
	m := must(New(p))(t)
	s, now := m.NewState(), twinEpoch
	for i := range 90 {
		now += 60_000000
		m.Update(s, Answer{Item: i, Score: min(1, float64(i/3%3)), Time: now})
	}
	if e := m.Mastery(s, 0, now); e.Word() != Strong {
		t.Fatalf("right after practice: %s %+v", e.Word(), e)
	}
	later := m.Mastery(s, 0, now+700*day)
	if later.Word() != Rusty || later.GapHours < 700*24 {
		t.Errorf("after 700 days: %s %+v", later.Word(), later)
	}
	if without := m.Mastery(s, 0, NoTime); without.GapHours != 0 || without.PWeak != without.PWeakFresh {
		t.Errorf("a gap was counted without a time: %+v", without)
	}
}

// TestMasteryByLevel: the same learner does better on easier items.
func TestMasteryByLevel(t *testing.T) {
	m, s := sample(t)
	last := 1.0
	for l := range Level(NumLevels) {
		e, ok := m.MasteryAtLevel(s, 0, l, s.Last)
		if !ok {
			t.Fatalf("no items of level %s", l)
		}
		if e.Mean >= last {
			t.Errorf("level %s: %.3f, not below the level before: %.3f", l, e.Mean, last)
		}
		last = e.Mean
	}
	one := must(Start(Course{Topics: 1, Items: []CourseItem{{Level: Senior, Tags: EqualTags(0)}}}))(t)
	if _, ok := one.MasteryAtLevel(one.NewState(), 0, Staff, NoTime); ok {
		t.Error("a level without items has an estimate")
	}
	at, _ := one.MasteryAtLevel(one.NewState(), 0, Senior, NoTime)
	if all := one.Mastery(one.NewState(), 0, NoTime); at != all {
		t.Errorf("a topic of senior items alone: %+v at the level, %+v overall", at, all)
	}
}

// TestWords goes through the words in the order in which they match.
func TestWords(t *testing.T) {
	base := Estimate{N: 5, Low: .4, High: .6}
	for _, c := range []struct {
		change func(*Estimate)
		want   Word
	}{
		{func(e *Estimate) { e.N, e.PWeak, e.PWeakFresh = 2, 1, 1 }, NotEnoughAnswers},
		{func(e *Estimate) { e.High, e.PWeak, e.PWeakFresh = .86, .9, .9 }, NotEnoughAnswers},
		{func(e *Estimate) { e.PWeak, e.PWeakFresh = .8, .79 }, Rusty},
		{func(e *Estimate) { e.PWeak, e.PWeakFresh = .8, .8 }, Weak},
		{func(e *Estimate) { e.PWeak, e.PWeakFresh = .79, .1 }, Borderline},
		{func(e *Estimate) { e.PWeak = .5 }, Borderline},
		{func(e *Estimate) { e.PWeak = .49 }, Fair},
		{func(e *Estimate) { e.PWeak = .21 }, Fair},
		{func(e *Estimate) { e.PWeak = .2 }, Strong},
	} {
		e := base
		c.change(&e)
		if got := e.Word(); got != c.want {
			t.Errorf("%+v is %s, want %s", e, got, c.want)
		}
	}
}
