package httpserver_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

func TestErrorsBecomeProblemDocuments(t *testing.T) {
	secret := errors.New("dial 10.1.2.3: password rejected")
	cases := []struct {
		name   string
		err    error
		status int
		shown  string
		header map[string]string
	}{
		{"bad request", httpserver.BadRequest("line %d", 3).Because(secret), 400, "line 3", nil},
		{"unauthorized", httpserver.Unauthorized("who"), 401, "who", map[string]string{"WWW-Authenticate": `Bearer realm="gapwise"`}},
		{"forbidden", httpserver.Forbidden("not yours"), 403, "not yours", nil},
		{"not found, wrapped", fmt.Errorf("report: %w: %w", secret, httpserver.NotFound("no cohort x")), 404, "no cohort x", nil},
		{"conflict", httpserver.Conflict("a replay runs"), 409, "a replay runs", nil},
		{"too large", &http.MaxBytesError{Limit: 12}, 413, "12 bytes", nil},
		{"unsupported", httpserver.UnsupportedMedia("send JSON"), 415, "send JSON", nil},
		{"unprocessable", httpserver.Unprocessable("score over 1"), 422, "score over 1", nil},
		{"too many", httpserver.TooMany(1500*time.Millisecond, "slow down"), 429, "slow down", map[string]string{"Retry-After": "2"}},
		{"unavailable", httpserver.Unavailable(time.Minute, "disk is full"), 503, "disk is full", map[string]string{"Retry-After": "60"}},
		{"timeout", fmt.Errorf("query: %w", context.DeadlineExceeded), 503, "too long", map[string]string{"Retry-After": "1"}},
		{"database away", fmt.Errorf("query: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), 503, "away", map[string]string{"Retry-After": "1"}},
		{"database gone in between", fmt.Errorf("query: %w", io.EOF), 503, "away", map[string]string{"Retry-After": "1"}},
		{"unknown", secret, 500, "request id", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.Handle("GET /x", func(http.ResponseWriter, *http.Request) error { return c.err }, httpserver.Public())
			w := b.get("/x")
			says(t, problem(t, w, c.status).Detail, c.shown)
			if strings.Contains(w.Body.String(), "password") {
				t.Errorf("the private cause is shown: %s", w.Body)
			}
			for name, want := range c.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if logged := b.log.last(t)["error"]; errors.Is(c.err, secret) && !strings.Contains(fmt.Sprint(logged), "password") {
				t.Errorf("the private cause is not logged: %v", logged)
			}
		})
	}
}

func TestProblemListsViolations(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(http.ResponseWriter, *http.Request) error {
		return httpserver.Unprocessable("two things are wrong").With(
			httpserver.Violation{Detail: "not in 0..1", Pointer: "/data/score"},
			httpserver.Violation{Detail: "unknown", Parameter: "by"})
	}, httpserver.Public())
	d := problem(t, b.get("/x"), 422)
	if len(d.Errors) != 2 || d.Errors[0].Pointer != "/data/score" || d.Errors[1].Parameter != "by" {
		t.Errorf("errors %+v", d.Errors)
	}
}

func TestPanicIsAnsweredAndLoggedWithItsStack(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(http.ResponseWriter, *http.Request) error { panic("index out of range") }, httpserver.Public())
	if d := problem(t, b.get("/x"), 500); strings.Contains(d.Detail, "index") {
		t.Errorf("the panic is shown: %s", d.Detail)
	}
	line := b.log.last(t)
	says(t, fmt.Sprint(line["error"]), "index out of range")
	says(t, fmt.Sprint(line["stack"]), "router_test.go")
	says(t, fmt.Sprint(line["level"]), "ERROR")
}

func TestUnknownAddressAndMethod(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /v1/things/{thing}", ok, httpserver.Public())
	problem(t, b.get("/v1/nothing"), 404)
	w := b.do(http.MethodDelete, "/v1/things/1", nil)
	says(t, problem(t, w, 405).Detail, "DELETE", "GET")
	if got := w.Header().Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

func TestBrowsersGetAPage(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	cases := map[string]bool{
		browser:                             true,
		"":                                  false,
		"*/*":                               false,
		"application/json":                  false,
		"application/json, text/html":       true,
		"application/json, text/html;q=0.5": false,
		"text/html;q=0":                     false,
		"text/html;q=nonsense":              false,
		"text/html;q=2":                     false,
		"application/problem+json;q=0.1, text/html": true,
	}
	b := newBench(t, nil)
	for accept, want := range cases {
		w := b.get("/nowhere", "Accept", accept)
		if got := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); got != want {
			t.Errorf("Accept %q: page %v, want %v", accept, got, want)
		}
	}
	b.Handle("GET /x", ok)
	w := b.get("/x", "Accept", browser)
	if w.Code != 401 {
		t.Errorf("status %d", w.Code)
	}
	says(t, w.Body.String(), "gapwise token", "/sign-in", w.Header().Get("X-Request-Id"))
}

