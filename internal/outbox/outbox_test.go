package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/outbox"
)

func open(t testing.TB, config outbox.Config) *outbox.Outbox {
	t.Helper()
	o, err := outbox.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBox(t, o) })
	return o
}

func closeBox(t testing.TB, o *outbox.Outbox) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func add(t testing.TB, o *outbox.Outbox, payloads ...string) uint64 {
	t.Helper()
	all := make([][]byte, len(payloads))
	for i, p := range payloads {
		all[i] = []byte(p)
	}
	last, err := o.Append(t.Context(), false, all...)
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// rest takes what can be handed out now.
func rest(t testing.TB, o *outbox.Outbox) []outbox.Record {
	t.Helper()
	var all []outbox.Record
	for {
		r, more, err := o.Next()
		if err != nil {
			t.Fatal(err)
		}
		if more != nil {
			return all
		}
		all = append(all, r)
	}
}

func payloads(records []outbox.Record) string {
	texts := make([]string, len(records))
	for i, r := range records {
		texts[i] = string(r.Payload)
	}
	return strings.Join(texts, " ")
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhatWasNotAcknowledgedIsHandedOutAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	o := open(t, outbox.Config{Dir: dir, SegmentBytes: 70}) // two of these records a segment
	for n := range 9 {
		add(t, o, fmt.Sprintf("event-%d-of-9", n))
	}
	got := rest(t, o)
	if len(got) != 9 || payloads(got[:2]) != "event-0-of-9 event-1-of-9" || got[0].Earlier {
		t.Fatalf("got %+v", got)
	}
	o.Ack(got[3].Number, got[0].Number, got[2].Number, got[8].Number, got[3].Number)
	if s := o.State(); s.Events != 5 || s.Bytes <= 0 {
		t.Fatalf("state is %+v", s)
	}
	closeBox(t, o)

	o = open(t, outbox.Config{Dir: dir})
	again := rest(t, o)
	if payloads(again) != "event-0-of-9 event-1-of-9 event-4-of-9 event-5-of-9 event-6-of-9 event-7-of-9" || !again[0].Earlier {
		t.Fatalf("after a restart: %s", payloads(again)) // 2, 3 and 8 left with their files
	}
	add(t, o, "new")
	if fresh := rest(t, o); payloads(fresh) != "new" || fresh[0].Earlier {
		t.Fatalf("got %+v", fresh)
	}
}

// held is all that the files of an outbox hold.
func held(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range files(t, dir) {
		content, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// drained waits until nothing is held: who appended last may still be on the way out,
// and empties the file then.
func drained(t *testing.T, o *outbox.Outbox, dir string) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(10 * time.Second); held(t, dir) != "" || o.State() != (outbox.State{}); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("state is %+v, and there is %q", o.State(), held(t, dir))
		}
	}
}

func TestADrainedOutboxHoldsNothing(t *testing.T) {
	dir := t.TempDir()
	o := open(t, outbox.Config{Dir: dir, SegmentBytes: 1000})
	for round := range 3 {
		for n := range 100 {
			add(t, o, fmt.Sprintf("learner ada, event %d of round %d", n, round))
		}
		for _, r := range rest(t, o) {
			o.Ack(r.Number)
		}
		drained(t, o, dir)
	}
	closeBox(t, o)
	if left := files(t, dir); len(left) > 0 {
		t.Fatalf("there are %v", left)
	}
}

func TestOnlyItsOwnerReadsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "outbox")
	o := open(t, outbox.Config{Dir: dir})
	add(t, o, `{"id":1}`, "no JSON")
	for _, r := range rest(t, o) {
		if err := o.Refuse(r, "too large"); err != nil {
			t.Fatal(err)
		}
	}
	add(t, o, "kept")
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil || found != 4 {
		t.Fatalf("looked at %d files, %v", found, err)
	}
	refused, err := os.ReadFile(filepath.Join(dir, outbox.Refused))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(refused), []byte("\n"))
	var first, second struct {
		Reason string
		Event  struct{ ID int }
		Raw    []byte
	}
	if err := errors.Join(json.Unmarshal(lines[0], &first), json.Unmarshal(lines[1], &second)); err != nil {
		t.Fatal(err)
	}
	if first.Reason != "too large" || first.Event.ID != 1 || string(second.Raw) != "no JSON" {
		t.Fatalf("refused are %s", refused)
	}
	if s := o.State(); s.Events != 1 {
		t.Fatalf("state is %+v", s)
	}
}

func TestFull(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := open(t, outbox.Config{Dir: t.TempDir(), MaxBytes: 1000, SegmentBytes: 200, Now: func() time.Time { return now }})
	event := strings.Repeat("x", 80)
	n := 0
	var err error
	for ; err == nil; n++ {
		now = now.Add(time.Second)
		_, err = o.Append(t.Context(), false, []byte(event))
	}
	var full *outbox.FullError
	if !errors.As(err, &full) || full.Events != n-1 || full.Bytes > 1000 || full.Oldest != time.Duration(n-1)*time.Second {
		t.Fatalf("after %d events: %v", n, err)
	}
	for _, told := range []string{o.Dir(), fmt.Sprint(n-1, " events"), fmt.Sprint("for ", n-1, "s")} {
		if !strings.Contains(err.Error(), told) {
			t.Errorf("%q doesn't tell %q", err, told)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := o.Append(ctx, true, []byte(event)); !errors.As(err, &full) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if _, err := o.Append(t.Context(), true, make([]byte, 2000)); !errors.As(err, &full) {
		t.Fatalf("what never fits gave %v", err)
	}

	appended := make(chan error)
	go func() {
		_, err := o.Append(t.Context(), true, []byte(event))
		appended <- err
	}()
	for _, r := range rest(t, o) {
		o.Ack(r.Number)
	}
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
	if got := rest(t, o); len(got) != 1 {
		t.Fatalf("got %d", len(got))
	}
}

func TestAnotherProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	o := open(t, outbox.Config{Dir: dir})
	if _, err := outbox.Open(outbox.Config{Dir: dir}); !errors.Is(err, outbox.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v", err)
	}
	closeBox(t, o)
	open(t, outbox.Config{Dir: dir})
}

func TestClosed(t *testing.T) {
	o := open(t, outbox.Config{Dir: t.TempDir()})
	_, more, err := o.Next()
	if more == nil || err != nil {
		t.Fatalf("got %v, %v", more, err)
	}
	closeBox(t, o)
	<-more
	if _, _, err := o.Next(); !errors.Is(err, outbox.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := o.Append(t.Context(), true, []byte("x")); !errors.Is(err, outbox.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	dir := t.TempDir()
	o := open(t, outbox.Config{Dir: dir, SegmentBytes: 5000})
	const callers, each = 16, 50
	var running sync.WaitGroup
	for c := range callers {
		running.Go(func() {
			for n := range each {
				if _, err := o.Append(t.Context(), true, fmt.Appendf(nil, "%d/%d", c, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[int]int{}
	check := func(r outbox.Record) {
		var c, n int
		if _, err := fmt.Sscanf(string(r.Payload), "%d/%d", &c, &n); err != nil || next[c] != n {
			t.Errorf("%s comes when caller %d is at %d", r.Payload, c, next[c])
		}
		next[c]++
		o.Ack(r.Number)
	}
	for got := 0; got < callers*each; {
		r, more, err := o.Next()
		switch {
		case err != nil:
			t.Fatal(err)
		case more != nil:
			<-more
		default:
			check(r)
			got++
		}
	}
	running.Wait()
	drained(t, o, dir)
}
