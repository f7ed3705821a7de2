package main

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// In the stories of the cohort mirror all learners answer these questions about testing.
var tests = []string{
	"context-production-differs", "predictive-load-test", "flaky-for-six-months", "flaky-test-or-flaky-system",
	"full-coverage-is-safety", "what-to-fake-in-tests", "generated-tests", "pair-testing-strategy",
}

const topicOfTests = "testing"

// mirrored is a learner of the cohort: how an answer comes out, and what is ticked.
type mirrored struct {
	learner    string
	ticks      []string
	unticks    []string
	answers    int
	score      func(i int, self bool) float64
	confidence int
}

var mirror = []mirrored{
	{"mirror-modest", []string{"can-plan-tests"}, nil, 24, func(int, bool) float64 { return 1 }, 3},
	{"mirror-new", []string{"can-plan-tests", "can-question-coverage"}, []string{"can-question-coverage"}, 0, nil, 0},
	{
		"mirror-proud", []string{"can-plan-tests", "can-use-contract-tests", "can-question-coverage", "can-use-chaos-experiments"}, nil, 24,
		func(_ int, self bool) float64 {
			if self {
				return 0.75
			}
			return 0
		}, 5,
	},
	{"mirror-thin", []string{"can-plan-tests", "can-use-contract-tests", "can-question-coverage"}, nil, 1, func(int, bool) float64 { return 0 }, 5},
}

// selfAssessment: what learners tick, how sure they say they are and how they grade
// themselves is held against what answers show, by numbers that anyone can redo.
func (r *reports) selfAssessment(t *testing.T) {
	for _, m := range mirror {
		r.joins(t, "mirror", "", m.learner)
		for i, item := range m.ticks {
			r.tell(t, m.learner, r.start.Add(time.Duration(i)*time.Minute), &event.Tick{Item: item, Ticked: true})
		}
		for _, item := range m.unticks {
			r.tell(t, m.learner, r.start.Add(time.Hour), &event.Tick{Item: item})
		}
		for i := range m.answers {
			self := i%3 == 0
			a := &event.Answer{Item: tests[i%len(tests)], Score: m.score(i, self), GradedBy: event.GradedByPeer}
			if self {
				a.GradedBy = event.GradedBySelf
			}
			if i%2 == 0 {
				a.Confidence = m.confidence
			}
			r.tell(t, m.learner, r.start.AddDate(0, 0, 1+i), a)
		}
	}
	at := r.send(t).String()
	course := read[catalog.Catalog](t, r, "/v1/catalog")
	for _, m := range mirror {
		r.holdSelf(t, &course, m, at)
	}
	r.holdCohortSelf(t, at)
	r.sightOfTicks(t)
	r.selfPages(t)

}

