package gapwise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/gapwise/gapwise"
	"github.com/gapwise/gapwise/internal/outbox"
	"github.com/gapwise/gapwise/internal/stream"
)

func TestOutboxFull(t *testing.T) {
	b := startBroker(t) // without a log
	config := b.config()
	config.Outbox, config.OutboxBytes, config.FailWhenFull = t.TempDir(), 64<<10, true
	client := dial(t, config)
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = client.Emit(t.Context(), answer("ada", n))
	}
	if !errors.Is(err, gapwise.ErrFull) || !strings.Contains(err.Error(), config.Outbox) ||
		!strings.Contains(err.Error(), fmt.Sprint(n-1, " events wait")) {
		t.Fatalf("after %d events: %v", n, err)
	}
	log := b.log()
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Emit(t.Context(), answer("ada", n-1)); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(readLog(t, log)); got != n {
		t.Fatalf("the log has %d events, want %d", got, n)
	}
}

// Emit waits for room until its context, or the client, ends.
func TestOutboxFullWaits(t *testing.T) {
	b := startBroker(t) // without a log
	config := b.config()
	config.Outbox, config.OutboxBytes = t.TempDir(), 64<<10
	client, err := gapwise.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := client.Emit(ctx, answer("ada", n))
		cancel()
		if errors.Is(err, gapwise.ErrFull) && errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	waiting := make(chan error)
	go func() {
		_, err := client.Emit(context.Background(), answer("ada", 10_000))
		waiting <- err
	}()
	flushing := make(chan error)
	go func() { flushing <- client.Flush(context.Background()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if err := client.Close(ctx); !errors.Is(err, gapwise.ErrKept) {
		t.Fatalf("closing gave %v", err)
	}
	if err := <-waiting; !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("the waiting Emit gave %v", err)
	}
	if err := <-flushing; !errors.Is(err, gapwise.ErrKept) && !errors.Is(err, gapwise.ErrClosed) {
		t.Fatalf("the waiting Flush gave %v", err)
	}
}

// What the log never takes doesn't hold up the others.
func TestOutboxRefuses(t *testing.T) {
	nats, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 4 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	go nats.Start()
	defer func() {
		nats.Shutdown()
		nats.WaitForShutdown()
	}()
	if !nats.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker takes no connections")
	}
	conn, err := stream.Connect(nats.ClientURL(), stream.Credentials{}, "test", quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log, err := stream.Open(t.Context(), conn, stream.Config{}, quiet())
	if err != nil {
		t.Fatal(err)
	}

	folder := t.TempDir()
	box, err := outbox.Open(outbox.Config{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Append(t.Context(), false, []byte("no event")); err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	var got results
	client, err := gapwise.Dial(gapwise.Config{URL: nats.ClientURL(), Source: "test", Outbox: folder, OnResult: got.add})
	if err != nil {
		t.Fatal(err)
	}
	for n, response := range []string{"short", strings.Repeat("long", 2000), "short"} {
		e := answer("ada", n)
		e.Data = &gapwise.Answer{Item: "q", Score: 1, Response: response}
		if _, err := client.Emit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Flush(t.Context()); !errors.Is(err, gapwise.ErrTooLarge) {
		t.Fatalf("flushing gave %v", err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkOrder(t, log, map[string][]string{"ada": {"ada-0", "ada-2"}})
	if len(got.all) != 3 || !errors.Is(got.all[1].Err, gapwise.ErrTooLarge) || got.all[1].ID != "ada-1" {
		t.Fatalf("results are %+v", got.all)
	}
	refused, err := os.ReadFile(filepath.Join(folder, outbox.Refused))
	if err != nil || strings.Count(string(refused), "\n") != 2 || !strings.Contains(string(refused), `"ada-1"`) {
		t.Fatalf("refused are %s, %v", refused, err)
	}
	if left := kept(t, folder); len(left) > 0 {
		t.Fatalf("there are %v", left)
	}
}

// BenchmarkEmitWithOutbox is what one goroutine, and many, reach with an outbox:
// each waits for the disk, all at one time for one sync.
func BenchmarkEmitWithOutbox(b *testing.B) {
	for _, emitters := range []int{1, 64} {
		b.Run(fmt.Sprint(emitters), func(b *testing.B) {
			br := startBroker(b)
			br.log()
			config := br.config()
			config.Outbox = b.TempDir()
			client := dial(b, config)
			began := time.Now()
			var running sync.WaitGroup
			for e := range emitters {
				running.Go(func() {
					for n := e; n < b.N; n += emitters {
						if _, err := client.Emit(b.Context(), answer(fmt.Sprint("learner-", n%500), n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			running.Wait()
			if err := client.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "events/s")
		})
	}
}
