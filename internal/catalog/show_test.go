package catalog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
)

func TestShow(t *testing.T) {
	c := parse(t, map[string]string{"course.yaml": small})
	for id, want := range map[string]string{
		"two": `Two (concern two)

Place in the course
  importance 0.5 of 1
  first: One (one)
  read: Introduction (intro)

Checklist
  100%          i-can                               I can count.

Quick-fire
  75%           why-one                             Why is there one?
`,
		"intro": `Introduction (chapter intro)
https://example.org/intro

Place in the course
  about: Two (two)

Quick-fire
  senior        why-one                             Why is there one?
`,
		"why-one": `why-one (quickfire, senior to staff)
Why is there one?

Choices
  - a: A [right]
  - b: B
      gives away: Believes in B

A good answer
  - Because.
  - Since. [staff]

What weak candidates say
  - Says nothing.

Counts towards
   75%  Two (two)
   25%  One (one)
  read  Introduction (intro)
`,
		"and-then": `and-then (followup, senior)
And then?

Continues why-one
  Why is there one?

Counts towards
  100%  One (one)
`,
	} {
		var got strings.Builder
		if err := c.Show(&got, id); err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", id, got.String(), want)
		}
	}
	var course strings.Builder
	if err := c.Show(&course, ""); err != nil || !strings.Contains(course.String(), "2 concerns, 1 chapter, 3 items of which 2 are answered and 1 ticked") {
		t.Errorf("%v: %s", err, course.String())
	}
	for id, want := range map[string]string{"why": "did you mean why-one?", "tow": "did you mean two?", "nobody": "without an id"} {
		if err := c.Show(&course, id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Show(%q) = %v, want %q in it", id, err, want)
		}
	}
	if err := c.Show(full{}, "two"); !errors.Is(err, errFull) {
		t.Errorf("an error of the writer was lost: %v", err)
	}
}

// TestShowWraps keeps long text within the width of a terminal.
func TestShowWraps(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Items {
		var got strings.Builder
		if err := c.Show(&got, c.Items[i].ID); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(got.String()) {
			if len([]rune(line)) > 110 {
				t.Errorf("%s: %q is too long", c.Items[i].ID, line)
			}
		}
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
