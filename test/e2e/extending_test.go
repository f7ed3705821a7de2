package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository's folder, seen from this package's.
var root = filepath.Join("..", "..")

// TestExtending follows docs/extending.md in a copy of the tree, builds what comes out,
// and uses it: the event is taken, its row is in the table and in the report, the tables
// agree with the log, and the learner's erasure leaves nothing.
func TestExtending(t *testing.T) {
	t.Parallel()
	const page = "docs/extending.md"
	recipes := readRecipes(t, filepath.Join(root, page))
	tree := filepath.Join(t.TempDir(), "gapwise")
	copyTree(t, tree)
	follow := func(recipe string) (tryout []block) {
		if len(recipes[recipe]) == 0 {
			t.Fatalf("%s has no blocks under %q", page, recipe)
		}
		for _, b := range recipes[recipe] {
			if b.language == "sh" && strings.Contains(b.text, "gapwise ") {
				tryout = append(tryout, b) // needs an instance
				continue
			}
			b.follow(t, page, tree)
		}
		return tryout
	}
	follow("Add a type of event")
	follow("Add a projector")
	tryout := follow("Add a report")
	out, err := command(t, tree, "", "gofmt", "-l", ".")
	if err != nil || out != "" {
		t.Errorf("gofmt -l: %v: %s", err, out)
	}
	// What a recipe forgot, these would name; what is left of that is tried below.
	out, err = command(t, tree, "", "go", "test", "-vet=off", "-run", "Schemas|Examples|Complete|AnyEvent|EveryType|EveryRow|FactTables",
		"./schemas", "./internal/event", "./internal/store")
	if err != nil {
		t.Errorf("after the recipes: %s", out)
	}
	if out, err = command(t, tree, "", "go", "build", "-ldflags", "-s -w", "-o", "bin/gapwise", "./cmd/gapwise"); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}

	data := filepath.Join(t.TempDir(), "data")
	l := &life{instance: runOther(t, filepath.Join(tree, "bin", "gapwise"), data)}
	env := append(environment(data), "PATH="+filepath.Join(tree, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	rows := func() (n uint64) {
		if err := l.database(t).QueryRow(t.Context(), "SELECT uniqExact(seq) FROM item_reports").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if len(tryout) != 1 {
		t.Fatalf("%s tries the feature in %d blocks, want one", page, len(tryout))
	}
	eventually(t, "the report has the event", func() bool { // again and again: what was sent adds nothing
		l.mustRun(t)
		out := shell(t, env, tryout[0].text)
		return strings.Contains(out, "sli-slo-sla") && strings.Contains(out, "unclear") && strings.Contains(out, "everything agrees with the log")
	})
	if n := rows(); n != 1 {
		t.Errorf("item_reports has %d rows, want 1", n)
	}
	const mine = `{"specversion":"1.0","source":"/app","id":"mine","type":"study.item.reported.v1","subject":"ada","time":"2026-03-01T09:30:00Z","data":{"item":"sli-slo-sla","problem":"outdated"}}`
	if got := l.as(t, "--role", "learner", "--learner", "ada").post(t, ndjson, []byte(mine)); got.Accepted != 1 {
		t.Errorf("a learner's own report is not taken: %+v", got)
	}
	for _, bad := range []string{`{"item":"nowhere","problem":"unclear"}`, `{"item":"sli-slo-sla","problem":"boring"}`} {
		e := `{"specversion":"1.0","source":"/x","id":"x","type":"study.item.reported.v1","subject":"ada","time":"2026-03-01T09:30:00Z","data":` + bad + `}`
		if out := shell(t, env, "gapwise emit <<< '"+e+"' || true"); !strings.Contains(out, "rejected: line 1: data.") {
			t.Errorf("%s is taken: %s", bad, out)
		}
	}
	operator := l.as(t, "--role", "operator")
	if _, out := operator.call(t, http.MethodGet, "/v1/learners/ada/export", "", nil); !strings.Contains(string(out), `"item_report"`) {
		t.Errorf("the learner's export lacks the report: %s", out)
	}
	shell(t, env, "gapwise erase ada --yes")
	if n := rows(); n != 0 {
		t.Errorf("item_reports has %d rows after the erasure", n)
	}
	shell(t, env, "gapwise verify")
	l.stop(t)
}

// shell runs commands as the page shows them, and returns what they printed.
func shell(t *testing.T, env []string, commands string) string {
	t.Helper()
	o := runProgram(t, env, "bash", "-euc", commands)
	if o.code != 0 {
		t.Fatalf("%s\nended with %d:\n%s%s", commands, o.code, o.stdout, o.stderr)
	}
	return o.stdout + o.stderr
}
