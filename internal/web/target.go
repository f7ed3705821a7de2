package web

import (
	"fmt"
	"strings"

	"github.com/gapwise/gapwise/internal/catalog"
)

// option is one entry of a choice in a form.
type option struct {
	Value, Text string
	Chosen      bool
}

// typical is what learners without a target are measured against.
const typical = "typical"

// targetOptions lists what learners may be measured against; own is what to call
// each learner's own target.
func targetOptions(own, chosen string) []option {
	options := []option{{"", own, chosen == ""}, {typical, "typical questions", chosen == typical}}
	for _, level := range catalog.Levels() {
		name := string(level)
		options = append(options, option{name, name + " questions", chosen == name})
	}
	return options
}

// measured says what everybody on a page was asked to be measured against.
func measured(target string) string {
	if target == typical {
		return "Measured against a typical question of each topic."
	}
	return fmt.Sprintf("Measured against %s questions; in a topic without such, against a typical one.", target)
}

// cohortTarget says what a cohort's numbers are against.
func cohortTarget(asked *string, targets map[string]int) string {
	if asked != nil {
		return measured(*asked)
	}
	var parts []string
	for _, level := range catalog.Levels() {
		if n := targets[string(level)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(n), level))
		}
	}
	if len(parts) == 0 {
		return "Measured against a typical question of each topic: nobody told a level to prepare for."
	}
	text := "Each learner is measured against the level to prepare for: " + strings.Join(parts, ", ")
	if n := targets[typical]; n > 0 {
		return text + fmt.Sprintf("; %s told none and are measured against a typical question.", number(n))
	}
	return text + "."
}

// learnerTarget says what a learner's numbers are against.
func learnerTarget(asked string, target *string, self bool) string {
	switch {
	case asked != "":
		return measured(asked)
	case target == nil:
		return "Measured against a typical question of each topic: no level to prepare for was told."
	case self:
		return fmt.Sprintf("Measured against %s questions, the level that you prepare for; in a topic without such, against a typical one.", *target)
	}
	return fmt.Sprintf("Measured against %s questions, the level that the learner prepares for; in a topic without such, against a typical one.", *target)
}

// ownTarget names a learner's own target as a choice. The report says what it is
// unless it was asked for another one.
func ownTarget(asked string, target *string) string {
	switch {
	case asked != "":
		return "the own target"
	case target == nil:
		return "the own target (none told)"
	}
	return "the own target (" + *target + ")"
}
