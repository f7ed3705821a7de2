package gapwise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise"
)

func answer(learner string, n int) gapwise.Event {
	return gapwise.Event{
		ID:      fmt.Sprintf("%s-%d", learner, n),
		Learner: learner,
		Time:    time.Date(2024, 3, 1, 12, 0, n, 0, time.UTC),
		Data:    &gapwise.Answer{Item: fmt.Sprint("q-", n), Score: 1},
	}
}

// results collects what became of events.
type results struct {
	mu  sync.Mutex
	all []gapwise.Result
}

func (r *results) add(result gapwise.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, result)
}

func TestEmit(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	var got results
	config := b.config()
	config.OnResult = got.add
	client := dial(t, config)

	const learners, each = 7, 300
	for n := range each {
		for l := range learners {
			if _, err := client.Emit(t.Context(), answer(fmt.Sprint("learner-", l), n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	next := map[string]int{}
	for _, event := range readLog(t, log) {
		want := answer(event.Subject, next[event.Subject])
		if event.ID != want.ID || event.Source != config.Source || event.Type != "study.answer.submitted.v1" ||
			!event.Time.Equal(want.Time) || event.Data.Score != 1 {
			t.Fatalf("event %d of %s is %+v", next[event.Subject], event.Subject, event)
		}
		next[event.Subject]++
	}
	if len(next) != learners || next["learner-3"] != each {
		t.Fatalf("the log has %v", next)
	}
	sequences := map[uint64]bool{}
	for _, r := range got.all {
		if r.Err != nil || r.Duplicate || sequences[r.Seq] {
			t.Fatalf("got %+v", r)
		}
		sequences[r.Seq] = true
	}
	if len(sequences) != learners*each {
		t.Fatalf("got %d results", len(sequences))
	}
}

func TestEmitAgainIsADuplicate(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	var got results
	config := b.config()
	config.OnResult = got.add
	client := dial(t, config)
	for range 2 {
		for n := range 5 {
			if _, err := client.Emit(t.Context(), answer("ada", n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(readLog(t, log)); n != 5 {
		t.Fatalf("the log has %d events", n)
	}
	for i, r := range got.all {
		if r.Duplicate != (i >= 5) || r.Seq != uint64(i%5)+1 || r.Learner != "ada" {
			t.Fatalf("result %d is %+v", i, r)
		}
	}
}

func TestEveryKindOfEvent(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	config := b.config()
	now := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	config.Now = func() time.Time { return now }
	client := dial(t, config)
	data := map[string]gapwise.Data{
		"study.answer.submitted.v1":   &gapwise.Answer{Item: "q", Score: 0.5, GradedBy: gapwise.GradedBySelf},
		"study.answer.voided.v1":      &gapwise.Void{Event: "some-id", Reason: "wrong key"},
		"study.checklist.ticked.v1":   &gapwise.Tick{Item: "c", Ticked: true},
		"study.checklist.unticked.v1": &gapwise.Tick{Item: "c"},
		"study.session.started.v1":    &gapwise.Session{Session: "s", Started: true},
		"study.session.ended.v2":      &gapwise.Session{Session: "s", Active: new(25 * time.Minute)},
		"study.cohort.joined.v1":      &gapwise.Membership{Cohort: "autumn", Joined: true},
		"study.cohort.left.v1":        &gapwise.Membership{Cohort: "autumn"},
	}
	ids := map[string]string{}
	for typ, d := range data {
		id, err := client.Emit(t.Context(), gapwise.Event{Learner: "ada", Data: d})
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		ids[typ] = id
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, event := range readLog(t, log) {
		if event.ID == "" || event.ID != ids[event.Type] || !event.Time.Equal(now.Truncate(time.Microsecond)) {
			t.Errorf("got %+v", event)
		}
		delete(ids, event.Type)
	}
	if len(ids) > 0 {
		t.Errorf("not in the log: %v", ids)
	}
}

func TestInvalidEventsAreRefused(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	client := dial(t, b.config())
	for name, e := range map[string]gapwise.Event{
		"no data":       {Learner: "ada"},
		"no learner":    {Data: &gapwise.Tick{Item: "c"}},
		"no item":       {Learner: "ada", Data: &gapwise.Answer{Score: 1}},
		"score":         {Learner: "ada", Data: &gapwise.Answer{Item: "q", Score: 1.5}},
		"utf-8":         {Learner: "ada\xff", Data: &gapwise.Tick{Item: "c"}},
		"in the future": {Learner: "ada", Time: time.Now().Add(25 * time.Hour), Data: &gapwise.Tick{Item: "c"}},
		"large":         {Learner: "ada", Data: &gapwise.Answer{Item: "q", Response: strings.Repeat("x", 20_000)}},
	} {
		id, err := client.Emit(t.Context(), e)
		if err == nil || id == "" || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %q, %v", name, id, err)
		}
		var invalid *gapwise.Invalid
		if name != "no data" && !errors.As(err, &invalid) {
			t.Errorf("%s: %v is no *Invalid", name, err)
		}
	}
	if n := len(readLog(t, log)); n != 0 {
		t.Fatalf("%d were stored", n)
	}
}

func TestConfigTellsEverythingWrongAtOnce(t *testing.T) {
	_, err := gapwise.Dial(gapwise.Config{BatchEvents: 2000, Linger: -1, MaxRetryWait: time.Millisecond})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"URL", "Source", "BatchEvents is 2000", "Linger", "MaxRetryWait"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in: %v", want, err)
		}
	}
}

func TestDialWithoutBroker(t *testing.T) {
	_, err := gapwise.Dial(gapwise.Config{URL: "nats://somebody:secret@127.0.0.1:1", Source: "test"})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Fatalf("got %v", err)
	}
}

// The broker is stopped and started while events are emitted: each is stored once.
func TestBrokerRestarts(t *testing.T) {
	b := startBroker(t)
	b.log()
	var got results
	config := b.config()
	config.OnResult = got.add
	config.BatchEvents = 20
	client := dial(t, config)

	const events, restarts = 3000, 2
	address := b.address()
	for n := range events {
		if n%(events/restarts) == events/restarts/2 {
			b.stop()
			b.start(address)
		}
		if _, err := client.Emit(t.Context(), answer(fmt.Sprint("learner-", n%11), n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, event := range readLog(t, b.log()) {
		if seen[event.ID] {
			t.Fatalf("%s is stored twice", event.ID)
		}
		seen[event.ID] = true
	}
	if len(seen) != events || len(got.all) != events {
		t.Fatalf("%d events are stored, %d results told", len(seen), len(got.all))
	}
}

// Without a log the buffer fills; with it the events go their way.
func TestFullBuffer(t *testing.T) {
	b := startBroker(t)
	config := b.config()
	config.BufferBytes = 10 * 512
	failing := config
	failing.FailWhenFull = true
	client, blocking := dial(t, failing), dial(t, config)

	for n := range 10 {
		for _, c := range []*gapwise.Client{client, blocking} {
			if _, err := c.Emit(t.Context(), answer("ada", n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := client.Emit(t.Context(), answer("ada", 10)); !errors.Is(err, gapwise.ErrFull) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := blocking.Emit(ctx, answer("ada", 10)); !errors.Is(err, gapwise.ErrFull) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if err := blocking.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("flushing without a log gave %v", err)
	}

	emitted := make(chan error)
	go func() {
		_, err := blocking.Emit(t.Context(), answer("ada", 10))
		emitted <- err
	}()
	log := b.log()
	if err := <-emitted; err != nil {
		t.Fatal(err)
	}
	for _, c := range []*gapwise.Client{client, blocking} {
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(readLog(t, log)); n != 11 {
		t.Fatalf("the log has %d events", n)
	}
}

func TestClose(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	client, err := gapwise.Dial(b.config())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		if _, err := client.Emit(t.Context(), answer("ada", n)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := client.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(readLog(t, log)); n != 100 {
		t.Fatalf("Close lost %d events", 100-n)
	}
	if _, err := client.Emit(t.Context(), answer("ada", 100)); !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("emitting after Close gave %v", err)
	}
	if err := client.Flush(t.Context()); !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("flushing after Close gave %v", err)
	}
}

func TestCloseGivesUp(t *testing.T) {
	b := startBroker(t) // without a log
	var got results
	config := b.config()
	config.OnResult = got.add
	config.BufferBytes = 3 * 512
	client, err := gapwise.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := client.Emit(t.Context(), answer("ada", n)); err != nil {
			t.Fatal(err)
		}
	}
	waiting := make(chan error)
	go func() {
		_, err := client.Emit(t.Context(), answer("ada", 3))
		waiting <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Close(ctx); !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("closing without a log gave %v", err)
	}
	if err := <-waiting; !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("the waiting Emit gave %v", err)
	}
	if len(got.all) != 3 {
		t.Fatalf("%d results", len(got.all))
	}
	for _, r := range got.all {
		if !errors.Is(r.Err, gapwise.ErrClosed) {
			t.Errorf("got %+v", r)
		}
	}
}

// BenchmarkEmit is what one goroutine reaches, validation included.
func BenchmarkEmit(b *testing.B) {
	br := startBroker(b)
	br.log()
	client := dial(b, br.config())
	n, began := 0, time.Now()
	for b.Loop() {
		if _, err := client.Emit(b.Context(), answer(fmt.Sprint("learner-", n%500), n)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
}