func TestErrorPageIsPluggableAndMayFail(t *testing.T) {
	fail := false
	b := newBench(t, func(o *httpserver.Options) {
		o.ErrorPage = func(w io.Writer, _ *http.Request, p *httpserver.Problem) error {
			_, _ = io.WriteString(w, "<h1>ours: "+p.Title+"</h1>")
			if fail {
				return errors.New("template broke")
			}
			return nil
		}
	})
	says(t, b.get("/x", "Accept", "text/html").Body.String(), "ours: Not Found")
	fail = true
	w := b.get("/x", "Accept", "text/html")
	if w.Code != 404 || strings.Contains(w.Body.String(), "ours") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestErrorPageEscapes(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(http.ResponseWriter, *http.Request) error {
		return httpserver.BadRequest("<script>alert(1)</script>")
	}, httpserver.Public())
	if body := b.get("/x", "Accept", "text/html").Body.String(); strings.Contains(body, "<script>") {
		t.Error(body)
	}
}

func TestRequestIDs(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	b := newBench(t, nil)
	b.Handle("GET /x", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, httpserver.RequestID(r.Context()))
		return err
	}, httpserver.Public())
	cases := []struct{ name, header, value, want string }{
		{"taken", "X-Request-Id", "deploy-check.42", "deploy-check.42"},
		{"trace id", "Traceparent", "00-" + trace + "-b7ad6b7169203331-01", trace},
		{"zero trace id", "Traceparent", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", ""},
		{"line break", "X-Request-Id", "abcdefgh\nlevel=ERROR", ""},
		{"too long", "X-Request-Id", strings.Repeat("a", 65), ""},
		{"markup", "X-Request-Id", "<script>alert", ""},
	}
	for _, c := range cases {
		w := b.get("/x", c.header, c.value)
		got := w.Body.String()
		if got != w.Header().Get("X-Request-Id") {
			t.Errorf("%s: the handler saw %q, the caller %q", c.name, got, w.Header().Get("X-Request-Id"))
		}
		if c.want != "" && got != c.want || c.want == "" && len(got) != 27 {
			t.Errorf("%s: id %q", c.name, got)
		}
	}
}

func TestLogLineNamesTheRouteAndNeverTokensOrPaths(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /v1/learners/{learner}/progress", ok)
	token := b.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "ada"})
	b.get("/v1/learners/ada/progress?token="+token, bearer(token)...)
	b.get("/sign-in?token=" + token)
	b.get("/sign-in?token=" + token + "x")
	all := b.log.String()
	if strings.Contains(all, token) || strings.Contains(all, "ada") {
		t.Errorf("the log names a token or a learner: %s", all)
	}
	says(t, all, `"route":"/v1/learners/{learner}/progress"`, `"role":"learner"`, `"status":200`, `"method":"GET"`,
		`"duration_ms":0`, `"request_id":"`, `"bytes":12`)
}

func TestSecurityHeaders(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", ok)
	w := b.get("/x", bearer(b.token(t, httpserver.Claims{Role: httpserver.RoleOperator}))...)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
	} {
		says(t, w.Header().Get(name), want)
	}
}

func TestBodyIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("POST /x", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		return ok(w, r)
	}, httpserver.Public(), httpserver.MaxBody(8))
	if w := b.do(http.MethodPost, "/x", strings.NewReader("12345678")); w.Code != 200 {
		t.Errorf("8 bytes: %d %s", w.Code, w.Body)
	}
	problem(t, b.do(http.MethodPost, "/x", strings.NewReader("123456789")), 413)
	// io.MultiReader hides the length, as a chunked body does.
	problem(t, b.do(http.MethodPost, "/x", io.MultiReader(strings.NewReader("123456789"))), 413)
}

// slowSender is a body whose connection reached its read deadline.
type slowSender struct{}

func (slowSender) Read([]byte) (int, error) {
	return 0, fmt.Errorf("read tcp: %w", os.ErrDeadlineExceeded)
}

func TestSlowSendersAndSlowDatabasesGetDifferentAnswers(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("POST /x", func(_ http.ResponseWriter, r *http.Request) error {
		var v any
		return httpserver.ReadJSON(r, &v)
	}, httpserver.Public())
	problem(t, b.do(http.MethodPost, "/x", slowSender{}, "Content-Type", "application/json"), 408)
	b.Handle("GET /x", func(http.ResponseWriter, *http.Request) error {
		_, err := slowSender{}.Read(nil)
		return fmt.Errorf("query: %w", err)
	}, httpserver.Public())
	problem(t, b.get("/x"), 503)
}

