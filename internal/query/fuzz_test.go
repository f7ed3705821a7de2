package query_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// FuzzParams holds what reads the parameters of reports to its contract whatever
// an address holds: what is taken is within bounds, what isn't is the caller's
// fault and told.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{
		"", "as_of=7", "as_of=7@2026-03-01T12:00:00.000001Z", "as_of=2026-03-01T12:00:00%2B05:30", "by=chapter&limit=1000&cursor=7",
		"catalog=then&model=now", "concern=a", "by=concern&arithmetic=true&target=staff", "chapter=a&by=concern", "item=a&cursor=18446744073709551615", "as_of=7@", "as_of=0001-01-01T00:00:00Z", "limit=1e3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		p, err := query.ParseParams(values)
		if err != nil {
			checkFault(t, err)
			return
		}
		if p.Page.Limit < 1 || p.Page.Limit > 1000 || p.Lens >= project.NumLenses {
			t.Fatalf("%q is read as %+v", text, p)
		}
		if _, err := query.ParseMoment(values.Get("as_of")); err != nil {
			t.Fatalf("%q was read once, and then %v", text, err)
		}
		filter, err := query.ParseEvidence(values, p)
		switch {
		case err != nil:
			checkFault(t, err)
		case filter.Topic != "" && filter.Item != "", filter.Topic == "" && filter.Item == "" && values.Get("by") == "":
			t.Fatalf("%q asks for %+v", text, filter)
		}
	})
}

func checkFault(t *testing.T, err error) {
	t.Helper()
	var problem *httpserver.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusBadRequest || len(problem.Detail) < 10 {
		t.Fatalf("%T %v, want a problem that says what is wrong", err, err)
	}
}
