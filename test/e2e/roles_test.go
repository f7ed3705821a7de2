package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/embedded/enginetest"
)

// TestRolesApart runs ingest, query and two projectors as processes of their own,
// against servers outside of them: what goes in at one comes out at the other, and
// the projector that waits takes over from the one that is killed, that hangs or
// that is stopped.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	broker, db := enginetest.NewNATS(t), enginetest.Database(t)
	keys := filepath.Join(t.TempDir(), "keys", "tokens.json")
	env := environment(filepath.Join(t.TempDir(), "unused"),
		"GAPWISE_NATS_URL="+broker.URL(), "GAPWISE_NATS_USER="+broker.Login().User, "GAPWISE_NATS_PASSWORD="+broker.Login().Password,
		"GAPWISE_CLICKHOUSE_ADDR="+db.Addr, "GAPWISE_CLICKHOUSE_USER="+db.User, "GAPWISE_CLICKHOUSE_PASSWORD="+db.Password,
		"GAPWISE_CLICKHOUSE_DATABASE="+db.Database, "GAPWISE_AUTH_KEYS="+keys)

	// All at once, on empty servers: they make stream, tables and keys together.
	urls, processes := map[string]string{}, map[string]*process{}
	start := func(name, role string) {
		address := freeAddress(t)
		processes[name], urls[name] = launch(t, env, role, "--listen", address), "http://"+address
	}
	names := []string{"ingest", "query", "projector-1", "projector-2"}
	for _, name := range names {
		role, _, _ := strings.Cut(name, "-")
		start(name, role)
	}
	for _, name := range names {
		eventually(t, name+" is ready", func() bool {
			processes[name].mustRun(t)
			return ready(urls[name])
		})
	}

	operator := newToken(t, env, "--role", "operator")
	door, reports := caller{urls["ingest"], operator}, caller{urls["query"], operator}
	item := firstItem(t, reports)
	sent := 0
	send := func(n int) {
		var lines bytes.Buffer
		for range n {
			sent++
			at := time.Date(2025, 9, 1, 10, 0, sent, 0, time.UTC)
			lines.Write(answerEvent(fmt.Sprint("apart-", sent), "https://apart.example", "rosa", item, at).json(t))
			lines.WriteByte('\n')
		}
		if got := door.post(t, ndjson, lines.Bytes()); got.Accepted != n {
			t.Fatalf("%d answers went in: %+v", n, got)
		}
	}
	arrive := func() {
		t.Helper()
		reports.settled(t)
		r := get[learnerReport](t, reports, "/v1/learners/rosa/weak-topics")
		if r.Answers != sent {
			t.Errorf("the report counts %d answers, %d went in", r.Answers, sent)
		}
	}

	send(100)
	arrive()
	working, waiting := "projector-1", "projector-2"
	if projected(t, urls[working]) == 0 {
		working, waiting = waiting, working
	}
	if projected(t, urls[working]) == 0 || projected(t, urls[waiting]) != 0 {
		t.Errorf("facts projected: %d and %d, want one projector at a time",
			projected(t, urls[working]), projected(t, urls[waiting]))
	}

	processes[working].kill(t, true)
	send(50)
	arrive() // by the one that waited: nobody else is left
	if got := projected(t, urls[waiting]); got < 50 {
		t.Errorf("the projector that took over projected %d facts, want 50 at least", got)
	}

	// One that is only stopped wakes up when another has taken over: it may write
	// again what it held, and goes back to waiting.
	sleeping := waiting
	start("projector-3", "projector")
	eventually(t, "a third projector is ready", func() bool { return ready(urls["projector-3"]) })
	processes[sleeping].signal(syscall.SIGSTOP)
	send(50)
	arrive()
	processes[sleeping].signal(syscall.SIGCONT)
	before := projected(t, urls["projector-3"])
	send(50)
	arrive()
	if got := projected(t, urls["projector-3"]) - before; got != 50 {
		t.Errorf("the projector that took over projected %d facts of 50 after the other woke up", got)
	}
	processes["projector-3"].stop(t) // gives the lease up
	send(50)
	arrive()
	p := reports.settled(t)
	if p.Counts.Answers != sent || p.Counts.Facts != p.Counts.Messages {
		t.Errorf("counts are %+v, want %d answers and a fact for every message", p.Counts, sent)
	}

	// The process that reports fits a model and makes a generation with it; the one
	// that projects follows the pointer and goes on with its snapshots.
	crew(t, door, item)
	client := []string{"--url", urls["query"], "--token", operator}
	var fit struct{ Version string }
	if err := json.Unmarshal([]byte(must(t, env, append([]string{"model", "fit", "--wait", "--json"}, client...)...)), &fit); err != nil {
		t.Fatal(err)
	}
	must(t, env, append([]string{"model", "publish", fit.Version, "--yes"}, client...)...)
	send(150)
	arrive()
	if b := get[basis](t, reports, "/v1/learners/rosa/weak-topics"); b.Model != fit.Version {
		t.Errorf("reports are by model %s instead of %s", b.Model, fit.Version)
	}
	eventually(t, "the projector goes on with the snapshots of the new generation", func() bool {
		var l struct {
			OK        bool
			Snapshots int
		}
		err := json.Unmarshal([]byte(must(t, env, append([]string{"verify", "--json"}, client...)...)), &l)
		return err == nil && l.OK && l.Snapshots == 2*(sent/128)
	})

	// What a role doesn't do, it doesn't answer.
	if status, _ := (caller{urls["query"], operator}).call(t, http.MethodPost, "/v1/events", oneEvent, strings.NewReader("{}")); status != http.StatusNotFound {
		t.Errorf("query answers POST /v1/events with %d", status)
	}
	if status, _ := (caller{urls["ingest"], operator}).call(t, http.MethodGet, "/v1/cohorts", "", nil); status != http.StatusNotFound {
		t.Errorf("ingest answers GET /v1/cohorts with %d", status)
	}
	for _, name := range []string{"ingest", "query", sleeping} {
		processes[name].stop(t)
	}
}

// crew lets six more learners answer.
func crew(t *testing.T, door caller, item string) {
	t.Helper()
	var lines bytes.Buffer
	for n := range 30 {
		at := time.Date(2025, 9, 2, 10, n, 0, 0, time.UTC)
		lines.Write(answerEvent(fmt.Sprint("crew-", n), "https://apart.example", fmt.Sprint("crew-", n%6), item, at).json(t))
		lines.WriteByte('\n')
	}
	if got := door.post(t, ndjson, lines.Bytes()); got.Accepted != 30 {
		t.Fatalf("30 answers went in: %+v", got)
	}
}

// firstItem is an item of the course that is asked and answered.
func firstItem(t *testing.T, c caller) string {
	t.Helper()
	course := get[struct{ Items []struct{ ID, Kind string } }](t, c, "/v1/catalog")
	for _, item := range course.Items {
		if item.Kind != "checklist" {
			return item.ID
		}
	}
	t.Fatal("the course has no question")
	return ""
}

// projected is how many facts a projector says that it has projected.
func projected(t *testing.T, url string) int {
	t.Helper()
	status, page := caller{url: url}.call(t, http.MethodGet, "/metrics", "", nil)
	if status != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", status, page)
	}
	lines := bufio.NewScanner(bytes.NewReader(page))
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), `gapwise_projection_sequences_total{outcome="fact"} `); found {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("no gapwise_projection_sequences_total among the metrics of %s", url)
	return 0
}
