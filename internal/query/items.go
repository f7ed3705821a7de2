package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// CohortItems reports how a cohort answered the course's items, least often
// right first. Items that nobody answered are left out. The order depends on the
// moment, so a cursor names its own: SEQ@TIME/ITEM.
func (s *Service) CohortItems(ctx context.Context, cohort string, page Page, at Moment) (*CohortItems, error) {
	v, after, err := s.viewAfter(ctx, page, at)
	if err != nil {
		return nil, err
	}
	members, err := s.members(ctx, v, cohort)
	if err != nil {
		return nil, err
	}
	counts, err := s.Store.Items(ctx, v.Facts, members, v.at.Seq)
	if err != nil {
		return nil, err
	}
	report := &CohortItems{Basis: v.basis, Cohort: cohort, Items: []ItemReport{}}
	for _, c := range counts {
		it := ItemReport{ID: c.Item, Concerns: []string{}, Answers: c.Answers, Learners: c.Learners}
		if known, ok := v.Course.Catalog.Item(c.Item); ok {
			it.Prompt, it.Level = known.Prompt, string(known.Level)
			for _, weight := range known.Concerns {
				it.Concerns = append(it.Concerns, weight.ID)
			}
		}
		if c.Answers > 0 {
			correct, first := c.Score/float64(c.Answers), c.FirstScore/float64(c.Learners)
			it.Correct, it.FirstAttemptCorrect = &correct, &first
		}
		report.Items = append(report.Items, it)
	}
	slices.SortStableFunc(report.Items, func(a, b ItemReport) int { return cmp.Compare(*a.FirstAttemptCorrect, *b.FirstAttemptCorrect) })
	report.Items, report.Next, err = pageAfter(report.Items, func(i ItemReport) string { return i.ID }, after, page, v)
	return report, err
}

// viewAfter is the view of a page's cursor and the id that it ends with; without
// a cursor that of the moment asked for.
func (s *Service) viewAfter(ctx context.Context, page Page, at Moment) (*view, string, error) {
	if page.After == "" {
		v, err := s.view(ctx, at)
		return v, "", err
	}
	text, id, _ := strings.Cut(page.After, "/")
	given, err := ParseMoment(text)
	if err != nil || given.seq == nil || given.time == nil || id == "" {
		return nil, "", page.unknown()
	}
	asked := given
	if at.text != "" {
		asked = at
	}
	asked.then = at.then
	v, err := s.view(ctx, asked)
	if err == nil && (v.at.Seq != *given.seq || !v.at.Time.Equal(*given.time)) {
		err = httpserver.BadRequest("cursor=%q is of another moment than as_of=%s; leave as_of out", page.After, at.text)
	}
	return v, id, err
}
