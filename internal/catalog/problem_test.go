package catalog_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
)

// TestBadCourses gives each mistake the message that its author gets.
func TestBadCourses(t *testing.T) {
	for name, test := range map[string]struct {
		old, bad string // one replacement in the small course
		want     string // problems, one a line
	}{
		"syntax":            {"title: Small\n", "title: Small: and large\n", "course.yaml:2: not valid YAML: mapping values are not allowed in this context (check indentation, and quote text that holds a colon or starts with a symbol)"},
		"unknown key":       {"    summary: What is one?", "    summry: What is one?", `course.yaml:6: a concern has no key "summry": did you mean "summary"?`},
		"far unknown key":   {"    summary: What is one?", "    colour: red", `course.yaml:6: a concern has no key "colour": it is one of chapters, id, importance, origin, prerequisites, summary, title`},
		"key twice":         {"    title: Two", "    title: Two\n    title: Second", `course.yaml:10: a concern has "title" twice, first on line 9: keep one`},
		"course twice":      {"title: Small\n", "title: Small\n---\ntitle: Other\n", "course.yaml:3: a second document starts here (---), and it would be ignored: remove that line, or move the rest to a file of its own"},
		"not a mapping":     {"  - {id: basics, title: Basics}", "  - basics", `course.yaml:16: a section must be a mapping (key: value), but this is "basics"`},
		"not a list":        {"placement: [why-one]", "placement: why-one", `course.yaml:17: placement must be a list, but this is "why-one"`},
		"not a number":      {"importance: 0.5", "importance: high", `course.yaml:10: expected a number, but this is "high"`},
		"not a flag":        {"deeper: true", "deeper: very", `course.yaml:29: expected true or false, but this is "very"`},
		"no text":           {"prompt: Why is there one?", "prompt:", "course.yaml:25: expected text, but this is empty"},
		"alias":             {"placement: [why-one]", "placement: [&a why-one, *a]", "course.yaml:17: expected text, but this is an alias (*name), which course files don't use: write the value out"},
		"weights as list":   {"concerns: {two: 1}", "concerns: [two]", "course.yaml:30: concerns of an item carry weights: write them as {first-concern: 0.7, second-concern: 0.3}"},
		"no id":             {"  - {id: basics, title: Basics}", "  - {title: Basics}", "course.yaml:16: this section has no id: add one (lower-case words joined by hyphens; it must never change)"},
		"duplicate id":      {"{id: i-can,", "{id: why-one,", `course.yaml:30: item "why-one" is already at course.yaml:19: give one of them another id, or remove it`},
		"no course":         {"course: small\n", "", `course.yaml: the course has no id: add a line such as "course: my-course"`},
		"id is no slug":     {"{id: i-can,", "{id: I can,", `course.yaml:30: item id "I can" is not a slug: use lower-case letters, digits and single hyphens, for instance "i-can-aa1d2b13"`},
		"no importance":     {"    importance: 0.5\n", "", `course.yaml:8: concern "two" has importance 0: give a number above 0 and up to 1`},
		"not finite":        {"importance: 0.5", "importance: .NaN", `course.yaml:10: expected a number, but this is ".NaN"`},
		"unknown chapter":   {"    chapters: [intro]\nchapters", "    chapters: [intr]\nchapters", `course.yaml:8: concern "two" names the chapter "intr", which the course doesn't have: did you mean "intro"?`},
		"twice named":       {"prerequisites: [one]", "prerequisites: [one, one]", `course.yaml:8: concern "two" names the prerequisite "one" twice: remove one`},
		"circle":            {"    summary: What is one?", "    prerequisites: [two]", "course.yaml:4: prerequisites go in a circle: one needs two needs one; remove one of them"},
		"needs itself":      {"prerequisites: [one]", "prerequisites: [two]", "course.yaml:8: prerequisites go in a circle: two needs two; remove one of them"},
		"shared topic":      {"{id: intro,", "{id: one, title: A}\n  - {id: intro,", `course.yaml:14: "one" is a concern and a chapter: give the chapter another id, since reports name both by id alone`},
		"script as link":    {"https://example.org/intro", "javascript:alert(1)", `course.yaml:14: chapter "intro" has the url "javascript:alert(1)": write it whole, as in https://example.org/page`},
		"unknown kind":      {"kind: quickfire", "kind: quickfir", `course.yaml:19: item "why-one" has the kind "quickfir": did you mean "quickfire"?`},
		"no level":          {"level: foundational, ", "", `course.yaml:30: item "i-can" has no level: it is one of foundational, intermediate, senior, staff`},
		"level falls":       {"level_to: staff", "level_to: intermediate", `course.yaml:19: item "why-one" goes from senior to intermediate: level_to is the higher one, so raise it or leave it out`},
		"weights short":     {"{one: 0.25, two: 0.75}", "{one: 0.25, two: 0.5}", `course.yaml:19: item "why-one" has weights that sum to 0.75: change them to sum to 1`},
		"weight negative":   {"{one: 0.25, two: 0.75}", "{one: -0.25, two: 1}", `course.yaml:19: item "why-one" gives the concern "one" the weight -0.25: weights are above 0 and up to 1`},
		"unknown concern":   {"concerns: {two: 1}", "concerns: {too: 1}", `course.yaml:30: item "i-can" names the concern "too", which the course doesn't have: did you mean "two"?`},
		"no concerns":       {"concerns: {two: 1}", "concerns: {}", `course.yaml:30: item "i-can" has no concerns, so its answers would count for nothing: add concerns with weights, for instance {some-concern: 1}`},
		"no section":        {"section: basics, ", "", `course.yaml:30: checklist item "i-can" has no section: name one of the course's sections`},
		"unknown section":   {"section: basics, ", "section: basic, ", `course.yaml:30: item "i-can" names the section "basic", which the course doesn't have: did you mean "basics"?`},
		"section elsewhere": {"    level: senior\n", "    level: senior\n    section: basics\n", `course.yaml:19: item "why-one" is a quickfire, and only checklist items have a section: remove it`},
		"no parent":         {"parent: why-one, ", "", `course.yaml:29: followup "and-then" has no parent: name the item that it continues`},
		"unknown parent":    {"parent: why-one, ", "parent: why-two, ", `course.yaml:29: followup "and-then" names the parent "why-two", which the course doesn't have: it is one of and-then, i-can, why-one`},
		"parent ticked":     {"parent: why-one, ", "parent: i-can, ", `course.yaml:29: followup "and-then" continues "i-can", which is a checklist: name the question that starts the conversation`},
		"point twice":       {"{id: since,", "{id: because,", `course.yaml:19: item "why-one" has a point with the id "because": give each point an id of its own, in lower-case words joined by hyphens`},
		"nothing right":     {", right: true", "", `course.yaml:19: item "why-one" has 2 choices, 0 of them right: give at least two, and mark exactly one with right: true`},
		"right and wrong":   {"right: true", "right: true, misconception: M", `course.yaml:19: choice "a" of item "why-one" is right and names a misconception: remove one of the two`},
		"placement unknown": {"placement: [why-one]", "placement: [why-on]", `course.yaml: course "small" names the placement item "why-on", which the course doesn't have: did you mean "why-one"?`},
		"placement ticked":  {"placement: [why-one]", "placement: [i-can]", `course.yaml:30: item "i-can" is ticked, not answered, so it can't be in the placement: name a question instead`},
		"unknown promise":   {"placement: [why-one]", "promises: {counts: {quickfires: 1}}", `course.yaml:17: promises count "quickfires", which is nothing that is counted: did you mean "quickfire"?`},
		"all at once": {"title: Small\n", "title: Small\nsheep: 3\nplacement: no\npromises: {rubrics: 7}\n", "" +
			`course.yaml:3: a course file has no key "sheep": it is one of chapters, concerns, course, items, placement, promises, sections, title` + "\n" +
			`course.yaml:4: placement must be a list, but this is "no"` + "\n" +
			`course.yaml:5: expected true or false, but this is "7"` + "\n" +
			`course.yaml:20: a course file has "placement" twice, first on line 4: keep one`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, test.old) {
				t.Fatalf("the course doesn't contain %q", test.old)
			}
			_, err := catalog.Parse(folder(map[string]string{"course.yaml": strings.Replace(small, test.old, test.bad, 1)}))
			if err == nil {
				t.Fatal("loaded")
			}
			if got := err.Error(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if len(catalog.ProblemsOf(fmt.Errorf("outer: %w", err))) == 0 {
				t.Error("the error carries no problems")
			}
		})
	}
}

