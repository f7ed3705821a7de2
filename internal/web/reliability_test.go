package web

import (
	"testing"

	"github.com/gapwise/gapwise/internal/query"
)

func TestDifferencesAreDrawnAroundTheMiddle(t *testing.T) {
	for _, c := range []struct {
		d     query.Interval
		text  string
		drawn bar
	}{
		{query.Interval{Estimate: 0, Low: -.05, High: .05}, "0.0", bar{Low: 40, Width: 20, At: 50}},
		{query.Interval{Estimate: .1, Low: .05, High: .15}, "+10.0", bar{Low: 60, Width: 20, At: 70}},
		{query.Interval{Estimate: -.0004, Low: -.3, High: .3}, "0.0", bar{Low: 0, Width: 100, At: 49.9}}, // cut at the ends
		{query.Interval{Estimate: -.4, Low: -.5, High: -.3}, "−40.0", bar{Low: 0, Width: 1, At: 0}},
	} {
		if got := signed(c.d.Estimate); got != c.text {
			t.Errorf("%v is written %s, want %s", c.d.Estimate, got, c.text)
		}
		if got := apart(&c.d); *got != c.drawn {
			t.Errorf("%v is drawn %+v, want %+v", c.d, *got, c.drawn)
		}
	}
	if apart(nil) != nil || decimal(nil) != "–" {
		t.Error("what isn't there is drawn")
	}
	if low, high := plot(0, 0), plot(1, 1); low != (plotted{40, 280}) || high != (plotted{300, 20}) {
		t.Errorf("the corners of the drawing are %v and %v", low, high)
	}
}

func TestTopicsThatDifferComeFirst(t *testing.T) {
	row := func(id, state string) query.AgreementRow {
		return query.AgreementRow{ID: id, Agreement: query.Agreement{State: state}}
	}
	r := &query.Reliability{By: "chapter", Topics: []query.AgreementRow{
		row("a", query.AsPredicted), row("b", query.Worse), row("c", "not_enough_answers"), row("d", query.Better),
	}}
	topics := parts(r)[3]
	if topics.Title != "By chapter" || len(topics.Rows) != 2 || topics.Rows[0].ID != "b" || topics.Rows[1].ID != "d" {
		t.Errorf("shown at once: %+v", topics)
	}
	if rest := topics.Rest().Rows; len(rest) != 2 || rest[0].ID != "a" || rest[1].ID != "c" {
		t.Errorf("the rest: %+v", rest)
	}
}
