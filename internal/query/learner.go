package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// LearnerWeakTopics reports every topic of one learner, weakest first.
func (s *Service) LearnerWeakTopics(ctx context.Context, learner string, m Measure, at Moment) (*LearnerWeakTopics, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	known, err := s.known(ctx, v, m.Lens, learner)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, m, []string{learner})
	if err != nil {
		return nil, err
	}
	target := targets.of(learner)
	report := &LearnerWeakTopics{
		Basis: v.basis, Learner: learner, By: m.Lens.String(), Target: levelName(target), Answers: int(known.State.N) + known.Unmapped,
	}
	if known.Unmapped > 0 { // some have no topic in this lens, though the catalog may have them
		if report.Unmapped, err = s.unmapped(ctx, v, learner); err != nil {
			return nil, err
		}
	}
	model := &v.Course.Lenses[m.Lens]
	for k := range model.Topics {
		report.Topics = append(report.Topics, learnerTopic(model, known.State, k, target, v.now()))
	}
	slices.SortStableFunc(report.Topics, weakestFirst)
	return report, nil
}

// unmapped counts a learner's answers to items that the catalog doesn't have.
func (s *Service) unmapped(ctx context.Context, v *view, learner string) (int, error) {
	items, err := s.Store.Items(ctx, v.Facts, []string{learner}, v.at.Seq)
	n := 0
	for _, item := range items {
		if _, known := v.Course.Catalog.Item(item.Item); !known {
			n += item.Answers
		}
	}
	return n, err
}

// known computes one learner's state.
func (s *Service) known(ctx context.Context, v *view, lens project.Lens, learner string) (project.Known, error) {
	var known project.Known
	err := project.States(ctx, s.Store, &v.Course.Lenses[lens], v.query(lens, []string{learner}), func(k project.Known) error {
		known = k
		return nil
	})
	return known, err
}

func learnerTopic(model *project.LensModel, state *mastery.State, k int, target mastery.Target, now int64) LearnerTopic {
	topic := &model.Topics[k]
	used, _ := model.Against(k, target)
	t := LearnerTopic{
		ID: topic.ID, Title: topic.Title, Chapters: nonNil(topic.Chapters), Against: levelName(used), ByLevel: []Level{}, Trend: trend(0, 0),
	}
	estimate := model.MasteryAgainst(state, k, target, now)
	t.State = string(estimate.Word())
	ts, measured := state.Topic(k)
	if !measured {
		return t
	}
	t.Mastery, t.PWeak, t.Answers = interval(estimate), &estimate.PWeak, int(ts.N)
	t.SelfGraded = float64(ts.Self) / float64(ts.N)
	last := time.UnixMicro(ts.Last).UTC()
	t.LastPractised = &last
	for l := range mastery.Level(mastery.NumLevels) {
		if e, ok := model.MasteryAtLevel(state, k, l, now); ok {
			t.ByLevel = append(t.ByLevel, Level{l.String(), *interval(e)})
		}
	}
	observed := ts.Observed(now)
	t.Observed = Observed{Right: observed.Right, Expected: observed.Expected}
	t.Trend = trend(ts.Trend(now))
	return t
}

func interval(e mastery.Estimate) *Interval { return &Interval{e.Mean, e.Low, e.High} }

// The bounds of a trend's words: how many recent answers it takes, and how far
// from the expectation they must lie.
const (
	trendAnswers = 3
	trendChange  = 0.05
)

func trend(change, weight float64) Trend {
	t := Trend{Word: "steady", Change: change}
	switch {
	case weight < trendAnswers:
		t.Word = "unknown"
	case change >= trendChange:
		t.Word = "improving"
	case change <= -trendChange:
		t.Word = "declining"
	}
	return t
}

// weakestFirst orders by the probability of being weak; what has no state comes
// after what has one, and what has no answers last.
func weakestFirst(a, b LearnerTopic) int {
	rank := func(t LearnerTopic) int {
		switch {
		case t.PWeak == nil:
			return 2
		case t.State == string(mastery.NotEnoughAnswers):
			return 1
		}
		return 0
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 || a.PWeak == nil {
		return c
	}
	return cmp.Compare(*b.PWeak, *a.PWeak)
}

// Progress reports how much a learner did.
func (s *Service) Progress(ctx context.Context, learner string, at Moment) (*Progress, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	days, ticked, err := s.Store.Days(ctx, v.Facts, learner, v.at.Seq, s.Zone)
	if err != nil {
		return nil, err
	}
	p := &Progress{Basis: v.basis, Learner: learner, Ticks: ticked, ByDay: nonNil(days)}
	for _, d := range days {
		p.Answers += d.Answers
		p.Sessions += d.Sessions
		p.Seconds += d.Seconds
	}
	return p, nil
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Export is everything that is kept about a learner, for the learner.
func (s *Service) Export(ctx context.Context, learner string, since time.Time, at Moment) (*Export, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	events, err := s.Store.Export(ctx, v.Facts, learner, since, v.at.Seq)
	if err != nil {
		return nil, err
	}
	return &Export{Basis: v.basis, Learner: learner, Events: nonNil(events)}, nil
}
