package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/stream"
)

var payloads = []string{
	`{"id":"1","data":{"correct":true}}`,
	`{ "id": "2" }`,                   // spaces
	`{"html":"<a & b>","ü":"\u00e9"}`, // what encoders like to rewrite
	"",                                // nothing at all
	"\xff\x00not JSON",
	`"` + strings.Repeat("long", 300_000) + `"`,
	"null",
	`{"broken":"\xff"}`, // JSON but for its UTF-8
	`{"a":1,"a":1e400}`,
	"line\nbreak",
}

func write(t *testing.T, dir string, perFile uint64, n int) *Manifest {
	t.Helper()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.perFile = perFile
	for i := range n {
		l := Line{Seq: uint64(2*i + 5), Stored: time.UnixMicro(int64(i)).UTC(), Subject: fmt.Sprintf("study.events.%02d", i%64), Sealed: i%7 == 0}
		l.SetMessage([]byte(payloads[i%len(payloads)]))
		if err := w.Add(&l, "t"); err != nil {
			t.Fatal(err)
		}
	}
	w.LeaveOut("study.deadletter.retried.v1")
	m, err := w.Close(func(m *Manifest) { m.Stream = time.Unix(9, 0).UTC() })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRoundTrip: every byte of every message comes back, whatever it is.
func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	m := write(t, dir, 10, 25)
	if len(m.Files) != 3 || m.First != 5 || m.Last != 53 || m.Messages != 25 || m.Types["t"] != 25 || m.LeftOut["study.deadletter.retried.v1"] != 1 {
		t.Errorf("manifest %+v", m)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for l, err := range a.Lines() {
		if err != nil {
			t.Fatal(err)
		}
		if got := string(l.Message()); got != payloads[i%len(payloads)] || l.Seq != uint64(2*i+5) || l.Sealed != (i%7 == 0) || l.Stored.UnixMicro() != int64(i) {
			t.Errorf("line %d is %.60s of sequence %d", i, got, l.Seq)
		}
		i++
	}
	if i != 25 {
		t.Errorf("%d lines", i)
	}
}

// TestContentIgnoresFiles: how lines are cut into files changes no hash of them.
func TestContentIgnoresFiles(t *testing.T) {
	a, b := write(t, filepath.Join(t.TempDir(), "a"), 10, 25), write(t, filepath.Join(t.TempDir(), "b"), 4, 25)
	if a.Content != b.Content || len(a.Files) == len(b.Files) {
		t.Errorf("content %s of %d files, %s of %d", a.Content, len(a.Files), b.Content, len(b.Files))
	}
}

func TestEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	write(t, dir, 10, 0)
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range a.Lines() {
		t.Fatal("a line", err)
	}
}

