package httpserver_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// FuzzVerify sends anything as a token: only the one that was minted holds.
func FuzzVerify(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keys.json")
	keys := openKeys(f, path, nil)
	good, err := keys.Mint(httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(strings.Repeat(".", 3))
	f.Fuzz(func(t *testing.T, token string) {
		p, err := keys.Verify(token)
		if err == nil && token != good {
			t.Fatalf("%q is taken for %+v", token, p)
		}
		if err != nil && !errors.Is(err, httpserver.ErrTokenInvalid) && !errors.Is(err, httpserver.ErrTokenKey) {
			t.Fatalf("unnamed error %v", err)
		}
	})
}

// FuzzAnswer sends any address with any headers: the answer is always whole, a
// page or a problem document, with a sane request id.
func FuzzAnswer(f *testing.F) {
	b := newBench(f, nil)
	b.Handle("GET /v1/things/{thing}", ok)
	f.Add("/v1/things/1", "text/html, */*;q=0.8", "Bearer x", "request-1")
	f.Add("//..//", "a/b;q=", "Basic", "\x00")
	f.Add("/sign-in?token=x&next=//y", ";;,,;q=1", "", "")
	f.Fuzz(func(t *testing.T, address, accept, authorization, id string) {
		u, err := url.ParseRequestURI("/" + address)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.URL = u
		r.Header.Set("Accept", accept)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Request-Id", id)
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if given := w.Header().Get("X-Request-Id"); len(given) < 8 || strings.ContainsAny(given, "\r\n<>\"") {
			t.Fatalf("request id %q", given)
		}
		switch kind := w.Header().Get("Content-Type"); {
		case w.Code >= 500 && w.Code != 503:
			t.Fatalf("%d for %q", w.Code, address)
		case kind == "application/problem+json":
			problem(t, w, w.Code)
		case w.Code >= 400 && !strings.HasPrefix(kind, "text/html"):
			t.Fatalf("%d as %q: %s", w.Code, kind, w.Body)
		}
	})
}
