package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/outbox"
)

// What is no answer of the door lets nothing leave the outbox: pages of a proxy,
// answers for too few, connections cut before or in the middle of an answer.
func TestOnlyTheDoorsAnswerLetsEventsGo(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"page":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>sign in</html>") },
		"empty object": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		"too few": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"accepted":1,"duplicates":1}`)
		},
		"no content":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"not found":     http.NotFound,
		"wrong gateway": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"cut":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"accepted":3,`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			opened, err := outbox.Open(outbox.Config{Dir: filepath.Join(t.TempDir(), "1")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = opened.Close() }()
			c := newHTTPClient(server.URL, "token")
			b := &box{Outbox: opened, client: c, resume: "again", read: make(chan struct{}), places: map[uint64]int{}}
			s := &sender{client: c, box: b, patience: 200 * time.Millisecond, progress: newProgress(io.Discard, "events", nil)}
			left := 3
			err = s.send(t.Context(), func() (encoded, error) {
				left--
				if left < 0 {
					return encoded{}, io.EOF
				}
				return encoded{"ada", []byte(`{"subject":"ada"}`)}, nil
			})
			if err == nil || opened.State().Events != 3 {
				t.Fatalf("%d events are left, and the error is %v", opened.State().Events, err)
			}
			if told := b.explain(err).Error(); !strings.Contains(told, "3 events are kept in "+opened.Dir()) {
				t.Fatalf("told is %q", told)
			}
		})
	}
}

// A proxy that takes smaller requests than Gapwise gets them smaller; one event
// that is still too large is rejected with its place.
func TestRequestsShrinkForAProxy(t *testing.T) {
	posts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts++
		body, _ := io.ReadAll(r.Body)
		if len(body) > 100 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = io.WriteString(w, `{"accepted":`+string(rune('0'+strings.Count(string(body), "\n")))+`}`)
	}))
	defer server.Close()
	s := &sender{client: newHTTPClient(server.URL, "token"), patience: time.Second, progress: newProgress(io.Discard, "events", nil)}
	n := 0
	err := s.send(t.Context(), func() (encoded, error) {
		n++
		switch n {
		case 8:
			return encoded{}, io.EOF
		case 5:
			return encoded{"ada", []byte(strings.Repeat("x", 200))}, nil
		}
		return encoded{"ada", []byte(`{"subject":"ada"}`)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if all := s.sum(); all.Accepted != 6 || all.Rejected != 1 || all.Rejections[0].Index != 5 || posts < 3 {
		t.Fatalf("after %d requests: %+v", posts, all)
	}
}
