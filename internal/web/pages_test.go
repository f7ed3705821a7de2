package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// Errors must have a page in a process without reports, too.
func TestErrorPageTellsWhatIsWrongAndHowToSignIn(t *testing.T) {
	pages, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		problem *httpserver.Problem
		says    []string
	}{
		{httpserver.Unauthorized("no token <here>"), []string{"Please sign in", "no token &lt;here&gt;", "gapwise token"}},
		{httpserver.BadRequest("by=%q", "mood").With(httpserver.Violation{Parameter: "by", Detail: "unknown"}), []string{"Bad Request", "<code>by</code>: unknown", `href="/"`}},
	} {
		var page bytes.Buffer
		if err := pages.ErrorPage(&page, httptest.NewRequest(http.MethodGet, "/cohorts/demo", nil), c.problem); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.says {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%d: the page lacks %q", c.problem.Status, want)
			}
		}
	}
}
