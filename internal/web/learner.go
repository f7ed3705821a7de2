package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// learnerPage is what the page of a learner shows.
type learnerPage struct {
	frame
	basis
	Learner  string
	Self     bool // the learner reads it
	Answers  int
	Unmapped int
	Against  string   // what the learner is measured against, in words
	Targets  []option // what else there is
	Progress *query.Progress
	Days     []activity
	Next     []nextTopic
	First    areas // the weakest
	Others   areas
	Topics   int    // of both
	All      string // link to all answers
	Measured int    // topics with a state
	Thought  selfPart
}

// areas are topics of a learner, as seen from one moment.
type areas struct {
	By     string
	Now    time.Time
	Target *string // the level measured against; nil: none
	Topics []learnerTopic
}

// nextTopic is a recommendation with its items as the course asks them.
type nextTopic struct {
	query.NextTopic
	Practise []catalog.Item
}

// learnerTopic is a topic with its place in the course, the chapters to read and
// the way to its events.
type learnerTopic struct {
	query.LearnerTopic
	URL      string
	Read     []catalog.Chapter
	Evidence string
}

// activity is one day in the little chart of answers.
type activity struct {
	query.Day
	X, Y, Height int // on a chart 40 high
}

// The learner's page: how many topics it recommends, and how many of the last
// days on which the learner did something its chart shows.
const (
	nextShown = 5
	daysShown = 40
)

func (p *Pages) learner(w http.ResponseWriter, r *http.Request) error {
	if done, err := p.wantsDay(w, r); done || err != nil {
		return err
	}
	params, err := p.params(r)
	if err != nil {
		return err
	}
	id := r.PathValue("learner")
	service := p.service.Fixed()
	since, err := service.MayReadLearner(r.Context(), id, params.Moment)
	if err != nil {
		return err
	}
	who, _ := httpserver.PrincipalFrom(r.Context())
	page := learnerPage{frame: newFrame(r, "Learner "+id), Learner: id, Self: who.IsLearner(id)}
	if page.Self {
		page.Title = "Your study"
	}

	weak, err := service.LearnerWeakTopics(r.Context(), id, params.Measure, params.Moment)
	if err != nil {
		return err
	}
	page.basis = p.basis(r, learnerPath(id), weak.Basis, weak.By)
	page.Answers, page.Unmapped = weak.Answers, weak.Unmapped
	page.Against = learnerTarget(page.Target, weak.Target, page.Self)
	page.Targets = targetOptions(ownTarget(page.Target, weak.Target), page.Target)
	course := service.Active().Course.Catalog
	page.addTopics(weak, course)

	at := weak.AsOf.Moment() // the others speak of the very same moment
	next, err := service.NextTopics(r.Context(), id, params.Measure, nextShown, at)
	if err != nil {
		return err
	}
	for _, t := range next.Topics {
		page.Next = append(page.Next, nextTopic{t, items(course, t.Items)})
	}
	if page.Progress, err = service.Progress(r.Context(), id, at); err != nil {
		return err
	}
	page.Days = chart(page.Progress.ByDay)
	self, err := service.SelfAssessment(r.Context(), id, params.Measure, since, at)
	if err != nil {
		return err
	}
	page.Thought = newSelfPart(self, course)
	return p.show(w, "learner", &page)
}

func (l *learnerPage) addTopics(weak *query.LearnerWeakTopics, course *catalog.Catalog) {
	list := make([]learnerTopic, len(weak.Topics))
	for i, t := range weak.Topics {
		values := url.Values{weak.By: {t.ID}, "as_of": {weak.AsOf.String()}}
		set(values, "target", l.Target)
		list[i] = learnerTopic{
			LearnerTopic: t, URL: topicPath(weak.By, t.ID), Read: chapters(course, t.Chapters),
			Evidence: link(learnerPath(weak.Learner)+"/evidence", values),
		}
		if stateOf(t.State).Class != "unknown" {
			l.Measured++
		}
	}
	first := min(topicsShown, len(list))
	l.Topics = len(list)
	all := url.Values{"by": {weak.By}, "as_of": {weak.AsOf.String()}}
	set(all, "target", l.Target)
	l.All = link(learnerPath(weak.Learner)+"/evidence", all)
	l.First = areas{weak.By, weak.AsOf.Time, weak.Target, list[:first]}
	l.Others = areas{weak.By, weak.AsOf.Time, weak.Target, list[first:]}
}

func items(course *catalog.Catalog, ids []string) []catalog.Item {
	var list []catalog.Item
	for _, id := range ids {
		if it, ok := course.Item(id); ok {
			list = append(list, *it)
		}
	}
	return list
}

// chart places the last active days side by side, as high as they were busy.
func chart(days []query.Day) []activity {
	days = days[max(0, len(days)-daysShown):]
	most := 1
	for _, d := range days {
		most = max(most, d.Answers)
	}
	list := make([]activity, len(days))
	for i, d := range days {
		height := max(1, 40*d.Answers/most)
		list[i] = activity{Day: d, X: 8 * i, Y: 40 - height, Height: height}
	}
	return list
}
