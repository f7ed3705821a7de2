package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Columns names the columns of a file as its header spells them.
type Columns struct {
	User    string
	Item    string
	Time    string
	Correct string
	Skills  string // empty: the file holds no skills
}

// ErrColumns is wrapped by every error about the choice of columns.
var ErrColumns = errors.New("wrong columns")

// columnsForm is what every message about --columns shows as the right form.
const columnsForm = "user=NAME,item=NAME,time=NAME,correct=NAME,skills=NAME (skills may be left out)"

// ParseColumns reads "user=…,item=…,time=…,correct=…,skills=…", in any order.
// The error tells everything that is wrong with the specification.
func ParseColumns(spec string) (Columns, error) {
	var c Columns
	var wrong []string
	for part := range strings.SplitSeq(spec, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		role, name, ok := strings.Cut(part, "=")
		role, name = strings.TrimSpace(role), strings.TrimSpace(name)
		target := c.named(role)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%q has no '='", role))
		case target == nil:
			wrong = append(wrong, fmt.Sprintf("%q is not one of user, item, time, correct, skills", role))
		case name == "":
			wrong = append(wrong, role+" names no column")
		case *target != "":
			wrong = append(wrong, role+" is given twice")
		default:
			*target = name
		}
	}
	if missing := c.missing(); len(missing) > 0 && len(wrong) == 0 {
		wrong = append(wrong, "no column is given for "+strings.Join(missing, ", "))
	}
	if len(wrong) > 0 {
		return Columns{}, fmt.Errorf("%w: %s; write %s", ErrColumns, strings.Join(wrong, "; "), columnsForm)
	}
	return c, nil
}

// named returns the place for a role's column, or nil if there is no such role.
func (c *Columns) named(role string) *string {
	switch role {
	case "user":
		return &c.User
	case "item":
		return &c.Item
	case "time":
		return &c.Time
	case "correct":
		return &c.Correct
	case "skills":
		return &c.Skills
	}
	return nil
}

// missing lists the roles that need a column and have none.
func (c *Columns) missing() []string {
	var roles []string
	for _, role := range []string{"user", "item", "time", "correct"} {
		if *c.named(role) == "" {
			roles = append(roles, role)
		}
	}
	return roles
}

// layout holds the positions of the columns in a row.
type layout struct {
	names                            Columns
	width                            int // columns in a row
	user, item, time, correct, skill int // skill is -1 where there is none
}

// bind finds the columns in the header.
func (c *Columns) bind(header []string) (layout, error) {
	if missing := c.missing(); len(missing) > 0 {
		return layout{}, fmt.Errorf("%w: no column is given for %s", ErrColumns, strings.Join(missing, ", "))
	}
	l := layout{names: *c, width: len(header), skill: -1}
	var wrong []string
	for _, want := range []struct {
		role string
		at   *int
	}{{"user", &l.user}, {"item", &l.item}, {"time", &l.time}, {"correct", &l.correct}, {"skills", &l.skill}} {
		name := *c.named(want.role)
		if name == "" {
			continue
		}
		at := slices.Index(header, name)
		switch {
		case at < 0:
			wrong = append(wrong, fmt.Sprintf("no column %q for %s", name, want.role))
		case slices.Contains(header[at+1:], name):
			wrong = append(wrong, fmt.Sprintf("more than one column %q for %s", name, want.role))
		default:
			*want.at = at
		}
	}
	if len(wrong) > 0 {
		return layout{}, fmt.Errorf("%w: the header has %s; its columns are %s", ErrColumns, strings.Join(wrong, ", "), quoted(header))
	}
	return l, nil
}

// quoted lists names for a message, shortened if there are very many.
func quoted(names []string) string {
	const most = 30
	shown := make([]string, 0, min(len(names), most))
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, fmt.Sprintf("%q", shorten(name)))
	}
	text := strings.Join(shown, ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}
