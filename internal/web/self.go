package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gapwise/gapwise/internal/query"
)

// selfPart is what a learner's page says of what the learner thinks.
type selfPart struct {
	*query.SelfAssessment
	Thoughts []thought
	Doubts   []doubt
	Ticked   []selfTopic // with a checklist that the learner uses
}

// selfTopic is a topic with its place in the course.
type selfTopic struct {
	query.SelfTopic
	URL string
}

// thought is one way in which people tell what they think, against what was shown.
type thought struct {
	Title, Verdict, About string
	Difference            *query.Interval // nil where there is too little to say anything
}

// doubt is a ticked item, with those of its topics whose answers don't show it yet.
type doubt struct {
	listedItem
	Topics []reference
}

// widestTold is the width from which on an interval of a difference says nothing.
const widestTold = 0.6

func newSelfPart(s *query.SelfAssessment, course course) selfPart {
	part := selfPart{SelfAssessment: s}
	var bias *query.Interval
	about := "No topic has both ticks and answers yet."
	if s.Bias != nil {
		bias = &s.Bias.Interval
		about = "Share of the checklist ticked, less mastery, over " + count(s.Bias.Topics, "topic") + ". A tick may be ahead of the answers."
	}
	part.Thoughts = thoughts(bias, about, s.Confidence.StatedAgainstScore, s.SelfGrades.SelfGradedAgainstOthers)
	for _, topic := range s.Topics {
		if topic.Checklist == nil {
			continue
		}
		shown := selfTopic{topic, course.topicURL(s.By, topic.ID)}
		part.Ticked = append(part.Ticked, shown)
		for _, it := range course.items(topic.Checklist.Doubtful) {
			part.doubt(it, reference{topic.Title, shown.URL})
		}
	}
	return part
}

func (s *selfPart) doubt(it listedItem, topic reference) {
	i := slices.IndexFunc(s.Doubts, func(d doubt) bool { return d.ID == it.ID })
	if i < 0 {
		i = len(s.Doubts)
		s.Doubts = append(s.Doubts, doubt{listedItem: it})
	}
	s.Doubts[i].Topics = append(s.Doubts[i].Topics, topic)
}

// Confided reports whether anybody told how sure they were.
func (s selfPart) Confided() bool { return s.Confidence.Answers > 0 }

// thoughts puts the three comparisons into words, which say no more than the numbers do.
func thoughts(bias *query.Interval, ticks string, c query.StatedAgainstScore, g query.SelfGradedAgainstOthers) []thought {
	sure := "Nobody asked how sure an answer was, or nobody said."
	if c.Answers > 0 {
		sure = "Stated confidence less what was right, of " + count(c.Answers, "answer") + "."
	}
	grades := "No answer was graded by oneself."
	switch {
	case g.Self > 0 && g.Others == 0:
		grades = count(g.Self, "answer") + " graded by oneself, and none by others to hold them against."
	case g.Self > 0:
		grades = "How far grades lie above the expectation: " + count(g.Self, "own grade") + " against " + count(g.Others, "grade") + " by key, peers and instructors."
	}
	return []thought{
		newThought("Ticks", ticks, bias, "More ticked than shown", "More shown than ticked"),
		newThought("Confidence", sure, c.Difference, "Surer than right", "Righter than sure"),
		newThought("Own grades", grades, g.Difference, "Kinder than others", "Stricter than others"),
	}
}

func newThought(title, about string, d *query.Interval, above, below string) thought {
	t := thought{Title: title, About: about}
	switch {
	case d == nil:
		t.Verdict = "Nothing to compare"
	case d.High-d.Low > widestTold:
		t.Verdict = "Too little to say"
	case d.Low > 0:
		t.Verdict, t.Difference = above, d
	case d.High < 0:
		t.Verdict, t.Difference = below, d
	default:
		t.Verdict, t.Difference = "No clear difference", d
	}
	return t
}

// told is a difference, unless its interval says nothing.
func told(d *query.Interval) *query.Interval {
	if d == nil || d.High-d.Low > widestTold {
		return nil
	}
	return d
}

// toldBias is the same of a bias.
func toldBias(b *query.Bias) *query.Interval {
	if b == nil {
		return nil
	}
	return told(&b.Interval)
}

// viewOf puts a view into kind and exact words.
func viewOf(v query.View) state {
	switch v {
	case query.Overconfident:
		return state{Word: "more ticked than shown", Class: "borderline"}
	case query.Unticked:
		return state{Word: "more shown than ticked", Class: "strong"}
	case query.InLine:
		return state{Word: "no contradiction", Class: "fair"}
	}
	return state{Word: "too few answers to say", Class: "unknown"}
}

// sureness names a stated confidence.
func sureness(level int) string {
	name := strconv.Itoa(level)
	switch level {
	case 1:
		return name + ", guessed"
	case 5:
		return name + ", certain"
	}
	return name
}

// away is the geometry of a difference on a track of 100, whose middle is 0 and whose
// ends are half either way.
func away(d *query.Interval) *bar {
	if d == nil {
		return nil
	}
	return barOf(&query.Interval{Estimate: 0.5 + d.Estimate, Low: 0.5 + d.Low, High: 0.5 + d.High})
}

// cohortSelfPage shows what the members of a cohort think, against what they showed.
type cohortSelfPage struct {
	frame
	basis
	Cohort   string
	Back     string // link to the cohort's page, of the same moment
	Against  string // what learners are measured against, in words
	Targets  []option
	Report   *query.CohortSelfAssessment
	Topics   []cohortSelfTopic
	Thoughts []thought
	First    string // link to the first learners; empty: these are they
	Next     string // link to the next ones
}

// cohortSelfTopic is a topic with its place in the course.
type cohortSelfTopic struct {
	query.CohortSelfTopic
	URL string
}

func (p *Pages) cohortSelf(w http.ResponseWriter, r *http.Request, id string, params query.Params, seen *sight) error {
	report, err := seen.CohortSelfAssessment(r.Context(), id, params.Measure, params.Page, params.Moment)
	if err != nil {
		return err
	}
	page := cohortSelfPage{frame: newFrame(r, "Self-assessment, cohort "+id), Cohort: id, Report: report}
	page.basis = p.basis(r, cohortSelfPath(id), report.Basis, report.By)
	page.Back = page.elsewhere(cohortPath(id))
	page.Targets = targetOptions("each one's own target", page.Target)
	if report.Target != nil {
		page.Against = measured(*report.Target)
	}
	about := "Nobody has both ticks and answers on a topic yet."
	if report.Biased > 0 {
		about = "Share of the checklist ticked, less mastery: the mean of " + count(report.Biased, "learner") + ". Whoever hasn’t come to a line yet hasn’t ticked it."
	}
	page.Thoughts = thoughts(report.Bias, about, report.Confidence.StatedAgainstScore, report.SelfGrades.SelfGradedAgainstOthers)
	for _, t := range report.Topics {
		page.Topics = append(page.Topics, cohortSelfTopic{t, seen.course.topicURL(report.By, t.ID)})
	}
	page.pagination(params)
	return p.show(w, "self", &page)
}

func cohortSelfPath(cohort string) string { return cohortPath(cohort) + "/self-assessment" }

// Confided reports whether anybody told how sure they were.
func (c *cohortSelfPage) Confided() bool { return c.Report.Confidence.Answers > 0 }

// pagination links to the other learners.
func (c *cohortSelfPage) pagination(params query.Params) {
	c.First, c.Next = c.pages(params.Page, c.Report.Next, "#learners")
}
