package e2e_test

import (
	"encoding/json"
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

// read returns the reports as they are now computed, which must all be of one model.
func (r *refit) read(t *testing.T) (model string, texts []string) {
	t.Helper()
	for _, path := range r.paths {
		text := r.operator.raw(t, path+"&catalog=now&model=now")
		var b basis
		if err := json.Unmarshal(text, &b); err != nil || model != "" && b.Model != model {
			t.Fatalf("%s is by model %s, another report by %s (%v)", path, b.Model, model, err)
		}
		model = b.Model
		texts = append(texts, string(lag.ReplaceAll(text, nil)))
	}
	return model, texts
}

// then returns the same reports as they were given then.
func (r *refit) then(t *testing.T) (texts []string) {
	t.Helper()
	for _, path := range r.paths {
		texts = append(texts, string(lag.ReplaceAll(r.operator.raw(t, path), nil)))
	}
	return texts
}

// TestModelsOutliveEverything fits a model to a cohort's answers and publishes it. It
// is killed in the middle, twice: what it had begun goes on by itself and nobody reads
// it, until publishing again activates it. Then reports say the new model and other
// numbers, the same after a restart, and after the database was lost and filled again
// from the log. What was said before can be read to the end, to the byte.
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
		"/v1/learners/sim-001/weak-topics?as_of=" + at, "/v1/learners/sim-001/next-topics?as_of=" + at,
	}
	starting, before := r.read(t)
	said := r.then(t)
	same(t, "nothing was changed yet", said, before)
	if strings.Contains(before[2], `"answers":0,"unmapped"`) {
		t.Fatalf("a learner without answers shows nothing: %.300s", before[2])
	}

	var fit struct{ Version string }
	if err := json.Unmarshal([]byte(must(t, env, "model", "fit", "--wait", "--json")), &fit); err != nil || fit.Version == starting {
		t.Fatalf("the fit gave %+v, %v", fit, err)
	}
	begun := r.killedWhileBuilding(t, dir, fit.Version)
	model, texts := r.read(t)
	same(t, "until it is activated", append(texts, model), append(before, starting))
	r.killedWhileActivating(t, dir, fit.Version, begun)
	must(t, env, "model", "publish", fit.Version, "--yes")
	if s := get[replays](t, r.operator, replaysPath); s.Active.Generation != begun || s.Replay != nil {
		t.Errorf("the first publication built %s; published again, %s is active, and there is %+v", begun, s.Active.Generation, s.Replay)
	}
	model, after := r.read(t)
	if model != fit.Version {
		t.Fatalf("model %s is active instead of %s", model, fit.Version)
	}
	for i := range after {
		if strings.ReplaceAll(generationless(after)[i], fit.Version, starting) == generationless(before)[i] {
			t.Errorf("%s says the same by both models", r.paths[i])
		}
	}
	same(t, "what was said", r.then(t), said)
	if out := must(t, env, "model", "publish", fit.Version); !strings.Contains(out, "is active already") {
		t.Errorf("publishing the active model says %s", out)
	}
	must(t, env, "verify")
	if n := r.publications(t, fit.Version); n != 1 {
		t.Errorf("the log holds %d publications of the model that count", n)
	}

	r.stop(t)
	r.start(t, dir)
	model, texts = r.read(t)
	same(t, "after a restart", append(texts, model), append(after, fit.Version))

	r.stop(t)
	if err := os.RemoveAll(filepath.Join(dir, "clickhouse")); err != nil {
		t.Fatal(err)
	}
	r.start(t, dir)
	model, texts = r.read(t)
	same(t, "after the database was lost", append(texts, model), append(after, fit.Version))
	same(t, "what was said before the database was lost", r.then(t), said)
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
	same(t, "what was said before all of that", generationless(r.then(t)), generationless(said))
	r.stop(t)
}

// killedWhileBuilding kills a publication in its first moments. What it had begun is
// built by itself in the next life, and waits; which generation that is, it returns.
func (r *refit) killedWhileBuilding(t *testing.T, dir, version string) (begun string) {
	t.Helper()
	sending := launch(t, environment(dir), "model", "publish", version, "--yes")
	var s replays
	eventually(t, "a generation is being built", func() bool {
		s = get[replays](t, r.operator, replaysPath)
		return s.Replay != nil
	})
	r.kill(t, true)
	sending.kill(t, true)
	if s.Replay.State != "building" {
		t.Fatalf("the kill came too late: %+v", s.Replay)
	}
	id := s.Replay.ID
	r.start(t, dir)
	eventually(t, "the generation is built by itself", func() bool {
		s = get[replays](t, r.operator, replaysPath)
		if s.Replay == nil || s.Replay.ID != id {
			t.Fatalf("the killed publication began %s, and there is %+v", id, s.Replay)
		}
		return s.Replay.State == "ready"
	})
	return s.Replay.Generation
}

// killedWhileActivating publishes again, which takes what is there, and kills that as
// it activates it: it has or it hasn't.
func (r *refit) killedWhileActivating(t *testing.T, dir, version, begun string) {
	t.Helper()
	sending := launch(t, environment(dir), "model", "publish", version, "--yes")
	eventually(t, "it is being activated", func() bool {
		list := get[struct {
			Jobs []struct {
				State    string
				Progress struct{ Step string }
			}
		}](t, r.operator, "/v1/admin/models")
		return len(list.Jobs) > 0 && (list.Jobs[0].State != "running" || list.Jobs[0].Progress.Step == "activating")
	})
	r.kill(t, false)
	sending.kill(t, true)
	r.start(t, dir)
	switch s := get[replays](t, r.operator, replaysPath); {
	case s.Active.Generation == begun && s.Replay == nil:
	case s.Active.Generation != begun && s.Replay != nil && s.Replay.Generation == begun && s.Replay.State == "ready":
	default:
		t.Errorf("killed while %s was activated: %s is active, and there is %+v", begun, s.Active.Generation, s.Replay)
	}
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
