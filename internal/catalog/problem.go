package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a problem must be mended.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the course is wrong, or breaks a promise of its own
	Warning Severity = "warning" // the course works, but measures or explains less than it could
)

// Problem is something wrong with a course, where it is and how to mend it.
type Problem struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"` // below the course folder; empty if the course didn't come from files
	Line     int      `json:"line,omitempty"` // from 1; 0 where the problem is about the whole
	Message  string   `json:"message"`
}

// String gives the problem on one line: "file:line: message".
func (p Problem) String() string {
	where := p.File
	if where != "" && p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	text := p.Message
	if p.Severity == Warning {
		text = "warning: " + text
	}
	if where == "" {
		return text
	}
	return where + ": " + text
}

// Problems is the error of a course that doesn't load: everything that is
// wrong with it, in the order of files and lines.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// ProblemsOf returns the problems that err carries, if any: what a program
// prints one by one where a person would read the error's text.
func ProblemsOf(err error) []Problem {
	if ps, ok := errors.AsType[Problems](err); ok {
		return ps
	}
	return nil
}

// position is a line of a file below the course folder.
type position struct {
	file string
	line int
}

// report collects problems.
type report struct{ problems []Problem }

func (r *report) errorf(at position, format string, args ...any) {
	r.add(Error, at, format, args...)
}

func (r *report) warnf(at position, format string, args ...any) {
	r.add(Warning, at, format, args...)
}

func (r *report) add(s Severity, at position, format string, args ...any) {
	r.problems = append(r.problems, Problem{Severity: s, File: at.file, Line: at.line, Message: fmt.Sprintf(format, args...)})
}

// sorted returns the problems by file and line; problems of one line keep the
// order in which they were found.
func (r *report) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return r.problems
}

// err returns the problems as an error, or nil if there are none.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return Problems(r.sorted())
}
