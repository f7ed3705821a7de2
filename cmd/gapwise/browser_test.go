package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// browse opens the pages in a real browser, with and without JavaScript, wide
// and as narrow as a phone: see internal/web/browser/pages.mjs.
func (s *system) browse(t *testing.T) {
	s.browseAs(t, "GAPWISE_INSTRUCTOR="+s.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"demo"}}),
		"GAPWISE_LEARNER="+s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-001"}))
}

// browseAs does so with tokens, and what else the stories are about.
func (s *system) browseAs(t *testing.T, about ...string) {
	t.Helper()
	folder := filepath.Join("..", "..", "internal", "web", "browser")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); err != nil {
		t.Fatalf("the pages are tested with playwright-core, which is not there: run `make browser` (or `npm ci` in internal/web/browser): %v", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("the pages are tested with Node.js: install nodejs: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), node, "pages.mjs")
	cmd.Dir = folder
	cmd.Env = append(append(os.Environ(), "GAPWISE_URL="+s.url, "GAPWISE_CHROMIUM="+chromium(t)), about...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// chromium finds the system's browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("GAPWISE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("the pages are tested in Chromium, which is not there: install it (Debian: apt-get install chromium), or name its program in GAPWISE_CHROMIUM")
	return ""
}
