package project_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// older reads the log as a version did that could not decode some messages yet.
type older struct {
	source
	unknown []uint64
}

func (o older) Open(ctx context.Context, from uint64) (project.Reader, error) {
	r, err := o.source.Open(ctx, from)
	return olderReader{r, o.unknown}, err
}

type olderReader struct {
	project.Reader
	unknown []uint64
}

func (r olderReader) Next(ctx context.Context, limit int, linger time.Duration) ([]project.Message, error) {
	messages, err := r.Reader.Next(ctx, limit, linger)
	for i, m := range messages {
		if slices.Contains(r.unknown, m.Seq) {
			messages[i].Payload = []byte("a type of the future: " + string(m.Payload))
		}
	}
	return messages, err
}

// interrupted fails in the middle of amendments: when what is to be is stored and
// what was is there too, or when all is done but the retry isn't committed.
type interrupted struct {
	project.Writer
	calls int
}

func (i *interrupted) Amend(ctx context.Context, generation uint32, a *project.Amendment) error {
	i.calls++
	switch i.calls % 3 {
	case 1:
		return errors.Join(i.Write(ctx, generation, &a.Batch), errTorn)
	case 2:
		return errors.Join(i.Writer.Amend(ctx, generation, a), errTorn)
	}
	return i.Writer.Amend(ctx, generation, a)
}

// A retry makes the tables what a rebuild with the present code gives, whatever
// interrupts it: the message is judged at its own place, and those after it again.
func TestARetryIsARebuildOfOneMessage(t *testing.T) {
	t.Parallel()
	item := someItem(t)
	event := func(kind, id, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":"ada","time":"2026-01-01T09:00:00Z","type":"study.%s.v1","data":%s}`, id, kind, data)
	}
	answer := func(id, learner string, minute int, score float64) string {
		return strings.Replace(answerEvent(id, learner, minute, score), `"q1"`, fmt.Sprintf("%q", item), 1)
	}
	payloads := []string{
		answer("alone", "ada", 1, 0),                  // 1: unknown then
		answer("again", "ada", 2, 1),                  // 2: unknown then
		answer("again", "ada", 2, 1),                  // 3: the first then, a repeat now
		answer("other", "ada", 3, 1),                  // 4: unknown then
		answer("other", "bob", 3, 0),                  // 5: the first then, a conflict now
		answer("other", "bob", 3, 0),                  // 6: a repeat then, a conflict now
		answer("other", "ada", 3, 1),                  // 7: a conflict then, a repeat now
		"poison",                                      // 8: poison now, too
		event("answer.voided", "v", `{"event":"a9"}`), // 9: unknown then
	}
	for i := range 300 { // enough for snapshots
		payloads = append(payloads, answer(fmt.Sprintf("a%d", i), []string{"ada", "bob"}[i%2], i, float64(i%3)/2))
	}
	for _, seq := range []int{1, 2, 4, 8, 9, 9, 20} { // one twice, and one that is no dead letter
		payloads = append(payloads, event("deadletter.retried", fmt.Sprintf("retry-%d-%d", seq, len(payloads)), fmt.Sprintf(`{"seq":%d}`, seq)))
	}
	payloads = append(payloads, answer("again", "ada", 2, 1), answer("alone", "ada", 1, 0)) // repeats of what was retried
	log := openLog(t)
	before := uint64(309)
	publish(t, log, payloads[:before])

	s := openStore(t)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	projectFrom(t, older{source{log}, []uint64{1, 2, 4, 9}}, log, s, w, 50)
	derive(t, s)
	counts, err := s.Counts(t.Context(), 1, 0, 1<<62)
	if err != nil || counts.Dead != 5 || counts.Conflicts != 1 || counts.Duplicates != 1 {
		t.Fatalf("the older version left %+v, %v", counts, err)
	}
	publish(t, log, payloads[before:])
	projectAll(t, log, s, &interrupted{Writer: w}, 50)
	derive(t, s)

	rebuilt := openStore(t)
	again := rebuilt.Writer()
	defer func() { _ = again.Close() }()
	projectAll(t, log, rebuilt, again, 1000)
	derive(t, rebuilt)
	same(t, s, rebuilt)
}

// same compares all tables of two stores, learner states included.
func same(t *testing.T, got, want *store.Store) {
	t.Helper()
	for name, hash := range map[string]func(*store.Store) (string, error){
		"facts":     func(s *store.Store) (string, error) { return s.Fingerprint(t.Context(), 1) },
		"snapshots": func(s *store.Store) (string, error) { return s.SnapshotFingerprint(t.Context(), 1) },
	} {
		g, err := hash(got)
		w, err2 := hash(want)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if g != w {
			t.Errorf("%s differ:\n got %s\nwant %s", name, strings.ReplaceAll(g, ";", "\n"), strings.ReplaceAll(w, ";", "\n"))
		}
	}
}

func openLog(t *testing.T) *stream.Log {
	t.Helper()
	log, err := stream.Open(t.Context(), enginetest.NATS(t), stream.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// publish stores payloads as anyone may: without ids, so that the broker can't help.
func publish(t *testing.T, log *stream.Log, payloads []string) {
	t.Helper()
	var messages []stream.Message
	for _, p := range payloads {
		messages = append(messages, stream.Message{Learner: "ada", Payload: []byte(p)})
	}
	if _, err := log.Publish(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

func someItem(t *testing.T) string {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return guide.Answerable()[0].ID
}

// derive writes the snapshots that are due.
func derive(t *testing.T, s *store.Store) {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(guide, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &project.Deriver{Store: s, Facts: 1, Derived: 1, Course: course, Log: slog.New(slog.DiscardHandler)}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}
