package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/embedded"
)

// released is a data folder that the release before has left behind, made by
// .ci/folder-fixture, with its course and with reports as that release gave them.
type released struct {
	*instance
	operator caller
	dir      string
	course   string
	reports  []keptReport
}

// keptReport is a report of the release before.
type keptReport struct {
	path string // with as_of
	text string
}

// TestFolderOfTheReleaseBefore opens a data folder of format 1. A start that is killed
// in the middle is completed by the next; reports of the past say what they said, to the
// byte; a replay from the log brings in what only this version can decode, and can be
// undone; and there is no way back to the release before.
func TestFolderOfTheReleaseBefore(t *testing.T) {
	t.Parallel()
	r := openReleased(t, "testdata/folder-1.tar.gz")
	if outsideDatabase() { // there its tables are not
		r.startsWithoutTables(t)
		return
	}
	log := r.diesInTheMiddle(t)
	r.start(t)
	r.operator.settled(t)
	log += tail(t, r.stderr, 1<<20)
	if strings.Count(log, "data folder upgraded: an older gapwise refuses it from now on") != 1 {
		t.Errorf("the upgrade isn't told once:\n%s", log)
	}
	if !strings.Contains(log, "applied a migration") { // by which a database refuses the release before
		t.Errorf("the database has nothing that the release before doesn't know:\n%s", log)
	}

	status := get[replayStatus](t, r.operator, "/v1/admin/replays")
	if status.Kept != nil || status.Replay != nil || len(status.History) != 2 {
		t.Fatalf("the status is %+v", status)
	}
	first, second := status.History[0], status.History[1]
	if first.Model != "starting-1" || !strings.HasPrefix(second.Model, "fitted-") || second.Model != status.Active.Model ||
		first.Published == 0 || second.Published == 0 || second.ModelPublished == 0 || first.Catalog != second.Catalog {
		t.Errorf("the history is %+v, and active is %+v", status.History, status.Active)
	}
	eventually(t, "the snapshots of before are gone: nobody has written them since", func() bool {
		return len(get[replayStatus](t, r.operator, "/v1/admin/replays").Leaving) == 0
	})
	r.sameReports(t, "opened", nil)
	r.verifies(t, 1)

	r.replays(t)
	must(t, environment(r.dir), "replay", "activate", "--yes")
	r.sameReports(t, "activated", decodedNow)
	r.verifies(t, 0)
	must(t, environment(r.dir), "replay", "rollback", "--yes")
	r.sameReports(t, "rolled back", nil)
	r.verifies(t, 1)

	r.stop(t)
	newer := []byte(fmt.Sprintln(embedded.FormatVersion + 1))
	if err := os.WriteFile(filepath.Join(r.dir, "format"), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, r.environment(), 1, []string{"newer format", "run the newer gapwise", "restore a copy of the folder", "data.dir"},
		"run", "--listen", "127.0.0.1:0", "--catalog", r.course)
}

// TestFolderWithoutItsTables opens a folder of format 1 of which the database was lost:
// the tables are built from the log, as this version decodes it, for the generation
// that was active.
func TestFolderWithoutItsTables(t *testing.T) {
	t.Parallel()
	r := openReleased(t, "testdata/folder-1.tar.gz")
	if err := os.RemoveAll(filepath.Join(r.dir, "clickhouse")); err != nil {
		t.Fatal(err)
	}
	r.startsWithoutTables(t)
}

func (r *released) startsWithoutTables(t *testing.T) {
	t.Helper()
	// What was active before the last publication only the database could tell.
	r.reports = slices.DeleteFunc(r.reports, func(k keptReport) bool { return strings.Contains(k.text, `"model":"starting-1"`) })
	r.start(t)
	r.operator.settled(t)
	r.sameReports(t, "without its tables", decodedNow)
	r.verifies(t, 0)
	r.stop(t)
}

// decodedNow is a report when also those events count whose type the release before
// didn't know.
func decodedNow(k keptReport) string {
	if strings.HasPrefix(k.path, "/v1/learners/lena/progress") {
		return strings.ReplaceAll(k.text, `"seconds":0`, `"seconds":1500`)
	}
	return k.text
}

func outsideDatabase() bool { return os.Getenv("GAPWISE_CLICKHOUSE_ADDR") != "" }