// holdSelf recomputes what a learner is told.
func (r *reports) holdSelf(t *testing.T, course *catalog.Catalog, m mirrored, at string) {
	t.Helper()
	got := read[query.SelfAssessment](t, r, "/v1/learners/"+m.learner+"/self-assessment", "as_of", at)
	weak := read[query.LearnerWeakTopics](t, r, "/v1/learners/"+m.learner+"/weak-topics", "as_of", at)
	estimates := map[string]query.WorkedNumbers{}
	evidence := read[query.Evidence](t, r, "/v1/learners/"+m.learner+"/evidence", "as_of", at, "by", "concern", "arithmetic", "true", "limit", "1000")
	if evidence.Arithmetic != nil {
		for _, e := range evidence.Arithmetic.Estimates {
			estimates[e.ID] = e
		}
	}
	var gaps []float64
	shared := 0.0
	for _, topic := range got.Topics {
		i := slices.IndexFunc(weak.Topics, func(w query.LearnerTopic) bool { return w.ID == topic.ID })
		items, ticked := m.checklist(course, topic.ID)
		if c := topic.Checklist; (c == nil) != (ticked < 0) {
			t.Errorf("%s, %s: the checklist is %+v of %d ticked", m.learner, topic.ID, c, ticked)
			continue
		} else if c == nil {
			continue
		}
		c, mastery := topic.Checklist, weak.Topics[i].Mastery
		if c.Items != items || c.Ticked != ticked || !near(c.Share, float64(ticked)/float64(items)) || (c.Gap == nil) != (mastery == nil) {
			t.Errorf("%s, %s: %+v, want %d of %d ticked", m.learner, topic.ID, c, ticked, items)
		}
		if mastery == nil {
			continue
		}
		if !near(c.Gap.Estimate, c.Share-mastery.Estimate) || !near(c.Gap.Low, c.Share-mastery.High) || !near(c.Gap.High, c.Share-mastery.Low) {
			t.Errorf("%s, %s: the gap is %+v with a share of %v and a mastery of %v", m.learner, topic.ID, c.Gap, c.Share, mastery)
		}
		e := estimates[topic.ID]
		gaps = append(gaps, c.Gap.Estimate)
		shared += e.Mastery.Estimate * (1 - e.Mastery.Estimate) * e.K * math.Sqrt(e.VA)
	}
	holdBias(t, m, got.Bias, gaps, shared)
	holdGrades(t, m, got, evidence)
	holdConfidence(t, m, got)
	topic := got.Topics[slices.IndexFunc(got.Topics, func(k query.SelfTopic) bool { return k.ID == topicOfTests })]
	want := map[string]query.View{
		"mirror-modest": query.Unticked, "mirror-new": query.NoView, "mirror-proud": query.Overconfident, "mirror-thin": query.NoView,
	}[m.learner]
	if topic.Checklist.View != want || (len(topic.Checklist.Doubtful) > 0) != (want == query.Overconfident) {
		t.Errorf("%s: the view is %+v, want %s", m.learner, topic.Checklist, want)
	}
}

// holdBias recomputes a bias from the gaps and from what the ability adds to all.
func holdBias(t *testing.T, m mirrored, got *query.Bias, gaps []float64, shared float64) {
	t.Helper()
	n := float64(len(gaps))
	if n == 0 {
		if got != nil {
			t.Errorf("%s has a bias of %+v from nothing", m.learner, got)
		}
		return
	}
	g, _ := mean(gaps)
	spread := 0.25 + 5*n/(n+5)*g*g
	for _, x := range gaps {
		spread += (x - g) * (x - g)
	}
	quantile := []float64{0, 2.919986, 2.353363, 2.131847}[len(gaps)] // of t with one degree of freedom more, 95%
	margin := math.Hypot(quantile*math.Sqrt(spread/(n+1)/(n+5)), 1.645*shared/(n+5))
	if b := g * n / (n + 5); got.Topics != len(gaps) || !near(got.Estimate, b) || math.Abs(got.Low-(b-margin)) > 1e-3 || math.Abs(got.High-(b+margin)) > 1e-3 {
		t.Errorf("the bias of %s is %+v, want %v ± %v of %d topics", m.learner, got, b, margin, len(gaps))
	}
}

// checklist counts a topic's checklist and what of it is ticked; −1 where the learner
// never ticked or unticked any of it.
func (m mirrored) checklist(course *catalog.Catalog, topic string) (items, ticked int) {
	ticked = -1
	for _, it := range course.Items {
		if it.Kind != catalog.Checklist || !slices.ContainsFunc(it.Concerns, func(w catalog.Weight) bool { return w.ID == topic }) {
			continue
		}
		items++
		if slices.Contains(m.ticks, it.ID) {
			ticked = max(ticked, 0)
			if !slices.Contains(m.unticks, it.ID) {
				ticked++
			}
		}
	}
	return items, ticked
}

// mean is that of numbers with its variance, to which a coin's is added as one number more.
func mean(list []float64) (mean, variance float64) {
	n := float64(len(list))
	for _, x := range list {
		mean += x / n
	}
	sum := 0.25
	for _, x := range list {
		sum += (x - mean) * (x - mean)
	}
	return mean, sum / n / n
}

