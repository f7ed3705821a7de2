package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// cohortPage is what the page of a cohort shows.
type cohortPage struct {
	frame
	basis
	Cohort   string
	Cohorts  []query.CohortSummary // to choose from
	Learners int
	Answers  int
	Against  string                // what learners are measured against, in words
	Targets  []option              // what else they may be measured against
	Lead     *cohortTopic          // the weakest of the topics that need attention
	Needing  []cohortTopic         // the weakest of the weak or borderline ones
	Others   []cohortTopic         // the rest, weakest first
	MoreWeak int                   // how many of the others are weak or borderline too
	Heatmap  *query.Heatmap        // topics weakest first
	Next     string                // link to the next learners of the heatmap
	First    string                // link to the first ones; empty: these are they
	Help     []query.MemberSummary // who needs help most
	Judged   int                   // members with a judgment in some topic
	Unjudged int                   // those without

	Questions   string // link to the page of its questions
	Self        string // link to the page of what its learners think
	Reliability string // link to the page that holds predictions against answers
}

// cohortTopic is a topic with its place in the course and the chapters to read
// about it.
type cohortTopic struct {
	query.CohortTopic
	URL   string
	Read  []reference
	Moved *sparkline // over the last weeks
}

// How many learners the list of who needs most help names, and how many topics
// are shown at first: a page that shows everything points at nothing. And how many
// weeks a topic's movement has.
const (
	helpShown   = 8
	topicsShown = 8
	weeksShown  = 8
)

func (p *Pages) cohort(w http.ResponseWriter, r *http.Request) error {
	if done, err := p.wantsDay(w, r); done || err != nil {
		return err
	}
	params, err := p.params(r)
	if err != nil {
		return err
	}
	id := r.PathValue("cohort")
	if err := query.MayReadCohort(r.Context(), id); err != nil {
		return err
	}
	seen, err := p.look(r.Context(), params.Moment)
	if err != nil {
		return err
	}
	return p.showCohort(w, r, id, params, seen)
}

func (p *Pages) showCohort(w http.ResponseWriter, r *http.Request, id string, params query.Params, seen *sight) error {
	who, _ := httpserver.PrincipalFrom(r.Context())
	page := cohortPage{frame: newFrame(r, "Cohort "+id), Cohort: id}

	weak, err := seen.CohortWeakTopics(r.Context(), id, params.Measure, params.Moment)
	if err != nil {
		return err
	}
	page.basis = p.basis(r, cohortPath(id), weak.Basis, weak.By)
	page.Questions = page.elsewhere(questionsPath(id))
	page.Self = page.elsewhere(cohortSelfPath(id))
	page.Reliability = link(reliabilityPath(id), page.kept())
	page.Learners, page.Answers = weak.Learners, weak.Answers
	page.Against = cohortTarget(weak.Target, weak.Targets)
	page.Targets = targetOptions("each one's own target", page.Target)
	weeks, err := seen.CohortWeeks(r.Context(), id, params.Measure, weeksShown, params.Moment)
	if err != nil {
		return err
	}
	page.sort(weak.Topics, weeks.Topics, seen.course)
	if err := page.addLearners(r.Context(), seen, params); err != nil {
		return err
	}
	cohorts, err := seen.Cohorts(r.Context(), sees(who), query.Page{Limit: 1000}, params.Moment)
	if err != nil {
		return err
	}
	page.Cohorts = cohorts.Cohorts
	page.pagination(params)
	orderTopics(page.Heatmap, weak.Topics)
	return p.show(w, "cohort", &page)
}

// addLearners adds what is about single learners.
func (c *cohortPage) addLearners(ctx context.Context, seen *sight, params query.Params) error {
	var err error
	if c.Heatmap, err = seen.Heatmap(ctx, c.Cohort, params.Measure, params.Page, params.Moment); err != nil {
		return err
	}
	members, err := seen.CohortLearners(ctx, c.Cohort, params.Measure, query.Page{Limit: helpShown}, params.Moment)
	if err != nil {
		return err
	}
	c.Judged, c.Unjudged = members.Measured, members.Members-members.Measured
	c.Help = slices.DeleteFunc(members.Learners, func(m query.MemberSummary) bool {
		return !slices.ContainsFunc(m.Mostly, func(t query.NeedTopic) bool { return needs(t.State) })
	})
	return nil
}

// sort parts the topics that need attention most from the others.
func (c *cohortPage) sort(topics []query.CohortTopic, weeks []query.TopicWeeks, course course) {
	for i, t := range topics { // both have the same order
		shown := cohortTopic{t, course.topicURL(c.By, t.ID), course.toChapters(t.Chapters), drawSparkline(&weeks[i])}
		if needs(t.State) && len(c.Needing) < topicsShown {
			c.Needing = append(c.Needing, shown)
			continue
		}
		c.Others = append(c.Others, shown)
		if needs(t.State) {
			c.MoreWeak++
		}
	}
	if len(c.Needing) > 0 {
		c.Lead = &c.Needing[0]
	}
}

// needs reports whether a topic in this state needs attention.
func needs(state string) bool { return state == "weak" || state == "rusty" || state == "borderline" }

// pagination links to the heatmap's other learners.
func (c *cohortPage) pagination(params query.Params) {
	c.First, c.Next = c.pages(params.Page, c.Heatmap.Next, "#heatmap")
}

// orderTopics puts the heatmap's columns into the order of the weak topics, so
// that what needs attention is seen without scrolling.
func orderTopics(h *query.Heatmap, weakest []query.CohortTopic) {
	rank := make(map[string]int, len(weakest))
	for i, t := range weakest {
		rank[t.ID] = i
	}
	order := make([]int, len(h.Topics))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[h.Topics[a].ID], rank[h.Topics[b].ID]) })
	h.Topics = reordered(h.Topics, order)
	for i := range h.Rows {
		h.Rows[i].Cells = reordered(h.Rows[i].Cells, order)
	}
}

func reordered[T any](list []T, order []int) []T {
	out := make([]T, len(order))
	for i, from := range order {
		out[i] = list[from]
	}
	return out
}