func TestReadJSON(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("POST /x", func(w http.ResponseWriter, r *http.Request) error {
		var v struct {
			Limit int `json:"limit"`
		}
		if err := httpserver.ReadJSON(r, &v); err != nil {
			return err
		}
		return httpserver.WriteJSON(w, http.StatusOK, v)
	}, httpserver.Public(), httpserver.MaxBody(64))
	cases := []struct {
		body, kind string
		status     int
	}{
		{`{"limit":3}`, "application/json; charset=utf-8", 200},
		{`{"limit":3}`, "text/plain", 415},
		{`{"limit":3}`, "", 415},
		{`{"limit":"three"}`, "application/json", 400},
		{`{"limits":3}`, "application/json", 400},
		{`{"limit":3} {}`, "application/json", 400},
		{`{"limit":`, "application/json", 400},
		{``, "application/json", 400},
		{`{limit}`, "application/json", 400},
		{`{"limit":3` + strings.Repeat(" ", 64) + `}`, "application/json", 413},
	}
	for _, c := range cases {
		w := b.do(http.MethodPost, "/x", io.MultiReader(strings.NewReader(c.body)), "Content-Type", c.kind)
		if w.Code != c.status {
			t.Errorf("%q as %q: %d, want %d: %s", c.body, c.kind, w.Code, c.status, w.Body)
		}
	}
	d := problem(t, b.do(http.MethodPost, "/x", strings.NewReader(`{"limit":"three"}`), "Content-Type", "application/json"), 400)
	if len(d.Errors) != 1 || d.Errors[0].Pointer != "/limit" {
		t.Errorf("where it is wrong: %+v", d.Errors)
	}
}

func TestWriteJSONKeepsTheAnswerOpenWhenItFails(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		return httpserver.WriteJSON(w, http.StatusOK, make(chan int))
	}, httpserver.Public())
	problem(t, b.get("/x"), 500)
}

func TestForeignBytesInAnswersAreReplaced(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		return httpserver.WriteJSON(w, http.StatusOK, map[string]string{"raw": "a\xffb"})
	}, httpserver.Public())
	b.Handle("GET /y", func(http.ResponseWriter, *http.Request) error {
		return httpserver.NotFound("there is no a\xffb")
	}, httpserver.Public())
	if w := b.get("/x"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "a\uFFFDb") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	says(t, problem(t, b.get("/y"), 404).Detail, "a\uFFFDb")
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	b := newBench(t, nil)
	text := strings.Repeat("recursion ", 1000)
	b.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		return httpserver.WriteJSON(w, http.StatusOK, text)
	}, httpserver.Public())
	w := b.get("/x", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Length") != "" || w.Body.Len() > len(text)/10 {
		t.Fatalf("headers %v, %d bytes", w.Header(), w.Body.Len())
	}
	unpacked, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unpacked); err != nil || !strings.Contains(string(got), text) {
		t.Errorf("unpacked %d bytes, %v", len(got), err)
	}
	if w := b.get("/x"); w.Header().Get("Content-Encoding") != "" {
		t.Error("compressed for a caller that did not ask")
	}
}

func TestHalfAnAnswerIsCut(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		if _, err := io.WriteString(w, "first half"); err != nil {
			return err
		}
		return errors.New("the database went away")
	}, httpserver.Public())
	server := httptest.NewServer(b)
	defer server.Close()
	for _, encoding := range []string{"identity", "gzip"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", encoding)
		answer, err := server.Client().Do(r)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: half an answer passed for a whole one", encoding)
		}
	}
	says(t, b.log.String(), "the database went away", `"level":"ERROR"`)
}

func TestCallerGoneIsNoServerError(t *testing.T) {
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.Handle("GET /x", func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		<-r.Context().Done()
		return fmt.Errorf("query: %w", r.Context().Err())
	}, httpserver.Public())
	func() {
		// The connection is cut: without an answer of ours net/http sends 200.
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
				t.Errorf("the answer ended by %v, want the connection cut", v)
			}
		}()
		b.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody).WithContext(ctx))
	}()
	line := b.log.last(t)
	if fmt.Sprint(line["status"]) != "499" || line["level"] != "INFO" {
		t.Errorf("logged %v", line)
	}
}

func TestHandlerTimeIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.Handle("GET /x", func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	}, httpserver.Public(), httpserver.Timeout(time.Millisecond))
	problem(t, b.get("/x"), 503)
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := httpserver.NewRouter(httpserver.Options{}); err == nil {
		t.Error("no logger and no keys, no error")
	}
	b := newBench(t, nil)
	_, err := httpserver.NewRouter(httpserver.Options{Logger: slogDiscard(), Keys: b.keys, TrustedOrigins: []string{"study.example"}})
	if err == nil {
		t.Error("an origin without a scheme, no error")
	}
}
