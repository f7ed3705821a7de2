package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gapwise/gapwise/internal/query"
)

// evidencePage lists the events behind a number, and works the number out.
type evidencePage struct {
	frame
	*query.Evidence
	Through   *through  // nil: seen as then, which is as today
	What      reference // the topic or item, and its place in the course; all answers: without
	Back      string
	Older     string
	Events    []evidenceEvent
	Estimates []workedTopic
}

type evidenceEvent struct {
	query.EvidenceEvent
	Prompt string
	URL    string // of the item in the course; empty: the course has it no more
	Moved  string // what it moved, in a line
	Worked []string
}

// workedTopic is a mastery worked out.
type workedTopic struct {
	query.WorkedNumbers
	Lines []string
}

func (p *Pages) evidence(w http.ResponseWriter, r *http.Request) error {
	params, err := p.params(r)
	if err != nil {
		return err
	}
	id, values := r.PathValue("learner"), r.URL.Query()
	seen, err := p.look(r.Context(), params.Moment)
	if err != nil {
		return err
	}
	since, err := seen.MayReadLearner(r.Context(), id, params.Moment)
	if err != nil {
		return err
	}
	filter, err := query.ParseEvidence(values, params)
	if err != nil {
		return err
	}
	filter.Since, filter.Arithmetic = since, true
	found, err := seen.Evidence(r.Context(), id, filter, params.Moment)
	if err != nil {
		return err
	}
	page := evidencePage{
		frame: newFrame(r, "Evidence"), Evidence: found, What: placeOf(seen.course, filter), Back: evidenceBack(found, values),
	}
	if t := p.through(values, found.Basis, r.URL.EscapedPath(), without(values, "cursor")); t.Then != "" || t.Today != "" {
		page.Through = t
	}
	for _, e := range found.Events {
		page.Events = append(page.Events, showEvent(seen.course, found, e))
	}
	for _, worked := range found.Arithmetic.Estimates {
		page.Estimates = append(page.Estimates, workedTopic{worked, worked.Worked(&found.Arithmetic.Parameters)})
	}
	if found.Next != "" {
		values.Set("as_of", found.AsOf.String())
		values.Set("cursor", found.Next)
		page.Older = link(r.URL.EscapedPath(), values)
	}
	return p.show(w, "evidence", page)
}

// evidenceBack links to the learner's page with what the evidence is for.
func evidenceBack(found *query.Evidence, asked url.Values) string {
	values := url.Values{"as_of": {found.AsOf.String()}}
	if found.Arithmetic.By == "chapter" {
		values.Set("by", "chapter")
	}
	for _, name := range append(throughParameters[:], "target") {
		set(values, name, asked.Get(name))
	}
	return link(learnerPath(found.Learner), values)
}

// showEvent says in a line what an answer was expected to be, was, and moved.
func showEvent(course course, found *query.Evidence, e query.EvidenceEvent) evidenceEvent {
	shown := evidenceEvent{EvidenceEvent: e, Prompt: e.Item}
	if it, ok := course.Item(e.Item); ok {
		shown.Prompt, shown.URL = it.Prompt, course.itemURL(it.ID)
	}
	met := fmt.Sprintf("expected %s, got %s", percent(e.Predicted), percent(e.Score))
	switch {
	case e.Voided:
		shown.Moved = "got " + percent(e.Score) + ", taken back: it doesn't count"
	case e.Withheld:
		shown.Moved = met + "; not worked out, since the same question was answered before joining"
	case e.Arithmetic == nil:
		shown.Moved = "got " + percent(e.Score) + ", about no " + found.Arithmetic.By
	default:
		shown.Moved = met + " → " + moves(course, found, e.Arithmetic)
		shown.Worked = e.Arithmetic.Worked(e.Score)
	}
	return shown
}

// moves says how far an answer moved the skill on the topic that the page is about, or
// on each of its own, and the general ability.
func moves(course course, found *query.Evidence, step *query.StepNumbers) string {
	var parts []string
	for _, tag := range step.Tags {
		change := inLogits(tag.After.S - tag.Before.S)
		switch {
		case tag.ID == found.Topic:
			parts = append(parts, "skill "+change)
		case found.Topic == "":
			parts = append(parts, topicTitle(course, found.Arithmetic.By, tag.ID)+" "+change)
		}
	}
	return strings.Join(append(parts, "ability "+inLogits(step.After.A-step.Before.A)), ", ")
}

// inLogits writes a change of logits.
func inLogits(x float64) string {
	text := strings.Replace(fmt.Sprintf("%+.2f", x), "-", "−", 1)
	if text == "+0.00" || text == "−0.00" {
		return "±0.00"
	}
	return text
}

func topicTitle(course course, by, id string) string {
	if c, ok := course.Chapter(id); ok && by == "chapter" {
		return c.Title
	}
	if c, ok := course.Concern(id); ok && by == "concern" {
		return c.Title
	}
	return id
}

// placeOf returns what evidence is about, for people.
func placeOf(course course, f query.EvidenceFilter) reference {
	if f.Item == "" && f.Topic == "" {
		return reference{Title: "All answers"}
	}
	if it, ok := course.Item(f.Item); ok {
		return course.toItem(it)
	}
	if c, ok := course.Concern(f.Topic); ok && f.Lens.String() == "concern" {
		return course.toConcern(c)
	}
	if c, ok := course.Chapter(f.Topic); ok {
		return course.toChapter(c)
	}
	return reference{Title: strconv.Quote(f.Topic + f.Item)}
}
