package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/project"
)

// addMembers counts learners who read another word in the cohorts that they are
// members of, before or after.
func (c *changing) addMembers(ctx context.Context, changed []string) error {
	if len(changed) == 0 {
		return nil
	}
	of := map[string][]string{}
	for side, v := range c.sides {
		if side > 0 && c.sameFacts() {
			break
		}
		cohorts, err := c.service.Store.CohortsOf(ctx, v.Facts, changed, v.at)
		if err != nil {
			return err
		}
		for learner, list := range cohorts {
			of[learner] = append(of[learner], list...)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range of {
		slices.Sort(list)
		for _, cohort := range slices.Compact(list) {
			c.within[cohort]++
		}
	}
	return nil
}

// cohorts compares the reports of the cohorts with most members, and tells how many
// cohorts have any. All learners were added before.
func (c *changing) cohorts(ctx context.Context, p *strides) ([]CohortChange, int, error) {
	most, of, err := c.largestCohorts(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, cohort := range most {
		p.expect(uint64(cohort.Learners))
	}
	list := make([]CohortChange, len(most))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(workers())
	for i, cohort := range most {
		group.Go(func() (err error) {
			if err := p.wait(within); err != nil {
				return err
			}
			list[i], err = c.cohort(within, cohort.ID)
			p.step(uint64(cohort.Learners))
			return err
		})
	}
	if err := cmp.Or(group.Wait(), ctx.Err()); err != nil {
		return nil, 0, err
	}
	return list, of, nil
}

// largestCohorts lists the cohorts with most members on either side.
func (c *changing) largestCohorts(ctx context.Context) ([]CohortSummary, int, error) {
	members := map[string]int{}
	for side, v := range c.sides {
		if side > 0 && c.sameFacts() {
			break
		}
		list, err := c.service.Store.Cohorts(ctx, v.Facts, v.at)
		if err != nil {
			return nil, 0, err
		}
		for _, cohort := range list {
			if cohort.Learners > 0 {
				members[cohort.ID] = max(members[cohort.ID], cohort.Learners)
			}
		}
	}
	list := make([]CohortSummary, 0, len(members))
	for id, n := range members {
		list = append(list, CohortSummary{id, n})
	}
	slices.SortFunc(list, func(a, b CohortSummary) int { return cmp.Or(b.Learners-a.Learners, cmp.Compare(a.ID, b.ID)) })
	return list[:min(len(list), mostCohorts)], len(list), nil
}

// cohort compares the reports of one cohort.
func (c *changing) cohort(ctx context.Context, id string) (CohortChange, error) {
	change := CohortChange{Cohort: id, Affected: c.within[id], Topics: []CohortTopicChange{}}
	var members [2][]string
	var of [2]targets
	for side, v := range c.sides {
		var err error
		if members[side], err = c.service.members(ctx, v, id); err != nil {
			return change, err
		}
		if of[side], err = c.service.targets(ctx, v, Measure{}, members[side]); err != nil {
			return change, err
		}
	}
	either := slices.Concat(members[0], members[1])
	slices.Sort(either)
	change.Learners = len(slices.Compact(either))
	for lens := range c.topics {
		states := make([]CohortTopicChange, len(c.topics[lens]))
		for side, v := range c.sides {
			report, err := c.service.weakTopics(ctx, v, id, Measure{Lens: project.Lens(lens)}, members[side], of[side])
			if err != nil {
				return change, err
			}
			said := make(map[string]CohortState, len(report.Topics))
			for i := range report.Topics {
				t := &report.Topics[i]
				said[t.ID] = CohortState{State: t.State, LearnersMeasured: t.LearnersMeasured, ShareWeak: t.ShareWeak}
			}
			for k := range states {
				states[k].By, states[k].ID, states[k].Title = project.Lens(lens).String(), c.topics[lens][k].id, c.topics[lens][k].title
				if side == 0 {
					states[k].From = said[states[k].ID]
				} else {
					states[k].To = said[states[k].ID]
				}
			}
		}
		change.Topics = append(change.Topics, slices.DeleteFunc(states, CohortTopicChange.same)...)
	}
	slices.SortStableFunc(change.Topics, largestTopicFirst)
	change.Changed = len(change.Topics)
	for _, t := range change.Topics {
		if t.From.State != t.To.State {
			change.Words++
		}
	}
	change.Topics = change.Topics[:min(change.Changed, mostTopicChange)]
	return change, nil
}

// same reports whether share weak and word are the same.
func (t CohortTopicChange) same() bool {
	return t.From.State == t.To.State && (t.From.ShareWeak == nil) == (t.To.ShareWeak == nil) && t.moved() == 0
}

// moved is how far the share of weak learners moves; nobody measured counts as 0.
func (t CohortTopicChange) moved() float64 {
	share := func(s *Interval) float64 {
		if s == nil {
			return 0
		}
		return s.Estimate
	}
	return math.Abs(share(t.To.ShareWeak) - share(t.From.ShareWeak))
}

// largestTopicFirst orders by how far the share moves, then those with another word
// first, then by id.
func largestTopicFirst(a, b CohortTopicChange) int {
	word := func(t CohortTopicChange) int {
		if t.From.State != t.To.State {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.moved(), a.moved()), word(a)-word(b), -cmp.Compare(a.By, b.By), cmp.Compare(a.ID, b.ID))
}
