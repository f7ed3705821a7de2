package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// based is what every report says that it rests on.
type based struct {
	query.Basis
	text string // the report, without what differs from one time to the next
}

// passing is what differs between two reports of the same moment and model.
var passing = regexp.MustCompile(`"lag_ms":\d+|"generation":"[\d.]+"`)

// report asks for a report and requires that it comes.
func (s *system) report(t *testing.T, token, path string) (b based) {
	t.Helper()
	got := s.do(t, http.MethodGet, path, token, nil, "")
	if err := json.Unmarshal(got.body, &b); err != nil || got.status != http.StatusOK {
		t.Errorf("%s: %d %.300s (%v)", path, got.status, got.body, err)
	}
	b.text = passing.ReplaceAllString(string(got.body), "")
	return b
}

// While a model takes the place of another, again and again, each report is wholly of
// one of them, whoever asks; and what the learner reads is what the instructor reads.
func TestNoReportMixesModels(t *testing.T) {
	t.Parallel()
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
	at := s.seed(t, operator)
	instructor := s.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"demo"}})
	learner := s.token(t, httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-001"})
	fitted := s.order(t, operator, `{"action":"fit"}`).Fit.Version
	asOf := "as_of=" + url.QueryEscape(at.String()) + "&model=now"
	readers := map[string]string{
		"/v1/cohorts/demo/weak-topics?" + asOf:                    instructor,
		"/v1/cohorts/demo/heatmap?by=chapter&" + asOf:             instructor,
		"/v1/learners/demo-001/weak-topics?" + asOf:               learner,
		"/v1/learners/demo-001/next-topics?" + asOf:               learner,
		"/v1/learners/demo-001/evidence?concern=security&" + asOf: learner,
	}
	publish := func(version string) {
		if p := s.order(t, operator, `{"action":"publish","version":"`+version+`"}`).Publication; p.Already {
			t.Errorf("model %s was active already", version)
		}
	}
	// What the reports say by each model while nothing else happens.
	said := map[string]map[string]string{}
	look := func(version string) {
		for path, token := range readers {
			b := s.report(t, token, path)
			if b.Model != version {
				t.Errorf("%s: model %s instead of %s", path, b.Model, version)
			}
			if said[path] == nil {
				said[path] = map[string]string{}
			}
			if before, known := said[path][version]; known && before != b.text {
				t.Errorf("%s by model %s has changed:\n%.500s\n%.500s", path, version, before, b.text)
			}
			said[path][version] = b.text
		}
	}
	look(project.StartingModel)
	publish(fitted)
	look(fitted)
	s.sameNumbers(t, instructor, learner, asOf)
	for path, texts := range said {
		if texts[fitted] == strings.ReplaceAll(texts[project.StartingModel], project.StartingModel, fitted) {
			t.Errorf("%s: the fitted model changes no number", path)
		}
	}

	var work sync.WaitGroup
	over := make(chan struct{})
	seen := make(chan map[string]int, len(readers))
	for path, token := range readers {
		work.Go(func() {
			models, generations := map[string]int{}, map[string]string{}
			for {
				select {
				case <-over:
					seen <- models
					return
				default:
				}
				b := s.report(t, token, path)
				if b.text != said[path][b.Model] {
					t.Errorf("%s says model %s, and other numbers:\n%.300s", path, b.Model, b.text)
				}
				if before, known := generations[b.Generation]; known && before != b.Model {
					t.Errorf("%s: generation %s was of model %s and is of %s", path, b.Generation, before, b.Model)
				}
				models[b.Model]++
				generations[b.Generation] = b.Model
			}
		})
	}
	for range 3 {
		publish(project.StartingModel)
		publish(fitted)
	}
	close(over)
	work.Wait()
	for range readers {
		if models := <-seen; models[fitted] == 0 || models[project.StartingModel] == 0 {
			t.Errorf("a reader saw only %v", models)
		}
	}
	v := s.verified(t, operator, s.do(t, http.MethodPost, "/v1/admin/verifications", operator,
		map[string]string{"Content-Type": "application/json"}, "{}").header.Get("Location"))
	if !v.Result.OK || v.Result.Snapshots == 0 {
		t.Errorf("after the changes: %+v", v.Result)
	}
	for table, most := range map[string]uint64{"states": 2, "cohort_weeks": 2} { // the active one and the one before
		for deadline := time.After(time.Minute); s.generationsOf(t, table) > most; { // each look is a connection
			select {
			case <-deadline:
				t.Fatalf("%s holds more than %d generations", table, most)
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
}

// sameNumbers: a learner's own report and the cohort's heatmap are one computation.
func (s *system) sameNumbers(t *testing.T, instructor, learner, asOf string) {
	t.Helper()
	var own query.LearnerWeakTopics
	var all query.Heatmap
	for path, ask := range map[string]struct {
		token string
		into  any
	}{
		"/v1/learners/demo-001/weak-topics?" + asOf: {learner, &own}, "/v1/cohorts/demo/heatmap?" + asOf: {instructor, &all},
	} {
		if err := json.Unmarshal(s.do(t, http.MethodGet, path, ask.token, nil, "").body, ask.into); err != nil {
			t.Fatal(err)
		}
	}
	cells := map[string]query.Cell{}
	for _, row := range all.Rows {
		for k, cell := range row.Cells {
			if row.Learner == "demo-001" {
				cells[all.Topics[k].ID] = cell
			}
		}
	}
	if len(own.Topics) == 0 || own.Model != all.Model {
		t.Errorf("%d topics by model %s, the heatmap by %s", len(own.Topics), own.Model, all.Model)
	}
	for _, topic := range own.Topics {
		cell := cells[topic.ID]
		mine, theirs := fmt.Sprint(topic.State, topic.Answers, numbers(topic.Mastery)), fmt.Sprint(cell.State, cell.Answers, numbers(cell.Mastery))
		if mine != theirs {
			t.Errorf("%s: the learner reads %s, the instructor %s", topic.ID, mine, theirs)
		}
	}
}

func numbers(i *query.Interval) query.Interval {
	if i == nil {
		return query.Interval{}
	}
	return *i
}

// generationsOf counts the generations that a table holds.
func (s *system) generationsOf(t *testing.T, table string) (n uint64) {
	t.Helper()
	if err := openSQL(t, s.App).conn.QueryRow(t.Context(), "SELECT uniqExact(generation) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A learner who asks to be forgotten while a generation is made is in it no more than
// in the others, whatever the rebuild had read before.
func TestErasureReachesTheNewGeneration(t *testing.T) {
	t.Parallel()
	s := startSystem(t)
	operator := s.token(t, httpserver.Claims{Role: httpserver.RoleOperator})
	s.seed(t, operator)
	fitted := s.order(t, operator, `{"action":"fit"}`).Fit.Version
	tables := openSQL(t, s.App).conn
	of := func(learner string) (n uint64) {
		hmac := s.key.learner(learner)
		if err := tables.QueryRow(t.Context(), "SELECT count() FROM states WHERE learner_hmac = unhex(?)", hmac.String()).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var learner string
	eventually(t, "a learner has snapshots", func() bool {
		return tables.QueryRow(t.Context(), "SELECT min(learner) FROM states").Scan(&learner) == nil && learner != ""
	})
	header := map[string]string{"Content-Type": "application/json"}
	begun := s.do(t, http.MethodPost, modelsPath, operator, header, `{"action":"publish","version":"`+fitted+`"}`)
	if asked := s.do(t, http.MethodPost, "/v1/admin/erasures", operator, header, `{"learner":"`+learner+`"}`); asked.status != http.StatusAccepted {
		t.Fatalf("%d %s", asked.status, asked.body)
	}
	s.ordered(t, operator, begun.header.Get("Location"))
	eventually(t, "all of the learner is gone", func() bool {
		list := s.do(t, http.MethodGet, "/v1/admin/erasures", operator, nil, "")
		return !strings.Contains(string(list.body), `"state":"pending"`) && of(learner) == 0
	})
	v := s.verified(t, operator, s.do(t, http.MethodPost, "/v1/admin/verifications", operator, header, "{}").header.Get("Location"))
	if !v.Result.OK || v.Result.Erased == 0 {
		t.Errorf("after the erasures: %+v", v.Result)
	}
	if r := s.report(t, operator, "/v1/learners/"+learner+"/weak-topics"); !strings.Contains(r.text, `"answers":0`) || r.Model != fitted {
		t.Errorf("of the last one by model %s: %.300s", r.Model, r.text)
	}
}
