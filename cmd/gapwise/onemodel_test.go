package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/dataset"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// TestOneModel: a table of answers goes two ways: imported, projected, fitted,
// published and reported by a running system; and read from the file, fitted and
// folded by the functions that gapwise model evaluate calls. Both give the same
// parameters and the same predictions, to the last bit: there is one implementation.
func TestOneModel(t *testing.T) {
	dir := t.TempDir()
	file, courseDir := filepath.Join(dir, "answers.tsv"), filepath.Join(dir, "course")
	if err := os.WriteFile(file, []byte(madeUpAnswers(30, 60)), 0o600); err != nil {
		t.Fatal(err)
	}
	options := dataset.Options{Columns: dataset.Columns{User: "user", Item: "item", Time: "ts", Correct: "correct", Skills: "skills"}}
	job := importJob{file: file, options: options, catalogOut: courseDir}
	if _, err := job.deriveCatalog(); err != nil {
		t.Fatal(err)
	}

	// From the file.
	c, err := catalog.Load(courseDir)
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	lens := &course.Lenses[project.ByConcern]
	data, _, err := dataset.Load(file, options)
	if err != nil {
		t.Fatal(err)
	}
	learners := make([][]mastery.Answer, len(data.Users))
	for _, a := range data.Answers { // in the order of their times
		item, ok := lens.Item(catalog.Slug(data.Items[a.Item]))
		if !ok {
			t.Fatalf("the course has no item %s", data.Items[a.Item])
		}
		learners[a.User] = append(learners[a.User], mastery.Answer{Item: item, Score: a.Score, Time: a.Time})
	}
	direct, err := mastery.Fit(lens.Model, learners, nil)
	if err != nil {
		t.Fatal(err)
	}

	// Through the system.
	a := startApp(t, "--catalog", courseDir)
	if _, err := a.command(t, "import", file, "--source", "test"); err != nil {
		t.Fatal(err)
	}
	client, _ := a.operator(t)
	if _, err := client.waitProjected(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.command(t, "model", "fit", "--wait"); err != nil {
		t.Fatal(err)
	}
	p, err := client.projections(t.Context())
	if err != nil || p.ProposedModel == "" {
		t.Fatalf("no model is proposed: %+v, %v", p, err)
	}
	if _, err := a.command(t, "model", "publish", p.ProposedModel, "--yes"); err != nil {
		t.Fatal(err)
	}
	found := &a.active.Active().Course.Lenses[project.ByConcern].Parameters
	if found.Weights != direct.Weights || found.Prior != direct.Prior || found.ItemVariance != direct.ItemVariance {
		t.Errorf("fitted by the system %v %+v, from the file %v %+v", found.Weights, found.Prior, direct.Weights, direct.Prior)
	}
	for i := range direct.Items {
		if found.Items[i].B != direct.Items[i].B || found.Items[i].VB != direct.Items[i].VB {
			t.Fatalf("item %s: %+v by the system, %+v from the file", lens.Items[i], found.Items[i], direct.Items[i])
		}
	}
	for k := range direct.Topics {
		if found.Topics[k].C != direct.Topics[k].C || found.Topics[k].D != direct.Topics[k].D {
			t.Fatalf("topic %s: %+v by the system, %+v from the file", lens.Topics[k].ID, found.Topics[k], direct.Topics[k])
		}
	}

	// What was predicted of a learner, newest first.
	const user = 7
	var evidence query.Evidence
	if err := client.get(t.Context(), "/v1/learners/"+data.Users[user]+"/evidence", url.Values{"by": {"concern"}, "limit": {"1000"}}, &evidence); err != nil {
		t.Fatal(err)
	}
	if len(evidence.Events) != len(learners[user]) {
		t.Fatalf("%d answers are in evidence, %d in the file", len(evidence.Events), len(learners[user]))
	}
	state := direct.NewState()
	for i, answer := range learners[user] {
		step := direct.Update(state, answer)
		if e := evidence.Events[len(evidence.Events)-1-i]; e.Predicted == nil || *e.Predicted != step.P {
			t.Fatalf("answer %d: the report predicted %v, the file's fold %v", i, e.Predicted, step.P)
		}
	}
}

// madeUpAnswers are a table of answers of learners who differ, in the order of their
// times.
func madeUpAnswers(learners, answers int) string {
	random := rand.New(rand.NewPCG(4, 5))
	ability := make([]float64, learners)
	for u := range ability {
		ability[u] = random.NormFloat64()
	}
	var rows strings.Builder
	rows.WriteString("user\titem\tts\tcorrect\tskills\n")
	for i := range answers {
		for u := range ability {
			item := random.IntN(40)
			right := 0
			if random.Float64() < 1/(1+math.Exp(float64(item%7-3)/2-ability[u])) {
				right = 1
			}
			skills := fmt.Sprintf("skill %d", item%5)
			if item%4 == 0 {
				skills += fmt.Sprintf(";skill %d", (item+2)%5)
			}
			fmt.Fprintf(&rows, "user%d\titem %d\t%d\t%d\t%s\n", u, item, 1700000000+7200*i+u, right, skills)
		}
	}
	return rows.String()
}
