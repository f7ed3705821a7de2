package catalog

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// textWidth is where shown text wraps.
const textWidth = 88

// Show prints the concern, chapter or item with that id as a person would like
// to read it; with an empty id, the course at a glance.
func (c *Catalog) Show(w io.Writer, id string) error {
	p := &printer{w: bufio.NewWriter(w)}
	switch {
	case id == "":
		c.showCourse(p)
	case has(c.concern, id):
		c.showConcern(p, &c.Concerns[c.concern[id]])
	case has(c.chapter, id):
		c.showChapter(p, &c.Chapters[c.chapter[id]])
	case has(c.item, id):
		c.showItem(p, &c.Items[c.item[id]])
	default:
		return fmt.Errorf("the course %s has no concern, chapter or item %q%s", c.Course, id, c.similar(id))
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("show %q: %w", id, err)
	}
	return nil
}

func has(index map[string]int, id string) bool { _, ok := index[id]; return ok }

// similar hints at ids that look like id, or at where to find one.
func (c *Catalog) similar(id string) string {
	var near []string
	for _, index := range []map[string]int{c.concern, c.chapter, c.item} {
		for known := range index {
			if strings.Contains(known, id) || slips(id, known, 3) < 3 {
				near = append(near, known)
			}
		}
	}
	if len(near) == 0 || id == "" {
		return ": show the course without an id to see them all"
	}
	slices.Sort(near)
	if len(near) > 6 {
		near = append(near[:6], "…")
	}
	return ": did you mean " + strings.Join(near, ", ") + "?"
}

func (c *Catalog) showCourse(p *printer) {
	p.line("%s (%s, version %s)", c.Title, c.Course, c.Version)
	p.line("%s, %s, %s of which %d are answered and %d ticked", plural(len(c.Concerns), "concern"), plural(len(c.Chapters), "chapter"),
		plural(len(c.Items), "item"), len(c.Answerable()), len(c.Items)-len(c.Answerable()))
	p.heading("Concerns")
	for _, v := range c.Concerns {
		p.item("%-28s %s", v.ID, v.Title)
	}
	p.heading("Chapters")
	for _, v := range c.Chapters {
		p.item("%-28s %s", v.ID, v.Title)
	}
	p.heading("Items")
	for _, k := range Kinds() {
		if n := c.number(func(it *Item) bool { return it.Kind == k }); n > 0 {
			p.item("%-28s %d", k.Title(), n)
		}
	}
}

func (c *Catalog) showConcern(p *printer, v *Concern) {
	p.line("%s (concern %s)", v.Title, v.ID)
	p.text("", v.Summary)
	p.heading("Place in the course")
	p.item("importance %.2g of 1", v.Importance)
	for _, id := range v.Prerequisites {
		p.item("first: %s (%s)", c.Concerns[c.concern[id]].Title, id)
	}
	for _, id := range v.Chapters {
		p.item("read: %s (%s)", c.Chapters[c.chapter[id]].Title, id)
	}
	c.showItems(p, func(it *Item) string {
		for _, w := range it.Concerns {
			if w.ID == v.ID {
				return fmt.Sprintf("%.0f%%", 100*w.Weight)
			}
		}
		return ""
	})
}

func (c *Catalog) showChapter(p *printer, v *Chapter) {
	p.line("%s (chapter %s)", v.Title, v.ID)
	if v.URL != "" {
		p.line("%s", v.URL)
	}
	p.text("", v.Note)
	p.heading("Place in the course")
	for _, id := range v.Prerequisites {
		p.item("first: %s (%s)", c.Chapters[c.chapter[id]].Title, id)
	}
	for _, concern := range c.Concerns {
		if slices.Contains(concern.Chapters, v.ID) {
			p.item("about: %s (%s)", concern.Title, concern.ID)
		}
	}
	c.showItems(p, func(it *Item) string {
		if slices.Contains(it.Chapters, v.ID) {
			return string(it.Level)
		}
		return ""
	})
}

// showItems lists the items for which note isn't empty, by kind.
func (c *Catalog) showItems(p *printer, note func(*Item) string) {
	for _, k := range Kinds() {
		first := true
		for i := range c.Items {
			it := &c.Items[i]
			text := note(it)
			if it.Kind != k || text == "" {
				continue
			}
			if first {
				p.heading(k.Title())
				first = false
			}
			p.item("%-12s  %-34s  %s", text, it.ID, abridge(it.Prompt, 48))
		}
	}
}

func (c *Catalog) showItem(p *printer, it *Item) {
	level := string(it.Level)
	if it.LevelTo != "" {
		level += " to " + string(it.LevelTo)
	}
	if it.Judged {
		level += ", by our judgment"
	}
	p.line("%s (%s, %s)", it.ID, it.Kind, level)
	p.text("", it.Prompt)
	if it.Parent != "" {
		p.heading("Continues " + it.Parent)
		p.text("  ", c.Items[c.item[it.Parent]].Prompt)
	}
	if it.Tests != "" {
		p.heading("What is being tested")
		p.text("  ", it.Tests)
	}
	if len(it.Choices) > 0 {
		p.heading("Choices")
		for _, ch := range it.Choices {
			p.text("  - ", ch.ID+": "+ch.Text+map[bool]string{true: " [right]"}[ch.Right])
			if ch.Misconception != "" {
				p.text("      ", "gives away: "+ch.Misconception)
			}
		}
	}
	if len(it.Points) > 0 {
		p.heading("A good answer")
		for _, pt := range it.Points {
			text := pt.Text
			if pt.Level != "" {
				text += " [" + string(pt.Level) + "]"
			}
			p.text("  - ", text)
		}
	}
	if len(it.Pitfalls) > 0 {
		p.heading("What weak candidates say")
		for _, text := range it.Pitfalls {
			p.text("  - ", text)
		}
	}
	p.heading("Counts towards")
	for _, w := range it.Concerns {
		p.item("%3.0f%%  %s (%s)", 100*w.Weight, c.Concerns[c.concern[w.ID]].Title, w.ID)
	}
	for _, id := range it.Chapters {
		p.item("read  %s (%s)", c.Chapters[c.chapter[id]].Title, id)
	}
}

// printer writes plain text. Errors stay in the writer until Flush.
type printer struct{ w *bufio.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) heading(text string) { p.line("\n%s", text) }

func (p *printer) item(format string, args ...any) { p.line("  "+format, args...) }

// text wraps text, its first line behind prefix and the others indented alike.
func (p *printer) text(prefix, text string) {
	if text == "" {
		return
	}
	line, indent := prefix, strings.Repeat(" ", len(prefix))
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case len([]rune(line))+1+len([]rune(word)) > textWidth:
			p.line("%s", line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	p.line("%s", line)
}
