package e2e_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// logBasis is what reports of two logs differ in that hold the same.
var logBasis = regexp.MustCompile(`"seq":\d+|"lag_ms":\d+|"generation":"[^"]*"|"next":"[^"]*"`)

// TestArchiveImportKilled takes a log into another deployment. The import is killed, then
// the deployment, which the next import waits for, then that import: in the end every
// message is in the log once, another import adds none, and reports say the same as of a
// time when the second deployment wasn't there.
func TestArchiveImportKilled(t *testing.T) {
	t.Parallel()
	file := answersFile(t)
	from, into, course := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "into"), filepath.Join(t.TempDir(), "course")
	archive := filepath.Join(t.TempDir(), "archive")
	const source = "https://archived.example"
	env := environment(from)
	must(t, env, "import", file, "--source", source, "--catalog-out", course, "--dry-run")
	s := run(t, from, "--catalog", course)
	must(t, env, "import", file, "--source", source, "--cohort", cohort)
	operator := s.as(t, "--role", "operator")
	held := operator.settled(t).Counts
	moment := url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano))
	reports := func(c caller) (texts []string) {
		for _, path := range []string{
			"/v1/cohorts/" + cohort + "/weak-topics?", "/v1/cohorts/" + cohort + "/weeks?", "/v1/cohorts/" + cohort + "/items?",
			"/v1/learners/user-00/weak-topics?by=chapter&", "/v1/learners/user-07/next-topics?", "/v1/learners/user-07/evidence?item=item-07&",
		} {
			texts = append(texts, logBasis.ReplaceAllString(string(c.raw(t, path+"as_of="+moment)), ""))
		}
		return texts
	}
	want := reports(operator)
	must(t, env, "export", "--events", archive)
	s.stop(t)

	env = environment(into)
	address := freeAddress(t)
	s = run(t, into, "--catalog", course, "--listen", address)
	operator = s.as(t, "--role", "operator")
	own := operator.settled(t).Counts.Messages // the publication of its catalog
	stored := func(messages uint64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d messages are put back", messages), func() bool {
			return get[projections](t, operator, "/v1/projections").Last >= messages
		})
	}
	importing := launch(t, env, "import", "--events", archive)
	stored(3_000)
	importing.kill(t, true)
	importing = launch(t, env, "import", "--events", archive)
	stored(9_000)
	s.kill(t, true)
	s = run(t, into, "--catalog", course, "--listen", address)
	operator = s.as(t, "--role", "operator")
	stored(16_000)
	importing.mustRun(t)
	importing.kill(t, true)

	type restored struct{ Messages, Stored, Present int }
	importAll := func() (done restored) {
		decode(t, []byte(must(t, env, "import", "--events", archive, "--json")), &done)
		return done
	}
	if done := importAll(); done.Messages != held.Messages || done.Stored == 0 || done.Present < 16_000-own || done.Stored+done.Present != done.Messages {
		t.Errorf("the last import says %+v of %d messages", done, held.Messages)
	}
	if again := importAll(); again.Stored != 0 || again.Present != held.Messages {
		t.Errorf("another import says %+v", again)
	}
	got := operator.settled(t).Counts
	if got.Messages != own+held.Messages || got.Duplicates != 0 || got.Facts != held.Facts+own || got.Answers != held.Answers {
		t.Errorf("counts are %+v, where the archive is from they were %+v", got, held)
	}
	same(t, "put back", reports(operator), want)
	must(t, env, "verify")
	s.stop(t)
}
