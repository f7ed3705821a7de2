package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
)

const array = "application/cloudevents-batch+json"

// writers are who may stand at the door.
var writers = []httpserver.Principal{
	operator,
	{Role: httpserver.RoleLearner, Learner: "ada"},
	{Role: httpserver.RoleProducer, Source: "https://test.example", Cohorts: []string{"ours"}},
	{Role: httpserver.RoleInstructor, Cohorts: []string{"ours"}},
}

// FuzzEvents holds the door, with a real log behind it, to its contract whatever
// the body is: it never panics; the answer accounts for every event of the body
// and for every message that is new in the log; good events on both sides of
// anything are taken; what a learner wrote is repeated in no message.
func FuzzEvents(f *testing.F) {
	d := newDoor(f)
	for _, file := range []string{"../event/testdata/valid.ndjson", "../event/testdata/invalid.ndjson"} {
		corpus, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, line := range bytes.Split(bytes.TrimSpace(corpus), []byte("\n")) {
			f.Add(byte(i), line)
		}
	}
	good := line(f, "seed", "ada", now, &event.Answer{Item: d.item, Score: 1, Response: "what I think"})
	for i := range byte(12) {
		f.Add(i, []byte(good))
		f.Add(i, []byte(good+"\r\n \n{\n"+good))
		f.Add(i, []byte("["+good+","+good+"]"))
		f.Add(i, []byte("1,null,[[]],\"\xff\",\"\\ud800\""))
		f.Add(i, []byte(strings.Repeat("[", 64)))
		f.Add(i, []byte(" \r\n"))
	}
	f.Fuzz(func(t *testing.T, choice byte, body []byte) {
		who := writers[int(choice)%len(writers)]
		secret := event.NewID()
		body = bytes.ReplaceAll(body, []byte(`"response":"`), []byte(`"response":"`+secret))
		before := d.messages(t)

		var got ingest.Result
		var err error
		var want int // events of the body; -1: it is none
		switch contentType := []string{single, lines, array}[int(choice)/len(writers)%3]; contentType {
		case single:
			want = 1
			got, err = d.post(t, who, contentType, string(body))
		case lines:
			first, last := d.neighbour(t), d.neighbour(t)
			want = 2 + countLines(body)
			got, err = d.post(t, operator, contentType, first+string(body)+"\n"+last)
		case array:
			whole := "[" + d.neighbour(t) + "," + string(body) + "," + d.neighbour(t) + "]"
			want = countElements(whole)
			got, err = d.post(t, operator, contentType, whole)
		}
		if err != nil {
			checkProblem(t, err, want, secret)
			got = ingest.Result{}
		} else {
			checkResult(t, got, want, secret)
		}
		if stored := d.messages(t) - before; stored != uint64(got.Accepted) {
			t.Fatalf("the log holds %d messages more, and %d were accepted", stored, got.Accepted)
		}
	})
}

// neighbour is a good event with an id of its own.
func (d *door) neighbour(t testing.TB) string {
	return line(t, event.NewID(), "ada", now, &event.Answer{Item: d.item, Score: 1})
}

// messages counts what the log holds.
func (d *door) messages(t testing.TB) uint64 {
	t.Helper()
	info, err := d.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Messages
}

func countLines(body []byte) int {
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// countElements counts what another reader of JSON sees in an array; -1 when it
// sees none.
func countElements(body string) int {
	var elements []json.RawMessage
	if err := json.Unmarshal([]byte(body), &elements); err != nil {
		return -1
	}
	return len(elements)
}

func checkProblem(t *testing.T, err error, want int, secret string) {
	t.Helper()
	var problem *httpserver.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("%T: %v, want a problem", err, err)
	}
	allowed := []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity}
	if want != 1 {
		allowed = []int{http.StatusRequestEntityTooLarge}
	}
	if want == -1 {
		allowed = []int{http.StatusBadRequest}
	}
	if !slices.Contains(allowed, problem.Status) || problem.Detail == "" {
		t.Fatalf("answered %d %q for %d events", problem.Status, problem.Detail, want)
	}
	if strings.Contains(problem.Detail, secret) {
		t.Fatalf("the problem repeats what a learner wrote: %s", problem.Detail)
	}
}

func checkResult(t *testing.T, got ingest.Result, want int, secret string) {
	t.Helper()
	if got.Accepted+got.Duplicates+len(got.Rejected) != want {
		t.Fatalf("%d accepted, %d duplicates, %d rejected of %d events", got.Accepted, got.Duplicates, len(got.Rejected), want)
	}
	last := -1
	for _, r := range got.Rejected {
		if r.Index <= last || r.Index >= want {
			t.Fatalf("index %d of %d events comes after %d", r.Index, want, last)
		}
		last = r.Index
		if want > 1 && (r.Index == 0 || r.Index == want-1) {
			t.Fatalf("a good event was rejected: %s", r.Error)
		}
		if r.Error == "" || strings.Contains(r.Error, secret) {
			t.Fatalf("the rejection says nothing or what a learner wrote: %q", r.Error)
		}
	}
}
