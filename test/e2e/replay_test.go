package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// replays is what GET /v1/admin/replays answers.
type replays struct {
	Active struct{ Generation string }
	Kept   *struct {
		Generation string
		Floor      uint64
	}
	Replay *struct {
		ID, State, From, Generation string
		Floor, Head                 uint64
		Identical                   *bool
	}
	Leaving []string
}

const replaysPath = "/v1/admin/replays"

// replayed is a deployment whose tables are built again.
type replayed struct {
	*instance
	operator caller
	item     string
	sent     int // answers that came while something was replayed
}

func (r *replayed) start(t *testing.T, dir string, env ...string) {
	t.Helper()
	r.instance = runIn(t, program, environment(dir, env...), dir)
	r.operator = r.as(t, "--role", "operator")
}

func (r *replayed) order(t *testing.T, body string, status int) (s replays) {
	t.Helper()
	got, answer := r.operator.call(t, http.MethodPost, replaysPath, "application/json", strings.NewReader(body))
	if got != status {
		t.Fatalf("%s: %d %s", body, got, answer)
	}
	if status < 300 {
		decode(t, answer, &s)
	}
	return s
}

func (r *replayed) status(t *testing.T) replays { return get[replays](t, r.operator, replaysPath) }

// answer sends one more answer of a learner.
func (r *replayed) answer(t *testing.T, learner string) {
	t.Helper()
	r.sent++
	e := answerEvent(fmt.Sprintf("live-%d", r.sent), "https://live.example", learner, r.item, time.Now())
	if got := r.operator.post(t, "application/cloudevents+json", e.json(t)); got.Accepted != 1 {
		t.Fatalf("an answer was not taken: %+v", got)
	}
}

// projects tells how often a process has begun to project a generation of facts, and
// from which sequence it did so last.
func (r *replayed) projects(t *testing.T, facts string) (times int, floor uint64) {
	t.Helper()
	text, err := os.ReadFile(r.stderr)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Msg        string
			Generation json.Number
			Floor      uint64
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "projecting" && entry.Generation.String() == facts {
			times++
			floor = entry.Floor
		}
	}
	return times, floor
}

func (r *replayed) verified(t *testing.T, when string) {
	t.Helper()
	var v struct {
		OK         bool
		Mismatches []json.RawMessage
	}
	decode(t, []byte(must(t, environment(r.dir), "verify", "--json")), &v)
	if !v.OK {
		t.Errorf("%s verify finds %s", when, v.Mismatches)
	}
}

// reports returns reports as of a moment, without what tells the generation.
func (r *replayed) reports(t *testing.T, at asOf) []string {
	t.Helper()
	var texts []string
	for _, path := range []string{
		"/v1/cohorts/" + cohort + "/weak-topics?", "/v1/cohorts/" + cohort + "/heatmap?by=chapter&", "/v1/learners/sim-001/weak-topics?",
		"/v1/learners/sim-002/next-topics?", "/v1/learners/sim-003/evidence?by=concern&limit=1000&", "/v1/learners/sim-004/progress?",
	} {
		texts = append(texts, string(lag.ReplaceAll(r.operator.raw(t, path+"as_of="+url.QueryEscape(at.String())), nil)))
	}
	return generationless(texts)
}

