package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

var everyone = map[httpserver.Role]httpserver.Claims{
	httpserver.RoleOperator:   {Role: httpserver.RoleOperator},
	httpserver.RoleInstructor: {Role: httpserver.RoleInstructor, Cohorts: []string{"spring"}},
	httpserver.RoleLearner:    {Role: httpserver.RoleLearner, Learner: "ada"},
	httpserver.RoleProducer:   {Role: httpserver.RoleProducer, Source: "urn:lms", Cohorts: []string{"spring"}},
}

func TestRightsOfRolesOnRoutes(t *testing.T) {
	const (
		o, i, l, p = httpserver.RoleOperator, httpserver.RoleInstructor, httpserver.RoleLearner, httpserver.RoleProducer
		nobody     = httpserver.Role("")
	)
	routes := []struct {
		path string
		opts []httpserver.RouteOption
		in   []httpserver.Role
	}{
		{"/any", nil, []httpserver.Role{o, i, l, p}},
		{"/public", []httpserver.RouteOption{httpserver.Public()}, []httpserver.Role{o, i, l, p, nobody}},
		{"/operator", []httpserver.RouteOption{httpserver.Roles(o)}, []httpserver.Role{o}},
		{"/reports", []httpserver.RouteOption{httpserver.Roles(o, i)}, []httpserver.Role{o, i}},
		{"/writers", []httpserver.RouteOption{httpserver.Roles(p, l)}, []httpserver.Role{p, l}},
	}
	b := newBench(t, nil)
	for _, route := range routes {
		b.Handle("GET "+route.path, func(w http.ResponseWriter, r *http.Request) error {
			got, _ := httpserver.PrincipalFrom(r.Context())
			return httpserver.WriteJSON(w, http.StatusOK, got.Role)
		}, route.opts...)
		for _, role := range []httpserver.Role{o, i, l, p, nobody} {
			var header []string
			want := http.StatusUnauthorized
			if role != nobody {
				header, want = bearer(b.token(t, everyone[role])), http.StatusForbidden
			}
			if slices.Contains(route.in, role) {
				want = http.StatusOK
			}
			w := b.get(route.path, header...)
			if w.Code != want {
				t.Errorf("%s as %q: %d, want %d: %s", route.path, role, w.Code, want, w.Body)
			}
			if want == http.StatusOK && strings.TrimSpace(w.Body.String()) != `"`+string(role)+`"` {
				t.Errorf("%s as %q: the handler saw %s", route.path, role, w.Body)
			}
		}
	}
}

func TestPrincipalHelpers(t *testing.T) {
	yes := map[httpserver.Role][]string{
		httpserver.RoleOperator:   {},
		httpserver.RoleInstructor: {"cohort"},
		httpserver.RoleLearner:    {"learner"},
		httpserver.RoleProducer:   {"cohort", "source"},
	}
	for role, c := range everyone {
		p := httpserver.Principal{Role: c.Role, Learner: c.Learner, Cohorts: c.Cohorts, Source: c.Source}
		for helper, got := range map[string]bool{
			"cohort": p.HasCohort("spring"), "learner": p.IsLearner("ada"), "source": p.IsSource("urn:lms"),
		} {
			if want := slices.Contains(yes[role], helper); got != want {
				t.Errorf("%s as %s: %v, want %v", helper, role, got, want)
			}
		}
		if p.HasCohort("autumn") || p.IsLearner("bob") || p.IsSource("urn:other") {
			t.Errorf("%s has another's rights", role)
		}
		if p.HasCohort("") || p.IsLearner("") || p.IsSource("") {
			t.Errorf("%s has the rights of no one", role)
		}
		if !p.Is(role) || p.Is() {
			t.Errorf("%s is not itself", role)
		}
	}
	if _, err := httpserver.RequireRole(t.Context()); err == nil {
		t.Error("no principal, no error")
	}
	ctx := httpserver.WithPrincipal(t.Context(), httpserver.Principal{Role: httpserver.RoleLearner})
	if _, err := httpserver.RequireRole(ctx); err != nil {
		t.Errorf("any role: %v", err)
	}
	if _, err := httpserver.RequireRole(ctx, httpserver.RoleOperator); err == nil {
		t.Error("a learner passed for an operator")
	} else {
		says(t, err.Error(), "403", "operator", "learner")
	}
}

// revoked are the ids of tokens that were ended.
type revoked map[string]bool

func (r revoked) Revoked(id string) bool { return r[id] }

