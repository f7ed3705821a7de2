package query

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/gapwise/gapwise/internal/project"
)

// How many cohorts are compared, and how many topics of each are listed.
const (
	mostCohorts     = 100
	mostTopicChange = 10
)

// changingCohort sums up a cohort on both sides, as its report of weak topics does: its
// members are added ascending by id.
type changingCohort struct {
	id       string
	members  [2][]string // sorted; those who come after the learner at hand
	learners int         // members on either side
	affected int
	sums     [2][project.NumLenses]gatherings // by shared topic
}

// readCohorts reads the members of the cohorts with most of them.
func (c *changing) readCohorts(ctx context.Context) error {
	size := map[string]int{}
	for side, v := range c.sides {
		if side > 0 && c.sameFacts() {
			break
		}
		list, err := c.service.Store.Cohorts(ctx, v.Facts, v.at)
		if err != nil {
			return err
		}
		for _, cohort := range list {
			if cohort.Learners > 0 {
				size[cohort.ID] = max(size[cohort.ID], cohort.Learners)
			}
		}
	}
	list := make([]CohortSummary, 0, len(size))
	for id, n := range size {
		list = append(list, CohortSummary{id, n})
	}
	slices.SortFunc(list, func(a, b CohortSummary) int { return cmp.Or(b.Learners-a.Learners, cmp.Compare(a.ID, b.ID)) })
	c.ofCohorts = len(list)
	for _, cohort := range list[:min(len(list), mostCohorts)] {
		g := &changingCohort{id: cohort.ID}
		for side, v := range c.sides {
			for lens := range c.topics {
				g.sums[side][lens] = make(gatherings, len(c.topics[lens]))
			}
			if side > 0 && c.sameFacts() {
				g.members[side] = g.members[0]
				continue
			}
			var err error
			if g.members[side], err = c.service.members(ctx, v, cohort.ID); err != nil {
				return err
			}
		}
		either := slices.Concat(g.members[0], g.members[1])
		slices.Sort(either)
		g.learners = len(slices.Compact(either))
		c.cohorts = append(c.cohorts, g)
	}
	return nil
}

// add adds a learner who comes after those before.
func (g *changingCohort) add(learner string, affected bool, v *verdicts, i int) {
	member := false
	for side := range g.members {
		n := 0
		for n < len(g.members[side]) && g.members[side][n] < learner {
			n++ // without an answer
		}
		g.members[side] = g.members[side][n:]
		if len(g.members[side]) == 0 || g.members[side][0] != learner {
			continue
		}
		member = true
		for lens := range g.sums[side] {
			list := v.of(side, lens, i)
			for k := range list {
				g.sums[side][lens][k].all.Add(list[k].Estimate)
			}
		}
	}
	if member && affected {
		g.affected++
	}
}

// states are what the report of a side says of each shared topic.
func (c *changing) states(g *changingCohort, side int, lens project.Lens) []CohortState {
	sums, list := g.sums[side][lens], make([]CohortState, len(c.topics[lens]))
	overall := c.inOrder(sums, side, lens).meanWeak()
	for i, topic := range c.topics[lens] {
		if topic.at[side] >= 0 {
			list[i].State, list[i].ShareWeak = sums[i].weak(overall)
			list[i].LearnersMeasured = sums[i].all.Measured
		}
	}
	return list
}

// inOrder puts the sums of shared topics into the order of a side's course: it decides
// the last bit of a sum over topics.
func (c *changing) inOrder(sums gatherings, side int, lens project.Lens) gatherings {
	list := make(gatherings, len(c.sides[side].Course.Lenses[lens].Topics))
	for i, topic := range c.topics[lens] {
		if k := topic.at[side]; k >= 0 {
			list[k] = sums[i]
		}
	}
	return list
}

// cohort tells what changes in a cohort.
func (c *changing) cohort(g *changingCohort) CohortChange {
	change := CohortChange{Cohort: g.id, Learners: g.learners, Affected: g.affected, Topics: []CohortTopicChange{}}
	for lens := range project.Lens(project.NumLenses) {
		from, to := c.states(g, 0, lens), c.states(g, 1, lens)
		for i, topic := range c.topics[lens] {
			t := CohortTopicChange{By: lens.String(), ID: topic.id, Title: topic.title, From: from[i], To: to[i]}
			if t.From.State != t.To.State {
				change.Words++
			} else if t.same() {
				continue
			}
			change.Changed++
			change.Topics = append(change.Topics, t)
		}
	}
	slices.SortStableFunc(change.Topics, largestTopicFirst)
	change.Topics = change.Topics[:min(len(change.Topics), mostTopicChange)]
	return change
}

// same reports whether the share of weak learners is the same.
func (t *CohortTopicChange) same() bool {
	return (t.From.ShareWeak == nil) == (t.To.ShareWeak == nil) && t.size() == 0
}

// size is how far the share of weak learners moves; nobody measured counts as 0.
func (t *CohortTopicChange) size() float64 {
	share := func(s *Interval) float64 {
		if s == nil {
			return 0
		}
		return s.Estimate
	}
	return math.Abs(share(t.To.ShareWeak) - share(t.From.ShareWeak))
}

// largestTopicFirst orders by how far the share moves; of equal ones those with another
// word come first, and then concerns.
func largestTopicFirst(a, b CohortTopicChange) int {
	word := func(t *CohortTopicChange) int {
		if t.From.State != t.To.State {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.size(), a.size()), word(&a)-word(&b), cmp.Compare(b.By, a.By), cmp.Compare(a.ID, b.ID))
}