// TestBadFolders gives each wrong folder its message.
func TestBadFolders(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":       {nil, "no .yaml file here: a course is a folder with at least a course.yaml"},
		"only a name": {map[string]string{"course.yaml": "course: a\ntitle: A\n"}, "course.yaml: the course has no concerns: add at least one, since answers are measured by concern\ncourse.yaml: the course has no items: add at least one"},
		"yml":         {map[string]string{"course.yaml": small, "items/more.yml": "items: []"}, "items/more.yml: course files end in .yaml: rename it to items/more.yaml"},
		"two titles":  {map[string]string{"course.yaml": small, "items/a.yaml": "title: Other"}, "items/a.yaml:1: course and title are given once, and course.yaml:2 has them already: remove this line"},
		"two files":   {map[string]string{"course.yaml": small, "items/a.yaml": "\nitems:\n  - {id: why-one, kind: quickfire}"}, `items/a.yaml:3: item "why-one" is already at course.yaml:19: give one of them another id, or remove it`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Parse(folder(test.files))
			if err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir + "/nothing":                  "does not exist: name a folder that holds a course.yaml",
		"doc.go":                          "doc.go is a file: a course is a folder that holds a course.yaml, so name the folder",
		dir:                               "no .yaml file here",
		strings.Repeat("x", 10) + "\x00y": "open course",
	} {
		if _, err := catalog.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want %q in it", path, err, want)
		}
	}
}

