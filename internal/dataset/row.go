package dataset

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gapwise/gapwise/internal/event"
)

// Row is one answer as the file tells it.
type Row struct {
	Line   int       // of its first line in the file; the header is line 1
	Number int       // of the row in the file, from 1, bad ones included
	User   string    // not empty
	Nth    int       // of the row among the user's rows, from 1, bad ones included
	Item   string    // not empty
	Given  time.Time // as the file gives it, UTC, whole microseconds; zero where only the order is known
	Time   time.Time // of the answer's event: see the package comment
	Score  float64   // 0 to 1
	Skills []string  // names as in the file, without repeats; valid until the next row
}

// maxSeconds is the end of event.MaxYear. A larger number is likely one of milliseconds.
var maxSeconds = float64(time.Date(event.MaxYear+1, time.January, 1, 0, 0, 0, 0, time.UTC).Unix() - 1)

// fill reads the fields into row and returns what is wrong with them. User is
// set whenever it can be read, so that the user's rows can be counted.
func (l *layout) fill(row *Row, fields []string) (problems []Problem) {
	wrong := func(column, value, message string) {
		problems = append(problems, Problem{Line: row.Line, Column: column, Value: value, Message: message})
	}
	if len(fields) != l.width {
		wrong("", "", "the row has "+plural(len(fields), "column")+" where the header has "+strconv.Itoa(l.width)+
			"; complete it, or put a value that holds the separator into quotes (comma-separated files only)")
		if len(fields) > l.user {
			row.User = readable(fields[l.user])
		}
		return problems
	}
	name := func(column string, at int) string {
		value := strings.TrimSpace(fields[at])
		switch {
		case value == "":
			wrong(column, "", "is empty; write who or what it was")
		case readable(value) == "":
			wrong(column, value, "is not valid UTF-8; save the file as UTF-8")
		}
		return readable(value)
	}
	row.User = name(l.names.User, l.user)
	if reason := badSubject(row.User); reason != "" {
		wrong(l.names.User, row.User, reason)
	}
	row.Item = name(l.names.Item, l.item)

	var reason string
	if row.Given, reason = parseTime(strings.TrimSpace(fields[l.time])); reason != "" {
		wrong(l.names.Time, fields[l.time], reason)
	}
	if row.Score, reason = parseScore(strings.TrimSpace(fields[l.correct])); reason != "" {
		wrong(l.names.Correct, fields[l.correct], reason)
	}
	row.Skills = row.Skills[:0]
	if l.skill >= 0 {
		if readable(fields[l.skill]) == "" && fields[l.skill] != "" {
			wrong(l.names.Skills, fields[l.skill], "is not valid UTF-8; save the file as UTF-8")
		}
		row.Skills = appendSkills(row.Skills, fields[l.skill])
	}
	return problems
}

// badSubject says why a user can't be the subject of an event, if so.
func badSubject(user string) string {
	switch {
	case len(user) > event.MaxSubject:
		return "is longer than " + plural(event.MaxSubject, "byte") + "; use a shorter id"
	case strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds a control character; take it out"
	}
	return ""
}

// readable returns the value, or "" if it isn't valid UTF-8.
func readable(value string) string {
	value = strings.TrimSpace(value)
	if !utf8.ValidString(value) {
		return ""
	}
	return value
}

// appendSkills adds the names in a list separated by ";" to skills.
func appendSkills(skills []string, list string) []string {
	for name := range strings.SplitSeq(list, ";") {
		name = strings.TrimSpace(name)
		if name == "" || slices.Contains(skills, name) {
			continue
		}
		skills = append(skills, name)
	}
	return skills
}

// parseTime reads seconds or RFC 3339; the zero time stands for 0, order only.
func parseTime(value string) (at time.Time, wrong string) {
	const form = "write seconds since 1970, 0 if only the order is known, or RFC 3339 as in 2024-05-17T09:30:00Z"
	if value == "" {
		return time.Time{}, "is empty; " + form
	}
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil {
		at, err = time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return time.Time{}, "is neither a number nor a date; " + form
		}
		at = at.UTC().Truncate(time.Microsecond)
		if year := at.Year(); year < event.MinYear || year > event.MaxYear {
			return time.Time{}, "is outside the years that events can hold; " + form
		}
		return at, ""
	}
	switch {
	case seconds == 0:
		return time.Time{}, ""
	case !(seconds > 0): // also what isn't a number
		return time.Time{}, "is not a time after 1970; " + form
	case seconds > maxSeconds:
		return time.Time{}, "is too late to be seconds (milliseconds?); " + form
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1e3).UTC(), ""
}

// parseScore reads 0, 1, true, false or a number between 0 and 1.
func parseScore(value string) (score float64, wrong string) {
	switch {
	case value == "1", strings.EqualFold(value, "true"):
		return 1, ""
	case value == "0", strings.EqualFold(value, "false"):
		return 0, ""
	case value == "":
		return 0, "is empty; write 0, 1, true, false or a score between 0 and 1"
	}
	score, err := strconv.ParseFloat(value, 64)
	if err != nil || !(score >= 0 && score <= 1) {
		return 0, "is no mark; write 0, 1, true, false or a score between 0 and 1"
	}
	return score + 0, "" // -0 becomes 0
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
