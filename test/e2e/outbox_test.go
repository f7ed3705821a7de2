package e2e_test

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

	"github.com/nats-io/nats.go/jetstream"
)

// leftIn returns the files of an outbox that hold events.
func leftIn(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*", "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			left = append(left, path)
		}
	}
	return left
}

// linesFile writes right answers of some learners, one a line.
func linesFile(t *testing.T, source string, learners, each int) string {
	t.Helper()
	var lines bytes.Buffer
	began := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for n := range each {
		for l := range learners {
			learner := fmt.Sprintf("outbox-%02d", l)
			lines.Write(answerEvent(fmt.Sprintf("%s/%d", learner, n), source, learner, "sli-slo-sla", began.Add(time.Duration(n)*time.Minute)).json(t))
			lines.WriteByte('\n')
		}
	}
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOutboxWhileAway emits while Gapwise is stopped, and is killed in another
// run; when Gapwise is back, what waited is sent and counts once.
func TestOutboxWhileAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	env := environment(dir, "GAPWISE_HTTP_LISTEN="+freeAddress(t))
	s := run(t, dir)
	operator := s.as(t, "--role", "operator")
	base := operator.settled(t).Counts
	s.stop(t)

	const learners, each = 20, 100
	file := linesFile(t, "https://away.example", learners, each)
	folder := filepath.Join(dir, "outbox")
	away := gapwise(t, env, "emit", file, "--patience", "500ms")
	want := fmt.Sprint(learners*each, " events are kept in ", folder)
	if away.code != 1 || !strings.Contains(away.stderr, want) || !strings.Contains(away.stderr, "gapwise emit --pending") {
		t.Fatalf("while away emit ended with %d, without %q: %s", away.code, want, away.stderr)
	}
	killed := launch(t, env, "emit", "answer", "--learner", "outbox-killed", "--item", "sli-slo-sla", "--correct")
	eventually(t, "the other event is in the outbox", func() bool {
		for _, path := range leftIn(t, folder) {
			if content, err := os.ReadFile(path); err == nil && bytes.Contains(content, []byte("outbox-killed")) {
				return true
			}
		}
		return false
	})
	killed.kill(t, false)

	s = run(t, dir)
	operator = s.as(t, "--role", "operator")
	var sent struct {
		Events  int
		Earlier struct{ Events, Accepted, Duplicates, Rejected int }
	}
	if out := must(t, env, "emit", "--pending", "--json"); json.Unmarshal([]byte(out), &sent) != nil ||
		sent.Events != 0 || sent.Earlier.Accepted != learners*each+1 || sent.Earlier.Events != learners*each+1 {
		t.Errorf("emit --pending says %s", out)
	}
	if left := leftIn(t, folder); len(left) > 0 {
		t.Errorf("all is sent, and there are %v", left)
	}
	if found := filesWith(t, folder, "outbox-"); len(found) > 0 {
		t.Errorf("all is sent, and learners are named in %v", found)
	}
	must(t, env, "emit", file)
	got := operator.settled(t).Counts
	if got.Answers != base.Answers+learners*each+1 || got.Conflicts != 0 || got.Dead != 0 {
		t.Errorf("counts are %+v, before they were %+v", got, base)
	}
	s.stop(t)
}

// TestLogFull emits more than the log has room for: the rest waits in the outbox
// until the operator made room, and every learner's events are in order.
func TestLogFull(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := run(t, dir)
	operator, env := s.as(t, "--role", "operator"), environment(dir)
	js, err := jetstream.New(connectBroker(t, dir, false))
	if err != nil {
		t.Fatal(err)
	}
	bound := func(size int64) {
		stream, err := js.Stream(t.Context(), "STUDY")
		if err != nil {
			t.Fatal(err)
		}
		config := stream.CachedInfo().Config
		if config.MaxBytes = size; size > 0 {
			config.MaxBytes += int64(stream.CachedInfo().State.Bytes)
		}
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}

	const learners, each = 20, 100
	file := linesFile(t, "https://full.example", learners, each)
	bound(300_000)
	full := gapwise(t, env, "emit", file, "--patience", "500ms")
	if full.code != 1 || !strings.Contains(full.stderr, "503") || !strings.Contains(full.stderr, " events are kept in ") {
		t.Fatalf("with a full log emit ended with %d: %s", full.code, full.stderr)
	}
	bound(-1)
	must(t, env, "emit", "--pending")
	must(t, env, "emit", file) // what was not read when emit gave up
	if got := operator.settled(t).Counts; got.Answers != learners*each || got.Dead != 0 {
		t.Errorf("counts are %+v", got)
	}

	stream, err := js.Stream(t.Context(), "STUDY")
	if err != nil {
		t.Fatal(err)
	}
	next, seen := map[string]int{}, map[string]bool{}
	for seq := stream.CachedInfo().State.FirstSeq; ; seq++ {
		message, err := stream.GetMsg(t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var e cloudEvent
		decode(t, message.Data, &e)
		if seen[e.ID] || e.Source != "https://full.example" {
			continue // a repeat
		}
		seen[e.ID] = true
		if want := fmt.Sprintf("%s/%d", e.Subject, next[e.Subject]); e.ID != want {
			t.Fatalf("sequence %d is %s, want %s", seq, e.ID, want)
		}
		next[e.Subject]++
	}
	if len(seen) != learners*each {
		t.Errorf("the log has %d events, want %d", len(seen), learners*each)
	}
	s.stop(t)
}

// TestImportKilled kills an import, not Gapwise, time after time: what it left is
// sent by the next, and in the end every row counts once.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	file := answersFile(t)
	dir, course := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "course")
	env := environment(dir)
	const source = "https://import-killed.example"
	must(t, env, "import", file, "--source", source, "--catalog-out", course, "--dry-run")
	s := run(t, dir, "--catalog", course)
	operator := s.as(t, "--role", "operator")
	base := operator.settled(t).Counts
	folder, left := filepath.Join(dir, "outbox"), 0
	for _, stored := range []uint64{0, 8_000, 16_000} {
		sending := launch(t, env, "import", file, "--source", source, "--cohort", cohort)
		eventually(t, fmt.Sprintf("%d messages are stored", stored), func() bool {
			if stored == 0 { // as soon as something is in the outbox
				return len(leftIn(t, folder)) > 0
			}
			return get[projections](t, operator, "/v1/projections").Last >= stored
		})
		sending.kill(t, true)
		left += len(leftIn(t, folder))
	}
	if left == 0 {
		t.Error("no kill came in the middle: nothing was left in the outbox")
	}
	if done := runImport(t, env, file, source); done.Rejected != 0 || done.Rows != killedRows {
		t.Errorf("the last import says %+v", done)
	}
	got := operator.settled(t).Counts
	if got.Answers != base.Answers+killedRows || got.Learners != base.Learners+killedUsers || got.Conflicts != 0 || got.Dead != 0 ||
		got.Facts != base.Facts+killedRows+killedUsers {
		t.Errorf("counts are %+v, before they were %+v", got, base)
	}
	if left := leftIn(t, folder); len(left) > 0 {
		t.Errorf("all is sent, and there are %v", left)
	}
	if found := filesWith(t, folder, "user-"); len(found) > 0 {
		t.Errorf("all is sent, and learners are named in %v", found)
	}
	s.stop(t)
}

// filesWith lists the files below a folder that hold a text.
func filesWith(t *testing.T, folder, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