func TestLint(t *testing.T) {
	for name, test := range map[string]struct {
		old, bad string
		against  string
		want     []string // parts of problems, in their order; the rest of the small course's own is left out
	}{
		"as it is":         {"", "", "", nil},
		"unmeasured":       {"{one: 0.25, two: 0.75}", "{one: 1}", "", []string{`no answerable item is about the concern "two"`, `no item of the placement is about the concern "two"`}},
		"no reading":       {"    chapters: [intro]\nchapters", "chapters", "", []string{`warning: concern "two" names no chapter`}},
		"unread chapter":   {"    chapters: [intro]\n    prompt", "    prompt", "", []string{`no answerable item belongs to the chapter "intro"`}},
		"empty section":    {"  - {id: basics, title: Basics}", "  - {id: basics, title: Basics}\n  - {id: more, title: More}", "", []string{`warning: section "more" of the checklist has no items`}},
		"too few":          {"placement", "promises: {items_per_concern: 2, items_per_chapter: 3}\nplacement", "", []string{`concern "two" has 1 answerable items, and the course promises 2`, `chapter "intro" has 1 answerable items, and the course promises 3`}},
		"counts":           {"placement", "promises: {counts: {deeper: 1, followup: 1, checklist: 1, concerns: 3}}\nplacement", "", []string{"promises 3 of concerns and has 2", "promises 1 of followup and has 0"}},
		"added apart":      {"items:\n  - id: why-one\n", "promises: {counts: {quickfire: 0, added: 1}}\nitems:\n  - id: why-one\n    origin: gapwise\n", "", nil},
		"rubric promised":  {"placement", "promises: {rubrics: true}\nplacement", "", []string{`item "and-then" has 0 points and 0 pitfalls`, `item "i-can" has 0 points`}},
		"choices promised": {"placement", "promises: {choices: 2}\nplacement", "", []string{"1 item with choices, and the course promises 2"}},
		"no misconception": {", misconception: Believes in B", "", "", []string{`warning: wrong choice "b" of item "why-one" names no misconception`}},
		"same question":    {"I can count.", "\"WHY is there: one?!\"", "", []string{`warning: item "i-can" asks the same as "why-one"`}},
		"copied":           {"Says nothing.", "\"It was the best of times, it was the worst.\"", "... it was the BEST of times - it was the worst of times ...", []string{`item why-one shares 8 words in a row with the text: "it was the best of times it was"`}},
		"seven are free":   {"Says nothing.", "\"It was the best of times, it.\"", "it was the best of times it was the worst of times", nil},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(small, test.old, test.bad, 1)
			var o catalog.Options
			if test.against != "" {
				o.Against = append(o.Against, strings.NewReader(test.against))
			}
			problems := catalog.Lint(parse(t, map[string]string{"course.yaml": text}), o)
			var got []string
			for _, p := range problems {
				if !strings.Contains(p.Message, "names no chapter, so") && !strings.Contains(p.Message, "2 items without two to six points") || strings.Contains(p.Message, `"two" names`) {
					got = append(got, p.String())
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %d problems, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.Contains(got[i], test.want[i]) {
					t.Errorf("got %s\nwant %s", got[i], test.want[i])
				}
			}
		})
	}
	if p := catalog.Lint(parse(t, map[string]string{"course.yaml": small}), catalog.Options{Against: []io.Reader{broken{}}}); len(p) < 2 || p[1].Severity != catalog.Error {
		t.Errorf("a text that can't be read passed: %v", p)
	}
}

// TestLintGuessable finds choices that give the right one away by form.
func TestLintGuessable(t *testing.T) {
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	text, err := guide.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	doc["version"] = "" // the content is about to change
	for _, item := range doc["items"].([]any) {
		choices, _ := item.(map[string]any)["choices"].([]any)
		for _, choice := range choices {
			if c := choice.(map[string]any); c["right"] == true {
				c["text"] = strings.Repeat("and moreover it is right ", 8)
			}
		}
	}
	changed, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Decode(changed)
	if err != nil {
		t.Fatal(err)
	}
	problems := catalog.Lint(c, catalog.Options{})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "59 of 59 items with choices the right one is the longest") {
		t.Errorf("got %v", problems)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