// holdGrades recomputes how self-grades differ, from the evidence.
func holdGrades(t *testing.T, m mirrored, got query.SelfAssessment, evidence query.Evidence) {
	t.Helper()
	var self, others []float64
	for _, e := range evidence.Events {
		if e.GradedBy == "self" {
			self = append(self, e.Score-*e.Predicted)
		} else {
			others = append(others, e.Score-*e.Predicted)
		}
	}
	g := got.SelfGrades
	if g.Self != len(self) || g.Others != len(others) || (g.Difference == nil) != (len(self) == 0 || len(others) == 0) {
		t.Errorf("self-grades of %s are %+v, want %d and %d", m.learner, g, len(self), len(others))
	}
	if g.Difference == nil {
		return
	}
	a, va := mean(self)
	b, vb := mean(others)
	const t8 = 1.859548 // the 95% quantile of t with 8 degrees of freedom, as many as self-grades
	margin := t8 * math.Sqrt(va+vb)
	if !near(g.Difference.Estimate, a-b) || math.Abs(g.Difference.Low-(a-b-margin)) > 1e-3 {
		t.Errorf("self-grades of %s differ by %+v, want %v ± %v", m.learner, g.Difference, a-b, margin)
	}
	if m.learner == "mirror-proud" && g.Difference.Low <= 0 {
		t.Errorf("who gives 75%% where others give nothing is not told: %+v", g.Difference)
	}
}

// holdConfidence recomputes how confidence differs from scores, from the story.
func holdConfidence(t *testing.T, m mirrored, got query.SelfAssessment) {
	t.Helper()
	var differences, scores []float64
	for i := 0; i < m.answers; i += 2 {
		score := m.score(i, i%3 == 0)
		scores = append(scores, score)
		differences = append(differences, float64(m.confidence-1)/4-score)
	}
	c := got.Confidence
	if c.Answers != len(scores) || (c.Difference == nil) != (len(scores) == 0) {
		t.Errorf("confidence of %s is %+v, want that of %d answers", m.learner, c, len(scores))
	}
	for _, level := range c.Levels {
		if n := map[bool]int{true: len(scores)}[level.Confidence == m.confidence]; level.Answers != n || (level.Score == nil) != (n == 0) {
			t.Errorf("%s: %+v, want %d answers", m.learner, level, n)
		}
	}
	if len(scores) == 0 {
		return
	}
	difference, _ := mean(differences)
	score, _ := mean(scores)
	if !near(c.Difference.Estimate, difference) || !near(c.Levels[m.confidence-1].Score.Estimate, score) {
		t.Errorf("confidence of %s is %+v, want %v and a score of %v", m.learner, c, difference, score)
	}
}

// holdCohortSelf holds the cohort's report to the learners' own.
func (r *reports) holdCohortSelf(t *testing.T, at string) {
	t.Helper()
	got := read[query.CohortSelfAssessment](t, r, "/v1/cohorts/mirror/self-assessment", "as_of", at)
	var order []string
	var biases []float64
	for _, m := range got.Learners {
		order = append(order, m.Learner)
		own := read[query.SelfAssessment](t, r, "/v1/learners/"+m.Learner+"/self-assessment", "as_of", at)
		if (m.Bias == nil) != (own.Bias == nil) || m.Bias != nil && *m.Bias != *own.Bias {
			t.Errorf("the cohort tells a bias of %+v, %s reads %+v", m.Bias, m.Learner, own.Bias)
		}
		if m.Confidence.Answers != own.Confidence.Answers || m.SelfGrades.Self != own.SelfGrades.Self {
			t.Errorf("the cohort tells %+v of %s, who reads %+v and %+v", m, m.Learner, own.Confidence, own.SelfGrades)
		}
		if m.Bias != nil {
			biases = append(biases, m.Bias.Estimate)
		}
	}
	bias, _ := mean(biases)
	topic := got.Topics[slices.IndexFunc(got.Topics, func(k query.CohortSelfTopic) bool { return k.ID == topicOfTests })].Checklist
	if got.Members != 4 || got.Biased != 3 || !near(got.Bias.Estimate, bias) || !slices.IsSortedFunc(biases, func(a, b float64) int { return int(math.Copysign(1, b-a)) }) ||
		order[3] != "mirror-new" || topic.Items != 5 || topic.Learners != 4 || topic.Compared != 3 || topic.Judged != 2 ||
		topic.Overconfident != 1 || topic.Unticked != 1 || !near(*topic.Share, (1+1+4+3)/20.0) {
		t.Errorf("of the cohort is told %+v, bias %+v of %d in the order %v", topic, got.Bias, got.Biased, order)
	}
	first := read[query.CohortSelfAssessment](t, r, "/v1/cohorts/mirror/self-assessment", "as_of", at, "limit", "1")
	rest := read[query.CohortSelfAssessment](t, r, "/v1/cohorts/mirror/self-assessment", "cursor", first.Next)
	if len(first.Learners) != 1 || first.Learners[0].Learner != order[0] || len(rest.Learners) != 3 || rest.Learners[0].Learner != order[1] {
		t.Errorf("page by page come %+v and %+v, want %v", first.Learners, rest.Learners, order)
	}
}

