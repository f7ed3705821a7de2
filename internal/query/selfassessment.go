package query

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// SelfAssessment reports what a learner thinks of the own mastery, and what answers showed.
// Ticks before since count, but aren't listed.
func (s *Service) SelfAssessment(ctx context.Context, learner string, m Measure, since time.Time, at Moment) (*SelfAssessment, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, m, []string{learner})
	if err != nil {
		return nil, err
	}
	report := &SelfAssessment{Basis: v.basis, Learner: learner, By: m.Lens.String(), Target: levelName(targets.of(learner))}
	model := &v.Course.Lenses[m.Lens]
	err = s.opinions(ctx, v, m.Lens, []string{learner}, func(_ string, o *opinion) {
		report.Confidence, report.SelfGrades = o.stated.report(), o.grades.report()
		var checklists []*Checklist
		checklists, report.Bias = o.checklists(checklistsOf(model), targets.of(learner), v.now(), since)
		for k := range model.Topics {
			topic := &o.topics[k]
			report.Topics = append(report.Topics, SelfTopic{
				ID: model.Topics[k].ID, Title: model.Topics[k].Title, Checklist: checklists[k],
				Confidence: against(&topic.stated), SelfGrades: topic.grades.report(),
			})
		}
	})
	return report, err
}

// opinions yields every learner's opinion, ascending, whoever has none included.
func (s *Service) opinions(ctx context.Context, v *view, lens project.Lens, learners []string, yield func(learner string, o *opinion)) error {
	model := &v.Course.Lenses[lens]
	for some := range slices.Chunk(learners, learnersAtOnce) {
		held := make(map[string]*opinion, len(some))
		for _, learner := range some {
			held[learner] = newOpinion(model)
		}
		if err := s.Store.Ticks(ctx, v.Facts, some, v.at.Seq, func(t Tick) { held[t.Learner].tick(t) }); err != nil {
			return err
		}
		if err := s.Store.Confidences(ctx, v.Facts, some, v.at.Seq, func(c Confidence) { held[c.Learner].confide(c) }); err != nil {
			return err
		}
		q := v.query(lens, some)
		q.Whole = true
		if err := s.Store.Histories(ctx, q, func(h *project.History) error { return held[h.Learner].fold(h, v.at.Seq) }); err != nil {
			return err
		}
		for _, learner := range some {
			yield(learner, held[learner])
		}
	}
	return nil
}

// checklistsOf lists the items of each topic's checklist.
func checklistsOf(model *project.LensModel) [][]string {
	lists := make([][]string, len(model.Topics))
	for i := range model.Items {
		if item := &model.Parameters.Items[i]; item.Aside {
			for _, tag := range item.Tags {
				lists[tag.Topic] = append(lists[tag.Topic], model.Items[i])
			}
		}
	}
	return lists
}

// CohortSelfAssessment reports what the members of a cohort think of their mastery, and
// what answers showed. Its learners come a page at a time; a cursor names its moment.
func (s *Service) CohortSelfAssessment(ctx context.Context, cohort string, m Measure, page Page, at Moment) (*CohortSelfAssessment, error) {
	v, after, err := s.viewAfter(ctx, page, at)
	if err != nil {
		return nil, err
	}
	members, err := s.members(ctx, v, cohort)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, m, members)
	if err != nil {
		return nil, err
	}
	sums := newOpinions(&v.Course.Lenses[m.Lens])
	report := &CohortSelfAssessment{
		Basis: v.basis, Cohort: cohort, By: m.Lens.String(), Target: m.asked(), Members: len(members), Learners: []SelfMember{},
	}
	err = s.opinions(ctx, v, m.Lens, members, func(learner string, o *opinion) {
		report.Learners = append(report.Learners, sums.add(learner, o, targets.of(learner), v.now()))
	})
	if err != nil {
		return nil, err
	}
	sums.report(report)
	slices.SortStableFunc(report.Learners, mostBiasedFirst)
	report.Learners, report.Next, err = pageAfter(report.Learners, func(m SelfMember) string { return m.Learner }, after, page, v)
	return report, err
}

