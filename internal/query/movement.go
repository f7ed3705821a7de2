package query

import (
	"context"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// How many weeks a movement shows unless it is asked for another number, how many
// at most, and over how many it tells a change.
const (
	defaultWeeks = 8
	MaxWeeks     = 26
	changeWeeks  = 4
)

// ParseWeeks reads how many weeks are asked for.
func ParseWeeks(values url.Values) (int, error) {
	text := values.Get("weeks")
	if text == "" {
		return defaultWeeks, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxWeeks {
		return 0, httpserver.BadRequest("weeks=%q: must be a number from 1 to %d", text, MaxWeeks)
	}
	return n, nil
}

// CohortWeeks reports every topic of a cohort at the end of each of the last weeks,
// the current one included: the members of now, what they had answered by then. It
// sums up as CohortWeakTopics does, so its last week says what that report says.
// Topics come weakest first, as they are now.
func (s *Service) CohortWeeks(ctx context.Context, cohort string, m Measure, weeks int, at Moment) (*CohortWeeks, error) {
	v, members, targets, err := s.cohortView(ctx, cohort, m, at)
	if err != nil {
		return nil, err
	}
	last := series{
		Active: v.Active, seq: v.at.Seq, weeks: lastWeeks(v.at.Time, s.Zone, weeks), members: members, targets: targets,
	}
	gathered, err := last.gather(ctx, s.Store, m.Lens)
	if err != nil {
		return nil, err
	}
	report := &CohortWeeks{
		Basis: v.basis, Cohort: cohort, By: m.Lens.String(), Target: m.asked(), Learners: len(members),
		Weeks: make([]Week, weeks), Topics: []TopicWeeks{},
	}
	byWeek := make([][]CohortTopic, weeks) // topics in the course's order
	for i, w := range last.weeks {
		report.Weeks[i] = Week{Week: w.monday.Format(time.DateOnly), End: w.end.UTC()}
		byWeek[i] = gathered[m.Lens][i].topics(&v.Course.Lenses[m.Lens], len(members))
	}
	now := byWeek[weeks-1]
	for _, k := range weakestOrder(now) {
		topic := TopicWeeks{ID: now[k].ID, Title: now[k].Title, Weeks: make([]WeekPoint, weeks)}
		for i := range topic.Weeks {
			t := &byWeek[i][k]
			topic.Weeks[i] = WeekPoint{LearnersMeasured: t.LearnersMeasured, ShareWeak: t.ShareWeak, Mastery: t.Mastery}
		}
		topic.Change = changeOf(topic.Weeks)
		report.Topics = append(report.Topics, topic)
	}
	return report, nil
}

// weakestOrder returns the topics' places in the order of the weak topics.
func weakestOrder(topics []CohortTopic) []int {
	order := make([]int, len(topics))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return weakestTopicFirst(topics[a], topics[b]) })
	return order
}

// changeOf tells how the share of weak learners moved over the last four weeks. It is
// a change only where the interval of the difference leaves 0 out. The interval is
// made of those of both shares (MOVER; Zou & Donner 2008), as if their errors were
// independent. They aren't: both rest on the same learners. So it is rather too wide.
func changeOf(weeks []WeekPoint) Change {
	from := len(weeks) - 1 - changeWeeks
	if from < 0 || weeks[from].ShareWeak == nil || weeks[len(weeks)-1].ShareWeak == nil {
		return Change{Word: "unknown"}
	}
	before, now := weeks[from].ShareWeak, weeks[len(weeks)-1].ShareWeak
	d := now.Estimate - before.Estimate
	moved := &Interval{
		Estimate: d,
		Low:      d - math.Hypot(now.Estimate-now.Low, before.High-before.Estimate),
		High:     d + math.Hypot(now.High-now.Estimate, before.Estimate-before.Low),
	}
	switch {
	case moved.High < 0:
		return Change{"improving", moved}
	case moved.Low > 0:
		return Change{"declining", moved}
	}
	return Change{"unclear", moved}
}