// sightOfTicks: an instructor sees how much was ticked, but single ticks only since the
// learner joined.
func (r *reports) sightOfTicks(t *testing.T) {
	t.Helper()
	r.tell(t, "mirror-proud", r.start.Add(2*time.Minute), &event.Membership{Cohort: "late", Joined: true})
	r.send(t)
	instructor := r.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"late"}})
	for token, want := range map[string]int{r.operator: 4, instructor: 2} {
		got := readAs[query.SelfAssessment](t, r, token, "/v1/learners/mirror-proud/self-assessment")
		c := got.Topics[slices.IndexFunc(got.Topics, func(k query.SelfTopic) bool { return k.ID == topicOfTests })].Checklist
		if c.Ticked != 4 || c.View != query.Overconfident || len(c.Doubtful) != want {
			t.Errorf("told are %+v, want 4 ticked and %d listed", c, want)
		}
	}
}

// selfPages: the pages say it kindly, and only where there is enough to say it.
func (r *reports) selfPages(t *testing.T) {
	t.Helper()
	says := func(path, token string) string {
		page := r.do(t, http.MethodGet, path, token, nil, "")
		if page.status != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, page.status, page.body)
		}
		_, part, _ := strings.Cut(string(page.body), `id="self"`)
		return strings.Join(strings.Fields(part), " ")
	}
	own := r.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "mirror-proud"})
	proud := says("/learners/mirror-proud", own)
	for _, want := range []string{"What you think, what you showed", "Surer than right", "Kinder than others", "Ticks worth another look",
		"/catalog/items/can-question-coverage", "more ticked than shown"} {
		if !strings.Contains(proud, want) {
			t.Errorf("the page doesn't say %q: %s", want, proud)
		}
	}
	thin := says("/learners/mirror-thin", r.operator)
	for _, unwanted := range []string{"Ticks worth another look", "more ticked than shown", "Surer than right", "% <span"} {
		if strings.Contains(thin, unwanted) {
			t.Errorf("of one answer the page says %q: %s", unwanted, thin)
		}
	}
	if !strings.Contains(thin, "Too little to say") || !strings.Contains(thin, "too few answers to say") {
		t.Errorf("of one answer the page says: %s", thin)
	}
	instructor := r.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"mirror"}})
	page := string(r.do(t, http.MethodGet, "/cohorts/mirror/self-assessment", instructor, nil, "").body)
	for _, m := range mirror {
		if !strings.Contains(page, `/learners/`+m.learner+`#self`) {
			t.Errorf("the cohort's page doesn't list %s: %s", m.learner, page)
		}
	}
	if page := r.do(t, http.MethodGet, "/cohorts/mirror/self-assessment", own, nil, ""); page.status != http.StatusForbidden {
		t.Errorf("a learner sees what others think: %d", page.status)
	}
}
