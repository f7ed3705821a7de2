package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// badInput sends what no producer should, between good events: each gets an answer
// that tells what is wrong, the good ones are stored, and nothing falls over.
func (l *life) badInput(t *testing.T) {
	const source = "https://bad.example"
	d := &door{life: l, source: source, producer: l.as(t, "--role", "producer", "--source", source)}
	before := l.operator.settled(t).Counts
	d.single(t)
	d.lists(t)
	d.bodies(t)
	d.rights(t)
	d.paths(t)
	if !ready(l.url) {
		t.Error("gapwise isn't ready any more")
	}
	l.mustRun(t)
	after := l.operator.settled(t).Counts
	if after.Answers-before.Answers != d.good || after.Dead != before.Dead || after.Conflicts != before.Conflicts {
		t.Errorf("%d good answers went in between the bad; counts were %+v and are %+v", d.good, before, after)
	}
	if got := l.progress(t, "greta"); got != d.good {
		t.Errorf("greta has %d answers in progress, want %d", got, d.good)
	}
	l.answered += d.good
}

// door is POST /v1/events with one producer in front of it.
type door struct {
	*life
	source   string
	producer caller
	good     int // good answers of greta that were taken
}

var badTime = time.Date(2025, 8, 1, 9, 0, 0, 0, time.UTC)

// answer is the next good answer of greta, after which change makes it bad.
func (d *door) answer(t *testing.T, id string, change func(*cloudEvent)) []byte {
	t.Helper()
	e := answerEvent(id, d.source, "greta", "item-05", badTime)
	if change != nil {
		change(&e)
	}
	return e.json(t)
}

// next is a good answer with an id of its own.
func (d *door) next(t *testing.T) []byte {
	t.Helper()
	d.good++
	return d.answer(t, fmt.Sprintf("good-%d", d.good), nil)
}

