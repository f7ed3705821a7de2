package web

import (
	"net/http"
	"time"

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
	URL      string
	Read     []reference
	Practise []listedItem
}

// learnerTopic is a topic with its place in the course, the chapters to read and
// the way to its events.
type learnerTopic struct {
	query.LearnerTopic
	URL      string
	Read     []reference
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
	seen, err := p.look(r.Context(), params.Moment)
	if err != nil {
		return err
	}
	since, err := seen.MayReadLearner(r.Context(), id, params.Moment)
	if err != nil {
		return err
	}
	who, _ := httpserver.PrincipalFrom(r.Context())
	page := learnerPage{frame: newFrame(r, "Learner "+id), Learner: id, Self: who.IsLearner(id)}
	if page.Self {
		page.Title = "Your study"
	}

	weak, err := seen.LearnerWeakTopics(r.Context(), id, params.Measure, params.Moment)
	if err != nil {
		return err
	}
	page.basis = p.basis(r, learnerPath(id), weak.Basis, weak.By)
	page.Answers, page.Unmapped = weak.Answers, weak.Unmapped
	page.Against = learnerTarget(page.Target, weak.Target, page.Self)
	page.Targets = targetOptions(ownTarget(page.Target, weak.Target), page.Target)
	page.addTopics(weak, seen.course)
	next, err := seen.NextTopics(r.Context(), id, params.Measure, nextShown, params.Moment)
	if err != nil {
		return err
	}
	for _, t := range next.Topics {
		page.Next = append(page.Next, nextTopic{t, seen.course.concernURL(t.ID), seen.course.toChapters(chaptersOf(t)), seen.course.items(t.Items)})
	}
	if page.Progress, err = seen.Progress(r.Context(), id, params.Moment); err != nil {
		return err
	}
	page.Days = chart(page.Progress.ByDay)
	self, err := seen.SelfAssessment(r.Context(), id, params.Measure, since, params.Moment)
	if err != nil {
		return err
	}
	page.Thought = newSelfPart(self, seen.course)
	return p.show(w, "learner", &page)
}

func (l *learnerPage) addTopics(weak *query.LearnerWeakTopics, course course) {
	list := make([]learnerTopic, len(weak.Topics))
	for i, t := range weak.Topics {
		list[i] = learnerTopic{
			LearnerTopic: t, URL: course.topicURL(weak.By, t.ID), Read: course.toChapters(t.Chapters), Evidence: l.evidence(weak.By, t.ID),
		}
		if stateOf(t.State).Class != "unknown" {
			l.Measured++
		}
	}
	first := min(topicsShown, len(list))
	l.Topics = len(list)
	l.All = l.evidence("by", weak.By)
	l.First = areas{weak.By, weak.AsOf.Time, weak.Target, list[:first]}
	l.Others = areas{weak.By, weak.AsOf.Time, weak.Target, list[first:]}
}

// evidence links to the events behind the page's numbers.
func (l *learnerPage) evidence(of, id string) string {
	values := l.kept()
	values.Del("by")
	values.Set(of, id)
	values.Set("as_of", l.AsOf.String())
	return link(learnerPath(l.Learner)+"/evidence", values)
}

// chaptersOf lists the chapters to read for a recommended topic.
func chaptersOf(t query.NextTopic) []string {
	ids := make([]string, len(t.Chapters))
	for i, c := range t.Chapters {
		ids[i] = c.ID
	}
	return ids
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
