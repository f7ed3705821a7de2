package catalog

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Options say what Lint checks beyond the course itself.
type Options struct {
	// Against are texts with which the course must not share eight words in a
	// row: whatever it was written from.
	Against []io.Reader
}

// Lint says what keeps a course that loads from being a good one, in the order
// of its files. Promises that the course makes about itself are held as errors.
func Lint(c *Catalog, o Options) []Problem {
	l := &linter{Catalog: c}
	l.measure()
	l.reach()
	l.minimum()
	l.counts()
	l.rubrics()
	l.choices()
	l.guessable()
	l.prompts()
	l.placement()
	for _, text := range o.Against {
		l.against(text)
	}
	return l.sorted()
}

type linter struct {
	report
	*Catalog
	byConcern map[string]int // answerable items
	byChapter map[string]int
	bySection map[string]int // checklist items
}

func (l *linter) where(kind, id string) position { return l.source[kind+"/"+id] }

func (l *linter) promised() position { return l.source["promises/"] }

// measure counts the items that measure each topic.
func (l *linter) measure() {
	l.byConcern, l.byChapter, l.bySection = map[string]int{}, map[string]int{}, map[string]int{}
	for i := range l.Items {
		it := &l.Items[i]
		if !it.Answerable() {
			l.bySection[it.Section]++
			continue
		}
		for _, w := range it.Concerns {
			l.byConcern[w.ID]++
		}
		for _, id := range it.Chapters {
			l.byChapter[id]++
		}
	}
}

// reach tells of topics that can never get a number, and of empty sections.
func (l *linter) reach() {
	for _, c := range l.Concerns {
		at := l.where("concern", c.ID)
		if l.byConcern[c.ID] == 0 {
			l.errorf(at, "no answerable item is about the concern %q, so it can't be measured: give it items, or remove it", c.ID)
		}
		if len(l.Chapters) > 0 && len(c.Chapters) == 0 {
			l.warnf(at, "concern %q names no chapter, so a weak learner isn't told what to read: add chapters", c.ID)
		}
	}
	for _, c := range l.Chapters {
		if l.byChapter[c.ID] == 0 {
			l.errorf(l.where("chapter", c.ID), "no answerable item belongs to the chapter %q, so it can't be measured: give it items, or remove it", c.ID)
		}
	}
	for _, s := range l.Sections {
		if l.bySection[s.ID] == 0 {
			l.warnf(l.where("section", s.ID), "section %q of the checklist has no items: give it some, or remove it", s.ID)
		}
	}
}

// minimum holds the course to the number of items that it promised a topic.
func (l *linter) minimum() {
	for _, c := range l.Concerns {
		if n := l.byConcern[c.ID]; n > 0 && n < l.Promises.ItemsPerConcern {
			l.errorf(l.where("concern", c.ID), "concern %q has %d answerable items, and the course promises %d: write more", c.ID, n, l.Promises.ItemsPerConcern)
		}
	}
	for _, c := range l.Chapters {
		if n := l.byChapter[c.ID]; n > 0 && n < l.Promises.ItemsPerChapter {
			l.errorf(l.where("chapter", c.ID), "chapter %q has %d answerable items, and the course promises %d: write more", c.ID, n, l.Promises.ItemsPerChapter)
		}
	}
}

// counted names what a course can promise an exact number of. Items that were
// added to what the source holds are counted apart.
var counted = map[string]func(*Catalog) int{
	"concerns":      func(c *Catalog) int { return len(c.Concerns) },
	"chapters":      func(c *Catalog) int { return len(c.Chapters) },
	"sections":      func(c *Catalog) int { return len(c.Sections) },
	"items":         func(c *Catalog) int { return len(c.Items) },
	"placement":     func(c *Catalog) int { return len(c.Placement) },
	"added":         func(c *Catalog) int { return c.number(func(it *Item) bool { return it.Origin == Added }) },
	"deeper":        func(c *Catalog) int { return c.sourced(FollowUp, true) },
	"followup":      func(c *Catalog) int { return c.sourced(FollowUp, false) },
	"checklist":     func(c *Catalog) int { return c.sourced(Checklist, false) },
	"quickfire":     func(c *Catalog) int { return c.sourced(QuickFire, false) },
	"deepdive":      func(c *Catalog) int { return c.sourced(DeepDive, false) },
	"misconception": func(c *Catalog) int { return c.sourced(Misconception, false) },
	"judgment":      func(c *Catalog) int { return c.sourced(Judgment, false) },
	"pair":          func(c *Catalog) int { return c.sourced(Pair, false) },
	"context":       func(c *Catalog) int { return c.sourced(Context, false) },
}