// without is an answer without one attribute.
func (d *door) without(t *testing.T, attribute string) []byte {
	t.Helper()
	var e map[string]any
	decode(t, d.answer(t, "less", nil), &e)
	delete(e, attribute)
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect sends a request and holds the answer to a status and to a word in it.
func expect(t *testing.T, c caller, what, contentType string, body []byte, status int, says string) []byte {
	t.Helper()
	got, answer := c.call(t, http.MethodPost, "/v1/events", contentType, bytes.NewReader(body))
	if got != status || !strings.Contains(string(answer), says) {
		t.Errorf("%s: answered %d %.300s, want %d and %q", what, got, bytes.TrimSpace(answer), status, says)
	}
	if status >= 400 {
		var problem struct{ Title, Detail string }
		if json.Unmarshal(answer, &problem) != nil || problem.Title == "" || problem.Detail == "" {
			t.Errorf("%s: the answer is no problem document that helps: %.300s", what, answer)
		}
	}
	return answer
}

// single sends events one by one.
func (d *door) single(t *testing.T) {
	item := func(item any) func(*cloudEvent) {
		return func(e *cloudEvent) { e.Data = map[string]any{"item": item, "correct": true} }
	}
	data := func(name string, value any) func(*cloudEvent) {
		return func(e *cloudEvent) { e.Data[name] = value }
	}
	for _, c := range []struct {
		what   string
		body   []byte
		status int
		says   string
	}{
		{"a good event", d.next(t), 200, `"accepted":1`},
		{"malformed JSON", []byte(`{"specversion":"1.0",`), 400, "ends early"},
		{"more after the event", append(d.answer(t, "x", nil), "{}"...), 400, "more JSON"},
		{"an array where an event is needed", []byte(`[1]`), 400, "array"},
		{"a number where an event is needed", []byte(`42`), 400, "number"},
		{"an empty body", nil, 400, "empty"},
		{"binary garbage", []byte{0x1f, 0x8b, 0x08, 0x00, 0xff, 0xfe, 0x00, 0x01}, 400, "UTF-8"},
		{"invalid UTF-8 in a string", bytes.Replace(d.answer(t, "x", nil), []byte("greta"), []byte("gr\xffta"), 1), 400, "UTF-8"},
		{"a name twice", bytes.Replace(d.answer(t, "x", nil), []byte(`{`), []byte(`{"id":"y",`), 1), 422, "twice"},
		{"no id", d.without(t, "id"), 422, "id: missing"},
		{"no source", d.without(t, "source"), 422, "source: missing"},
		{"no subject", d.without(t, "subject"), 422, "subject: missing"},
		{"no time", d.without(t, "time"), 422, "time: missing"},
		{"no type", d.without(t, "type"), 422, "type: missing"},
		{"no data", d.without(t, "data"), 422, "data: missing"},
		{"no specversion", d.without(t, "specversion"), 422, "specversion: missing"},
		{"another specversion", d.answer(t, "x", func(e *cloudEvent) { e.SpecVersion = "0.3" }), 422, "specversion"},
		{"an empty id", d.answer(t, "", nil), 422, "id: empty"},
		{"an unknown type", d.answer(t, "x", func(e *cloudEvent) { e.Type = "study.answer.submited.v1" }), 422, "did you mean"},
		{"an unknown item", d.answer(t, "x", item("item-9999")), 422, "not in the catalog"},
		{"an item that is a number", d.answer(t, "x", item(7)), 422, "data.item: a number where a string is needed"},
		{"no item", d.answer(t, "x", func(e *cloudEvent) { delete(e.Data, "item") }), 422, "data.item: missing"},
		{"no score", d.answer(t, "x", func(e *cloudEvent) { delete(e.Data, "correct") }), 422, "score"},
		{"a score above 1", d.answer(t, "x", data("score", 1.5)), 422, "data.score"},
		{"a score that contradicts", d.answer(t, "x", data("score", 0)), 422, "score"},
		{"correct as a string", d.answer(t, "x", data("correct", "yes")), 422, "data.correct: a string where true or false"},
		{"an unknown grader", d.answer(t, "x", data("graded_by", "oracle")), 422, "graded_by"},
		{"a confidence of 9", d.answer(t, "x", data("confidence", 9)), 422, "confidence"},
		{"a time that is none", d.answer(t, "x", func(e *cloudEvent) { e.Time = "yesterday" }), 422, "time"},
		{"a time in the future", d.answer(t, "x", func(e *cloudEvent) {
			e.Time = time.Now().Add(25 * time.Hour).UTC().Format(time.RFC3339)
		}), 422, "24 h ahead"},
		{"a subject that is too long", d.answer(t, "x", func(e *cloudEvent) { e.Subject = strings.Repeat("s", 129) }), 422, "subject"},
		{"an event over its limit", d.answer(t, "x", data("note", strings.Repeat("n", 1<<20))), 422, "over the limit"},
		{"numbers beyond every range", d.answer(t, "x", data("attempt", json.Number("1e999"))), 422, "attempt"},
		{"JSON of great depth", []byte(strings.Repeat(`{"a":`, 20000) + strings.Repeat("}", 20000)), 400, "depth"},
		{"another good event", d.next(t), 200, `"accepted":1`},
	} {
		expect(t, d.producer, c.what, oneEvent, c.body, c.status, c.says)
	}
}

// lists sends many events at once, good ones beside bad.
func (d *door) lists(t *testing.T) {
	lines := bytes.Join([][]byte{
		d.next(t), []byte(`{"id":"half`), {}, d.next(t), d.answer(t, "unknown", func(e *cloudEvent) { e.Data["item"] = "nope" }),
		{0xff, 0x00, 0xfe}, []byte("null"), d.answer(t, "other", func(e *cloudEvent) { e.Source = "https://not.mine" }), d.next(t),
	}, []byte("\r\n"))
	answer := expect(t, d.producer, "NDJSON with bad lines", ndjson, lines, 200, `"accepted":3`)
	var got ingested
	decode(t, answer, &got)
	want := []struct {
		index int
		id    string // empty: null
		says  string
	}{{1, "", "ends early"}, {3, "unknown", "not in the catalog"}, {4, "", "UTF-8"}, {5, "", "null"}, {6, "other", "not this token's source"}}
	if len(got.Rejected) != len(want) {
		t.Fatalf("rejected are %s, want %v", answer, want)
	}
	for i, w := range want {
		r := got.Rejected[i]
		if r.Index != w.index || (r.ID == nil) != (w.id == "") || r.ID != nil && *r.ID != w.id || !strings.Contains(r.Error, w.says) {
			t.Errorf("rejection %d is %+v, want %+v", i, r, w)
		}
	}

	array := fmt.Appendf(nil, "[%s, 7, %s, {}]", d.next(t), d.next(t))
	expect(t, d.producer, "an array with bad elements", batch, array, 200, `"accepted":2`)
	for what, body := range map[string]string{
		"an array that does not end": "[" + string(d.answer(t, "x", nil)), "an object where an array is needed": "{}",
		"an array of broken JSON": `[{"a":]`, "more after an array": "[] []", "no array at all": "",
	} {
		expect(t, d.producer, what, batch, []byte(body), 400, "array")
	}
	expect(t, d.producer, "an empty array", batch, []byte("[]"), 200, `"accepted":0`)
	expect(t, d.producer, "no line", ndjson, []byte("\n\n"), 200, `"accepted":0`)

	many := bytes.Repeat(append(d.answer(t, "many", nil), '\n'), 10_001)
	expect(t, d.producer, "10,001 events", ndjson, many, 413, "10001")
}

// bodies come in ways that HTTP clients don't send them.
func (d *door) bodies(t *testing.T) {
	expect(t, d.producer, "10 MB", ndjson, bytes.Repeat([]byte("x"), 10<<20), 413, "over the limit")
	for _, contentType := range []string{"text/plain", "application/json", "", "application/cloudevents+json;;"} {
		expect(t, d.producer, "content type "+contentType, contentType, d.answer(t, "x", nil), 415, "content type")
	}
	expect(t, d.producer, "a content type with parameters", "Application/CloudEvents+JSON; charset=utf-8", d.next(t), 200, `"accepted":1`)

	// Without a length, and more than allowed.
	pipe, feed := io.Pipe()
	go func() {
		line := append(d.answer(t, "x", nil), '\n')
		for range (10 << 20) / len(line) {
			if _, err := feed.Write(line); err != nil {
				return // the server hung up, as it may
			}
		}
		_ = feed.Close()
	}()
	if status, answer := d.producer.call(t, http.MethodPost, "/v1/events", ndjson, pipe); status != http.StatusRequestEntityTooLarge {
		t.Errorf("10 MB of unknown length: answered %d %.200s", status, answer)
	}

	if status, answer := d.handmade(t, 1000, string(d.answer(t, "x", nil))[:90]); status != 400 || !strings.Contains(answer, "early") {
		t.Errorf("a body that breaks off: answered %d %.300s, want 400", status, answer)
	}
	body := string(d.next(t))
	if status, answer := d.handmade(t, len(body), strings.Split(body, "")...); status != 200 || !strings.Contains(answer, `"accepted":1`) {
		t.Errorf("a body that comes byte by byte: answered %d %.300s, want 200", status, answer)
	}
}

// handmade writes a request of its own: a length, and pieces of a body one after
// the other.
func (d *door) handmade(t *testing.T, length int, pieces ...string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	head := fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		d.producer.token, oneEvent, length)
	for _, piece := range append([]string{head}, pieces...) {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // a packet of its own
	}
	if len(strings.Join(pieces, "")) < length { // the rest never comes, but the answer is waited for
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// rights are tried by everyone.
func (d *door) rights(t *testing.T) {
	body := d.answer(t, "x", nil)
	expect(t, caller{url: d.url}, "no token", oneEvent, body, 401, "token")
	expect(t, caller{d.url, "abc.def.ghi"}, "a token that is none", oneEvent, body, 401, "token")
	keys, err := httpserver.OpenKeys(filepath.Join(d.dir, "keys", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	keys.Now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	expired, err := keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, caller{d.url, expired}, "an expired token", oneEvent, body, 401, "expired")

	foreign := newToken(t, environment(otherFolder(t)), "--role", "operator")
	expect(t, caller{d.url, foreign}, "another folder's token", oneEvent, body, 401, "key")

	type who struct {
		name string
		caller
	}
	learner := who{"a learner", d.as(t, "--role", "learner", "--learner", "greta")}
	instructor := who{"an instructor", d.as(t, "--role", "instructor", "--cohort", "elsewhere")}
	producer := who{"a producer", d.producer}
	for _, c := range []struct {
		kind, subject string
		data          map[string]any
		who           []who // who may not
	}{
		{"answer.submitted.v1", "ines", map[string]any{"item": "item-01", "correct": true}, []who{learner, instructor}},
		{"answer.submitted.v1", "greta", map[string]any{"item": "item-01", "correct": true, "graded_by": "instructor"}, []who{learner, instructor}},
		{"answer.voided.v1", "greta", map[string]any{"event": "good-1"}, []who{learner, instructor}},
		{"answer.voided.v1", "ines", map[string]any{"event": "self-0", "source": "https://self.example"}, []who{learner, instructor, producer}},
		{"checklist.ticked.v1", "ines", map[string]any{"item": "item-01"}, []who{learner, instructor}},
		{"checklist.unticked.v1", "ines", map[string]any{"item": "item-01"}, []who{learner, instructor}},
		{"session.started.v1", "ines", map[string]any{"session": "s"}, []who{learner, instructor}},
		{"session.ended.v1", "ines", map[string]any{"session": "s"}, []who{learner, instructor}},
		{"session.ended.v2", "ines", map[string]any{"session": "s", "active_seconds": 60}, []who{learner, instructor}},
		{"cohort.joined.v1", "greta", map[string]any{"cohort": cohort}, []who{learner, instructor, producer}},
		{"cohort.left.v1", "ines", map[string]any{"cohort": cohort}, []who{learner, instructor, producer}},
		{"topic.pinned.v1", "ines", map[string]any{"topic": "algebra"}, []who{learner, instructor, producer}},
		{"topic.excluded.v1", "ines", map[string]any{"topic": "algebra"}, []who{learner, instructor, producer}},
		{"topic.released.v1", "ines", map[string]any{"topic": "algebra"}, []who{learner, instructor, producer}},
		{"catalog.published.v1", "excerpt", map[string]any{"version": "v", "content": "c"}, []who{learner, instructor, producer}},
		{"model.published.v1", "excerpt", map[string]any{"version": "v", "content": "c"}, []who{learner, instructor, producer}},
	} {
		e := answerEvent("right", d.source, c.subject, "", badTime)
		e.Type, e.Data = "study."+c.kind, c.data
		for _, w := range c.who {
			expect(t, w.caller, w.name+" writes "+c.kind+" of "+c.subject, oneEvent, e.json(t), 403, "")
			answer := expect(t, w.caller, w.name+" writes a list with "+c.kind+" of "+c.subject, ndjson, e.json(t), 200, `"accepted":0`)
			if !strings.Contains(string(answer), "forbidden") {
				t.Errorf("%s writes a list with %s of %s: the rejection gives no reason: %s", w.name, c.kind, c.subject, answer)
			}
		}
	}
}

// paths of reports may hold anything, too.
func (d *door) paths(t *testing.T) {
	for path, status := range map[string]int{
		"/v1/learners/%ff%fe/weak-topics": 200, "/v1/learners/%00/progress": 200, "/v1/learners/%F0%9F%92%A5/next-topics": 200,
		"/v1/learners/o'neil%22%5C/export": 200, "/v1/learners/{x:String}/evidence?item=%27%29--": 200,
		"/v1/cohorts/%ff/heatmap": 200, "/v1/cohorts/a%2Fb/items": 200, "/v1/cohorts/%27%20OR%201=1/learners": 200,
		"/v1/learners/ines/weak-topics?by=%ff": 400, "/v1/learners/ines/weak-topics?as_of=%ff": 400,
		"/v1/learners/ines/weak-topics?as_of=99999999": 400, "/v1/learners/ines/weak-topics?as_of=1@2999-01-01T00:00:00Z": 400,
		"/v1/learners/ines/weak-topics?as_of=0": 200, "/v1/learners/ines/weak-topics?as_of=0001-01-01T00:00:00Z": 200,
		"/v1/learners/ines/weak-topics?as_of=-1": 400, "/v1/learners/ines/weak-topics?as_of=1@": 400,
		"/v1/learners/ines/progress?as_of=18446744073709551615": 400, "/v1/cohorts/excerpt/items?limit=0": 400,
		"/v1/cohorts/excerpt/items?limit=1e9": 400, "/v1/cohorts/excerpt/items?cursor=%ff": 400,
		"/v1/learners/ines/evidence": 400, "/v1/learners/ines/evidence?concern=%ff": 404, "/v1/learners/ines/evidence?item=item-01&cursor=x": 400,
		"/v1/nothing": 404,
	} {
		operator := caller{d.url, d.operator.token}
		if got, answer := operator.call(t, http.MethodGet, path, "", nil); got != status || !json.Valid(answer) {
			t.Errorf("GET %s: answered %d %.300s, want %d", path, got, answer, status)
		}
	}
}

// otherFolder is a data folder with keys of its own.
func otherFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := httpserver.OpenKeys(filepath.Join(dir, "keys", "tokens.json")); err != nil {
		t.Fatal(err)
	}
	return dir
}
