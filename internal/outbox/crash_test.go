package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/outbox"
)

// unfinished is what a crash leaves of a write: its first record may be whole.
const unfinished = 999999

// TestAnyCrash appends, acknowledges and crashes in any order: what Append
// returned for and nobody acknowledged is always there, in order, and nothing is
// there that was never appended.
func TestAnyCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "outbox-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		config := outbox.Config{Dir: dir, SegmentBytes: rapid.Int64Range(1, 400).Draw(t, "segment")}
		o, err := outbox.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		var appended int
		acked := map[int]bool{}
		var out []outbox.Record // handed out in this life, not acknowledged
		value := func(r outbox.Record) (n int) {
			if _, err := fmt.Sscan(string(bytes.TrimRight(r.Payload, ".")), &n); err != nil {
				t.Fatalf("%q was never appended", r.Payload)
			}
			return n
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"append", "append", "take", "ack", "ack", "crash"}).Draw(t, "step") {
			case "append":
				var group [][]byte
				for range rapid.IntRange(1, 5).Draw(t, "group") {
					group = append(group, []byte(fmt.Sprint(appended)+strings.Repeat(".", rapid.IntRange(0, 90).Draw(t, "size"))))
					appended++
				}
				if _, err := o.Append(t.Context(), false, group...); err != nil {
					t.Fatal(err)
				}
			case "take":
				for range rapid.IntRange(1, 8).Draw(t, "taken") {
					r, more, err := o.Next()
					if err != nil {
						t.Fatal(err)
					}
					if more == nil {
						out = append(out, r)
					}
				}
			case "ack":
				if len(out) > 0 {
					i := rapid.IntRange(0, len(out)-1).Draw(t, "which")
					o.Ack(out[i].Number)
					acked[value(out[i])] = true
					out = append(out[:i], out[i+1:]...)
				}
			case "crash":
				o = crash(t, o, config)
				out = nil
			}
		}
		o = crash(t, o, config)
		seen, last := map[int]bool{}, -1
		for {
			r, more, err := o.Next()
			if err != nil {
				t.Fatal(err)
			}
			if more != nil {
				break
			}
			n := value(r)
			if n == unfinished {
				o.Ack(r.Number)
				continue
			}
			if n <= last || n >= appended {
				t.Fatalf("%d comes after %d, of %d", n, last, appended)
			}
			last, seen[n] = n, true
			o.Ack(r.Number)
		}
		for n := range appended {
			if !acked[n] && !seen[n] {
				t.Fatalf("%d of %d is lost", n, appended)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.segment")); len(left) > 0 {
			t.Fatalf("drained, it has %v", left)
		}
	})
}

// crash copies the folder as it is, adds to its last file the beginning of a
// write that was not finished, and opens the copy in place of the outbox.
func crash(t *rapid.T, o *outbox.Outbox, config outbox.Config) *outbox.Outbox {
	paths, err := filepath.Glob(filepath.Join(config.Dir, "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string][]byte{}
	for _, path := range paths {
		if left[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	for path, content := range left { // Close may have tidied up
		if path == paths[len(paths)-1] {
			torn := outbox.EncodeForTest(int64(len(content)), fmt.Append(nil, unfinished), fmt.Append(nil, unfinished))
			if rapid.Bool().Draw(t, "zeros") {
				torn = make([]byte, len(torn))
			}
			content = append(content, torn[:rapid.IntRange(0, outbox.TornForTest).Draw(t, "torn")]...)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err = outbox.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestTruncatedAnywhere cuts the last segment at each byte: the records before
// the cut are there.
func TestTruncatedAnywhere(t *testing.T) {
	dir := t.TempDir()
	o := open(t, outbox.Config{Dir: dir})
	ends := []int64{}
	for n := range 5 {
		add(t, o, fmt.Sprint("event-", n), "and-another")
		ends = append(ends, o.State().Bytes)
	}
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	closeBox(t, o)
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		o := open(t, outbox.Config{Dir: dir})
		want := 0
		for _, end := range ends {
			if int64(cut) >= end {
				want += 2
			}
		}
		got := rest(t, o)
		if len(got) != want && len(got) != want+1 { // the first of a group may be whole
			t.Fatalf("cut at %d of %d: %d records, want %d", cut, len(whole), len(got), want)
		}
		add(t, o, "after") // what comes then is readable
		if after := rest(t, o); payloads(after) != "after" {
			t.Fatalf("cut at %d: %q comes after", cut, payloads(after))
		}
		closeBox(t, o)
		for _, path := range files(t, dir) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDamage changes each byte of what was synced: it is told where, or nothing
// is missing.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	o := open(t, outbox.Config{Dir: dir, SegmentBytes: 80})
	for n := range 5 {
		add(t, o, fmt.Sprint("event-", n))
	}
	paths := files(t, dir)
	if len(paths) != 2 {
		t.Fatalf("there are %v", paths)
	}
	closeBox(t, o)
	contents := map[string][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[path] = content
	}
	const timestamp = 8 // bytes at 8 that nothing depends on
	last := 12 + len("event-4")
	for i, path := range paths {
		end := len(contents[path])
		if i == len(paths)-1 {
			end -= last // the last record of all looks as if it was torn
		}
		for at := range end {
			if at >= 8 && at < 8+timestamp {
				continue
			}
			changed := bytes.Clone(contents[path])
			changed[at] ^= 0x10
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := outbox.Open(outbox.Config{Dir: dir})
			var damage *outbox.DamageError
			if !errors.As(err, &damage) || damage.Path != path || damage.Offset > int64(at) || !strings.Contains(err.Error(), path) {
				t.Fatalf("%s changed at %d of %d: %v", path, at, len(changed), err)
			}
		}
		if err := os.WriteFile(path, contents[path], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Damage while it is open is found by reading.
	o = open(t, outbox.Config{Dir: dir})
	contents[paths[0]][40] ^= 1
	if err := os.WriteFile(paths[0], contents[paths[0]], 0o600); err != nil {
		t.Fatal(err)
	}
	var damage *outbox.DamageError
	for {
		_, more, err := o.Next()
		if errors.As(err, &damage) {
			break
		}
		if more != nil || err != nil {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := o.Append(t.Context(), false, []byte("x")); !errors.Is(err, outbox.ErrBroken) {
		t.Fatalf("a broken outbox takes more: %v", err)
	}
}
