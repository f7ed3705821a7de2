package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// needTopics is how many topics say where a member's need comes from.
const needTopics = 3

// CohortLearners lists the members of a cohort, who needs help most first: by the
// expected number of weak concerns, each weighted by its importance.
//
// Only concerns with enough answers for a judgment count. The model would put the
// others near even, and whoever touched most of them would seem to need most.
// Members without any such concern come after all who have one, those without
// answers last. The order depends on the moment, so a cursor names its own.
func (s *Service) CohortLearners(ctx context.Context, cohort string, m Measure, page Page, at Moment) (*CohortLearners, error) {
	v, after, err := s.viewAfter(ctx, page, at)
	if err != nil {
		return nil, err
	}
	members, err := s.Store.Members(ctx, v.Facts, cohort, v.at)
	if err != nil {
		return nil, err
	}
	ids := memberIDs(members)
	activity, err := s.Store.Activity(ctx, v.Facts, ids, v.at.Seq)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, m, ids)
	if err != nil {
		return nil, err
	}
	report := &CohortLearners{Basis: v.basis, Cohort: cohort, Target: m.asked(), Members: len(members), Learners: []MemberSummary{}}
	model := &v.Course.Lenses[project.ByConcern]
	err = project.States(ctx, s.Store, model, v.query(project.ByConcern, ids), func(known project.Known) error {
		member := members[len(report.Learners)] // both ascend by id
		summary := MemberSummary{Learner: member.Learner, Joined: member.Joined, Answers: activity[member.Learner].Answers}
		if last := activity[member.Learner].Last; !last.IsZero() {
			summary.LastActive = &last
		}
		summary.judge(model, known.State, targets.of(member.Learner), v.now())
		if summary.Need != nil {
			report.Measured++
		}
		report.Learners = append(report.Learners, summary)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(report.Learners, neediestFirst)
	report.Learners, report.Next, err = pageAfter(report.Learners, func(m MemberSummary) string { return m.Learner }, after, page, v)
	return report, err
}

// judge adds what the answers say of a member, measured against a target.
func (m *MemberSummary) judge(model *project.LensModel, state *mastery.State, target mastery.Target, now int64) {
	m.Target = levelName(target)
	var sources []NeedTopic
	need := 0.0
	for k := range model.Topics {
		e := model.MasteryAgainst(state, k, target, now)
		word := e.Word()
		switch word {
		case mastery.NotEnoughAnswers:
			continue
		case mastery.Weak, mastery.Rusty:
			m.TopicsWeak++
		case mastery.Strong:
			m.TopicsStrong++
		}
		topic := &model.Topics[k]
		part := float64(topic.Importance * e.PWeak)
		need += part
		sources = append(sources, NeedTopic{topic.ID, topic.Title, string(word), part})
	}
	slices.SortStableFunc(sources, func(a, b NeedTopic) int { return cmp.Compare(b.Need, a.Need) })
	m.Measured = len(sources)
	m.Mostly = nonNil(sources[:min(needTopics, len(sources))])
	if m.Measured > 0 {
		m.Need = &need
	}
}

// neediestFirst orders by need; who isn't measured comes after who is, and who has
// no answers last.
func neediestFirst(a, b MemberSummary) int {
	rank := func(m MemberSummary) int {
		switch {
		case m.Need != nil:
			return 0
		case m.Answers > 0:
			return 1
		}
		return 2
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	if a.Need != nil && *a.Need != *b.Need {
		return cmp.Compare(*b.Need, *a.Need)
	}
	return strings.Compare(a.Learner, b.Learner)
}

// pageAfter returns the page of an ordered list that comes after an id, and the
// cursor of the next one, which names the moment and the last id of the page.
func pageAfter[T any](list []T, id func(T) string, after string, page Page, v *view) ([]T, string, error) {
	if after != "" {
		last := slices.IndexFunc(list, func(one T) bool { return id(one) == after })
		if last < 0 {
			return nil, "", page.unknown()
		}
		list = list[last+1:]
	}
	if len(list) <= page.Limit {
		return list, "", nil
	}
	return list[:page.Limit], v.at.String() + "/" + id(list[page.Limit-1]), nil
}
