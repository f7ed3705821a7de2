package project_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// source reads a real log; it is what cmd/gapwise wires.
type source struct{ log *stream.Log }

func (s source) Open(ctx context.Context, from uint64) (project.Reader, error) {
	r, err := s.log.Consume(ctx, from)
	return reader{r}, err
}

func (s source) Get(ctx context.Context, seq uint64) (project.Message, error) {
	e, err := s.log.Get(ctx, seq)
	if errors.Is(err, stream.ErrNotFound) {
		err = project.ErrNoMessage
	}
	return message(e), err
}

// message takes all that is in the log for let in by Gapwise itself.
func message(e stream.Entry) project.Message {
	return project.Message{Seq: e.Seq, Subject: e.Subject, Stored: e.Stored, Sealed: true, Payload: e.Payload}
}

type reader struct{ *stream.Reader }

func (r reader) Next(ctx context.Context, limit int, linger time.Duration) ([]project.Message, error) {
	for {
		entries, err := r.Reader.Next(ctx, limit, 1<<20, linger)
		if err != nil || len(entries) > 0 {
			messages := make([]project.Message, len(entries))
			for i, e := range entries {
				messages[i] = message(e)
			}
			return messages, err
		}
	}
}

// flaky passes batches on to the real writer and fails at some of them, when no
// rows are stored, or all, or those of facts without the sequences that commit
// them, or those and half of the sequences: the projector can't know which.
type flaky struct {
	project.Writer
	every, calls int
}

var errTorn = errors.New("the connection is gone")

func (f *flaky) Write(ctx context.Context, generation uint32, b *project.Batch) error {
	f.calls++
	if f.every == 0 || f.calls%f.every != 0 {
		return f.Writer.Write(ctx, generation, b)
	}
	torn := *b
	switch f.calls / f.every % 4 {
	case 0:
		return errTorn
	case 1:
		torn.Sequences = nil
	case 2:
		torn.Sequences = b.Sequences[:len(b.Sequences)/2]
	}
	return errors.Join(f.Writer.Write(ctx, generation, &torn), errTorn)
}

// late is a projector's writer that was stopped in the middle of a batch and
// wakes when another one has long gone on: it writes what it held.
func late(t *testing.T, s *store.Store, b *project.Batch) {
	t.Helper()
	w := s.Writer()
	defer func() { _ = w.Close() }()
	if err := w.Write(t.Context(), 1, b); err != nil {
		t.Fatal(err)
	}
}

// keeper keeps a copy of one batch that passes.
type keeper struct {
	project.Writer
	first uint64
	kept  project.Batch
}

func (k *keeper) Write(ctx context.Context, generation uint32, b *project.Batch) error {
	if b.First <= k.first && k.first <= b.Last {
		k.kept = *clone(b)
	}
	return k.Writer.Write(ctx, generation, b)
}

