package project_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// The tables are a function of the log: whatever the batches are, whichever
// inserts of a write a process died between, and whatever a stopped one writes
// when it wakes.
func TestTablesAreAFunctionOfTheLog(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	check(t, "15", func(t *rapid.T) {
		log := l.newLog(t, l.payloads(t, true))
		plain := l.newRun(t, log)
		plain.project(t, nil)
		want := plain.fingerprint(t)
		disturbed := l.newRun(t, log)
		disturbed.project(t, lives(t))
		if got := disturbed.fingerprint(t); got != want {
			t.Fatalf("tables differ:\n got %s\nwant %s", got, want)
		}
		if rebuilt := disturbed.rebuild(t, rapid.IntRange(1, 3).Draw(t, "workers")); !strings.Contains(want, rebuilt) {
			t.Fatalf("a rebuild differs:\n got %s\nwant %s", rebuilt, want)
		}
	})
}

// rebuild writes the snapshots of the run's facts into a generation of their own,
// and hashes them.
func (r *run) rebuild(t *rapid.T, workers int) string {
	generation := r.generation + 1_000_000
	if err := r.deriver(generation, workers).Rebuild(context.Background(), project.Folded{}, func(project.Folded) {}); err != nil {
		t.Fatal(err)
	}
	text, err := r.store.SnapshotFingerprint(context.Background(), generation)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// States and reports are a function of the set of events: their order in the log
// shows nowhere but in what tells of the log.
func TestReportsDoNotDependOnTheLogsOrder(t *testing.T) {
	t.Parallel()
	l := openLab(t)
	check(t, "6", func(t *rapid.T) {
		payloads := l.payloads(t, false)
		var want map[string]string
		for _, order := range [][]string{payloads, rapid.Permutation(payloads).Draw(t, "order")} {
			r := l.newRun(t, l.newLog(t, order))
			r.project(t, nil)
			got := r.reports(t)
			if want == nil {
				want = got
			}
			for name := range want {
				if got[name] != want[name] {
					t.Errorf("%s differ:\n got %s\nwant %s", name, got[name], want[name])
				}
			}
		}
	})
}

// reports are all states and reports of a run, without what tells of the log.
func (r *run) reports(t *rapid.T) map[string]string {
	ctx := httpserver.WithPrincipal(context.Background(), httpserver.Principal{Role: httpserver.RoleOperator})
	service := &query.Service{
		Store: r.store, Generations: query.Only(r.active()), Zone: time.UTC,
		Lag:  func(context.Context, uint64) (time.Duration, error) { return 0, nil },
		Last: func(context.Context) (uint64, error) { return r.last, nil },
		Now:  func() time.Time { return time.Now().Add(time.Hour) },
	}
	at := query.AsOf{Seq: r.last, Time: time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)}.Moment()
	page := query.Page{Limit: 1000}
	made := map[string]string{}
	add := func(name string, report any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		made[name] = withoutTheLog(t, report)
	}
	cohorts, err := service.Cohorts(ctx, func(string) bool { return true }, page, at)
	add("cohorts", cohorts, err)
	items, err := service.CohortItems(ctx, "spring", query.ByAttention, page, at)
	add("items", items, err)
	members, err := service.CohortLearners(ctx, "spring", query.Measure{}, page, at)
	add("members", members, err)
	for _, lens := range []project.Lens{project.ByConcern, project.ByChapter} {
		weak, err := service.CohortWeakTopics(ctx, "spring", query.Measure{Lens: lens}, at)
		add("cohort by "+lens.String(), weak, err)
		heat, err := service.Heatmap(ctx, "spring", query.Measure{Lens: lens}, page, at)
		add("heatmap by "+lens.String(), heat, err)
		self, err := service.CohortSelfAssessment(ctx, "spring", query.Measure{Lens: lens}, page, at)
		add("self-assessment by "+lens.String(), self, err)
		var states []any
		q := project.HistoryQuery{Facts: r.generation, Derived: r.generation, Lens: lens, Seq: r.last, Learners: people}
		err = project.States(ctx, r.store, &r.course.Lenses[lens], q, func(k project.Known) error {
			states = append(states, k.Learner, k.Unmapped, k.State.Export())
			return nil
		})
		add("states by "+lens.String(), states, err)
		for _, who := range people {
			mine, err := service.LearnerWeakTopics(ctx, who, query.Measure{Lens: lens}, at)
			add(who+" by "+lens.String(), mine, err)
		}
	}
	for _, who := range people {
		next, err := service.NextTopics(ctx, who, query.Measure{}, 5, at)
		add("next of "+who, next, err)
		progress, err := service.Progress(ctx, who, at)
		add("progress of "+who, progress, err)
		evidence, err := service.Evidence(ctx, who, query.EvidenceFilter{Item: r.items[0], Limit: 1000}, at)
		add("evidence of "+who, evidence, err)
		all, err := service.Evidence(ctx, who, query.EvidenceFilter{Arithmetic: true, Limit: 1000}, at)
		add("arithmetic of "+who, all, err)
		export, err := service.Export(ctx, who, time.Time{}, at)
		add("export of "+who, export, err)
	}
	return made
}

// withoutTheLog writes a report without sequences, without when they were stored,
// and with events, which reports list in the log's order, in the order of their keys.
func withoutTheLog(t *rapid.T, report any) string {
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	if fields, ok := value.(map[string]any); ok {
		delete(fields, "generation")
		delete(fields, "as_of")
		if events, ok := fields["events"].([]any); ok {
			key := func(e any) string { return e.(map[string]any)["key"].(string) }
			slices.SortFunc(events, func(a, b any) int { return strings.Compare(key(a), key(b)) })
			for _, e := range events {
				delete(e.(map[string]any), "seq")
				delete(e.(map[string]any), "stored")
			}
		}
	}
	if text, err = json.Marshal(value); err != nil {
		t.Fatal(err)
	}
	return string(text)
}
