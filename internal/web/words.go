package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/query"
)

// functions are what templates call. They put numbers into words.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":     p.assets.path,
		"state":     stateOf,
		"states":    states,
		"percent":   percent,
		"bounds":    bounds,
		"bar":       barOf,
		"number":    number,
		"why":       why,
		"count":     count,
		"trendMark": trendMark,
		"agreement": agreementOf,
		"apart":     apart,
		"signed":    signed,
		"decimal":   decimal,
		"ordinal":   func(i int) int { return i + 1 },
		"moment":    moment,
		"day":       func(t time.Time) string { return t.Format("2 Jan 2006") },
		"ago":       ago,
		"duration":  duration,
		"lag":       lag,

		"away":        away,
		"points":      points,
		"sureness":    sureness,
		"told":        told,
		"toldBias":    toldBias,
		"view":        viewOf,
		"logits":      logits,
		"correlation": correlation,
		"flagTitle":   flagTitle,
		"importance":  importance,
		"origin":      origin,
		"level":       level,
	}
}

// state is one word for a topic, as pages show it: word, letter and class.
type state struct {
	Word   string
	Letter string
	Class  string
	Means  string
}

// states lists the words from the one that needs most to the one that needs
// nothing, for the legend.
func states() []state {
	return []state{
		{"weak", "W", "weak", "mastery below 60%, 80% sure or more"},
		{"rusty", "R", "rusty", "weak now, but only for the time without practice"},
		{"borderline", "B", "borderline", "more likely weak than not"},
		{"fair", "F", "fair", "more likely not weak, but not surely"},
		{"strong", "S", "strong", "80% sure or more not to be weak"},
		{"not enough answers", "·", "unknown", "fewer than 3 answers, or too wide an interval: no judgment"},
	}
}

// stateOf returns how a report's state is shown. A word that pages don't know is
// shown as no judgment.
func stateOf(name string) state {
	all := states()
	for _, s := range all {
		if s.Class == name {
			return s
		}
	}
	return all[len(all)-1]
}

// percent writes a share, such as 39%; a dash where there is none.
func percent(x any) string {
	switch v := x.(type) {
	case float64:
		return strconv.FormatFloat(math.Round(100*v), 'f', 0, 64) + "%"
	case *float64:
		if v != nil {
			return percent(*v)
		}
	case *query.Interval:
		if v != nil {
			return percent(v.Estimate)
		}
	}
	return "–"
}

// bounds writes the bounds, such as 27–52%.
func bounds(i *query.Interval) string {
	if i == nil {
		return ""
	}
	return strings.TrimSuffix(percent(i.Low), "%") + "–" + percent(i.High)
}

// bar is the geometry of an interval on a track of 100.
type bar struct{ Low, Width, At float64 }

func barOf(i *query.Interval) *bar {
	if i == nil {
		return nil
	}
	place := func(x float64) float64 { return math.Round(1000*min(1, max(0, x))) / 10 }
	return &bar{Low: place(i.Low), Width: max(1, place(i.High)-place(i.Low)), At: min(98.5, place(i.Estimate))}
}

// number writes a count with its thousands apart.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// why says in words where a member's need comes from.
func why(m query.MemberSummary) string {
	if m.Need == nil { // a list of who needs help has nobody of whom that isn't known
		return "not measured"
	}
	var topics []string
	for _, t := range m.Mostly {
		if needs(t.State) {
			topics = append(topics, t.Title+" ("+stateOf(t.State).Word+")")
		}
	}
	text := fmt.Sprintf("%.1f weak topics to expect, weighted by importance, among %s judged", *m.Need, number(m.Measured))
	if n := len(topics); n > 1 {
		topics[n-2] += " and " + topics[n-1]
		topics = topics[:n-1]
	}
	return text + ": mostly " + strings.Join(topics, ", ") + "."
}

func trendMark(word string) string {
	switch word {
	case "improving":
		return "↗"
	case "declining":
		return "↘"
	case "steady":
		return "→"
	}
	return ""
}

// moment writes a time to the second, in the zone that it carries.
func moment(t time.Time) string { return t.Format("2 Jan 2006, 15:04:05 MST") }

// ago says how long before now something was, in the unit a person would use.
func ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(int(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour") + " ago"
	}
	return count(int(d/(24*time.Hour)), "day") + " ago"
}

// duration writes seconds as hours and minutes.
func duration(seconds int64) string {
	hours, minutes := seconds/3600, seconds%3600/60
	if hours == 0 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %02d min", hours, minutes)
}

// lag says how far the numbers are behind the events.
func lag(ms int64) string {
	if ms == 0 {
		return "up to date"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100*time.Millisecond).String() + " behind"
}

// importance says how much a gap in a concern matters.
func importance(x float64) string {
	switch {
	case x >= 0.9:
		return "essential"
	case x >= 0.75:
		return "high"
	case x >= 0.6:
		return "moderate"
	}
	return "low"
}

// level writes an item's seniority, such as senior to staff.
func level(it *catalog.Item) string {
	if it.LevelTo == "" {
		return string(it.Level)
	}
	return string(it.Level) + " to " + string(it.LevelTo)
}

// origin says where a part of the course comes from that doesn't stand in its
// source as it is.
func origin(word string) string {
	switch word {
	case catalog.Reconstructed:
		return "Its title was lost in the source, and restored from the text around it."
	case catalog.Added:
		return "Written for Gapwise: the source has too little of the kind."
	}
	return "From " + word + "."
}
