package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// Cohorts lists the cohorts that sees accepts, with the number of their members.
func (s *Service) Cohorts(ctx context.Context, sees func(cohort string) bool, page Page, at Moment) (*Cohorts, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Cohorts(ctx, v.Facts, v.at)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c CohortSummary) bool { return !sees(c.ID) })
	list, next := cut(list, func(c CohortSummary) string { return c.ID }, page)
	return &Cohorts{Basis: v.basis, Cohorts: nonNil(list), Next: next}, nil
}

// gathering sums up one topic over a cohort's members.
type gathering struct {
	all     mastery.Cohort
	byLevel [mastery.NumLevels]mastery.Cohort

	answers, self     uint32
	first             uint32
	firstRight        float64
	trendSum, trendOn float64
}

func (g *gathering) add(model *project.LensModel, state *mastery.State, k int, target mastery.Target, now int64) {
	t, measured := state.Topic(k)
	if !measured {
		return
	}
	g.all.Add(model.MasteryAgainst(state, k, target, now))
	for l := range g.byLevel {
		if e, ok := model.MasteryAtLevel(state, k, mastery.Level(l), now); ok {
			g.byLevel[l].Add(e)
		}
	}
	g.answers += t.N
	g.self += t.Self
	g.first += t.First
	g.firstRight += t.FirstRight
	change, weight := t.Trend(now)
	g.trendSum += float64(change * weight)
	g.trendOn += weight
}

// CohortWeakTopics reports every topic of a cohort, weakest first.
func (s *Service) CohortWeakTopics(ctx context.Context, cohort string, m Measure, at Moment) (*CohortWeakTopics, error) {
	v, members, targets, err := s.cohortView(ctx, cohort, m, at)
	if err != nil {
		return nil, err
	}
	model := &v.Course.Lenses[m.Lens]
	gathered := newGatherings(model)
	report := &CohortWeakTopics{
		Basis: v.basis, Cohort: cohort, By: m.Lens.String(), Target: m.asked(), Learners: len(members),
		Targets: targets.count(members),
	}
	err = project.States(ctx, s.Store, model, v.query(m.Lens, members), func(known project.Known) error {
		gathered.add(model, known.State, targets.of(known.Learner), v.now())
		report.Answers += int(known.State.N) + known.Unmapped
		return nil
	})
	if err != nil {
		return nil, err
	}
	report.Topics = gathered.topics(model, len(members))
	slices.SortStableFunc(report.Topics, weakestTopicFirst)
	return report, nil
}

// gatherings sum up every topic of one lens over a cohort's members, in the
// course's order. Members are added ascending by id, so that sums have the same
// bits wherever they are made.
type gatherings []gathering

func newGatherings(model *project.LensModel) gatherings {
	return make(gatherings, len(model.Topics))
}

func (g gatherings) add(model *project.LensModel, state *mastery.State, target mastery.Target, now int64) {
	for k := range g {
		g[k].add(model, state, k, target, now)
	}
}

// topics reports every topic, in the course's order.
func (g gatherings) topics(model *project.LensModel, learners int) []CohortTopic {
	overall := g.meanWeak()
	list := make([]CohortTopic, len(g))
	for k := range g {
		list[k] = g[k].topic(&model.Topics[k], learners, overall)
	}
	return list
}

