package project_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/project"
)

// projectAsBefore projects as a version did that could not decode some messages of
// ada yet.
func (l *ledger) projectAsBefore(t *testing.T, seqs ...uint64) {
	t.Helper()
	projectFrom(t, older{source{l.log}, seqs}, l.log, l.store, l.writer, 2)
	for _, seq := range seqs {
		hmac := fmt.Sprintf("learner_hmac = unhex('%s')", hash("ada"))
		for _, set := range []string{
			"dead_letters UPDATE " + hmac + ", raw = replaceOne(raw, 'a type of the future: ', '')", "sequences UPDATE " + hmac,
		} {
			l.exec(t, fmt.Sprintf("ALTER TABLE %s WHERE seq = %d SETTINGS mutations_sync = 1", set, seq))
		}
	}
}

// Messages that only the present version can decode are no mismatch but to be
// retried, and neither is what follows from their not counting.
func TestVerifyTellsWhatToRetry(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	answer := func(id string, score float64) string { return answerEvent(id, "ada", 1, score) }
	publish(t, l.log, []string{answer("new", 1), answer("new", 1), answer("new", 0), answer("other", 1)}) // 317 to 320
	l.projectAsBefore(t, 317, 320)
	got := l.verify(t, project.VerifyScope{})
	if !got.OK || got.Retryable != 2 || got.DeadLetters != 5 || got.Rows != 313 {
		t.Errorf("found %+v", got)
	}
	retry := func(seq int) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"retry-%d","source":"test","subject":"log","time":"2026-01-01T09:00:00Z",`+
			`"type":"study.deadletter.retried.v1","data":{"seq":%[1]d}}`, seq)
	}
	publish(t, l.log, []string{retry(317), retry(320)})
	l.project(t)
	got = l.verify(t, project.VerifyScope{})
	if !got.OK || got.Retryable != 0 || got.DeadLetters != 3 || got.Duplicates != 2 {
		t.Errorf("after the retries found %+v", got)
	}
}

// Verifying says nothing wrong while events pour in, with voids, repeats, late ones
// and dead letters that are retried.
func TestVerifyWhileEventsPourIn(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	publish(t, l.log, []string{answerEvent("x0", "ada", 1, 1), answerEvent("x1", "ada", 1, 1)})
	l.projectAsBefore(t, 317, 318)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	p := &project.Projector{Source: source{l.log}, Writer: l.writer, Generation: 1, HMAC: hash, Linger: func() time.Duration { return 5 * time.Millisecond }, Log: slog.New(slog.DiscardHandler)}
	d := &project.Deriver{Store: l.store, Facts: 1, Derived: 1, Course: l.course, Log: slog.New(slog.DiscardHandler), Every: 20 * time.Millisecond}
	running.Go(func() { _ = p.Run(ctx) })
	running.Go(func() { _ = d.Run(ctx) })
	item := someItem(t)
	rounds := make(chan struct{}, 10) // that may pour in while one verification runs, however slow the machine is
	running.Go(func() {
		for round := 0; ; round++ {
			select {
			case <-ctx.Done():
				return
			case <-rounds:
			}
			var payloads []string
			for i := range 200 {
				n := i % 180 // the last ones are repeats
				e := answerEvent(fmt.Sprintf("p%d-%d", round, n), []string{"ada", "bob"}[n%2], 200-n, float64(n%3)/2)
				if i > 197 {
					e = answerEvent(fmt.Sprintf("p%d-%d", round, n), "bob", 0, 0) // and two contradict
				}
				payloads = append(payloads, strings.Replace(e, `"q1"`, fmt.Sprintf("%q", item), 1))
			}
			if round < 2 {
				payloads = append(payloads, fmt.Sprintf(`{"specversion":"1.0","id":"again-%d","source":"test","subject":"log","time":"2026-01-01T09:00:00Z",`+
					`"type":"study.deadletter.retried.v1","data":{"seq":%d}}`, round, 317+round))
			}
			publish(t, l.log, payloads)
			select {
			case <-ctx.Done():
			case <-time.After(150 * time.Millisecond):
			}
		}
	})
	defer running.Wait()
	defer stop()
	v := l.verifier()
	v.Window = 4096
	var last *project.Ledger
	little := func() bool {
		return last.To < 1000 || last.Duplicates < 50 || last.DeadLetters < 6 || last.Snapshots < 8
	}
	for n := 0; n < 5 || n < 50 && little(); n++ {
		for len(rounds) < cap(rounds) {
			rounds <- struct{}{}
		}
		var err error
		if last, err = v.Run(t.Context(), project.VerifyScope{}, nil); err != nil {
			t.Fatal(err)
		}
		if !last.OK {
			t.Errorf("found %+v", last)
		}
	}
	if little() {
		t.Errorf("too little poured in: %+v", last)
	}
}

// A generation that is dropped while it is verified, because others took its place, is
// told as that, and neither found in order nor full of holes.
func TestVerifyTellsThatItsGenerationIsGone(t *testing.T) {
	l := openLedger(t)
	for _, dropped := range []bool{false, true} {
		v := l.verifier()
		v.Erasing = func(ctx context.Context) (project.Erasing, error) {
			if !dropped {
				return project.Erasing{}, nil
			}
			return project.Erasing{}, l.store.DropDerived(ctx, 1)
		}
		ledger, err := v.Run(t.Context(), project.VerifyScope{}, nil)
		if dropped != errors.Is(err, project.ErrDropped) || !dropped && (!ledger.OK || ledger.Snapshots == 0) {
			t.Errorf("dropped %t: %+v, %v", dropped, ledger, err)
		}
	}
}