func TestBadTokensAreAnsweredWithTheReason(t *testing.T) {
	ended := revoked{}
	b := newBench(t, func(o *httpserver.Options) { o.Revocations = ended })
	b.Handle("GET /x", ok)
	token := b.token(t, httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	if w := b.get("/x", bearer(token)...); w.Code != 200 {
		t.Fatalf("good token: %d %s", w.Code, w.Body)
	}

	w := b.get("/x")
	says(t, problem(t, w, 401).Detail, "Authorization: Bearer")
	if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="gapwise"` {
		t.Errorf("WWW-Authenticate %q", got)
	}
	says(t, problem(t, b.get("/x", "Authorization", "Basic YWRhOmFkYQ=="), 401).Detail, "Bearer TOKEN")
	says(t, problem(t, b.get("/x", "Authorization", "Bearer "), 401).Detail, "Bearer TOKEN")
	says(t, problem(t, b.get("/x", bearer(token+"A")...), 401).Detail, "not a valid")

	p, err := b.keys.Verify(token)
	if err != nil {
		t.Fatal(err)
	}
	ended[p.TokenID] = true
	w = b.get("/x", bearer(token)...)
	says(t, problem(t, w, 401).Detail, "revoked")
	says(t, w.Header().Get("WWW-Authenticate"), `error="invalid_token"`, "revoked")
	w = b.get("/sign-in?token=" + token)
	if w.Code != 401 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("a revoked token signs in: %d", w.Code)
	}

	delete(ended, p.TokenID)
	b.clock.advance(time.Hour + time.Minute)
	says(t, problem(t, b.get("/x", bearer(token)...), 401).Detail, "expired at 2026-03-01T13:00:00Z")
}

func TestSignInSetsTheCookieAndGoesOn(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", ok)
	token := b.token(t, everyone[httpserver.RoleLearner])
	w := b.get("/sign-in?token=" + token + "&next=/learners/ada%3Fby=chapter")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/learners/ada?by=chapter" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	cookie := onlyCookie(t, w)
	if cookie.Name != httpserver.SessionCookie || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Secure || cookie.Path != "/" || !cookie.Expires.Equal(b.clock.Now().Add(httpserver.DefaultTokenLife)) {
		t.Errorf("cookie %v", cookie)
	}
	if w := b.get("/x", "Cookie", cookie.Name+"="+cookie.Value); w.Code != 200 {
		t.Errorf("with the cookie: %d %s", w.Code, w.Body)
	}
	w = b.do(http.MethodPost, "/sign-out", nil, "Cookie", cookie.Name+"="+cookie.Value)
	if gone := onlyCookie(t, w); w.Code != http.StatusSeeOther || gone.Value != "" || gone.Expires.After(b.clock.Now()) {
		t.Errorf("sign-out: %d %v", w.Code, gone)
	}
	problem(t, b.get("/sign-in"), 401)
}

func onlyCookie(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	return cookies[0]
}

func TestSignInCookieIsSecureOverTLS(t *testing.T) {
	b := newBench(t, nil)
	server := httptest.NewTLSServer(b)
	defer server.Close()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		server.URL+"/sign-in?token="+b.token(t, everyone[httpserver.RoleOperator]), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if cookies := answer.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("cookies %v", cookies)
	}
}

func TestSignInGoesToLocalPathsOnly(t *testing.T) {
	b := newBench(t, nil)
	token := b.token(t, everyone[httpserver.RoleOperator])
	for next, want := range map[string]string{
		"":                           "/",
		"/cohorts/spring":            "/cohorts/spring",
		"https://evil.example/":      "/",
		"//evil.example":             "/",
		"/%5Cevil.example":           "/", // decoded: /\evil.example
		"%5C%5Cevil.example":         "/",
		"/%09/evil.example":          "/", // decoded: a tab, which browsers drop
		"/%0d%0aLocation:%20x":       "/",
		"javascript:alert(1)":        "/",
		"cohorts":                    "/",
		"/.//evil.example/..//other": "", // whatever it becomes, it stays here
	} {
		got := b.get("/sign-in?token=" + token + "&next=" + next).Header().Get("Location")
		if want != "" && got != want {
			t.Errorf("next %q goes to %q, want %q", next, got, want)
		}
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Errorf("next %q leaves for %q", next, got)
		}
	}
}

func TestOtherSitesCannotUseTheCookie(t *testing.T) {
	b := newBench(t, func(o *httpserver.Options) { o.TrustedOrigins = []string{"https://study.example"} })
	b.Handle("POST /x", ok)
	b.Handle("GET /x", ok)
	token := b.token(t, everyone[httpserver.RoleLearner])
	cookie := []string{"Cookie", httpserver.SessionCookie + "=" + token}
	cases := []struct {
		name, method string
		headers      []string
		want         int
	}{
		{"our own page", "POST", append([]string{"Sec-Fetch-Site", "same-origin"}, cookie...), 200},
		{"another site's form", "POST", append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...), 403},
		{"a sister host", "POST", append([]string{"Sec-Fetch-Site", "same-site"}, cookie...), 403},
		{"another origin, old browser", "POST", append([]string{"Origin", "https://evil.example"}, cookie...), 403},
		{"a trusted origin", "POST",
			append([]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://study.example"}, cookie...), 200},
		{"another site's link", "GET", append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...), 200},
		{"a bearer token from anywhere", "POST", append([]string{"Sec-Fetch-Site", "cross-site"}, bearer(token)...), 200},
	}
	for _, c := range cases {
		if w := b.do(c.method, "/x", nil, c.headers...); w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
	}
	w := b.do(http.MethodPost, "/sign-out", nil, append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...)...)
	if w.Code != 403 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("another site signs out: %d", w.Code)
	}
}

func TestPublicRoutesForgiveBadTokens(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", ok, httpserver.Public())
	if w := b.get("/x", "Cookie", httpserver.SessionCookie+"=stale"); w.Code != 200 {
		t.Errorf("stale cookie: %d", w.Code)
	}
}
