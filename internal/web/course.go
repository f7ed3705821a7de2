package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// coursePage is the course at a glance.
type coursePage struct {
	frame
	Then      *courseThen
	Course    course
	Answered  int // items that are answered; the others are ticked
	Kinds     []kindGroup
	Concerns  []courseConcern
	Chapters  []courseChapter
	Sections  []courseSection
	Placement []listedItem
}

// courseConcern is a concern with what it leans on and how it is measured.
type courseConcern struct {
	*catalog.Concern
	URL             string
	Before, Read    []reference
	Answered, Ticks int
}

type courseChapter struct {
	*catalog.Chapter
	At              string // its page
	Before          []reference
	Answered, Ticks int
}

// courseSection is a part of the checklist.
type courseSection struct {
	catalog.Section
	Items []listedItem
}

// course and its fellows show a catalog to whoever is signed in: that of the active
// generation, which every number of now rests on, or that of a moment.
func (p *Pages) course(w http.ResponseWriter, r *http.Request) error {
	course, then, err := p.courseOf(r)
	if err != nil {
		return err
	}
	page := coursePage{
		frame: newFrame(r, course.Title), Then: then, Course: course, Answered: len(course.Answerable()),
		Kinds: byKind(course.listed(everything)), Placement: course.items(course.Placement),
	}
	for i := range course.Concerns {
		c := &course.Concerns[i]
		entry := courseConcern{Concern: c, URL: course.concernURL(c.ID), Before: course.toConcerns(c.Prerequisites), Read: course.toChapters(c.Chapters)}
		entry.Answered, entry.Ticks = tally(course.listed(aboutConcern(c.ID)))
		page.Concerns = append(page.Concerns, entry)
	}
	for i := range course.Chapters {
		c := &course.Chapters[i]
		entry := courseChapter{Chapter: c, At: course.chapterURL(c.ID), Before: course.toChapters(c.Prerequisites)}
		entry.Answered, entry.Ticks = tally(course.listed(aboutChapter(c.ID)))
		page.Chapters = append(page.Chapters, entry)
	}
	for _, s := range course.Sections {
		page.Sections = append(page.Sections, courseSection{s, course.listed(inSection(s.ID))})
	}
	return p.show(w, "course", page)
}

// topicPage is one concern or one chapter with its items.
type topicPage struct {
	frame
	Then       *courseThen
	Home       string // link to the course
	Lens       string // "concern" or "chapter"
	Summary    string
	URL        string  // of a chapter that can be read somewhere
	Importance float64 // of a concern; 0 for chapters
	Origin     string
	Before     []reference // topics of the same lens to have a grip on first
	After      []reference // those that build on this one
	Across     []reference // a concern's chapters, a chapter's concerns
	Kinds      []kindGroup
	Answered   int
	Ticks      int
	Evidence   string // link to the reader's own answers; empty for those who give none
}

func (p *Pages) concern(w http.ResponseWriter, r *http.Request) error {
	course, then, err := p.courseOf(r)
	if err != nil {
		return err
	}
	id := r.PathValue("concern")
	c, ok := course.Concern(id)
	if !ok {
		return notInCourse("concern", id)
	}
	page := topicPage{
		frame: newFrame(r, c.Title), Then: then, Home: course.Home(),
		Lens: "concern", Summary: c.Summary, Importance: c.Importance, Origin: c.Origin,
		Before: course.toConcerns(c.Prerequisites), Across: course.toChapters(c.Chapters),
		Evidence: course.ownEvidence(r, "concern", id),
	}
	for i := range course.Concerns {
		if other := &course.Concerns[i]; slices.Contains(other.Prerequisites, id) {
			page.After = append(page.After, course.toConcern(other))
		}
	}
	page.list(course.listed(aboutConcern(id)))
	return p.show(w, "topic", page)
}

func (p *Pages) chapter(w http.ResponseWriter, r *http.Request) error {
	course, then, err := p.courseOf(r)
	if err != nil {
		return err
	}
	id := r.PathValue("chapter")
	c, ok := course.Chapter(id)
	if !ok {
		return notInCourse("chapter", id)
	}
	page := topicPage{
		frame: newFrame(r, c.Title), Then: then, Home: course.Home(),
		Lens: "chapter", Summary: c.Note, URL: c.URL, Origin: c.Origin,
		Before: course.toChapters(c.Prerequisites), Evidence: course.ownEvidence(r, "chapter", id),
	}
	for i := range course.Chapters {
		if other := &course.Chapters[i]; slices.Contains(other.Prerequisites, id) {
			page.After = append(page.After, course.toChapter(other))
		}
	}
	for i := range course.Concerns {
		if other := &course.Concerns[i]; slices.Contains(other.Chapters, id) {
			page.Across = append(page.Across, course.toConcern(other))
		}
	}
	page.list(course.listed(aboutChapter(id)))
	return p.show(w, "topic", page)
}

func (t *topicPage) list(items []listedItem) {
	t.Kinds = byKind(items)
	t.Answered, t.Ticks = tally(items)
}

func notInCourse(what, id string) error {
	return httpserver.NotFound("the course has no %s %q; /catalog shows all that it has", what, id)
}

// ownEvidence links a learner to the own answers behind a topic or an item.
func (c course) ownEvidence(r *http.Request, what, id string) string {
	who, _ := httpserver.PrincipalFrom(r.Context())
	if !who.Is(httpserver.RoleLearner) {
		return ""
	}
	values := url.Values{what: {id}}
	set(values, "as_of", c.asOf)
	return link(learnerPath(who.Learner)+"/evidence", values)
}
