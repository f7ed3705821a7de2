package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// erased is one learner to be forgotten, and who stays.
type erased struct {
	*life
	learner, other string
	item           string
	payloads       [][]byte // all that was ever sent of the learner
}

// TestErasure forgets a learner: killed in the middle, the bytes of the data folder
// hold the id before and not after; a rebuild, a producer's retry over HTTP and over
// NATS, and an older copy of the data bring nothing back.
func TestErasure(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	e := &erased{life: new(life), learner: "learner-" + rand.Text(), other: "other-" + rand.Text()}
	e.start(t, dir)
	e.operator = e.as(t, "--role", "operator")
	e.item = firstItem(t, e.operator)
	e.live(t)
	if held := e.holders(t, e.learner); len(held) < 2 {
		t.Fatalf("before the erasure the id is in %v: looking for its bytes shows nothing", held)
	}
	e.stop(t)
	copyData(t, dir, dir+"-older")
	e.start(t, dir)

	// Killed right after it was asked for, and again while it deletes.
	request := e.ask(t)
	e.kill(t, true)
	e.start(t, dir)
	time.Sleep(700 * time.Millisecond)
	e.kill(t, false)
	e.start(t, dir)
	e.gone(t, request, len(e.payloads))

	// What a producer sends again, and what comes over NATS without asking.
	if got := e.operator.post(t, ndjson, bytes.Join(e.payloads[:3], []byte("\n"))); len(got.Rejected) != 3 || !strings.Contains(got.Rejected[0].Error, "forgotten") {
		t.Errorf("the door took what was erased: %+v", got)
	}
	e.publish(t, e.payloads[:3]...)
	eventually(t, "what came over NATS is erased, too", func() bool { return e.receipts(t, request) == len(e.payloads)+3 })
	e.nothing(t)

	// A rebuild of all tables from the log.
	e.stop(t)
	if err := os.RemoveAll(filepath.Join(dir, "clickhouse")); err != nil {
		t.Fatal(err)
	}
	e.start(t, dir)
	e.gone(t, request, len(e.payloads)+3)

	// An older copy of log and tables, restored beside the keys, which no backup has.
	e.stop(t)
	for _, part := range []string{"clickhouse", "nats"} {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			t.Fatal(err)
		}
		copyData(t, filepath.Join(dir+"-older", part), filepath.Join(dir, part))
	}
	if err := os.RemoveAll(dir + "-older"); err != nil {
		t.Fatal(err)
	}
	e.start(t, dir)
	if got := e.operator.post(t, ndjson, e.payloads[0]); len(got.Rejected) != 1 {
		t.Errorf("after an older copy the door took what was erased: %+v", got)
	}
	eventually(t, "an older copy knows of the erasure", func() bool { return e.receipts(t, request) > 0 })
	e.gone(t, request, len(e.payloads))
	e.stop(t)
}

// start starts the instance, again.
func (e *erased) start(t *testing.T, dir string) {
	t.Helper()
	e.instance = run(t, dir)
	e.operator.url = e.url
}

// live lets both learners study: answers with a response, a repeat, a conflict, a
// void, ticks, sessions, a cohort, a pin, poison with and without a readable subject,
// and enough answers for snapshots.
func (e *erased) live(t *testing.T) {
	t.Helper()
	const source = "https://erased.example"
	at := time.Date(2025, 5, 1, 9, 0, 0, 0, time.UTC)
	var atDoor, atNATS [][]byte
	for _, learner := range []string{e.learner, e.other} {
		add := func(list *[][]byte, payload []byte) {
			*list = append(*list, payload)
			if learner == e.learner {
				e.payloads = append(e.payloads, payload)
			}
		}
		event := func(id, kind string, data map[string]any) []byte {
			at = at.Add(time.Minute)
			return cloudEvent{SpecVersion: "1.0", ID: learner + id, Source: source, Type: "study." + kind + ".v1", Subject: learner,
				Time: at.Format(time.RFC3339), Data: data}.json(t)
		}
		for i := range 150 {
			add(&atDoor, event(fmt.Sprint("answer-", i), "answer.submitted",
				map[string]any{"item": e.item, "correct": i%2 == 0, "response": "so says " + learner}))
		}
		add(&atDoor, event("void", "answer.voided", map[string]any{"event": learner + "answer-3"}))
		add(&atDoor, event("session", "session.started", map[string]any{"session": "s-" + learner}))
		add(&atDoor, event("joined", "cohort.joined", map[string]any{"cohort": "spring"}))
		add(&atDoor, event("pin", "topic.pinned", map[string]any{"topic": "security", "note": "for " + learner}))
		first := e.payloads[0]
		if learner == e.other {
			first = atDoor[len(atDoor)-154]
		}
		add(&atNATS, first)                                                                                        // a repeat
		add(&atNATS, bytes.Replace(first, []byte(`"correct":true`), []byte(`"correct":false`), 1))                 // a conflict
		add(&atNATS, []byte(fmt.Sprintf(`{"subject":%q,"type":"study.nothing.v1"}`, learner)))                     // a dead letter
		add(&atNATS, []byte(fmt.Sprintf(`{"type":"study.answer.submitted.v1","subject": 7, "user":%q}`, learner))) // whose?
	}
	if got := e.operator.post(t, ndjson, bytes.Join(atDoor, []byte("\n"))); len(got.Rejected) > 0 {
		t.Fatalf("the door refused %+v", got.Rejected[0])
	}
	e.publish(t, atNATS...)
	if c := e.operator.settled(t).Counts; c.Duplicates != 2 || c.Conflicts != 2 || c.Dead != 4 {
		t.Fatalf("counts are %+v, want 2 duplicates, 2 conflicts and 4 dead letters", c)
	}
}

