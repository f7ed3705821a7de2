package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
)

// chapter: whoever gets every caching question wrong is weak in the chapter that
// treats caching; what was shown of the concern observability, which that chapter is
// also about, stays as it was. A chapter is estimated from its own questions.
func (r *reports) chapter(t *testing.T) {
	r.joins(t, "cachers", "", "cacher")
	n := 0
	answer := func(day, score int, items ...string) {
		for _, item := range items {
			n++
			r.tell(t, "cacher", r.start.AddDate(0, 0, day).Add(time.Duration(n)*time.Minute), &event.Answer{Item: item, Score: float64(score)})
		}
	}
	observing := []string{ // about observability, and in other chapters
		"tail-latency-doubles", "inherited-system", "incident-story", "latency-rose-without-a-deploy", "correlation-through-a-queue",
		"what-a-log-line-carries", "killed-without-a-trace", "descriptor-leak", "pair-incident-response", "remove-a-response-field",
	}
	for i, item := range r.elsewhere(t)[:30] { // someone who knows two thirds of the rest
		answer(18, min(1, i%3), item)
	}
	for day := 20; day < 23; day++ {
		answer(day, 1, observing...)
	}
	before := r.send(t)
	for day := 24; day < 28; day++ { // caching alone: none of them is about observability
		answer(day, 0, "invalidation-across-services", "cache-makes-it-fast", "redis-as-database")
	}
	after := r.send(t)
	then := query.AsOf{Seq: before.Seq, Time: after.Time} // what was known before, seen from the same moment

	chapterBefore := r.topicOf(t, "cacher", "chapter", "caching-observability", then)
	chapterAfter := r.topicOf(t, "cacher", "chapter", "caching-observability", after)
	if chapterBefore.Mastery != nil || chapterAfter.State != "weak" || chapterAfter.Answers != 12 || *chapterAfter.PWeak < .9 {
		t.Errorf("the chapter was %+v and is %+v after 12 wrong answers, want weak", chapterBefore, chapterAfter)
	}
	concernBefore := r.topicOf(t, "cacher", "concern", "observability", then)
	concernAfter := r.topicOf(t, "cacher", "concern", "observability", after)
	if concernBefore.State != "strong" || concernAfter.State != concernBefore.State || concernAfter.Answers != concernBefore.Answers ||
		concernAfter.Observed != concernBefore.Observed || concernAfter.Trend != concernBefore.Trend {
		t.Errorf("the concern was %+v and is %+v, though no answer was about it", concernBefore, concernAfter)
	}
	// What moved its estimate is the general ability, which rests on all answers.
	was, is := r.workedOf(t, then), r.workedOf(t, after)
	if is.S != was.S || is.VS != was.VS || is.N != was.N || is.D != was.D || !near(is.Zeta-was.Zeta, is.K*(is.A-was.A)) {
		t.Errorf("the concern was worked from %+v and is from %+v", was, is)
	}
	weak := read[query.CohortWeakTopics](t, r, "/v1/cohorts/cachers/weak-topics", "by", "chapter", "as_of", after.String())
	if weak.Topics[slices.IndexFunc(weak.Topics, func(topic query.CohortTopic) bool { return topic.ID == "caching-observability" })].Mastery.Estimate != chapterAfter.Mastery.Estimate {
		t.Error("a cohort of one has another mastery than its only learner")
	}
}

// elsewhere lists questions neither of the chapter nor about the concern.
func (r *reports) elsewhere(t *testing.T) []string {
	t.Helper()
	inChapter, ofConcern := r.itemsOf(t, "chapter", "caching-observability"), r.itemsOf(t, "concern", "observability")
	var list []string
	for _, it := range r.service.Active().Course.Catalog.Answerable() {
		if !slices.Contains(inChapter, it.ID) && !slices.Contains(ofConcern, it.ID) {
			list = append(list, it.ID)
		}
	}
	return list
}

func (r *reports) topicOf(t *testing.T, learner, by, id string, at query.AsOf) query.LearnerTopic {
	t.Helper()
	report := read[query.LearnerWeakTopics](t, r, "/v1/learners/"+learner+"/weak-topics", "by", by, "as_of", at.String())
	return report.Topics[slices.IndexFunc(report.Topics, func(topic query.LearnerTopic) bool { return topic.ID == id })]
}

func (r *reports) workedOf(t *testing.T, at query.AsOf) query.WorkedNumbers {
	t.Helper()
	return read[query.Evidence](t, r, "/v1/learners/cacher/evidence", "concern", "observability", "arithmetic", "true", "as_of", at.String()).Arithmetic.Estimates[0]
}

