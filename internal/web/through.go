package web

import (
	"net/url"

	"github.com/gapwise/gapwise/internal/query"
)

// through says which catalog and model a page of the past is seen through, and leads to
// the same moment seen otherwise.
type through struct {
	query.Basis
	asked url.Values // catalog= and model=, as far as they were given
	Then  string     // link to what was said then; empty: it is that
	Today string     // link to the same seen through today's catalog and model; empty: it is that
}

// The parameters that choose a catalog and a model.
var throughParameters = [...]string{"catalog", "model"}

// through compares what a page of the past rests on with what was in use then, and is
// now. Its own address, without parts of a list, is path and values.
func (p *Pages) through(asked url.Values, b query.Basis, path string, values url.Values) *through {
	t := &through{Basis: b, asked: url.Values{}}
	seen := func(when string) string {
		other := url.Values{}
		for name := range values {
			set(other, name, values.Get(name))
		}
		other.Set("as_of", b.AsOf.String())
		for _, name := range throughParameters {
			other.Del(name)
			set(other, name, when)
		}
		return link(path, other)
	}
	for _, name := range throughParameters {
		set(t.asked, name, asked.Get(name))
	}
	if catalog, model := p.service.InUse(b.AsOf.Time); b.Catalog != catalog || b.Model != model {
		t.Then = seen("")
	}
	if now := p.service.Active().Course; b.Catalog != now.Catalog.Version || b.Model != now.Model {
		t.Today = seen("now")
	}
	return t
}

// keep hands on what was asked for.
func (t *through) keep(values url.Values) {
	if t == nil {
		return
	}
	for _, name := range throughParameters {
		set(values, name, t.asked.Get(name))
	}
}
