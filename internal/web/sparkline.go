package web

import (
	"fmt"
	"math"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

// sparkline draws a share of weak learners over the weeks: a line with its interval as
// a band, on a field of Width by 30. Where nobody was measured there is a gap.
type sparkline struct {
	Width      int
	Bands      []string // polygons, as points
	Lines      []string // likewise
	Dots       []dot    // weeks without a neighbour, and the last one
	Says, Word string   // the same in words; how it changed, as reports name it
	Change     string   // in words
}

type dot struct{ X, Y string }

// step is how far apart two weeks are drawn.
const step = 14

func drawSparkline(topic *query.TopicWeeks) *sparkline {
	s := &sparkline{
		Width: step*(len(topic.Weeks)-1) + 8, Says: saysWeeks(topic.Weeks), Word: topic.Change.Word, Change: changeInWords(topic),
	}
	for from := 0; from < len(topic.Weeks); from++ {
		to := from
		for to < len(topic.Weeks) && topic.Weeks[to].ShareWeak != nil {
			to++
		}
		s.segment(topic.Weeks, from, to)
		from = to
	}
	return s
}

// segment draws weeks without a gap.
func (s *sparkline) segment(weeks []query.WeekPoint, from, to int) {
	if from == to {
		return
	}
	var line, upper, lower []string
	for i := from; i < to; i++ {
		share := weeks[i].ShareWeak
		line = append(line, point(i, share.Estimate))
		upper = append(upper, point(i, share.High))
		lower = append([]string{point(i, share.Low)}, lower...)
	}
	if to-from > 1 {
		s.Lines = append(s.Lines, strings.Join(line, " "))
		s.Bands = append(s.Bands, strings.Join(append(upper, lower...), " "))
	}
	if to-from == 1 || to == len(weeks) {
		x, y, _ := strings.Cut(line[len(line)-1], ",")
		s.Dots = append(s.Dots, dot{x, y})
	}
}

// point places the share of a week, none at the bottom.
func point(week int, share float64) string { return fmt.Sprintf("%d,%.1f", 4+step*week, 28-26*share) }

// saysWeeks tells what a sparkline shows to who can't see it.
func saysWeeks(weeks []query.WeekPoint) string {
	parts := make([]string, len(weeks))
	for i, w := range weeks {
		parts[i] = "nobody measured"
		if w.ShareWeak != nil {
			parts[i] = fmt.Sprintf("%s of %d", percent(w.ShareWeak), w.LearnersMeasured)
		}
	}
	return fmt.Sprintf("Share weak at the end of the last %s: %s", count(len(weeks), "week"), strings.Join(parts, ", "))
}

// changeInWords says how the share of weak learners moved. It speaks of a change only
// where the report does.
func changeInWords(topic *query.TopicWeeks) string {
	c := topic.Change
	switch {
	case topic.Weeks[len(topic.Weeks)-1].ShareWeak == nil:
		return ""
	case c.ShareWeak == nil:
		return "nobody was measured four weeks ago"
	}
	by := fmt.Sprintf("%s points (%s to %s)", points(c.ShareWeak.Estimate), points(c.ShareWeak.Low), points(c.ShareWeak.High))
	switch c.Word {
	case "improving":
		return "fewer are weak than four weeks ago: " + by
	case "declining":
		return "more are weak than four weeks ago: " + by
	}
	return fmt.Sprintf("no clear change in four weeks (%s points)", points(c.ShareWeak.Estimate))
}

// points writes a difference of shares in whole points, such as +3.
func points(x float64) string {
	n := math.Round(100 * x)
	switch {
	case n > 0:
		return fmt.Sprintf("+%.0f", n)
	case n < 0:
		return fmt.Sprintf("−%.0f", -n)
	}
	return "0"
}
