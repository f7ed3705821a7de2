package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var payloads = []string{
	`{"id":"1","data":{"correct":true}}`,
	`{ "id": "2" }`,                   // spaces
	`{"html":"<a & b>","ü":"\u00e9"}`, // what encoders like to rewrite
	"",                                // nothing at all
	"\xff\x00not JSON",
	`"` + strings.Repeat("long", 300_000) + `"`,
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

// TestSpoiled: whatever happens to an archive is told, before a line is read where
// that is possible.
func TestSpoiled(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"no manifest":  func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) },
		"missing file": func(dir string) error { return os.Remove(filepath.Join(dir, fileName(2))) },
		"changed byte": func(dir string) error {
			path := filepath.Join(dir, fileName(1))
			text, err := os.ReadFile(path)
			if err == nil {
				text[len(text)/2] ^= 1
				err = os.WriteFile(path, text, 0o600)
			}
			return err
		},
		"cut off":      func(dir string) error { return os.Truncate(filepath.Join(dir, fileName(3)), 20) },
		"newer format": func(dir string) error { return replace(dir, `"format": 1`, `"format": 2`) },
		"other count":  func(dir string) error { return replace(dir, `"messages": 25`, `"messages": 24`) },
		"other name":   func(dir string) error { return replace(dir, fileName(1), "../"+fileName(1)) },
		"no JSON":      func(dir string) error { return replace(dir, "{", "") },
	} {
		dir := filepath.Join(t.TempDir(), "a")
		write(t, dir, 10, 25)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "a")
	write(t, dir, 10, 25)
	if err := replace(dir, `"content": "`, `"content": "0`); err != nil {
		t.Fatal(err)
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
		t.Error("another content hash goes unnoticed")
	}
}

func replace(dir, from, to string) error {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
}

func TestCreateWantsAnEmptyFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	write(t, dir, 10, 1)
	if _, err := Create(dir); err == nil {
		t.Error("an archive is written over")
	}
}
