package soak

import (
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Report computes a learner's report from scratch: every answer that counts, in the
// order of time and key, through the model.
func (m *Model) Report(course *project.Course, lens project.Lens, learner string, now time.Time) *query.LearnerWeakTopics {
	model := &course.Lenses[lens]
	state := model.NewState()
	r := &query.LearnerWeakTopics{Learner: learner, By: lens.String()}
	p := m.past(learner)
	for _, a := range p.answers {
		if p.taken[a.key] {
			continue
		}
		r.Answers++
		if _, has := course.Catalog.Item(a.Item); !has {
			r.Unmapped++
		}
		if item, mapped := model.Item(a.Item); mapped {
			model.Update(state, mastery.Answer{Item: item, Score: a.Score, Time: a.at, SelfGraded: a.GradedBy == "self"})
		}
	}
	for k := range model.Topics {
		r.Topics = append(r.Topics, topicOf(model, state, k, p.target, now.UnixMicro()))
	}
	if p.target != "" {
		r.Target = &p.target
	}
	return r
}

// topicOf writes down what the model says of one topic to who prepares for a level.
func topicOf(model *project.LensModel, state *mastery.State, k int, target string, now int64) query.LearnerTopic {
	estimate := model.Mastery(state, k, now)
	var against *string
	if level, err := mastery.ParseLevel(target); err == nil {
		if e, has := model.MasteryAtLevel(state, k, level, now); has {
			estimate, against = e, &target
		}
	}
	t := query.LearnerTopic{
		ID: model.Topics[k].ID, Title: model.Topics[k].Title, Chapters: model.Topics[k].Chapters, Against: against,
		State: string(estimate.Word()), ByLevel: []query.Level{}, Trend: query.Trend{Word: "unknown"},
	}
	if t.Chapters == nil {
		t.Chapters = []string{}
	}
	s, measured := state.Topic(k)
	if !measured {
		return t
	}
	t.Mastery = &query.Interval{Estimate: estimate.Mean, Low: estimate.Low, High: estimate.High}
	t.PWeak, t.Answers, t.SelfGraded = &estimate.PWeak, int(s.N), float64(s.Self)/float64(s.N)
	last := time.UnixMicro(s.Last).UTC()
	t.LastPractised = &last
	for level := range mastery.Level(mastery.NumLevels) {
		if e, ok := model.MasteryAtLevel(state, k, level, now); ok {
			t.ByLevel = append(t.ByLevel, query.Level{Level: level.String(), Interval: query.Interval{Estimate: e.Mean, Low: e.Low, High: e.High}})
		}
	}
	observed := s.Observed(now)
	t.Observed = query.Observed{Right: observed.Right, Expected: observed.Expected}
	change, weight := s.Trend(now)
	t.Trend = query.Trend{Word: trendWord(change, weight), Change: change}
	return t
}

func trendWord(change, weight float64) string {
	switch {
	case weight < 3:
		return "unknown"
	case change >= 0.05:
		return "improving"
	case change <= -0.05:
		return "declining"
	}
	return "steady"
}

// itemsOf lists the answerable items of a course and those to be ticked.
func itemsOf(c *catalog.Catalog) (items, lists []string) {
	for i := range c.Items {
		if c.Items[i].Answerable() {
			items = append(items, c.Items[i].ID)
		} else {
			lists = append(lists, c.Items[i].ID)
		}
	}
	return items, lists
}
