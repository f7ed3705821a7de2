package web

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

// questionsPage shows how hard questions were for a cohort, and which look broken.
type questionsPage struct {
	frame
	basis
	Cohort  string
	Back    string // link to the cohort's page, of the same moment
	Report  *query.CohortItems
	Orders  []choice
	Flagged []askedItem // of this page of the list, when what needs attention comes first
	Others  []askedItem
	First   string // link to the first questions; empty: these are they
	Next    string // link to the next ones
}

// askedItem is a question with its place in the course.
type askedItem struct {
	query.ItemReport
	URL string // empty: the course has it no more
}

// Gap is between what was right at first attempt and what was expected; nil without an
// expectation.
func (q askedItem) Gap() *query.Interval {
	if q.Expected == nil || q.FirstAttemptCorrect == nil {
		return nil
	}
	right, expected := *q.FirstAttemptCorrect, *q.Expected
	return &query.Interval{Estimate: right, Low: min(right, expected), High: max(right, expected)}
}

// Harder tells how much harder than the model took it for a question was, in words only
// where the interval leaves out that it was as hard.
func (q askedItem) Harder() string {
	switch d := q.Difficulty; {
	case d == nil:
		return "not in the model"
	case d.Low > d.Model:
		return "harder"
	case d.High < d.Model:
		return "easier"
	}
	return "as hard"
}

func (p *Pages) questions(w http.ResponseWriter, r *http.Request, id string, params query.Params, seen *sight) error {
	order, err := query.ParseItemOrder(r.URL.Query().Get("sort"))
	if err != nil {
		return err
	}
	report, err := seen.CohortItems(r.Context(), id, order, params.Page, params.Moment)
	if err != nil {
		return err
	}
	page := questionsPage{frame: newFrame(r, "Questions, cohort "+id), Cohort: id, Report: report}
	page.basis = p.basis(r, questionsPath(id), report.Basis, params.Lens.String())
	page.Back = page.elsewhere(cohortPath(id))
	page.Orders = []choice{
		{"What needs attention first", page.link("sort", ""), order == query.ByAttention},
		{"Least often right first", page.link("sort", string(query.ByRight)), order == query.ByRight},
	}
	for _, item := range report.Items {
		asked := askedItem{ItemReport: item}
		if _, known := seen.course.Item(item.ID); known {
			asked.URL = seen.course.itemURL(item.ID)
		}
		if len(item.Flags) > 0 && order == query.ByAttention {
			page.Flagged = append(page.Flagged, asked)
		} else {
			page.Others = append(page.Others, asked)
		}
	}
	page.pagination(params)
	return p.show(w, "questions", &page)
}

func questionsPath(cohort string) string { return cohortPath(cohort) + "/items" }

// pagination links to the other questions.
func (q *questionsPage) pagination(params query.Params) {
	q.First, q.Next = q.pages(params.Page, q.Report.Next, "")
}

// logits writes a difficulty, such as −0.3.
func logits(x float64) string { return minus(x, 1) }

// correlation writes a correlation, such as −0.12.
func correlation(x float64) string { return minus(x, 2) }

// minus writes a number to so many digits, with a minus as people write it.
func minus(x float64, digits int) string {
	text := strconv.FormatFloat(math.Abs(x), 'f', digits, 64)
	if x < 0 && strings.Trim(text, "0.") != "" {
		return "−" + text
	}
	return text
}

// flagTitle names what looks broken in a word or two.
func flagTitle(kind query.FlagKind) string {
	switch kind {
	case query.OtherKey:
		return "another key"
	case query.WrongKey:
		return "wrong key?"
	case query.Harder:
		return "far harder"
	case query.Easier:
		return "far easier"
	case query.Blurred:
		return "tells nothing apart"
	case query.Grading:
		return "graded differently"
	}
	return string(kind)
}