// TestAReplayIsKilled rebuilds from the log and is killed in the middle, three times,
// with events coming in and other numbers of cores. What it made then holds the same
// rows as the tables that were there, and so it stays while people switch to it and
// back.
func TestAReplayIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	env := environment(dir)
	r := new(replayed)
	r.start(t, dir)
	r.item = firstItem(t, r.operator)
	must(t, env, "simulate", "--learners", "60", "--events", "30000", "--cohort", cohort, "--to", "2026-03-01", "--repeats", "0.02", "--late", "0.1")
	at := r.operator.settled(t).AsOf
	want := r.reports(t, at)

	begun := r.order(t, `{"action":"start","from":"log"}`, http.StatusAccepted)
	facts, _, _ := strings.Cut(begun.Replay.Generation, ".")
	r.order(t, `{"action":"start"}`, http.StatusConflict)
	resumed := uint64(0)
	for round, cores := range []string{"1", "2", "3"} {
		eventually(t, fmt.Sprintf("round %d: the log is read again", round), func() bool {
			times, _ := r.projects(t, facts)
			return times > 0
		})
		r.kill(t, round == 0)
		r.start(t, dir, "GOMAXPROCS="+cores)
		eventually(t, "it goes on", func() bool {
			times, floor := r.projects(t, facts)
			if floor < resumed {
				t.Fatalf("round %d: it goes on from sequence %d, after %d", round, floor, resumed)
			}
			resumed = floor
			return times > 0
		})
		r.answer(t, fmt.Sprintf("sim-00%d", round+1))
	}
	var ready replays
	eventually(t, "the generation is ready", func() bool {
		ready = r.status(t)
		return ready.Replay.State == "ready"
	})
	if ready.Replay.ID != begun.Replay.ID || ready.Replay.Identical == nil || !*ready.Replay.Identical {
		t.Errorf("after three kills: %+v, compared: %s", ready.Replay, r.operator.raw(t, replaysPath+"/comparison"))
	}

	r.hammer(t, func() {
		r.order(t, `{"action":"activate"}`, http.StatusOK)
		r.answer(t, "sim-001")
		same(t, "after the switch", r.reports(t, at), want)
		r.verified(t, "after the switch")
		back := r.order(t, `{"action":"rollback"}`, http.StatusOK)
		if back.Active.Generation != begun.Active.Generation || back.Kept.Generation != begun.Replay.Generation {
			t.Errorf("the way back led to %+v", back)
		}
	})
	same(t, "after the way back", r.reports(t, at), want)
	r.operator.settled(t)
	r.verified(t, "after the way back")
	// The one that is kept was written all the while: to go back is to lose nothing.
	var compared struct {
		Result struct{ Identical bool }
		State  string
	}
	r.order(t, `{"action":"compare"}`, http.StatusAccepted)
	eventually(t, "what is kept is compared", func() bool {
		compared.State = ""
		decode(t, r.operator.raw(t, replaysPath+"/comparison"), &compared)
		return compared.State == "done"
	})
	if !compared.Result.Identical {
		t.Errorf("what is kept has fallen behind: %s", r.operator.raw(t, replaysPath+"/comparison"))
	}
	r.forgets(t)
	r.stop(t)
}

// hammer reads reports of now from many sides while something is done: numbers never
// go back, and each is of a generation that there is.
func (r *replayed) hammer(t *testing.T, do func()) {
	t.Helper()
	var over atomic.Bool
	var readers sync.WaitGroup
	seen := make([]map[string]int, 4)
	for i := range seen {
		seen[i] = map[string]int{}
		readers.Go(func() {
			last, path := uint64(0), []string{"/v1/cohorts/" + cohort + "/weak-topics", "/v1/learners/sim-001/weak-topics"}[i%2]
			for !over.Load() {
				status, answer := r.operator.call(t, http.MethodGet, path, "", nil)
				var b struct {
					AsOf       asOf `json:"as_of"`
					Generation string
				}
				if err := json.Unmarshal(answer, &b); err != nil || status != http.StatusOK {
					t.Errorf("%s: %d %s", path, status, answer)
					return
				}
				if b.AsOf.Seq < last {
					t.Errorf("%s was at sequence %d and is at %d, of generation %s", path, last, b.AsOf.Seq, b.Generation)
				}
				last = b.AsOf.Seq
				seen[i][b.Generation]++
			}
		})
	}
	do()
	over.Store(true)
	readers.Wait()
	for i := range seen {
		if len(seen[i]) != 2 {
			t.Errorf("a reader saw the generations %v, want both", seen[i])
		}
	}
}

// forgets erases a learner while the log is read again: no generation keeps anything.
func (r *replayed) forgets(t *testing.T) {
	t.Helper()
	r.order(t, `{"action":"drop"}`, http.StatusOK)
	r.order(t, `{"action":"start","from":"log"}`, http.StatusAccepted)
	const learner = "sim-005"
	must(t, environment(r.dir), "erase", learner, "--yes")
	var ready replays
	eventually(t, "the generation is ready", func() bool {
		ready = r.status(t)
		return ready.Replay.State == "ready"
	})
	eventually(t, "no generation has anything of who was forgotten", func() bool {
		var there struct {
			Messages uint64
			Rows     map[string]uint64
		}
		decode(t, []byte(must(t, environment(r.dir), "erase", learner, "--dry-run", "--json")), &there)
		rows := there.Messages
		for _, n := range there.Rows {
			rows += n
		}
		return rows == 0
	})
	r.verified(t, "after the erasure")
	r.order(t, `{"action":"activate","most_affected":1}`, http.StatusOK)
	r.verified(t, "in the generation that was built meanwhile")
}
