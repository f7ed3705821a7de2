package outbox_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/gapwise/gapwise/internal/outbox"
)

// TestKilled appends in a process of its own and kills it: what Append returned
// for is there, in order.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	told := 0
	for round := range 3 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledChild$") //nolint:gosec // the test runs itself
		child.Env = append(os.Environ(), "OUTBOX_DIR="+dir, fmt.Sprint("OUTBOX_FROM=", round*1_000_000))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		last := 0
		for n := 0; n < 200 && lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had told before it died
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				break // half a line
			}
		}
		_ = child.Wait()

		o := open(t, outbox.Config{Dir: dir})
		next, all := -1, rest(t, o)
		for _, r := range all {
			var n int
			if _, err := fmt.Sscan(string(r.Payload), &n); err != nil || n < next {
				t.Fatalf("%q comes after %d", r.Payload, next-1)
			}
			if n%1_000_000 != 0 && n != next {
				t.Fatalf("%d comes after %d", n, next-1)
			}
			next = n + 1
		}
		told += last + 1 - round*1_000_000
		if next <= last || len(all) < told {
			t.Fatalf("round %d: %d was told as safe; the outbox has %d events up to %d, want %d", round, last, len(all), next-1, told)
		}
		closeBox(t, o)
	}
}

// TestKilledChild is the process that TestKilled kills; by itself it appends to
// an outbox of its own for a moment.
func TestKilledChild(t *testing.T) {
	dir, from, until := os.Getenv("OUTBOX_DIR"), 0, 20
	tell := io.Discard
	if dir == "" {
		dir = t.TempDir()
	} else {
		until, tell = 1<<30, os.Stdout
		if _, err := fmt.Sscan(os.Getenv("OUTBOX_FROM"), &from); err != nil {
			t.Fatal(err)
		}
	}
	o := open(t, outbox.Config{Dir: dir, SegmentBytes: 2000, MaxBytes: 1 << 40})
	for n := from; n < from+until; n++ {
		add(t, o, fmt.Sprint(n))
		if _, err := fmt.Fprintln(tell, n); err != nil {
			return
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, events := range []int{1, 500} {
		b.Run(fmt.Sprint(events), func(b *testing.B) {
			o := open(b, outbox.Config{Dir: b.TempDir()})
			group := make([][]byte, events)
			for i := range group {
				group[i] = bytes.Repeat([]byte("x"), 300)
			}
			n := 0
			for b.Loop() {
				if _, err := o.Append(b.Context(), false, group...); err != nil {
					b.Fatal(err)
				}
				for _, r := range rest(b, o) {
					o.Ack(r.Number)
				}
				n += events
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
