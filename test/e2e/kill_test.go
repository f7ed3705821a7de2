package e2e_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// killedRows is how many answers the import has that is killed: enough to be in
// the middle of it whenever a kill comes.
const (
	killedRows  = 24_000
	killedUsers = 40
)

// TestKills kills Gapwise in the middle of an import, starts it again on the same
// folder and imports again, time after time: in the end every row counts once.
func TestKills(t *testing.T) {
	t.Parallel()
	file := answersFile(t)
	dir, course := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "course")
	env := environment(dir)
	const source = "https://killed.example"
	must(t, env, "import", file, "--source", source, "--catalog-out", course, "--dry-run")
	start := func() (*instance, caller) {
		s := run(t, dir, "--catalog", course)
		operator := s.as(t, "--role", "operator")
		return s, operator
	}

	s, operator := start()
	base := operator.settled(t).Counts
	for i, round := range []struct {
		stored       uint64 // kill once the log has so many messages
		childrenToo  bool   // else the engine is to notice its parent's death
		engineFirst  bool   // the engine crashes a moment before
		duringReplay bool   // kill again while the next life catches up
	}{
		{stored: 600, childrenToo: true},
		{stored: 5_000},
		{stored: 11_000, engineFirst: true, duringReplay: true},
		{stored: 17_000, childrenToo: true, duringReplay: true},
	} {
		sending := launch(t, env, "import", file, "--source", source, "--cohort", cohort, "--url", s.url)
		eventually(t, fmt.Sprintf("round %d: %d messages are stored", i, round.stored), func() bool {
			return get[projections](t, operator, "/v1/projections").Last >= round.stored
		})
		if round.engineFirst {
			for _, child := range s.children(t) {
				_ = syscall.Kill(child, syscall.SIGKILL)
			}
		}
		s.kill(t, round.childrenToo)
		sending.kill(t, true)
		if round.duringReplay {
			s, _ = start()
			s.kill(t, true)
		}
		s, operator = start()
		p := operator.settled(t)
		if p.Last < round.stored {
			t.Errorf("round %d: the log had %d messages before the kill and has %d", i, round.stored, p.Last)
		}
		if c := p.Counts; c.Facts+c.Duplicates != c.Messages || c.Facts > base.Facts+killedRows+killedUsers {
			t.Errorf("round %d: counts are %+v, want a fact or a repeat for every message", i, c)
		}
	}

	if done := runImport(t, env, file, source); done.Rejected != 0 || done.Rows != killedRows {
		t.Errorf("the last import says %+v", done)
	}
	want := counts{Facts: base.Facts + killedRows + killedUsers, Answers: killedRows, Learners: killedUsers}
	got := operator.settled(t).Counts
	if got.Messages -= got.Duplicates; got.Messages != want.Facts { // repeats that the broker no longer knew
		t.Errorf("the log has %d messages that are no repeats, want %d", got.Messages, want.Facts)
	}
	got.Messages, got.Duplicates = 0, 0
	if got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
	for user := range killedUsers {
		learner := fmt.Sprintf("user-%02d", user)
		progress := get[struct{ Answers int }](t, operator, "/v1/learners/"+learner+"/progress")
		report := get[learnerReport](t, operator, "/v1/learners/"+learner+"/weak-topics")
		if progress.Answers != killedRows/killedUsers || report.Answers != killedRows/killedUsers {
			t.Errorf("%s has %d answers in progress and %d in weak topics, want %d",
				learner, progress.Answers, report.Answers, killedRows/killedUsers)
		}
	}
	if r := get[cohortReport](t, operator, "/v1/cohorts/"+cohort+"/weak-topics"); r.Answers != killedRows || r.Learners != killedUsers {
		t.Errorf("the cohort has %d answers of %d learners, want %d of %d", r.Answers, r.Learners, killedRows, killedUsers)
	}
	if again := runImport(t, env, file, source); *again.AnswersAdded != 0 {
		t.Errorf("another import added %d answers", *again.AnswersAdded)
	}
	s.stop(t)
}

// answersFile makes a table of answers, the same every time.
func answersFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "answers.tsv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(file)
	dice := rand.New(rand.NewPCG(1, 2))
	fmt.Fprintln(out, "user\titem\tts\tcorrect\tskills")
	for row := range killedRows {
		item := dice.IntN(60)
		fmt.Fprintf(out, "user-%02d\titem-%02d\t0\t%d\tskill-%d\n", row%killedUsers, item, dice.IntN(2), item%12)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
