package gapwise_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise"
	"github.com/gapwise/gapwise/internal/outbox"
	"github.com/gapwise/gapwise/internal/stream"
)

// checkOrder holds the log to have these events of each learner, in this order;
// repeats of earlier ones may be between.
func checkOrder(t testing.TB, log *stream.Log, want map[string][]string) {
	t.Helper()
	got, seen := map[string][]string{}, map[string]bool{}
	for _, event := range readLog(t, log) {
		if !seen[event.ID] {
			seen[event.ID] = true
			got[event.Subject] = append(got[event.Subject], event.ID)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the log has events of %d learners, want %d", len(got), len(want))
	}
	for learner, ids := range want {
		if strings.Join(got[learner], " ") != strings.Join(ids, " ") {
			t.Errorf("the log has of %s\n%v, want\n%v", learner, got[learner], ids)
		}
	}
}

// kept lists the files with events in an outbox.
func kept(t testing.TB, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Nothing needs the broker to be there: two clients, one after the other, leave
// their events in the outbox, and a third sends them.
func TestOutboxWithoutBroker(t *testing.T) {
	b := startBroker(t)
	b.log()
	var got results
	config := b.config()
	config.Outbox, config.OnResult = filepath.Join(t.TempDir(), "outbox"), got.add
	address := b.address()
	b.stop()

	const learners, each = 5, 40
	want := map[string][]string{}
	for round := range 2 {
		client, err := gapwise.Dial(config)
		if err != nil {
			t.Fatal(err)
		}
		for n := range each {
			for l := range learners {
				e := answer(fmt.Sprint("learner-", l), round*each+n)
				if _, err := client.Emit(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				want[e.Learner] = append(want[e.Learner], e.ID)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := client.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprint((round+1)*learners*each)) {
			t.Fatalf("flushing gave %v", err)
		}
		err = client.Close(ctx)
		cancel()
		if !errors.Is(err, gapwise.ErrKept) || !strings.Contains(err.Error(), fmt.Sprint((round+1)*learners*each, " events wait in ", config.Outbox)) {
			t.Fatalf("closing gave %v", err)
		}
	}
	if len(got.all) > 0 {
		t.Fatalf("of events that are kept it was told %+v", got.all)
	}

	client := dial(t, config)
	if _, err := gapwise.Dial(config); !errors.Is(err, outbox.ErrInUse) {
		t.Fatalf("a second client got %v", err)
	}
	b.start(address)
	log := b.log()
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, log, want)
	if len(got.all) != 2*learners*each || got.all[0].ID == "" || got.all[0].Learner == "" || got.all[0].Err != nil {
		t.Fatalf("%d results, the first is %+v", len(got.all), got.all[0])
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := kept(t, config.Outbox); len(left) > 0 {
		t.Fatalf("the log has all; there are %v", left)
	}
}

// The broker goes away and comes back while events are emitted.
func TestOutboxBrokerRestarts(t *testing.T) {
	b := startBroker(t)
	b.log()
	config := b.config()
	config.Outbox = t.TempDir()
	config.BatchEvents = 20
	config.BufferBytes = 100 * 512 // read ahead only so far
	client := dial(t, config)
	want := map[string][]string{}
	const events, restarts = 1500, 3
	address := b.address()
	for n := range events {
		if n%(events/restarts) == events/restarts/2 {
			b.stop()
		}
		if n%(events/restarts) == events/restarts-1 {
			b.start(address)
		}
		e := answer(fmt.Sprint("learner-", n%11), n)
		if _, err := client.Emit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		want[e.Learner] = append(want[e.Learner], e.ID)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, b.log(), want)
}

// A producer is killed with -9 time after time: what Emit returned for is in the
// log in the end, in order.
func TestOutboxProducerKilled(t *testing.T) {
	b := startBroker(t)
	log := b.log()
	config := b.config()
	config.Outbox = t.TempDir()
	want := map[string][]string{}
	address := b.address()
	for round := range 4 {
		away := round == 1 || round == 2
		if away {
			b.stop()
		}
		for _, id := range emitAndKill(t, config, round) {
			learner, _, _ := strings.Cut(id, "-")
			want[learner] = append(want[learner], id)
		}
		if away {
			b.start(address)
			log = b.log()
		}
	}
	client := dial(t, config)
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	// One event a round may be there of which Emit had not returned yet, or it had
	// and was not heard.
	told := map[string]bool{}
	for _, ids := range want {
		for _, id := range ids {
			told[id] = true
		}
	}
	got, seen, untold := map[string][]string{}, map[string]bool{}, 0
	for _, event := range readLog(t, log) {
		switch {
		case seen[event.ID]:
		case !told[event.ID]:
			untold++
		default:
			got[event.Subject] = append(got[event.Subject], event.ID)
		}
		seen[event.ID] = true
	}
	if untold > 4 {
		t.Errorf("the log has %d events that were not told", untold)
	}
	for learner, ids := range want {
		if strings.Join(got[learner], " ") != strings.Join(ids, " ") {
			t.Errorf("the log has of %s\n%v, want\n%v", learner, got[learner], ids)
		}
	}
}

// emitAndKill runs TestOutboxProducer in a process of its own, kills it when it
// has emitted for a while, and returns the ids that it told.
func emitAndKill(t *testing.T, config gapwise.Config, round int) (ids []string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestOutboxProducer$") //nolint:gosec // the test runs itself
	child.Env = append(os.Environ(), "PRODUCER_URL="+config.URL, "PRODUCER_USER="+config.Credentials.User,
		"PRODUCER_PASSWORD="+config.Credentials.Password, "PRODUCER_INBOX="+config.Credentials.InboxPrefix,
		"PRODUCER_OUTBOX="+config.Outbox, fmt.Sprint("PRODUCER_FROM=", round*1_000_000))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break // a last half line was not told
		}
		ids = append(ids, strings.TrimSpace(line))
		if len(ids) == 300 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(ids) < 300 {
		t.Fatalf("the producer ended by itself after %d events: %v", len(ids), err)
	}
	return ids
}

// TestOutboxProducer is the process that TestOutboxProducerKilled kills; by
// itself it emits a few events to a broker of its own.
func TestOutboxProducer(t *testing.T) {
	var config gapwise.Config
	from, until := 0, 1<<30
	if url := os.Getenv("PRODUCER_URL"); url != "" {
		config = gapwise.Config{URL: url, Source: "test.example.org/quiz", Outbox: os.Getenv("PRODUCER_OUTBOX"), BatchEvents: 20}
		config.Credentials = gapwise.Credentials{
			User: os.Getenv("PRODUCER_USER"), Password: os.Getenv("PRODUCER_PASSWORD"), InboxPrefix: os.Getenv("PRODUCER_INBOX"),
		}
		if _, err := fmt.Sscan(os.Getenv("PRODUCER_FROM"), &from); err != nil {
			t.Fatal(err)
		}
	} else {
		b := startBroker(t)
		b.log()
		config, until = b.config(), 20
		config.Outbox = t.TempDir()
	}
	client := dial(t, config)
	for n := from; n < from+until; n++ {
		id, err := client.Emit(t.Context(), answer(fmt.Sprint("learner", n%7), n))
		if err != nil {
			t.Fatal(err)
		}
		if until > 20 {
			fmt.Println(id)
		}
	}
}