// Counts counts what a course can promise an exact number of: kinds of items
// without those that were added, which are counted apart.
func (c *Catalog) Counts() map[string]int {
	counts := make(map[string]int, len(counted))
	for name, count := range counted {
		counts[name] = count(c)
	}
	return counts
}

func (c *Catalog) sourced(k Kind, deeper bool) int {
	return c.number(func(it *Item) bool { return it.Kind == k && it.Deeper == deeper && it.Origin != Added })
}

func (c *Catalog) number(of func(*Item) bool) int {
	n := 0
	for i := range c.Items {
		if of(&c.Items[i]) {
			n++
		}
	}
	return n
}

func (l *linter) counts() {
	for _, name := range slices.Sorted(maps.Keys(l.Promises.Counts)) {
		promised := l.Promises.Counts[name]
		if n := counted[name](l.Catalog); n != promised {
			l.errorf(l.promised(), "the course promises %d of %s and has %d: something was lost or added, or the promise is old", promised, name, n)
		}
	}
}

// rubrics asks for two to six points and a pitfall on every item.
func (l *linter) rubrics() {
	var bare []string
	for i := range l.Items {
		it := &l.Items[i]
		whole := len(it.Points) >= 2 && len(it.Points) <= 6 && len(it.Pitfalls) > 0
		switch {
		case whole:
		case l.Promises.Rubrics:
			l.errorf(l.where("item", it.ID), "item %q has %d points and %d pitfalls: the course promises two to six points, and a pitfall", it.ID, len(it.Points), len(it.Pitfalls))
		default:
			bare = append(bare, it.ID)
		}
	}
	if len(bare) > 0 {
		l.warnf(position{}, "%s without two to six points and a pitfall (%s): learners who grade themselves then have nothing to compare with", plural(len(bare), "item"), some(bare))
	}
}

// choices asks that a wrong choice says what it gives away.
func (l *linter) choices() {
	n := 0
	for i := range l.Items {
		it := &l.Items[i]
		if len(it.Choices) > 0 {
			n++
		}
		for _, c := range it.Choices {
			if !c.Right && c.Misconception == "" {
				l.warnf(l.where("item", it.ID), "wrong choice %q of item %q names no misconception: say which belief leads to it", c.ID, it.ID)
			}
		}
	}
	if n < l.Promises.Choices {
		l.errorf(l.promised(), "%s with choices, and the course promises %d: write more", plural(n, "item"), l.Promises.Choices)
	}
}

// guessable tells when choices give the right one away by form: then key-graded
// answers measure an eye for form.
func (l *linter) guessable() {
	const few = 10 // with fewer items a pattern may be chance
	var n, longest, shortest, first int
	for i := range l.Items {
		choices := l.Items[i].Choices
		if len(choices) < 3 {
			continue
		}
		n++
		right := slices.IndexFunc(choices, func(c Choice) bool { return c.Right })
		size := func(c Choice) int { return utf8.RuneCountInString(c.Text) }
		longer, shorter := 0, 0
		for j, c := range choices {
			if j != right && size(c) >= size(choices[right]) {
				longer++
			}
			if j != right && size(c) <= size(choices[right]) {
				shorter++
			}
		}
		longest += one(longer == 0)
		shortest += one(shorter == 0)
		first += one(right == 0)
	}
	for _, pattern := range []struct {
		what  string
		count int
	}{{"the longest", longest}, {"the shortest", shortest}, {"the first", first}} {
		if n >= few && 5*pattern.count > 3*n {
			l.warnf(position{}, "in %d of %d items with choices the right one is %s, so it can be guessed: vary that", pattern.count, n, pattern.what)
		}
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// prompts tells of items that ask the same.
func (l *linter) prompts() {
	first := make(map[string]string, len(l.Items))
	for i := range l.Items {
		it := &l.Items[i]
		key := strings.Join(words(it.Prompt), " ")
		if other, twice := first[key]; twice {
			l.warnf(l.where("item", it.ID), "item %q asks the same as %q: change one, or remove it", it.ID, other)
			continue
		}
		first[key] = it.ID
	}
}

// placement asks that a placement test touches every concern.
func (l *linter) placement() {
	if len(l.Placement) == 0 {
		return
	}
	touched := make(map[string]bool)
	for _, id := range l.Placement {
		if it, ok := l.Item(id); ok {
			for _, w := range it.Concerns {
				touched[w.ID] = true
			}
		}
	}
	for _, c := range l.Concerns {
		if !touched[c.ID] {
			l.errorf(l.where("concern", c.ID), "no item of the placement is about the concern %q: add one to the placement", c.ID)
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// some names the first few ids.
func some(ids []string) string {
	if len(ids) > 3 {
		return strings.Join(ids[:3], ", ") + ", …"
	}
	return strings.Join(slices.Clone(ids), ", ")
}
