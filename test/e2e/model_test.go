package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// basis is what a report says that it rests on.
type basis struct {
	Model      string `json:"model"`
	Generation string `json:"generation"`
}

// lag is what differs between two readings of one moment.
var lag = regexp.MustCompile(`"lag_ms":\d+`)

// refit is a deployment whose model changes.
type refit struct {
	*instance
	operator caller
	paths    []string // of reports, as of one moment
}

func (r *refit) start(t *testing.T, dir string) {
	t.Helper()
	r.instance = run(t, dir)
	r.operator = r.as(t, "--role", "operator")
	r.operator.settled(t)
}

// read returns the reports, which must all be of one model.
func (r *refit) read(t *testing.T) (model string, texts []string) {
	t.Helper()
	for _, path := range r.paths {
		text := r.operator.raw(t, path)
		var b basis
		if err := json.Unmarshal(text, &b); err != nil || model != "" && b.Model != model {
			t.Fatalf("%s is by model %s, another report by %s (%v)", path, b.Model, model, err)
		}
		model = b.Model
		texts = append(texts, string(lag.ReplaceAll(text, nil)))
	}
	return model, texts
}

// TestModelsOutliveEverything fits a model to a cohort's answers and publishes it. It
// is killed in the middle, time after time, and publishing again does what is left.
// Then reports say the new model and other numbers, the same after a restart, and
// after the database was lost and filled again from the log.
func TestModelsOutliveEverything(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	env := environment(dir)
	r := new(refit)
	r.start(t, dir)
	must(t, env, "simulate", "--learners", "80", "--events", "24000", "--cohort", cohort, "--to", "2026-03-01")
	at := url.QueryEscape(r.operator.settled(t).AsOf.String())
	r.paths = []string{
		"/v1/cohorts/" + cohort + "/weak-topics?as_of=" + at, "/v1/cohorts/" + cohort + "/heatmap?by=chapter&as_of=" + at,
		"/v1/learners/sim-001/weak-topics?as_of=" + at, "/v1/learners/sim-01/next-topics?as_of=" + at,
	}
	starting, before := r.read(t)
	if strings.Contains(before[2], `"answers":0,"unmapped"`) {
		t.Fatalf("a learner without answers shows nothing: %.300s", before[2])
	}

	var fit struct{ Version string }
	if err := json.Unmarshal([]byte(must(t, env, "model", "fit", "--wait", "--json")), &fit); err != nil || fit.Version == starting {
		t.Fatalf("the fit gave %+v, %v", fit, err)
	}
	for round := range 4 {
		sending := launch(t, env, "model", "publish", fit.Version, "--yes")
		eventually(t, fmt.Sprintf("round %d: a generation is made", round), func() bool { return r.under(t, round) })
		r.kill(t, round%2 == 0)
		sending.kill(t, true)
		r.start(t, dir)
		switch model, texts := r.read(t); model {
		case starting:
			same(t, "nothing was changed", generationless(texts), generationless(before))
		case fit.Version: // the kill came too late: back again for the next round
			must(t, env, "model", "publish", starting, "--yes")
		default:
			t.Fatalf("round %d: model %s is active", round, model)
		}
	}
	must(t, env, "model", "publish", fit.Version, "--yes")
	model, after := r.read(t)
	if model != fit.Version {
		t.Fatalf("model %s is active instead of %s", model, fit.Version)
	}
	for i := range after {
		if strings.ReplaceAll(after[i], fit.Version, starting) == before[i] {
			t.Errorf("%s says the same by both models", r.paths[i])
		}
	}
	if out := must(t, env, "model", "publish", fit.Version); !strings.Contains(out, "is active already") {
		t.Errorf("publishing the active model says %s", out)
	}
	must(t, env, "verify")
	if n := r.publications(t, fit.Version); n != 1 {
		t.Errorf("the log holds %d publications of the model that count", n)
	}

	r.stop(t)
	r.start(t, dir)
	model, texts := r.read(t)
	same(t, "after a restart", append(texts, model), append(after, fit.Version))

	r.stop(t)
	if err := os.RemoveAll(filepath.Join(dir, "clickhouse")); err != nil {
		t.Fatal(err)
	}
	r.start(t, dir)
	model, texts = r.read(t)
	same(t, "after the database was lost", append(texts, model), append(after, fit.Version))
	must(t, env, "verify")

	var shown struct{ Version string }
	document := must(t, env, "model", "show", "--json")
	if err := json.Unmarshal([]byte(document), &shown); err != nil || shown.Version != fit.Version {
		t.Errorf("the active model's document is of %s (%v)", shown.Version, err)
	}
	must(t, env, "model", "publish", starting, "--yes")
	model, texts = r.read(t)
	same(t, "back to the starting model", append(generationless(texts), model), append(generationless(before), starting))
	file := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, env, "model", "publish", "--file", file, "--yes")
	model, texts = r.read(t)
	same(t, "from a file", append(generationless(texts), model), append(generationless(after), fit.Version))
	r.stop(t)
}

// under reports whether a publication is where this round kills it.
func (r *refit) under(t *testing.T, round int) bool {
	t.Helper()
	list := get[struct {
		Jobs []struct {
			State    string
			Progress struct{ Step string }
		}
	}](t, r.operator, "/v1/admin/models")
	if len(list.Jobs) == 0 {
		return false
	}
	job := list.Jobs[0]
	return job.State != "running" || job.Progress.Step == []string{"rebuilding", "comparing", "rebuilding", "activating"}[round]
}

// publications counts the facts that publish a model.
func (r *refit) publications(t *testing.T, version string) int {
	t.Helper()
	list := get[struct {
		Models []struct {
			Version   string
			Published uint64
		}
	}](t, r.operator, "/v1/admin/models")
	n := 0
	for _, m := range list.Models {
		if m.Version == version && m.Published > 0 {
			n++
		}
	}
	if status, answer := r.operator.call(t, http.MethodGet, "/v1/admin/deadletters", "", nil); !strings.Contains(string(answer), `"dead_letters":[]`) {
		t.Errorf("publishing again left dead letters: %d %s", status, answer)
	}
	return n
}

var generation = regexp.MustCompile(`"generation":"[\d.]+"`)

// generationless leaves out which generation gave the reports.
func generationless(texts []string) []string {
	var list []string
	for _, text := range texts {
		list = append(list, generation.ReplaceAllString(text, ""))
	}
	return list
}

func same(t *testing.T, when string, got, want []string) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s:\n%.600s\ninstead of\n%.600s", when, got[i], want[i])
		}
	}
}
