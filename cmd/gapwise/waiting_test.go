package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// TestWaitingGivesUp: what takes long is asked for while the answer is "not now", and
// given up when its gapwise is gone for good.
func TestWaitingGivesUp(t *testing.T) {
	verification := query.Verification{ID: "v1", State: query.VerificationRunning}
	job := models.Job{ID: "j1", State: models.Running}
	for name, of := range map[string]struct {
		path    string
		running any
		follow  func(*terminal, *client) error
	}{
		"verification v1": {"/v1/admin/verifications", verification, func(term *terminal, c *client) error {
			_, err := term.verify(t.Context(), c, project.VerifyScope{})
			return err
		}},
		"job j1": {modelsPath + "/jobs", job, func(term *terminal, c *client) error { return term.follow(t.Context(), c, &job) }},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case !strings.HasPrefix(r.URL.Path, of.path):
					http.NotFound(w, r)
				case r.Method == http.MethodGet && asked.Add(1) == 2: // once it answers that it can't
					w.WriteHeader(http.StatusServiceUnavailable)
				case asked.Load() >= 4: // and then never again
					_ = server.Listener.Close()
					panic(http.ErrAbortHandler)
				default:
					_ = json.NewEncoder(w).Encode(of.running)
				}
			}))
			defer server.Close()
			c := newHTTPClient(server.URL, "")
			c.lost = time.Second
			err := of.follow(&terminal{out: io.Discard, err: &bytes.Buffer{}}, c)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "no answer from") {
				t.Errorf("it says %v", err)
			}
			if asked.Load() < 4 {
				t.Errorf("given up after %d times, the first one that couldn't answer", asked.Load())
			}
		})
	}
}
