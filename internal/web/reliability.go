package web

import (
	"math"
	"net/http"
	"strconv"

	"github.com/gapwise/gapwise/internal/query"
)

// reliabilityPage shows how predictions and answers of a cohort agree.
type reliabilityPage struct {
	frame
	basis
	Cohort string
	Back   string // link to the cohort's page, of the same moment
	Report *query.Reliability
	Points []plotted
	Parts  []part
}

// part is one way to divide the answers.
type part struct {
	ID, Title, About, Column string
	Rows                     []query.AgreementRow
	Others                   []query.AgreementRow // shown when asked for
}

// Rest is the part with its other rows only.
func (p part) Rest() part {
	p.Rows = p.Others
	return p
}

// plotted is a bin in the drawing, which is 320 wide and high.
type plotted struct{ X, Y float64 }

func (p *Pages) reliability(w http.ResponseWriter, r *http.Request, id string, params query.Params, seen *sight) error {
	report, err := seen.CohortReliability(r.Context(), id, params.Lens, params.Moment)
	if err != nil {
		return err
	}
	page := reliabilityPage{frame: newFrame(r, "Reliability, cohort "+id), Cohort: id, Report: report}
	page.basis = p.basis(r, reliabilityPath(id), report.Basis, report.By)
	page.Back = link(cohortPath(id), page.kept())
	for _, b := range report.Bins {
		page.Points = append(page.Points, plot(b.Predicted, b.Actual))
	}
	page.Parts = parts(report)
	return p.show(w, "reliability", &page)
}

func reliabilityPath(cohort string) string { return cohortPath(cohort) + "/reliability" }

// parts are the report's parts in the page's order. Of many topics only those are
// shown at once that differ.
func parts(r *query.Reliability) []part {
	topics := part{ID: "topics", Title: "By " + r.By, About: "An answer counts in each of its topics.", Column: "Topic"}
	for _, row := range r.Topics {
		if row.State == query.Better || row.State == query.Worse {
			topics.Rows = append(topics.Rows, row)
		} else {
			topics.Others = append(topics.Others, row)
		}
	}
	return []part{
		{
			ID: "earlier", Title: "By earlier answers", Column: "Earlier answers", Rows: r.Earlier,
			About: "How much was known before: answers on the question’s least-seen topic.",
		},
		{
			ID: "graders", Title: "By grader", Column: "Graded by", Rows: r.Graders,
			About: "Grades count as they were given, whoever gave them: here is whether one kind of grader is kinder than the others.",
		},
		{ID: "levels", Title: "By level", About: "The level of the question.", Column: "Level", Rows: r.Levels},
		topics,
	}
}

// plot places a prediction and what came on the drawing.
func plot(predicted, actual float64) plotted {
	scaled := func(x float64) float64 { return math.Round(10*260*x) / 10 }
	return plotted{40 + scaled(predicted), 280 - scaled(actual)}
}

// apart is the geometry of a difference on a track of 100, whose middle is 0 and
// whose ends are a quarter either way.
func apart(d *query.Interval) *bar {
	if d == nil {
		return nil
	}
	around := func(x float64) float64 { return 0.5 + 2*x }
	return barOf(&query.Interval{Estimate: around(d.Estimate), Low: around(d.Low), High: around(d.High)})
}

// signed writes a difference in points, such as +3.1.
func signed(x float64) string {
	text := strconv.FormatFloat(100*x, 'f', 1, 64)
	switch {
	case text == "-0.0" || text == "0.0":
		return "0.0"
	case x > 0:
		return "+" + text
	}
	return "−" + text[1:]
}

// decimal writes a score, such as .812; a dash where there is none.
func decimal(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

// agreementOf says in words how predictions and answers agree.
func agreementOf(name string) state {
	switch name {
	case query.AsPredicted:
		return state{Word: "as predicted", Class: "fair"}
	case query.Better:
		return state{Word: "better than predicted", Class: "borderline"}
	case query.Worse:
		return state{Word: "worse than predicted", Class: "borderline"}
	}
	return stateOf(name)
}