// replayStatus is what the test reads of GET /v1/admin/replays.
type replayStatus struct {
	Active       struct{ Generation, Catalog, Model string }
	Kept, Replay *struct{ Generation string }
	Leaving      []string
	History      []struct {
		Catalog, Model string
		Published      uint64 `json:"catalog_published"`
		ModelPublished uint64 `json:"model_published"`
	}
}

// replays builds another generation, as the facts of the release before call for.
func (r *released) replays(t *testing.T) {
	t.Helper()
	env := environment(r.dir)
	if out := must(t, env, "replay", "start", "--dry-run"); !strings.Contains(out,
		"would build a generation from the log: this version decodes events otherwise than the one that wrote the facts") {
		t.Errorf("a replay would be explained by %s", out)
	}
	var replayed struct {
		Events    uint64
		Identical bool
		Changed   []struct {
			What, Name string
			Count      int
		}
	}
	decode(t, []byte(must(t, env, "replay", "start", "--wait", "--json")), &replayed)
	var changed []string
	for _, c := range replayed.Changed {
		changed = append(changed, fmt.Sprint(c.What, " ", c.Name, " ", c.Count))
	}
	want := []string{"ledger rows 0", "ledger dead_letters 0", "ledger checksum 0", "table sequences 1", "table dead_letters 1", "table sessions 1"}
	if replayed.Identical || replayed.Events == 0 || !slices.Equal(changed, want) {
		t.Errorf("the replay says %+v, want changes in %v", replayed, want)
	}
}

// openReleased unpacks a folder.
func openReleased(t *testing.T, packed string) *released {
	t.Helper()
	dir := t.TempDir()
	unpack(t, packed, dir)
	r := &released{dir: filepath.Join(dir, "data"), course: filepath.Join(dir, "course")}
	files, err := filepath.Glob(filepath.Join(dir, "reports", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports in %s: %v", packed, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		path, body, _ := strings.Cut(string(text), "\n")
		r.reports = append(r.reports, keptReport{path, body})
	}
	return r
}

func unpack(t *testing.T, packed, dir string) {
	t.Helper()
	content, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(plain)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o700)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		default:
			var text []byte
			if text, err = io.ReadAll(in); err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// diesInTheMiddle kills the first start as soon as the folder says that it is of today.
// It returns what that one logged.
func (r *released) diesInTheMiddle(t *testing.T) string {
	t.Helper()
	if format, err := embedded.ReadFormat(r.dir); err != nil || format != 1 {
		t.Fatalf("the folder is of format %d, %v", format, err)
	}
	p := launch(t, r.environment(), "run", "--listen", "127.0.0.1:0", "--catalog", r.course)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		format, err := embedded.ReadFormat(r.dir)
		if err == nil && format == embedded.FormatVersion {
			break
		}
		p.mustRun(t)
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: format %d, %v", patience, format, err)
		}
	}
	p.kill(t, true)
	return tail(t, p.stderr, 1<<20)
}

// environment lets the folder's own database be used, by the name that it has.
func (r *released) environment() []string {
	if outsideDatabase() {
		return environment(r.dir)
	}
	return environment(r.dir, "GAPWISE_CLICKHOUSE_DATABASE=gapwise")
}

func (r *released) start(t *testing.T) {
	t.Helper()
	r.instance = runIn(t, program, r.environment(), r.dir, "--catalog", r.course)
	r.operator = r.as(t, "--role", "operator")
}

// sameReports asks for what the release before was asked for. How long the log had to
// wait aside, each answer has the same bytes. With expected it is another generation's,
// of which expected tells the answer.
func (r *released) sameReports(t *testing.T, when string, expected func(keptReport) string) {
	t.Helper()
	for _, kept := range r.reports {
		want, got := kept.text, string(r.operator.raw(t, kept.path))
		if expected != nil {
			want, got = generation.ReplaceAllString(expected(kept), ""), generation.ReplaceAllString(got, "")
		}
		if got, want = lag.ReplaceAllString(got, ""), lag.ReplaceAllString(want, ""); got != want {
			t.Errorf("%s: %s as of then was\n%.900s\nand is\n%.900s", when, kept.path, want, got)
		}
	}
}

func (r *released) verifies(t *testing.T, retryable int) {
	t.Helper()
	var v struct {
		OK         bool
		Retryable  int
		Mismatches []any
	}
	decode(t, []byte(must(t, environment(r.dir), "verify", "--json")), &v)
	if !v.OK || v.Retryable != retryable || len(v.Mismatches) > 0 {
		t.Errorf("verify says %+v", v)
	}
}
