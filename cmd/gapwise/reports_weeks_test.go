package main

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
)

// movement: a cohort that failed every caching question a month ago and knows them
// now has improved there, nothing is said to have changed elsewhere, and the current
// week says what the report of weak topics says.
func (r *reports) movement(t *testing.T) {
	const cohort = "movers"
	items := r.itemsOf(t, "chapter", "caching-observability")
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 20 {
		learner := fmt.Sprintf("mover-%02d", i)
		r.joins(t, cohort, "", learner)
		for n, item := range items[:8] {
			r.tell(t, learner, now.AddDate(0, 0, -40).Add(time.Duration(n)*time.Minute), &event.Answer{Item: item, Score: 0})
			for day := range 3 {
				r.tell(t, learner, now.AddDate(0, 0, -3+day).Add(time.Duration(n-60)*time.Minute), &event.Answer{Item: item, Score: 1})
			}
		}
	}
	at := r.send(t).String()
	for _, by := range []string{"concern", "chapter"} {
		report := read[query.CohortWeeks](t, r, "/v1/cohorts/movers/weeks", "by", by, "as_of", at)
		weak := read[query.CohortWeakTopics](t, r, "/v1/cohorts/movers/weak-topics", "by", by, "as_of", at)
		short := read[query.CohortWeeks](t, r, "/v1/cohorts/movers/weeks", "by", by, "as_of", at, "weeks", "3")
		if len(report.Weeks) != 8 || !reflect.DeepEqual(short.Weeks, report.Weeks[5:]) || !report.Weeks[7].End.Equal(report.AsOf.Time) {
			t.Fatalf("weeks are %v, three of them %v", report.Weeks, short.Weeks)
		}
		for i, topic := range report.Topics {
			want := weak.Topics[i]
			last := topic.Weeks[7]
			if topic.ID != want.ID || last.LearnersMeasured != want.LearnersMeasured ||
				!reflect.DeepEqual(last.ShareWeak, want.ShareWeak) || !reflect.DeepEqual(last.Mastery, want.Mastery) {
				t.Errorf("by %s the current week of %s is %+v, the report says %+v", by, topic.ID, last, want)
			}
			if !reflect.DeepEqual(short.Topics[i].Weeks, topic.Weeks[5:]) || short.Topics[i].Change.Word != "unknown" {
				t.Errorf("by %s three weeks of %s are %+v of %+v", by, topic.ID, short.Topics[i], topic)
			}
			checkChange(t, topic)
		}
		if by == "chapter" {
			checkMover(t, report)
		}
	}
	page := string(r.do(t, http.MethodGet, "/cohorts/movers?by=chapter&as_of="+at, r.operator, nil, "").body)
	if !strings.Contains(page, "fewer are weak than four weeks ago") {
		t.Errorf("the page says nothing of the improvement: %s", page)
	}
}

// checkMover holds the one chapter that moved to what happened, and the others to
// nothing having happened.
func checkMover(t *testing.T, report query.CohortWeeks) {
	t.Helper()
	for _, topic := range report.Topics {
		before, now := topic.Weeks[3], topic.Weeks[7]
		switch {
		case topic.ID == "caching-observability":
			if topic.Change.Word != "improving" || before.LearnersMeasured != 20 || before.ShareWeak.Low < .5 || now.ShareWeak.High > .5 {
				t.Errorf("who failed and now knows: %+v, before %+v, now %+v", topic.Change, before, now)
			}
		case now.LearnersMeasured == 0:
			if topic.Change.Word != "unknown" || now.ShareWeak != nil || now.Mastery != nil {
				t.Errorf("nobody practised %s: %+v", topic.ID, topic)
			}
		}
	}
}

// checkChange recomputes a change from the weeks.
func checkChange(t *testing.T, topic query.TopicWeeks) {
	t.Helper()
	before, now := topic.Weeks[3].ShareWeak, topic.Weeks[7].ShareWeak
	got := topic.Change
	if before == nil || now == nil {
		if got.Word != "unknown" || got.ShareWeak != nil {
			t.Errorf("%s changed by %+v from or to nothing", topic.ID, got)
		}
		return
	}
	d := now.Estimate - before.Estimate
	root := func(a, b float64) float64 { return math.Sqrt(a*a + b*b) }
	low := d - root(now.Estimate-now.Low, before.High-before.Estimate)
	high := d + root(now.High-now.Estimate, before.Estimate-before.Low)
	word := "unclear"
	if high < 0 {
		word = "improving"
	} else if low > 0 {
		word = "declining"
	}
	if got.Word != word || !near(got.ShareWeak.Estimate, d) || !near(got.ShareWeak.Low, low) || !near(got.ShareWeak.High, high) {
		t.Errorf("%s changed by %+v, recomputed %s %v (%v to %v)", topic.ID, got, word, d, low, high)
	}
}

// itemsOf lists the items of a topic that are answered.
func (r *reports) itemsOf(t *testing.T, by, topic string) []string {
	t.Helper()
	var list []string
	course := r.service.Active().Course.Catalog
	for _, it := range course.Answerable() {
		for _, share := range it.Concerns {
			if by == "concern" && share.ID == topic {
				list = append(list, it.ID)
			}
		}
		for _, id := range it.Chapters {
			if by == "chapter" && id == topic {
				list = append(list, it.ID)
			}
		}
	}
	if len(list) < 8 {
		t.Fatalf("%s %s has %d items", by, topic, len(list))
	}
	return list
}
