package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/embedded"
)

func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%v: %.400s", err, text)
	}
}

// broker connects to the instance's broker, as a producer or as Gapwise itself.
func (l *life) broker(t *testing.T, producer bool) *nats.Conn {
	t.Helper()
	return connectBroker(t, l.dir, producer)
}

func connectBroker(t *testing.T, dir string, producer bool) *nats.Conn {
	t.Helper()
	info, err := embedded.ReadRunInfo(dir)
	if err != nil {
		t.Fatal(err)
	}
	logins, err := embedded.ReadLogins(dir)
	if err != nil && logins.NATS.User == "" {
		t.Fatal(err)
	}
	options := []nats.Option{nats.UserInfo(logins.NATS.User, logins.NATS.Password)}
	if producer {
		options = []nats.Option{
			nats.UserInfo(logins.Producer.User, logins.Producer.Password), nats.CustomInboxPrefix(embedded.ProducerInbox),
		}
	}
	conn, err := nats.Connect(info.NATSURL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// repeatsByNATS publishes the whole log once more without ids, so that the broker
// recognises nothing: the projection has to.
func (l *life) repeatsByNATS(t *testing.T) {
	before := l.operator.settled(t)
	then := l.at(t, before.AsOf)
	conn := l.broker(t, false)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "STUDY")
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= before.Last; seq++ {
		message, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishAsync(message.Subject, message.Data); err != nil {
			t.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()

	after := l.sameFacts(t, before.Counts)
	want := before.Counts
	want.Messages += int(before.Last)
	want.Duplicates += int(before.Last)
	if after != want {
		t.Errorf("counts are %+v, want %+v", after, want)
	}
	for path, now := range l.at(t, before.AsOf) {
		if now != then[path] {
			t.Errorf("%s changed by repeats:\n%.600s\n%.600s", path, then[path], now)
		}
	}
	for learner, answers := range l.of {
		if got := l.progress(t, learner); got != answers {
			t.Errorf("%s has %d answers in progress, %d in the file", learner, got, answers)
		}
	}
}

// plainNATS publishes as anyone may, without the Go client.
func (l *life) plainNATS(t *testing.T) {
	const source, subject = "https://plain.example", "study.events.07"
	before := l.operator.settled(t).Counts
	conn := l.broker(t, true)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(payload []byte) {
		if _, err := js.Publish(t.Context(), subject, payload); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2025, 7, 1, 8, 0, 0, 0, time.UTC)
	first := answerEvent("p1", source, "nadia", "item-01", at)
	second := answerEvent("p2", source, "nadia", "item-02", at.Add(time.Minute))
	if err := conn.Publish(subject, first.json(t)); err != nil { // core NATS: no acknowledgement
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(second.json(t))

	publish(second.json(t)) // a repeat
	other := second
	other.Data = map[string]any{"item": "item-02", "correct": false}
	publish(other.json(t)) // a conflict
	unknown := answerEvent("p3", source, "nadia", "no-such-item", at.Add(2*time.Minute))
	publish(unknown.json(t)) // a fact that no topic counts
	scoreless := answerEvent("p4", source, "nadia", "item-03", at)
	scoreless.Data = map[string]any{"item": "item-03"}
	future := answerEvent("p5", source, "nadia", "item-03", time.Now().Add(48*time.Hour))
	strange := answerEvent("p6", source, "nadia", "item-03", at)
	strange.Type = "study.answer.guessed.v1"
	forged := answerEvent("p7", source, strings.Repeat("0", 32), "", at) // what only operators cause
	forged.Type, forged.Data = "study.learner.erased.v1", map[string]any{"learner_hmac": forged.Subject, "request": "r"}
	for _, payload := range [][]byte{
		[]byte("not json"), scoreless.json(t), future.json(t), strange.json(t), {0xff, 0xfe, 0x00, 0x80}, {}, forged.json(t),
	} {
		publish(payload)
	}

	got := l.operator.settled(t).Counts
	want := counts{
		Messages: before.Messages + 12, Facts: before.Facts + 3, Duplicates: before.Duplicates + 1,
		Conflicts: before.Conflicts + 1, Dead: before.Dead + 7, Answers: before.Answers + 3, Learners: before.Learners + 1,
	}
	if got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
	r := get[learnerReport](t, l.operator, "/v1/learners/nadia/weak-topics")
	if r.Answers != 3 || r.Unmapped != 1 {
		t.Errorf("nadia's report counts %d answers, %d unmapped; want 3 and 1", r.Answers, r.Unmapped)
	}
	l.answered += 3

	letters := get[deadLetters](t, l.operator, "/v1/admin/deadletters").DeadLetters
	var reasons []string
	for _, letter := range letters {
		reasons = append(reasons, letter.Reason)
		if letter.Detail == "" {
			t.Errorf("dead letter %d says no more than %q", letter.Seq, letter.Reason)
		}
	}
	wantReasons := []string{"conflict", "malformed_json", "missing_field", "future_time", "unknown_type", "invalid_utf8", "malformed_json", "unsealed"}
	if !slices.Equal(reasons, wantReasons) {
		t.Errorf("dead letters are %v, want %v", reasons, wantReasons)
	}
	if i := slices.Index(reasons, "missing_field"); i >= 0 {
		if letter := letters[i]; !strings.Contains(letter.Detail, "score") || letter.Raw != string(scoreless.json(t)) {
			t.Errorf("the dead letter of an answer without a score says %q of %q", letter.Detail, letter.Raw)
		}
	}
}