// What a writer that was stopped and wakes writes again changes nothing.
func TestAWriterThatWakesChangesNothing(t *testing.T) {
	log := mixedLog(t)
	s := openStore(t)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	k := &keeper{Writer: w, first: 30}
	projectAll(t, log, s, k, 8)
	before, err := s.Fingerprint(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := s.Counts(t.Context(), 1, 0, 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	late(t, s, &k.kept)
	after, err := s.Fingerprint(t.Context(), 1)
	if err != nil || after != before {
		t.Errorf("tables differ (%v):\n got %s\nwant %s", err, after, before)
	}
	if again, err := s.Counts(t.Context(), 1, 0, 1<<62); err != nil || again != counts {
		t.Errorf("counts are %+v (%v), were %+v", again, err, counts)
	}
	if len(k.kept.Answers) == 0 {
		t.Error("the batch held no answers, so this showed nothing")
	}
}

func hash(learner string) (h project.HMAC) {
	sum := sha256.Sum256([]byte(learner))
	copy(h[:], sum[:])
	return h
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// answerEvent is one answer in wire form.
func answerEvent(id, learner string, minute int, score float64) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":%q,"time":"2026-01-01T10:%02d:00Z",`+
		`"type":"study.answer.submitted.v1","data":{"item":"q1","score":%g}}`, id, learner, minute%60, score)
}

// log is a log with everything in it that a projector meets.
func mixedLog(t *testing.T) *stream.Log {
	t.Helper()
	log := openLog(t)
	envelope := func(kind, id, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":"ada","time":"2026-01-01T09:00:00Z","type":"study.%s.v1","data":%s}`, id, kind, data)
	}
	payloads := []string{
		envelope("cohort.joined", "j", `{"cohort":"c"}`),
		envelope("answer.voided", "v1", `{"event":"a7"}`), // before its answer
		"not json",
		envelope("answer.submitted", "late", `{"item":"q1"}`), // no score
		envelope("session.started", "s1", `{"session":"s"}`),
		envelope("session.ended", "s2", `{"session":"s"}`),
		envelope("checklist.ticked", "t1", `{"item":"q1"}`),
		envelope("topic.pinned", "p1", `{"topic":"k"}`),
		answerEvent("a3", "ada", 3, 0), // first of its key: a3 below repeats or contradicts it
		strings.Replace(answerEvent("soon", "ada", 0, 1), "2026-01-01", "2200-01-01", 1),
	}
	for i := range 60 {
		payloads = append(payloads, answerEvent(fmt.Sprintf("a%d", i), []string{"ada", "bob"}[i%2], i, float64(i%2)))
		if i%5 == 0 {
			payloads = append(payloads, answerEvent(fmt.Sprintf("a%d", i/2), []string{"ada", "bob"}[(i/2)%2], i/2, float64((i/2)%2)))
		}
	}
	payloads = append(payloads, envelope("answer.voided", "v2", `{"event":"a11"}`)) // after its answer
	publish(t, log, payloads)
	return log
}

// projectAll runs a projector until the whole log is projected.
func projectAll(t *testing.T, log *stream.Log, s *store.Store, w project.Writer, maxBatch int) {
	t.Helper()
	projectFrom(t, source{log}, log, s, w, maxBatch)
}

func projectFrom(t *testing.T, from project.Source, log *stream.Log, s *store.Store, w project.Writer, maxBatch int) {
	t.Helper()
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	p := &project.Projector{
		Source: from, Writer: w, Generation: 1, HMAC: hash, MaxBatch: maxBatch,
		Linger: func() time.Duration { return 5 * time.Millisecond }, Log: slog.New(slog.DiscardHandler),
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for {
		floor, err := s.Floor(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if floor >= info.Last {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the projector is at %d of %d: %v", floor, info.Last, p.Progress().Err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Whatever the batches are and wherever writes fail, the tables are equal.
func TestTablesDoNotDependOnBatchesOrFailures(t *testing.T) {
	t.Parallel()
	log := mixedLog(t)
	var want string
	for _, c := range []struct{ maxBatch, failEvery int }{{1000, 0}, {7, 0}, {20, 2}, {5, 2}, {3, 5}} {
		t.Run(fmt.Sprintf("batches of %d failing every %d", c.maxBatch, c.failEvery), func(t *testing.T) {
			s := openStore(t)
			w := s.Writer()
			t.Cleanup(func() { _ = w.Close() })
			projectAll(t, log, s, &flaky{Writer: w, every: c.failEvery}, c.maxBatch)
			got, err := s.Fingerprint(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("tables differ:\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestEverySequenceHasOneOutcome(t *testing.T) {
	log := mixedLog(t)
	s := openStore(t)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	projectAll(t, log, s, w, 20)
	counts, err := s.Counts(t.Context(), 1, 0, 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	if counts.Learners, err = s.NewLearners(t.Context(), 1, 0, 1<<62); err != nil {
		t.Fatal(err)
	}
	want := query.Counts{
		Messages: 83, Facts: 67, Duplicates: 12, Conflicts: 1, Dead: 3, Answers: 60, Learners: 2,
	}
	if counts != want {
		t.Errorf("counts are %+v, want %+v", counts, want)
	}
	dead, err := s.DeadLetters(t.Context(), 1, admin.Filter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, d := range dead {
		reasons = append(reasons, d.Reason)
		if d.Raw == "" || d.Detail == "" || d.Stored.IsZero() {
			t.Errorf("dead letter %d lacks what a person needs: %+v", d.Seq, d)
		}
	}
	if got := strings.Join(reasons, " "); got != "malformed_json missing_field future_time conflict" {
		t.Errorf("reasons are %q", got)
	}
}

// Voids count whichever side of their answer they are stored on.
func TestVoidedAnswersDoNotCount(t *testing.T) {
	log := mixedLog(t)
	s := openStore(t)
	w := s.Writer()
	defer func() { _ = w.Close() }()
	projectAll(t, log, s, w, 1000)
	floor, err := s.Floor(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	activity, err := s.Activity(t.Context(), 1, []string{"ada", "bob"}, floor)
	if err != nil {
		t.Fatal(err)
	}
	// a7 and a11 are bob's, but ada's voids take back ada's events only.
	if activity["ada"].Answers != 31 || activity["bob"].Answers != 29 {
		t.Errorf("ada has %d and bob %d answers", activity["ada"].Answers, activity["bob"].Answers)
	}
}

// Whole batches wait for more of the log, and not for ever: it may end anywhere.
func TestWholeBatchesEndWithTheLog(t *testing.T) {
	const events = 3000 // a read that is large, and the last one
	log := openLog(t)
	payloads := make([]string, events)
	for i := range payloads {
		payloads[i] = answerEvent(fmt.Sprintf("w%d", i), "ada", i, 1)
	}
	publish(t, log, payloads)
	s := openStore(t)
	w := s.Writer()
	t.Cleanup(func() { _ = w.Close() })
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	p := &project.Projector{
		Source: source{log}, Writer: w, Generation: 1, HMAC: hash, Log: slog.New(slog.DiscardHandler),
		Linger: func() time.Duration { return time.Second }, Whole: func() bool { return true },
		Observe: func(b *project.Batch, _ time.Duration) {
			if b.Last == events {
				stop()
			}
		},
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := p.Progress(); got.Floor != events || got.Batches != 1 {
		t.Errorf("%d batches up to sequence %d, want one up to %d: %v", got.Batches, got.Floor, events, got.Err)
	}
}