// mixed: 55 of 60 members never practised ethics. The cohort's numbers for it are
// those of the five who did, the others don't move them, and nothing is drawn as weak
// for who wasn't measured. A topic that nobody practised says so.
func (r *reports) mixed(t *testing.T) {
	const unpractised = "real-time"
	const ethic, secure = "ethics", "security"
	ethics := r.questions(t, func(about []string) bool {
		return slices.Contains(about, ethic) && !slices.Contains(about, unpractised)
	})
	security := r.questions(t, func(about []string) bool {
		return slices.Contains(about, secure) && !slices.Contains(about, ethic) && !slices.Contains(about, unpractised)
	})
	var five []string
	for i := range 60 {
		learner := fmt.Sprintf("mixed-%02d", i)
		r.joins(t, "mixed", "", learner)
		for n := range 6 {
			at := r.start.AddDate(0, 0, 10+n).Add(time.Duration(i) * time.Minute)
			r.tell(t, learner, at, &event.Answer{Item: security[n%len(security)], Score: float64((i + n) % 2)})
			if i%12 == 0 {
				r.tell(t, learner, at.Add(time.Hour), &event.Answer{Item: ethics[n%len(ethics)], Score: float64(n % 3 / 2)})
			}
		}
		if i%12 == 0 {
			five = append(five, learner)
			r.joins(t, "mixed-five", "", learner)
		}
	}
	at := r.send(t).String()
	topic := func(cohort, id string) query.CohortTopic {
		report := read[query.CohortWeakTopics](t, r, "/v1/cohorts/"+cohort+"/weak-topics", "as_of", at)
		return report.Topics[slices.IndexFunc(report.Topics, func(topic query.CohortTopic) bool { return topic.ID == id })]
	}
	all, few := topic("mixed", "ethics"), topic("mixed-five", "ethics")
	if all.Learners != 60 || all.LearnersMeasured != 5 || all.Answers != 30 || few.Learners != 5 || few.LearnersMeasured != 5 {
		t.Fatalf("of 60 members five practised: %+v, of five all: %+v", all, few)
	}
	if *all.Mastery != *few.Mastery || all.Trend != few.Trend || *all.FirstAttemptCorrect != *few.FirstAttemptCorrect {
		t.Errorf("members who never practised it moved a topic from %+v to %+v", few, all)
	}
	heat := read[query.Heatmap](t, r, "/v1/cohorts/mixed/heatmap", "as_of", at)
	r.recomputeCohort(t, heat, "mixed", "concern", at)
	if nobody := topic("mixed", unpractised); nobody.LearnersMeasured != 0 || nobody.ShareWeak != nil || nobody.Mastery != nil ||
		nobody.State != "not_enough_answers" || nobody.FirstAttemptCorrect != nil || len(nobody.ByLevel) != 0 {
		t.Errorf("of what nobody practised the report says %+v", nobody)
	}
	r.checkUnmeasured(t, heat, five, unpractised, at)
}

// questions lists those whose concerns are as wanted.
func (r *reports) questions(t *testing.T, wanted func(about []string) bool) []string {
	t.Helper()
	var list []string
	for _, it := range r.service.Active().Course.Catalog.Answerable() {
		var about []string
		for _, share := range it.Concerns {
			about = append(about, share.ID)
		}
		if wanted(about) {
			list = append(list, it.ID)
		}
	}
	if len(list) < 3 {
		t.Fatalf("%d questions: too few", len(list))
	}
	return list
}

// checkUnmeasured looks for anything said of what wasn't measured: in the heatmap, in
// the learners' reports, and on the page.
func (r *reports) checkUnmeasured(t *testing.T, heat query.Heatmap, practised []string, unpractised, at string) {
	t.Helper()
	ethics := slices.IndexFunc(heat.Topics, func(name query.TopicName) bool { return name.ID == "ethics" })
	for _, row := range heat.Rows {
		cell := row.Cells[ethics]
		if slices.Contains(practised, row.Learner) {
			if cell.Answers != 6 || cell.PWeak == nil {
				t.Errorf("%s practised, the heatmap says %+v", row.Learner, cell)
			}
		} else if cell.State != "not_enough_answers" || cell.Mastery != nil || cell.PWeak != nil || cell.Answers != 0 {
			t.Errorf("%s never practised, the heatmap says %+v", row.Learner, cell)
		}
	}
	known := heat.Rows[slices.IndexFunc(heat.Rows, func(row query.HeatmapRow) bool { return row.Learner == "mixed-01" })]
	for _, topic := range read[query.NextTopics](t, r, "/v1/learners/mixed-01/next-topics", "limit", "100", "as_of", at).Topics {
		k := slices.IndexFunc(heat.Topics, func(name query.TopicName) bool { return name.ID == topic.ID })
		if none := known.Cells[k].Answers == 0; none != strings.HasPrefix(topic.Reason, "not measured yet") || none != (topic.Factors.Mastery == nil) {
			t.Errorf("%s is recommended after %d answers: %s", topic.ID, known.Cells[k].Answers, topic.Reason)
		}
	}
	page := string(r.do(t, http.MethodGet, "/cohorts/mixed?limit=100&as_of="+at, r.operator, nil, "").body)
	drawn := regexp.MustCompile(`(?s)<tr><th scope="row"><a [^>]*>(mixed-\d\d)</a>.*?</tr>`).FindAllString(page, -1)
	if len(drawn) != 60 {
		t.Fatalf("the page draws %d learners", len(drawn))
	}
	for i, row := range heat.Rows {
		none := 0
		for _, cell := range row.Cells {
			if cell.Answers == 0 {
				none++
			}
		}
		if got := strings.Count(drawn[i], `class="s-unknown" title="not enough answers: 0"`); got != none || none == 0 {
			t.Errorf("%s is drawn with %d cells without answers, there are %d", row.Learner, got, none)
		}
	}
	title := map[string]string{"ethics": "Ethics", "real-time": "Real-Time Requirements"}
	for id, says := range map[string][]string{"ethics": {"5 of 60"}, unpractised: {"0 of 60", "nobody measured", "not enough answers"}} {
		_, row, found := strings.Cut(page, `<a href="/catalog/concerns/`+id+`">`+title[id]+`</a>`)
		row, _, _ = strings.Cut(row, "</tr>")
		for _, text := range says {
			if !found || !strings.Contains(row, text) {
				t.Errorf("the page's row of %s doesn't say %q: %s", id, text, row)
			}
		}
	}
}
