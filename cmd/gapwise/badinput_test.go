package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// enough is how many bad inputs the table holds at least.
const enough = 300

// badInput is something that nobody should send or type, and the message it gets.
type badInput struct{ name, input, message string }

// Whatever is wrong, whoever sent it is told what, where and how to mend it.
// testdata/badinput.golden holds every message; read it as the one who gets them.
func TestBadInput(t *testing.T) {
	course, err := filepath.Abs(otherCourse)
	if err != nil {
		t.Fatal(err)
	}
	app := startApp(t, "--catalog", course)
	w := &wrongdoer{T: t, system: &system{App: app.App, url: app.server.URL()}, dir: t.TempDir()}
	w.operator = w.token(t, httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	w.settle(t)
	var all strings.Builder
	seen := map[string]string{}
	for _, boundary := range []struct {
		name string
		try  func() []badInput
	}{
		{"events", w.events}, {"the door", w.door}, {"requests of reports", w.requests}, {"requests of operators", w.operations},
		{"command line", w.commands}, {"configuration", w.configurations},
		{"data sets", w.datasets}, {"courses", w.courses}, {"models", w.modelFiles}, {"rosters", w.rosters},
	} {
		fmt.Fprintf(&all, "# %s\n", boundary.name)
		for _, bad := range boundary.try() {
			input := boundary.name + " " + bad.input
			if before, known := seen[input]; known {
				t.Errorf("%s: %q is the same input as %q", boundary.name, bad.name, before)
			}
			seen[input] = bad.name
			if len(bad.message) < 15 || !utf8.ValidString(bad.message) || strings.Contains(bad.message, "%!") {
				t.Errorf("%s: %s: the message is no help: %q", boundary.name, bad.name, bad.message)
			}
			fmt.Fprintf(&all, "%s\n\t%s\n", bad.name, strings.ReplaceAll(bad.message, "\n", "\n\t"))
		}
	}
	if len(seen) < enough {
		t.Errorf("the table holds %d bad inputs, want %d", len(seen), enough)
	}
	golden(t, "testdata/badinput.golden", all.String())
	info, err := w.log.Info(t.Context())
	if err != nil || info.Messages != 1 { // the catalog's publication
		t.Errorf("the log holds %d messages (%v): something bad was taken", info.Messages, err)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	w := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(w) || line != w[i] {
			t.Fatalf("line %d differs from %s (see the change with -update and git diff):\n%s", i+1, path, line)
		}
	}
	t.Fatalf("it has fewer lines than %s", path)
}

// wrongdoer gets everything wrong, as an operator.
type wrongdoer struct {
	*testing.T
	*system
	operator string
	dir      string
}

// ask sends a request that must fail and returns the status and the message.
func (w *wrongdoer) ask(method, path, token, contentType, body string) string {
	got := w.do(w.T, method, path, token, map[string]string{"Content-Type": contentType}, body)
	var problem struct{ Title, Detail string }
	var result struct {
		Accepted, Duplicates int
		Rejected             []struct{ Error string }
	}
	switch {
	case got.status >= 400 && json.Unmarshal(got.body, &problem) == nil && problem.Detail != "":
		return fmt.Sprintf("%d %s", got.status, w.mask(problem.Detail))
	case got.status == http.StatusOK && json.Unmarshal(got.body, &result) == nil && result.Accepted+result.Duplicates == 0 && len(result.Rejected) == 1:
		return "200 " + w.mask(result.Rejected[0].Error)
	}
	w.Errorf("%s %s with %.80q is answered %d %.200s", method, path, body, got.status, got.body)
	return ""
}

var today = regexp.MustCompile(`ahead of [0-9TZ:-]+;`)

// mask replaces what differs from run to run.
func (w *wrongdoer) mask(text string) string {
	text = today.ReplaceAllString(text, "ahead of NOW;")
	return strings.NewReplacer(w.dir, "DIR", w.Config.Data.Dir, "DATA", w.url, "URL", w.active.Active().Course.Catalog.Version, "VERSION").Replace(text)
}

// events are sent one by one.
func (w *wrongdoer) events() []badInput {
	var list []badInput
	for _, c := range badEvents() {
		list = append(list, badInput{c.name, c.input, w.ask(http.MethodPost, "/v1/events", w.operator, "application/cloudevents+json", c.input)})
	}
	return list
}

// run types a command that must fail; args may name files of the folder as DIR/….
func (w *wrongdoer) run(stdin string, args ...string) string {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", w.dir)
	}
	var out, told strings.Builder
	if code := run(args, strings.NewReader(stdin), &out, &told); code == exitOK {
		w.Errorf("gapwise %s succeeds: %.200s", strings.Join(args, " "), out.String())
	}
	return strings.TrimSpace(w.mask(out.String() + told.String()))
}

// file writes a file of the folder.
func (w *wrongdoer) file(name, content string) string {
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}