// publish stores payloads as anyone may who reaches the broker.
func (e *erased) publish(t *testing.T, payloads ...[]byte) {
	t.Helper()
	js, err := jetstream.New(e.broker(t, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		if _, err := js.Publish(t.Context(), "study.events.07", payload); err != nil {
			t.Fatal(err)
		}
	}
}

// erasureAnswer is what the API tells of an erasure.
type erasureAnswer struct {
	Request  string `json:"request"`
	State    string `json:"state"`
	Receipts []struct {
		Messages int `json:"messages"`
		Rows     int `json:"rows"`
	} `json:"receipts"`
}

// ask asks for the erasure and returns the request's id.
func (e *erased) ask(t *testing.T) string {
	t.Helper()
	status, answer := e.operator.call(t, http.MethodPost, "/v1/admin/erasures", "application/json",
		strings.NewReader(fmt.Sprintf(`{"learner":%q}`, e.learner)))
	var asked erasureAnswer
	if err := json.Unmarshal(answer, &asked); err != nil || status != http.StatusAccepted {
		t.Fatalf("POST /v1/admin/erasures: %d %s", status, answer)
	}
	return asked.Request
}

// receipts is how many messages the request's receipts tell of; 0 while there is
// none.
func (e *erased) receipts(t *testing.T, request string) (messages int) {
	t.Helper()
	status, answer := e.operator.call(t, http.MethodGet, "/v1/admin/erasures/"+request, "", nil)
	if status != http.StatusOK {
		return 0
	}
	var told erasureAnswer
	decode(t, answer, &told)
	for _, r := range told.Receipts {
		messages += r.Messages
	}
	return messages
}

// gone waits until the learner is forgotten, and looks for what is left.
func (e *erased) gone(t *testing.T, request string, messages int) {
	t.Helper()
	eventually(t, "the erasure is done", func() bool { return e.receipts(t, request) >= messages })
	if got := e.receipts(t, request); got != messages {
		t.Errorf("the receipts tell of %d messages, there were %d", got, messages)
	}
	e.operator.settled(t)
	e.nothing(t)
	if r := get[learnerReport](t, e.operator, "/v1/learners/"+e.learner+"/weak-topics"); r.Answers != 0 {
		t.Errorf("a report counts %d answers of who was forgotten", r.Answers)
	}
	if r := get[learnerReport](t, e.operator, "/v1/learners/"+e.other+"/weak-topics"); r.Answers != 150-1 {
		t.Errorf("a report counts %d answers of who stays, want 149", r.Answers)
	}
	if r := get[cohortReport](t, e.operator, "/v1/cohorts/spring/weak-topics"); r.Learners != 1 {
		t.Errorf("the cohort has %d learners", r.Learners)
	}
	var verified struct {
		OK     bool `json:"ok"`
		Erased int  `json:"erased"`
	}
	decode(t, []byte(must(t, environment(e.dir), "verify", "--json")), &verified)
	if !verified.OK || verified.Erased != messages {
		t.Errorf("verify says %+v, want %d erased", verified, messages)
	}
}

// nothing looks for the learner's id in every byte of the data folder.
func (e *erased) nothing(t *testing.T) {
	t.Helper()
	if held := e.holders(t, e.learner); len(held) > 0 {
		t.Errorf("the id of who was forgotten is in %v", held)
	}
	if len(e.holders(t, e.other)) == 0 {
		t.Error("the id of who stays is nowhere: looking for bytes shows nothing")
	}
}

// holders lists the files of the data folder that hold a text.
func (e *erased) holders(t *testing.T, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(e.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // parts come and go
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			name, _ := filepath.Rel(e.dir, path)
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// copyData copies a folder, but for the keys, as a backup does.
func copyData(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(from, path)
		if entry.IsDir() && name == "keys" {
			return filepath.SkipDir
		}
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if link, err := os.Readlink(path); err == nil {
			return os.Symlink(link, target)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
