package httpserver_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// bench is a router with its keys, its clock and what it logged.
type bench struct {
	*httpserver.Router
	keys  *httpserver.Keys
	clock *clock
	log   *lines
}

func newBench(t testing.TB, change func(*httpserver.Options)) *bench {
	t.Helper()
	b := &bench{clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: &lines{}}
	keys, err := httpserver.OpenKeys(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	keys.Now = b.clock.Now
	b.keys = keys
	opts := httpserver.Options{
		Logger: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Keys:   keys,
		Now:    b.clock.Now,
	}
	if change != nil {
		change(&opts)
	}
	if b.Router, err = httpserver.NewRouter(opts); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) token(t testing.TB, c httpserver.Claims) string {
	t.Helper()
	token, err := b.keys.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// get calls path with headers given as name, value, name, value, …
func (b *bench) get(path string, headers ...string) *httptest.ResponseRecorder {
	return b.do(http.MethodGet, path, nil, headers...)
}

func (b *bench) do(method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// clock stands still unless moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lines keeps what was logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// last returns the last line that was logged.
func (l *lines) last(t *testing.T) map[string]any {
	t.Helper()
	all := strings.Split(strings.TrimSpace(l.String()), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(all[len(all)-1]), &line); err != nil {
		t.Fatalf("log line %q: %v", all[len(all)-1], err)
	}
	return line
}

type document struct {
	Type     string                 `json:"type"`
	Title    string                 `json:"title"`
	Status   int                    `json:"status"`
	Detail   string                 `json:"detail"`
	Instance string                 `json:"instance"`
	Errors   []httpserver.Violation `json:"errors"`
}

// problem reads an answer that must be a problem document with status.
func problem(t testing.TB, w *httptest.ResponseRecorder, status int) document {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q: %s", got, w.Body)
	}
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("problem document %q: %v", w.Body, err)
	}
	if d.Status != status || d.Title == "" || d.Type == "" {
		t.Fatalf("problem document %+v lacks what RFC 9457 wants", d)
	}
	if d.Instance == "" || d.Instance != w.Header().Get("X-Request-Id") {
		t.Fatalf("instance %q, request id %q: want the same", d.Instance, w.Header().Get("X-Request-Id"))
	}
	return d
}

func says(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
}

func ok(w http.ResponseWriter, _ *http.Request) error {
	return httpserver.WriteJSON(w, http.StatusOK, map[string]bool{"ok": true})
}
