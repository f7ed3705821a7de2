package web

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// site is the pages of a course, behind the real router. They need no store: a
// course is all that they show.
type site struct {
	*httptest.Server
	keys *httpserver.Keys
}

func newSite(t *testing.T, course *catalog.Catalog) *site {
	t.Helper()
	pages, err := New(&query.Service{Generations: query.Only{Course: &project.Course{Catalog: course}}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := httpserver.OpenKeys(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	router, err := httpserver.NewRouter(httpserver.Options{
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Keys: keys, ErrorPage: pages.ErrorPage,
	})
	if err != nil {
		t.Fatal(err)
	}
	pages.Routes(router)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	return &site{server, keys}
}

func guide(t *testing.T) *catalog.Catalog {
	t.Helper()
	course, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return course
}

func (s *site) token(t *testing.T, c httpserver.Claims) string {
	t.Helper()
	token, err := s.keys.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (s *site) learner(t *testing.T) string {
	return s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"})
}

func (s *site) operator(t *testing.T) string {
	return s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
}

// page returns a page as its source; it must be there.
func (s *site) page(t *testing.T, token, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, resp.StatusCode, body)
	}
	return string(body)
}

var href = regexp.MustCompile(`href="([^"]+)"`)

// Whoever clicks from page to page comes to everything that the course has,
// and never to nothing.
func TestEveryLinkOfTheCourseLeadsSomewhere(t *testing.T) {
	s := newSite(t, guide(t))
	learner := s.learner(t)
	elsewhere := map[string]bool{"/": true, "/v1/openapi.yaml": true}
	seen, queue := map[string]string{}, []string{"/catalog"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if _, twice := seen[path]; twice {
			continue
		}
		seen[path] = s.page(t, learner, path)
		for _, match := range href.FindAllStringSubmatch(seen[path], -1) {
			target, fragment, _ := strings.Cut(html.UnescapeString(match[1]), "#")
			switch {
			case target == "" && !strings.Contains(seen[path], ` id="`+fragment+`"`):
				t.Errorf("%s: nothing on the page is called #%s", path, fragment)
			case target == "", elsewhere[target], strings.HasPrefix(target, "/learners/ada/evidence?"):
			case strings.HasPrefix(target, "/catalog"), strings.HasPrefix(target, "/static/"):
				queue = append(queue, target)
			default:
				t.Errorf("%s leads to %s", path, target)
			}
		}
	}
	for prefix, want := range map[string]int{"/catalog/concerns/": 25, "/catalog/chapters/": 27, "/catalog/items/": 300} {
		got := 0
		for path := range seen {
			if strings.HasPrefix(path, prefix) {
				got++
			}
		}
		if got != want {
			t.Errorf("%d pages below %s, want %d", got, prefix, want)
		}
	}
}

// What the course says of an item stands on its page, and nothing that answers
// the question stands there in the open before a learner asks for it.
func TestItemsKeepTheirRubricsUntilAsked(t *testing.T) {
	course := guide(t)
	s := newSite(t, course)
	learner, operator := s.learner(t), s.operator(t)
	for i := range course.Items {
		it := &course.Items[i]
		page := html.UnescapeString(s.page(t, learner, "/catalog/items/"+it.ID))
		shown, rubric, folded := strings.Cut(page, `<details class="panel rubric">`)
		rubric, after, _ := strings.Cut(rubric, `</details>`)
		if !folded || !strings.Contains(shown, it.Prompt) || !strings.Contains(rubric, "Show the rubric") {
			t.Fatalf("%s: no prompt with a folded rubric:\n%s", it.ID, page)
		}
		open, answers := []string{}, []string{it.Tests}
		for _, c := range it.Choices {
			open, answers = append(open, c.Text), append(answers, c.Misconception)
		}
		for _, p := range it.Points {
			answers = append(answers, p.Text)
		}
		for _, text := range open {
			if !strings.Contains(shown, "<li>"+text+"</li>") {
				t.Errorf("%s: the choice %q is not among the others", it.ID, text)
			}
		}
		for _, text := range append(answers, it.Pitfalls...) {
			if !strings.Contains(rubric, text) {
				t.Errorf("%s: the rubric lacks %q", it.ID, text)
			}
			if text != "" && strings.Contains(shown+after, text) {
				t.Errorf("%s: %q stands outside of the rubric", it.ID, text)
			}
		}
		if right := strings.Count(rubric, `class="right"`); right != min(1, len(it.Choices)) {
			t.Errorf("%s: %d choices are right", it.ID, right)
		}
	}
	if page := s.page(t, operator, "/catalog/items/covering-index"); !strings.Contains(page, `<details class="panel rubric" open>`) {
		t.Error("who doesn't answer has to unfold the rubric, too")
	}
}

// A place that is often right would be a way to guess.
func TestShuffledChoicesGiveNothingAway(t *testing.T) {
	course := guide(t)
	places, n := map[int]int{}, 0
	for i := range course.Items {
		it := &course.Items[i]
		for place, c := range shuffled(it) {
			if c.Right {
				places[place]++
				n++
			}
		}
	}
	for place, times := range places {
		if 5*times > 2*n {
			t.Errorf("choice %d is the right one %d times of %d", place+1, times, n)
		}
	}
	if len(places) < 4 {
		t.Errorf("right choices stand in %d places only: %v", len(places), places)
	}
}

func TestPagesOfACourse(t *testing.T) {
	course := guide(t)
	s := newSite(t, course)
	learner, operator := s.learner(t), s.operator(t)
	for path, says := range map[string][]string{
		"/catalog":                         {course.Title, course.Version, "25 concerns", "27 chapters", "218 questions", "essential", "40 questions", "Security &amp; Auth"},
		"/catalog/concerns/security":       {"Where does data cross", "essential", `href="/catalog/chapters/authentication-security"`, "Quick-fire", "restored"},
		"/catalog/concerns/scalability":    {`href="/catalog/concerns/performance"`},
		"/catalog/concerns/performance":    {"Leads to", `href="/catalog/concerns/scalability"`},
		"/catalog/chapters/apis-databases": {"Interfaces that last", `href="/catalog/concerns/backward-compatibility"`, `href="/catalog/chapters/messaging-concurrency-state"`},
		"/catalog/items/covering-index":    {"Database Internals", "90%", "our judgment", "placement", `href="/catalog/chapters/database-deep-dives"`},
	} {
		page := s.page(t, learner, path)
		for _, want := range says {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
	const own = `href="/learners/ada/evidence?concern=security"`
	if !strings.Contains(s.page(t, learner, "/catalog/concerns/security"), own) || strings.Contains(s.page(t, operator, "/catalog/concerns/security"), "evidence?") {
		t.Error("the way to one's own answers is for learners")
	}
}

// A course of one's own may lack whatever is optional, and have addresses.
func TestPagesOfASmallCourse(t *testing.T) {
	course, err := catalog.Parse(fstest.MapFS{"course.yaml": {Data: []byte(`
course: small
title: Small
concerns: [{id: one, title: One & only, importance: 0.5, origin: elsewhere}]
chapters: [{id: intro, title: Introduction, url: "https://example.org/intro"}]
items: [{id: bare, kind: quickfire, level: senior, level_to: staff, concerns: {one: 1}, chapters: [intro], prompt: "Why <b>?"}]
`)}})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, course)
	operator := s.operator(t)
	for path, says := range map[string][]string{
		"/catalog":                {"One &amp; only", "1 question.", "low"},
		"/catalog/concerns/one":   {"From elsewhere.", "100%", "senior to staff"},
		"/catalog/chapters/intro": {`href="https://example.org/intro"`, "Why &lt;b&gt;?"},
		"/catalog/items/bare":     {"Why &lt;b&gt;?", "says nothing more"},
	} {
		page := s.page(t, operator, path)
		for _, want := range says {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
		for _, part := range []string{`id="placement"`, `id="checklist"`, "Follow-ups", "Choices"} {
			if strings.Contains(page, part) {
				t.Errorf("%s shows a part that the course doesn't have: %s", path, part)
			}
		}
	}
}