// TestLargest: the largest message that the log takes goes through, also as base64.
func TestLargest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(3) {
		l := Line{Seq: seq + 1, Subject: "study.events.00"}
		l.SetMessage(bytes.Repeat([]byte{0xff}, stream.MaxMessageBytes))
		if err := w.Add(&l, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(func(*Manifest) {}); err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for l, err := range a.Lines() {
		if err != nil || len(l.Message()) != stream.MaxMessageBytes {
			t.Fatal(err)
		}
	}
}

// TestSpoiled: whatever happens to an archive is told before a line is read, with the
// file and, where lines can be damaged, the line.
func TestSpoiled(t *testing.T) {
	for name, spoil := range map[string]struct {
		how  func(dir string) error
		says string
	}{
		"no sums":       {func(dir string) error { return os.Remove(filepath.Join(dir, sumsName)) }, "has no SHA256SUMS"},
		"no manifest":   {func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) }, manifestName},
		"missing file":  {func(dir string) error { return os.Remove(filepath.Join(dir, fileName(2))) }, fileName(2) + ": it is missing"},
		"changed first": {func(dir string) error { return flip(dir, fileName(2), 100) }, fileName(2) + ": damaged from line 1 on"},
		"changed later": {func(dir string) error { return flip(dir, fileName(2), -100) }, fileName(2) + ": damaged from line 1001 on"},
		"changed start": {func(dir string) error { return flip(dir, fileName(2), 0) }, fileName(2) + ": damaged from line 1 on"},
		"changed end":   {func(dir string) error { return flip(dir, fileName(2), -1) }, fileName(2) + ": damaged from line 1001 on"},
		"cut off":       {func(dir string) error { return resize(dir, fileName(3), -20) }, fileName(3) + ": damaged from line 1 on"},
		"emptied":       {func(dir string) error { return os.Truncate(filepath.Join(dir, fileName(3)), 0) }, "after line 0: it ends there"},
		"added to":      {func(dir string) error { return resize(dir, fileName(3), 4) }, fileName(3) + ": damaged from line 301 on"},
		"other byte":    {func(dir string) error { return flip(dir, manifestName, 40) }, manifestName + " is not the one"},
		"other sum":     {func(dir string) error { return flip(dir, sumsName, -90) }, sumsName + " doesn't say"},
		"newer format":  {func(dir string) error { return replace(dir, `"format": 1`, `"format": 2`) }, "format 2"},
		"other count":   {func(dir string) error { return replace(dir, `"messages": 3300`, `"messages": 3299`) }, "3299"},
		"other name":    {func(dir string) error { return replace(dir, fileName(1), "../"+fileName(1)) }, "must be"},
		"no JSON":       {func(dir string) error { return replace(dir, "{", "") }, manifestName},
	} {
		dir := filepath.Join(t.TempDir(), "a")
		writeShort(t, dir)
		if err := spoil.how(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), spoil.says) {
			t.Errorf("%s: %v, want %q", name, err, spoil.says)
		}
	}
}

// TestEveryByte: no byte of an archive can change unnoticed.
func TestEveryByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	write(t, dir, 10, 4)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatal(entries, err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		for at := range int(info.Size()) {
			if err := flip(dir, entry.Name(), at); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); err == nil {
				t.Fatalf("byte %d of %s changed unnoticed", at, entry.Name())
			}
			if err := flip(dir, entry.Name(), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Open(dir); err != nil {
		t.Fatal("changed back", err)
	}
}

// TestForged: lines that the files' hashes agree with, but the manifest doesn't.
func TestForged(t *testing.T) {
	for _, changes := range [][][2]string{
		{{`"content": "`, `"content": "0`}},
		{{`"messages": 1500,`, `"messages": 1499,`}, {`"messages": 3300`, `"messages": 3299`}},
	} {
		dir := filepath.Join(t.TempDir(), "a")
		writeShort(t, dir)
		for _, change := range changes {
			text, err := os.ReadFile(filepath.Join(dir, manifestName))
			if err != nil {
				t.Fatal(err)
			}
			if err := rewrite(dir, bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)); err != nil {
				t.Fatal(err)
			}
		}
		a, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range a.Lines() {
			last = err
		}
		if last == nil {
			t.Errorf("%v goes unnoticed", changes)
		}
	}
}

// writeShort writes 3300 short messages into three files of two frames and one.
func writeShort(t *testing.T, dir string) {
	t.Helper()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.perFile = 1500
	for i := range uint64(3300) {
		l := Line{Seq: i + 1, Stored: time.UnixMicro(int64(i * i)).UTC(), Subject: "study.events.01"}
		l.SetMessage(fmt.Appendf(nil, `{"id":"%x"}`, i*i*i))
		if err := w.Add(&l, "t"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(func(*Manifest) {}); err != nil {
		t.Fatal(err)
	}
}

// at is a place in a file, from its end where it is negative.
func flip(dir, name string, at int) error {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 1
	return os.WriteFile(path, text, 0o600)
}

func resize(dir, name string, by int64) error {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()+by)
}

// replace changes the manifest, and the sums with it.
func replace(dir, from, to string) error {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(from)) {
		return fmt.Errorf("the manifest has no %q", from)
	}
	return rewrite(dir, bytes.Replace(text, []byte(from), []byte(to), 1))
}

func rewrite(dir string, manifest []byte) error {
	var m Manifest
	_ = json.Unmarshal(manifest, &m) // some are to be broken
	return errors.Join(os.WriteFile(filepath.Join(dir, manifestName), manifest, 0o600),
		os.WriteFile(filepath.Join(dir, sumsName), m.sums(manifest), 0o600))
}