// mostBiasedFirst orders by bias; those without come last, by id.
func mostBiasedFirst(a, b SelfMember) int {
	of := func(m SelfMember) float64 {
		if m.Bias == nil {
			return -2
		}
		return m.Bias.Estimate
	}
	return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.Learner, b.Learner))
}

// opinions sum up the opinions of a cohort's members, who are added ascending by id.
type opinions struct {
	model      *project.LensModel
	checklists [][]string
	bias       average
	stated     stated
	grades     grades
	topics     []cohortOpinion
}

// cohortOpinion is one topic of it.
type cohortOpinion struct {
	topicOpinion
	list   CohortChecklist
	shares float64
	gaps   average
	shared float64 // Σ of what all learners' errors share
}

// gap is the mean gap with its 90% interval: what is uncertain about the topic's difficulty
// doesn't average out over learners.
func (t *cohortOpinion) gap() *Interval {
	if t.gaps.groups == 0 {
		return nil
	}
	common := float64(z90 * t.shared / float64(t.gaps.groups))
	return around(t.gaps.mean(), math.Hypot(t.gaps.margin(), common), -1, 1)
}

func newOpinions(model *project.LensModel) *opinions {
	s := &opinions{model: model, checklists: checklistsOf(model), topics: make([]cohortOpinion, len(model.Topics))}
	for k := range s.topics {
		s.topics[k].list.Items = len(s.checklists[k])
	}
	return s
}

// add adds a member and returns what a report says of the member alone.
func (s *opinions) add(learner string, o *opinion, target mastery.Target, now int64) SelfMember {
	checklists, bias := o.checklists(s.checklists, target, now, time.Time{})
	m := SelfMember{
		Learner: learner, Target: levelName(target), Bias: bias, Confidence: against(&o.stated.difference), SelfGrades: o.grades.graders.report(),
	}
	if bias != nil {
		s.bias.add(1, bias.Estimate)
	}
	s.stated.difference.group(&o.stated.difference)
	for i := range s.stated.levels {
		s.stated.levels[i].group(&o.stated.levels[i])
	}
	s.grades.group(&o.grades.graders)
	for k := range s.grades.by {
		s.grades.by[k].group(&o.grades.by[k])
	}
	for k := range s.topics {
		topic := &s.topics[k]
		topic.stated.group(&o.topics[k].stated)
		topic.grades.group(&o.topics[k].grades)
		if c := checklists[k]; c != nil {
			topic.add(c)
			m.count(c.View)
		}
	}
	return m
}

func (g *graders) group(other *graders) {
	g.self.group(&other.self)
	g.others.group(&other.others)
}

func (t *cohortOpinion) add(c *Checklist) {
	t.list.Learners++
	t.shares += c.Share
	if c.Gap == nil {
		return
	}
	t.list.Compared++
	t.gaps.add(1, c.Gap.Estimate)
	t.shared += c.sharedSD
	switch c.View {
	case NoView:
		return
	case Overconfident:
		t.list.Overconfident++
	case Unticked:
		t.list.Unticked++
	}
	t.list.Judged++
}

func (m *SelfMember) count(v View) {
	switch v {
	case NoView:
		return
	case Overconfident:
		m.Overconfident++
	case Unticked:
		m.Unticked++
	}
	m.Judged++
}

// report puts the sums into a report.
func (s *opinions) report(r *CohortSelfAssessment) {
	r.Biased, r.Bias = s.bias.numbers, s.bias.interval(-1)
	r.Confidence, r.SelfGrades = s.stated.report(), s.grades.report()
	for k := range s.topics {
		topic := &s.topics[k]
		list := topic.list
		if list.Learners > 0 {
			share := topic.shares / float64(list.Learners)
			list.Share = &share
		}
		list.Gap = topic.gap()
		r.Topics = append(r.Topics, CohortSelfTopic{
			ID: s.model.Topics[k].ID, Title: s.model.Topics[k].Title, Checklist: list,
			Confidence: against(&topic.stated), SelfGrades: topic.grades.report(),
		})
	}
}
