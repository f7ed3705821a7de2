package query

import (
	"net/url"
	"strconv"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// Params are the parameters that reports share.
type Params struct {
	Moment Moment
	Measure
	Page Page
}

// ParseParams reads the parameters that reports share, and refuses what it
// can't read with a problem for the caller.
func ParseParams(values url.Values) (Params, error) {
	p := Params{Page: Page{Limit: defaultLimit, After: values.Get("cursor")}}
	var err error
	if p.Moment, err = ParseMoment(values.Get("as_of")); err != nil {
		return p, err
	}
	if p.Lens, err = project.ParseLens(values.Get("by")); err != nil {
		return p, httpserver.BadRequest("%s", err)
	}
	if text := values.Get("target"); text != "" {
		target, err := mastery.ParseTarget(text)
		if err != nil {
			return p, httpserver.BadRequest("target=%q: must be typical, or the level foundational, intermediate, senior or staff; "+
				"leave it out to measure each learner against the own target", text)
		}
		p.Target = &target
	}
	if p.Moment.Catalog, err = parseWhen("catalog", values.Get("catalog")); err != nil {
		return p, err
	}
	if p.Moment.Model, err = parseWhen("model", values.Get("model")); err != nil {
		return p, err
	}
	if text := values.Get("limit"); text != "" {
		if p.Page.Limit, err = strconv.Atoi(text); err != nil || p.Page.Limit < 1 || p.Page.Limit > maxLimit {
			return p, httpserver.BadRequest("limit=%q: must be a number from 1 to %d", text, maxLimit)
		}
	}
	return p, nil
}

// ParseEvidence reads which events of a learner are asked for.
func ParseEvidence(values url.Values, params Params) (EvidenceFilter, error) {
	filter := EvidenceFilter{Measure: params.Measure, Limit: params.Page.Limit}
	given := 0
	for name, use := range map[string]func(string){
		"concern": func(id string) { filter.Lens, filter.Topic = project.ByConcern, id },
		"chapter": func(id string) { filter.Lens, filter.Topic = project.ByChapter, id },
		"item":    func(id string) { filter.Item = id },
	} {
		if id := values.Get(name); id != "" {
			use(id)
			given++
		}
	}
	by := values.Get("by")
	switch {
	case given > 1 || given == 0 && by == "":
		return filter, httpserver.BadRequest("say which events: exactly one of concern=, chapter= and item=, or by= for all")
	case filter.Topic != "" && by != "" && by != filter.Lens.String():
		return filter, httpserver.BadRequest("by=%s contradicts %s=%s; leave by out", by, filter.Lens, filter.Topic)
	}
	switch text := values.Get("arithmetic"); text {
	case "", "false":
	case "true":
		filter.Arithmetic = true
	default:
		return filter, httpserver.BadRequest("arithmetic=%q: must be true or false", text)
	}
	var err error
	filter.After, err = params.Page.Sequence()
	return filter, err
}

// Sequence reads a cursor that is a sequence; 0 for none.
func (p Page) Sequence() (uint64, error) {
	if p.After == "" {
		return 0, nil
	}
	seq, err := strconv.ParseUint(p.After, 10, 64)
	if err != nil {
		return 0, p.unknown()
	}
	return seq, nil
}

func (p Page) unknown() error {
	return httpserver.BadRequest("cursor=%q is none that this list gave; send next of the page before, or none for the first page", p.After)
}
