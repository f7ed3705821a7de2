package main

import (
	"fmt"
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

// quiz is what the cohort quiz was asked: the last question has the wrong key.
var quiz = []string{
	"object-level-permission", "errors-right-after-a-release", "shard-key-choice", "half-a-billion-keys", "kafka-exactly-once",
	"retryable-or-not", "lambda-costs-more", "deploy-order-provider-consumer",
}

// quality: an instructor is told which question is broken, by numbers that anyone can
// redo from the evidence of single answers; and of a cohort that knows nothing, none.
func (r *reports) quality(t *testing.T) {
	course := read[catalog.Catalog](t, r, "/v1/catalog")
	learners := r.takeQuiz(t, &course)
	broken := quiz[len(quiz)-1]
	at := r.send(t).String()
	report := read[query.CohortItems](t, r, "/v1/cohorts/quiz/items", "as_of", at)
	r.holdQuality(t, &course, report, learners, at)

	if report.Count != len(quiz) || report.Flagged != 1 || report.Items[0].ID != broken {
		t.Fatalf("%d of %d questions are flagged, and %s comes first, want 1 of %d and %s",
			report.Flagged, report.Count, report.Items[0].ID, len(quiz), broken)
	}
	kinds := map[query.FlagKind]string{}
	for _, flag := range report.Items[0].Flags {
		kinds[flag.Kind] = flag.Reason
	}
	if len(kinds) != 2 || !strings.Contains(kinds[query.Harder], "right at first attempt in 0% of 40") ||
		!strings.Contains(kinds[query.WrongKey], "of the better half of the learners, 20 chose") {
		t.Errorf("%s is flagged by %v", broken, kinds)
	}
	chosen := report.Items[0].WrongChoices
	if len(chosen) != 1 || chosen[0].Count != 40 || chosen[0].Share != 1 || chosen[0].Text == "" {
		t.Errorf("wrong choices of %s are %+v", broken, chosen)
	}

	weak := read[query.CohortItems](t, r, "/v1/cohorts/blank/items", "as_of", at)
	if weak.Count != len(quiz) || weak.Flagged != 0 {
		t.Errorf("of a cohort that knows nothing, %d of %d questions are flagged", weak.Flagged, weak.Count)
	}
	right := read[query.CohortItems](t, r, "/v1/cohorts/quiz/items", "as_of", at, "sort", "right", "limit", "3")
	rest := read[query.CohortItems](t, r, "/v1/cohorts/quiz/items", "sort", "right", "cursor", right.Next)
	all := slices.Concat(right.Items, rest.Items)
	if len(all) != len(quiz) || !slices.IsSortedFunc(all, func(a, b query.ItemReport) int {
		return int(math.Copysign(1, *a.FirstAttemptCorrect-*b.FirstAttemptCorrect))
	}) {
		t.Errorf("sorted by right answers, %d questions come as %v", len(all), all)
	}
	r.qualityPage(t, broken)
}

// takeQuiz lets forty learners take the quiz, and others who get everything wrong.
func (r *reports) takeQuiz(t *testing.T, course *catalog.Catalog) (learners []string) {
	t.Helper()
	answer := func(learner, item string, at time.Time, right bool) {
		known := course.Items[slices.IndexFunc(course.Items, func(it catalog.Item) bool { return it.ID == item })]
		a := &event.Answer{Item: item, GradedBy: event.GradedByKey}
		for _, choice := range known.Choices {
			if choice.Right == right {
				a.Response = choice.ID
				break
			}
		}
		if right {
			a.Score = 1
		}
		r.tell(t, learner, at, a)
	}
	for i := range 40 {
		learner, blank := fmt.Sprintf("quiz-%02d", i), fmt.Sprintf("blank-%02d", i)
		learners = append(learners, learner)
		r.joins(t, "quiz", "", learner)
		r.joins(t, "blank", "", blank)
		for n := range quiz {
			item := (n + 3*i) % len(quiz) // each in another order
			at := r.start.Add(time.Duration(n) * time.Hour)
			answer(blank, quiz[item], at, false)
			// A first attempt that was a slip of a finger, and taken back.
			if i == 0 && item == 0 {
				answer(learner, quiz[item], at.Add(-time.Minute), false)
				slip := r.events[len(r.events)-1]
				r.tell(t, learner, at, &event.Void{Event: slip.ID, Target: event.KeyOf(slip.Source, slip.ID)})
			}
			answer(learner, quiz[item], at, item < len(quiz)-1 && (i*i+3*i*item+item*item*item)%11 < 8)
		}
		answer(learner, quiz[0], r.start.AddDate(0, 0, 3), true) // no first attempt
	}
	return learners
}

// holdQuality recomputes every item's difficulty and expectation from the evidence.
func (r *reports) holdQuality(t *testing.T, course *catalog.Catalog, report query.CohortItems, learners []string, at string) {
	t.Helper()
	first := map[string][]query.EvidenceEvent{}
	for _, learner := range learners {
		for _, item := range quiz {
			var earliest *query.EvidenceEvent
			evidence := read[query.Evidence](t, r, "/v1/learners/"+learner+"/evidence", "item", item, "as_of", at)
			for i, e := range evidence.Events {
				if !e.Voided && (earliest == nil || e.Time.Before(earliest.Time)) {
					earliest = &evidence.Events[i]
				}
			}
			first[item] = append(first[item], *earliest)
		}
	}
	regression := map[string]residuals{}
	for _, item := range quiz {
		regression[item] = residualsOf(first[item])
	}
	for _, item := range report.Items {
		own := regression[item.ID]
		offset, variance := offsetOf(course, regression, item.ID)
		n, left := float64(len(learners)), own.r-own.h*offset
		precision := 1/0.2 + own.h
		margin := 1.645 * math.Sqrt(1/precision+own.h/precision*own.h/precision*variance)
		estimate := item.Difficulty.Model - left/precision
		for name, c := range map[string][2]float64{
			"first attempts right": {*item.FirstAttemptCorrect, own.y / n}, "expected": {*item.Expected, (own.p + own.h*offset) / n},
			"difficulty": {item.Difficulty.Estimate, estimate}, "low": {item.Difficulty.Low, estimate - margin}, "high": {item.Difficulty.High, estimate + margin},
		} {
			if !near(c[0], c[1]) {
				t.Errorf("%s of %s is %v, want %v", name, item.ID, c[0], c[1])
			}
		}
		if item.Learners != len(learners) || item.Discrimination != nil {
			t.Errorf("%s has %d learners, and %v as discrimination from as many first attempts", item.ID, item.Learners, item.Discrimination)
		}
	}
}

// residuals are the sums of one item's first attempts.
type residuals struct{ y, p, r, h float64 }

func residualsOf(first []query.EvidenceEvent) (s residuals) {
	for _, e := range first {
		p := *e.Predicted
		s.y += e.Score
		s.p += p
		s.r += e.Score - p
		s.h += p * (1 - p)
	}
	return s
}

// offsetOf makes the regression of the other items by steps towards its solution: over
// and over each coefficient in turn becomes the best one with the others as they are.
func offsetOf(course *catalog.Catalog, items map[string]residuals, left string) (mean, variance float64) {
	weights := func(item string) map[string]float64 {
		known := course.Items[slices.IndexFunc(course.Items, func(it catalog.Item) bool { return it.ID == item })]
		x := map[string]float64{"": 1}
		for _, w := range known.Concerns {
			x[w.ID] = w.Weight
		}
		return x
	}
	solve := func(target func(item string) float64, pull map[string]float64) map[string]float64 {
		delta := map[string]float64{}
		for range 300 {
			for _, k := range append(course.Concerns, catalog.Concern{}) {
				sum, precision := pull[k.ID], 2.0
				for _, item := range quiz {
					x := weights(item)
					if item == left || x[k.ID] == 0 {
						continue
					}
					rest := target(item)
					for name, weight := range x {
						if name != k.ID {
							rest -= weight * delta[name]
						}
					}
					w := 1 / (1/items[item].h + 0.2)
					sum += w * x[k.ID] * rest
					precision += w * x[k.ID] * x[k.ID]
				}
				delta[k.ID] = sum / precision
			}
		}
		return delta
	}
	own := weights(left)
	effects := solve(func(item string) float64 { return items[item].r / items[item].h }, nil)
	reach := solve(func(string) float64 { return 0 }, own)
	for name, weight := range own {
		mean += weight * effects[name]
		variance += weight * reach[name]
	}
	return mean, variance
}

// qualityPage: the page says it, to instructors of the cohort and to nobody else.
func (r *reports) qualityPage(t *testing.T, broken string) {
	t.Helper()
	instructor := r.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"quiz"}})
	page := r.do(t, http.MethodGet, "/cohorts/quiz/items", instructor, nil, "")
	_, flagged, _ := strings.Cut(string(page.body), `id="flagged"`)
	flagged, rest, _ := strings.Cut(flagged, `id="others"`)
	if page.status != http.StatusOK || !strings.Contains(flagged, "/catalog/items/"+broken) || !strings.Contains(flagged, "check the key") ||
		strings.Contains(flagged, quiz[0]) || !strings.Contains(rest, "/catalog/items/"+quiz[0]) {
		t.Errorf("the page of questions: %d %s", page.status, page.body)
	}
	if page := r.do(t, http.MethodGet, "/cohorts/blank/items", instructor, nil, ""); page.status != http.StatusForbidden {
		t.Errorf("another cohort's questions: %d", page.status)
	}
}
