package embedded_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gapwise/gapwise/internal/embedded"
)

func TestDataDirRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "", 0o600)
	newer := filepath.Join(dir, "newer")
	damaged, zero := filepath.Join(dir, "damaged"), filepath.Join(dir, "zero")
	noLock := filepath.Join(dir, "no-lock")
	for _, d := range []string{newer, damaged, zero, filepath.Join(noLock, "lock")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(newer, "format"), fmt.Sprintln(embedded.FormatVersion+1), 0o600)
	write(t, filepath.Join(damaged, "format"), "two\n", 0o600)
	write(t, filepath.Join(zero, "format"), "0\n", 0o600)
	free, err := embedded.FreeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		name, path, says string
		minFree          uint64
		want             error
	}{
		{"a file in its place", file, "set data.dir", 0, embedded.ErrUnusable},
		{"below a file", filepath.Join(file, "data"), "set data.dir", 0, embedded.ErrUnusable},
		{"read-only system", "/proc/gapwise", "set data.dir", 0, embedded.ErrUnusable},
		{"lock cannot be written", noLock, "the right to write", 0, embedded.ErrUnusable},
		{"newer", newer, "run the newer gapwise", 0, embedded.ErrNewerFormat},
		{"damaged", damaged, "restore the folder", 0, embedded.ErrUnusable},
		{"of no format", zero, "restore the folder", 0, embedded.ErrUnusable},
		{"disk low", dir, "free some space", free * 2, embedded.ErrDiskLow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := os.ReadFile(filepath.Join(tc.path, "format"))
			_, err := embedded.OpenDataDir(tc.path, tc.minFree)
			checkError(t, err, tc.want, tc.says)
			if after, _ := os.ReadFile(filepath.Join(tc.path, "format")); !bytes.Equal(after, before) {
				t.Errorf("a refused folder's format was %q and is %q", before, after)
			}
		})
	}
}

func TestDataDirOpensAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for range 2 {
		d, err := embedded.OpenDataDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = embedded.OpenDataDir(dir, 0)
		checkError(t, err, embedded.ErrInUse, "stop it first")
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder mode %v, %v; want 0700", info.Mode(), err)
	}
}

// TestDataDirUpgrade opens a folder of the format before, and gives it up at once, as a start does that is killed.
func TestDataDirUpgrade(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "format"), "1\n", 0o600)
	write(t, filepath.Join(dir, "run.json"), "{}", 0o600)
	for _, from := range []int{1, embedded.FormatVersion} {
		if format, err := embedded.ReadFormat(dir); err != nil || format != from {
			t.Errorf("before: format %d, %v; want %d", format, err, from)
		}
		d, err := embedded.OpenDataDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if format, err := embedded.ReadFormat(dir); err != nil || format != embedded.FormatVersion || d.From != from {
			t.Errorf("opened: format %d, from %d, %v; want %d from %d", format, d.From, err, embedded.FormatVersion, from)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch entry.Name() {
		case "format", "lock", "run.json":
		default:
			t.Errorf("the upgrade left %s", entry.Name())
		}
	}
}