// meanWeak is g of the share of weak learners: the mean over measured topics.
func (g gatherings) meanWeak() float64 {
	sum, n := 0.0, 0
	for k := range g {
		if g[k].all.Measured > 0 {
			sum += g[k].all.MeanPWeak()
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// weak tells the topic's state and the share of weak learners; nil: nobody is measured.
func (g *gathering) weak(overall float64) (state string, share *Interval) {
	estimate, measured := g.all.ShareWeak(overall)
	if !measured {
		return string(mastery.NotEnoughAnswers), nil
	}
	return string(mastery.CohortWord(estimate, g.all.Measured)), (*Interval)(&estimate)
}

func (g *gathering) topic(topic *project.Topic, learners int, overall float64) CohortTopic {
	t := CohortTopic{
		ID: topic.ID, Title: topic.Title, Chapters: nonNil(topic.Chapters), ByLevel: []Level{},
		Learners: learners, LearnersMeasured: g.all.Measured, Answers: int(g.answers),
		Trend: trend(0, 0),
	}
	if t.State, t.ShareWeak = g.weak(overall); t.ShareWeak == nil {
		return t
	}
	m, _ := g.all.Mastery()
	t.Mastery = (*Interval)(&m)
	for l := range g.byLevel {
		if m, ok := g.byLevel[l].Mastery(); ok {
			t.ByLevel = append(t.ByLevel, Level{mastery.Level(l).String(), Interval(m)})
		}
	}
	t.SelfGraded = float64(g.self) / float64(g.answers)
	if g.first > 0 {
		first := g.firstRight / float64(g.first)
		t.FirstAttemptCorrect = &first
	}
	if g.trendOn > 0 {
		t.Trend = trend(g.trendSum/g.trendOn, g.trendOn)
	}
	return t
}

// weakestTopicFirst orders by share weak; what has no state comes after what has
// one, and where nobody is measured last.
func weakestTopicFirst(a, b CohortTopic) int {
	rank := func(t CohortTopic) int {
		switch {
		case t.ShareWeak == nil:
			return 2
		case t.State == string(mastery.NotEnoughAnswers):
			return 1
		}
		return 0
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 || a.ShareWeak == nil {
		return c
	}
	return cmp.Compare(b.ShareWeak.Estimate, a.ShareWeak.Estimate)
}

// cohortView is the view of a report about a whole cohort, with the members' ids and
// what each is measured against.
func (s *Service) cohortView(ctx context.Context, cohort string, m Measure, at Moment) (v *view, members []string, of targets, err error) {
	if v, err = s.view(ctx, at); err != nil {
		return nil, nil, of, err
	}
	if members, err = s.members(ctx, v, cohort); err != nil {
		return nil, nil, of, err
	}
	of, err = s.targets(ctx, v, m, members)
	return v, members, of, err
}

// members lists the ids of a cohort's members at the view's moment, sorted.
func (s *Service) members(ctx context.Context, v *view, cohort string) ([]string, error) {
	members, err := s.Store.Members(ctx, v.Facts, cohort, v.at)
	if err != nil {
		return nil, err
	}
	return memberIDs(members), nil
}

func memberIDs(members []Member) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.Learner
	}
	return ids
}

// Page asks for one page of a list: at most Limit rows after the cursor.
type Page struct {
	Limit int
	After string
}

// cut returns the page of a list that is sorted by id, and the next cursor.
func cut[T any](list []T, id func(T) string, p Page) ([]T, string) {
	from, found := slices.BinarySearchFunc(list, p.After, func(v T, after string) int { return cmp.Compare(id(v), after) })
	if found {
		from++
	}
	list = list[from:]
	if len(list) <= p.Limit {
		return list, ""
	}
	return list[:p.Limit], id(list[p.Limit-1])
}

// Heatmap reports every member of a cohort in every topic, a page of members.
func (s *Service) Heatmap(ctx context.Context, cohort string, m Measure, page Page, at Moment) (*Heatmap, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	members, err := s.members(ctx, v, cohort)
	if err != nil {
		return nil, err
	}
	members, next := cut(members, func(id string) string { return id }, page)
	targets, err := s.targets(ctx, v, m, members)
	if err != nil {
		return nil, err
	}
	model := &v.Course.Lenses[m.Lens]
	h := &Heatmap{
		Basis: v.basis, Cohort: cohort, By: m.Lens.String(), Target: m.asked(), Rows: []HeatmapRow{}, Topics: []TopicName{}, Next: next,
	}
	for k := range model.Topics {
		h.Topics = append(h.Topics, TopicName{model.Topics[k].ID, model.Topics[k].Title})
	}
	err = project.States(ctx, s.Store, model, v.query(m.Lens, members), func(known project.Known) error {
		target := targets.of(known.Learner)
		row := HeatmapRow{Learner: known.Learner, Target: levelName(target), Answers: int(known.State.N) + known.Unmapped}
		for k := range model.Topics {
			row.Cells = append(row.Cells, cell(model.MasteryAgainst(known.State, k, target, v.now())))
		}
		h.Rows = append(h.Rows, row)
		return nil
	})
	return h, err
}

func cell(e mastery.Estimate) Cell {
	c := Cell{State: string(e.Word()), Answers: int(e.N)}
	if e.N > 0 {
		c.Mastery, c.PWeak = interval(e), &e.PWeak
	}
	return c
}
