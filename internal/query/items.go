package query

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// CohortItems reports how a cohort answered the course's items, how hard they were for
// it, and which look broken. Items that nobody answered are left out. The order depends
// on the moment, so a cursor names its own: SEQ@TIME/ITEM.
func (s *Service) CohortItems(ctx context.Context, cohort string, order ItemOrder, page Page, at Moment) (*CohortItems, error) {
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
	asked, err := s.questions(ctx, v, members)
	if err != nil {
		return nil, err
	}
	report := &CohortItems{Basis: v.basis, Cohort: cohort, Sort: order, Count: len(counts), Items: itemReports(v.Course.Catalog, counts)}
	asked.describe(report.Items)
	for i := range report.Items {
		if len(report.Items[i].Flags) > 0 {
			report.Flagged++
		}
	}
	slices.SortStableFunc(report.Items, order.compare)
	report.Items, report.Next, err = pageAfter(report.Items, func(i ItemReport) string { return i.ID }, after, page, v)
	return report, err
}

// itemReports lists the items that were answered, with what the counts say.
func itemReports(course *catalog.Catalog, counts []ItemCount) []ItemReport {
	list := make([]ItemReport, len(counts))
	for i, c := range counts {
		correct, first := c.Score/float64(c.Answers), c.FirstScore/float64(c.Learners)
		it := ItemReport{
			ID: c.Item, Concerns: []string{}, Answers: c.Answers, Learners: c.Learners, Correct: &correct, FirstAttemptCorrect: &first,
			WrongChoices: []WrongChoice{}, Flags: []ItemFlag{},
		}
		if known, ok := course.Item(c.Item); ok {
			it.Prompt, it.Level = known.Prompt, string(known.Level)
			for _, weight := range known.Concerns {
				it.Concerns = append(it.Concerns, weight.ID)
			}
		}
		list[i] = it
	}
	return list
}

// learnersAtOnce is how many learners' responses are held in memory.
const learnersAtOnce = 500

// questions folds every member's whole history and sums up the first attempts.
func (s *Service) questions(ctx context.Context, v *view, members []string) (*questions, error) {
	asked := newQuestions(v.Course)
	for some := range slices.Chunk(members, learnersAtOnce) {
		responses := make(map[string]map[string]string, len(some))
		err := s.Store.FirstResponses(ctx, v.Facts, some, v.at.Seq, func(r Response) {
			if responses[r.Learner] == nil {
				responses[r.Learner] = map[string]string{}
			}
			responses[r.Learner][r.Item] = r.Response
		})
		if err != nil {
			return nil, err
		}
		q := v.query(project.ByConcern, some)
		q.Whole = true
		err = s.Store.Histories(ctx, q, func(h *project.History) error { return asked.add(h, v.at.Seq, responses[h.Learner]) })
		if err != nil {
			return nil, err
		}
	}
	return asked, nil
}

// describe adds what the first attempts say to the reports of items.
func (q *questions) describe(reports []ItemReport) {
	offsets := q.offsets()
	flags := q.flags(offsets)
	for i := range reports {
		at, known := q.model.Item(reports[i].ID)
		if !known {
			continue
		}
		item, it := &q.items[at], &reports[i]
		model := q.model.Parameters.Items[at]
		expected := item.expectedOf(offsets[at])
		it.Expected = &expected
		it.Difficulty = item.difficulty(model.B, model.VB, offsets[at])
		it.WrongChoices = item.wrongChoices(q.catalog, it.ID)
		if item.n >= discriminationFrom {
			if r, ok := item.pairs.correlation(z90); ok {
				it.Discrimination = &r
			}
		}
		it.Flags = append(it.Flags, flags[at]...)
	}
}

// expectedOf is the share of the first attempts that these learners were expected to get
// right, (ΣP + H·offset)/n.
func (it *question) expectedOf(o offset) float64 {
	return max(0, min(1, (it.expected+float64(it.information*o.mean))/float64(it.n)))
}

// left is the residual that the learners' offset doesn't explain: R - H·offset.
func (it *question) left(o offset) float64 { return it.residual - float64(it.information*o.mean) }

// difficulty is the model's after one Newton step on this cohort's first attempts:
//
//	estimate = b - (R - H·offset)/(1/vb + H)
//	variance = 1/(1/vb + H) + (H/(1/vb + H))²·(the offset's)
func (it *question) difficulty(b, vb float64, o offset) *Difficulty {
	d := &Difficulty{Model: b, Estimate: b, Low: b, High: b}
	if vb == 0 {
		return d // the model is sure
	}
	precision := 1/vb + it.information
	reach := it.information / precision
	d.Estimate -= it.left(o) / precision
	margin := float64(z90 * math.Sqrt(1/precision+float64(reach*reach*o.variance)))
	d.Low, d.High = d.Estimate-margin, d.Estimate+margin
	return d
}

// wrongChoicesShown is how many wrong choices a report tells.
const wrongChoicesShown = 3

// wrongChoices lists the choices of wrong first attempts, most frequent first.
func (it *question) wrongChoices(course *catalog.Catalog, id string) []WrongChoice {
	list := []WrongChoice{}
	known, _ := course.Item(id)
	for _, choice := range known.Choices { // in the catalog's order where they are as frequent
		if n := it.choices[choice.ID]; n > 0 && !choice.Right {
			list = append(list, WrongChoice{ID: choice.ID, Text: choice.Text, Count: n, Share: float64(n) / float64(it.n)})
		}
	}
	slices.SortStableFunc(list, func(a, b WrongChoice) int { return cmp.Compare(b.Count, a.Count) })
	return list[:min(len(list), wrongChoicesShown)]
}

// ParseItemOrder reads an order of items; empty is by attention.
func ParseItemOrder(text string) (ItemOrder, error) {
	switch order := ItemOrder(text); order {
	case "":
		return ByAttention, nil
	case ByAttention, ByRight:
		return order, nil
	}
	return "", httpserver.BadRequest("sort=%q: must be attention or right", text)
}

// compare orders two items; by id where nothing else tells them apart.
func (o ItemOrder) compare(a, b ItemReport) int {
	if o == ByRight {
		return cmp.Or(cmp.Compare(*a.FirstAttemptCorrect, *b.FirstAttemptCorrect), cmp.Compare(a.ID, b.ID))
	}
	return cmp.Or(cmp.Compare(a.attention(), b.attention()), cmp.Compare(b.harder(), a.harder()), cmp.Compare(a.ID, b.ID))
}

// attention ranks what is flagged before what is judged, and that before what the model
// doesn't know.
func (it *ItemReport) attention() int {
	switch {
	case len(it.Flags) > 0:
		return 0
	case it.Difficulty != nil:
		return 1
	}
	return 2
}

// harder is by how much an item was harder than the model took it for, in logits.
func (it *ItemReport) harder() float64 {
	if it.Difficulty == nil {
		return 0
	}
	return it.Difficulty.Estimate - it.Difficulty.Model
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
	asked.Catalog, asked.Model = at.Catalog, at.Model
	v, err := s.view(ctx, asked)
	if err == nil && (v.at.Seq != *given.seq || !v.at.Time.Equal(*given.time)) {
		err = httpserver.BadRequest("cursor=%q is of another moment than as_of=%s; leave as_of out", page.After, at.text)
	}
	return v, id, err
}
