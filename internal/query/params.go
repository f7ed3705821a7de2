package query

import (
	"net/url"
	"strconv"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// Params are the parameters that reports share.
type Params struct {
	Moment Moment
	Lens   project.Lens
	Page   Page
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
	for _, name := range []string{"catalog", "model"} {
		switch values.Get(name) {
		case "", "now", "then":
		default:
			return p, httpserver.BadRequest("%s=%q: must be then or now", name, values.Get(name))
		}
	}
	if text := values.Get("limit"); text != "" {
		if p.Page.Limit, err = strconv.Atoi(text); err != nil || p.Page.Limit < 1 || p.Page.Limit > maxLimit {
			return p, httpserver.BadRequest("limit=%q: must be a number from 1 to %d", text, maxLimit)
		}
	}
	return p, nil
}
