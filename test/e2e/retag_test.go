package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// retagged is an instance with the demo cohort on its way through the block of
// README.md that re-tags history.
type retagged struct {
	*instance
	operator caller
	learners []string
	bin, dir string // where gapwise is found by its name, and where the lines run

	first asOf                         // a moment before any of it
	said  []string                     // reports of that
	moved asOf                         // the moment that was compared
	named []string                     // whom the comparison named
	then  []string                     // reports of that moment
	words map[string]map[string]string // by learner: the state of each topic in both lenses, at that moment
}

// TestReadmeRetagsHistory takes the block out of README.md and runs it line by line,
// with events coming in and reports being read all the while. What the block says of
// itself is held after each line.
func TestReadmeRetagsHistory(t *testing.T) {
	t.Parallel()
	lines := readmeBlock(t, "catalog show --out course")
	r := &retagged{bin: t.TempDir(), dir: t.TempDir()}
	if err := os.Symlink(program, filepath.Join(r.bin, "gapwise")); err != nil {
		t.Fatal(err)
	}
	r.instance = run(t, filepath.Join(t.TempDir(), "data"))
	r.operator = r.as(t, "--role", "operator")
	must(t, environment(r.instance.dir), "demo", "load")
	before := r.operator.settled(t)
	for _, m := range get[struct{ Learners []struct{ Learner string } }](t, r.operator, "/v1/cohorts/demo/learners?limit=1000").Learners {
		r.learners = append(r.learners, m.Learner)
	}
	r.first, r.said = before.AsOf, r.reports(t, before.AsOf, "")
	log := r.log(t, before.Last)

	after := map[string]func(*testing.T, string){
		"gapwise catalog publish": r.proposed, "gapwise replay compare": r.compared,
		"gapwise replay activate": r.activated, "gapwise replay rollback": r.rolledBack,
	}
	live := r.study(t)
	for _, line := range lines {
		out := r.line(t, line)
		for command, holds := range after {
			if strings.HasPrefix(line, command) {
				holds(t, out)
				delete(after, command)
			}
		}
	}
	sent := live()
	if len(after) > 0 {
		t.Errorf("the block has changed: it lacks a line for each of %v", after)
	}

	now := r.operator.settled(t)
	if got, want := now.Counts.Answers, before.Counts.Answers+sent; got != want || sent == 0 {
		t.Errorf("%d answers are counted, want %d, of which %d came meanwhile", got, want, sent)
	}
	if got, want := now.Last, before.Last+uint64(sent)+1; got != want {
		t.Errorf("the log ends at %d, want %d: what came, and a catalog", got, want)
	}
	if again := r.log(t, before.Last); again != log {
		t.Errorf("the messages up to %d are not what they were: %s, before %s", before.Last, again, log)
	}
	must(t, environment(r.instance.dir), "verify")
	r.stop(t)
}

// readmeBlock returns the lines of the one block of README.md that holds some words.
func readmeBlock(t *testing.T, words string) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var found [][]string
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 1 && strings.Contains(part, words) {
			lines := strings.Split(strings.TrimSpace(part), "\n")
			found = append(found, lines[1:]) // the first one names the language
		}
	}
	if len(found) != 1 {
		t.Fatalf("README.md has %d blocks with %q, want one", len(found), words)
	}
	return found[0]
}

// line runs a line as a reader does who has typed the alias of README.md.
func (r *retagged) line(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", line)
	cmd.Dir = r.dir
	cmd.Env = append(environment(r.instance.dir), "PATH="+r.bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v: %s", line, err, out)
	}
	return string(out)
}

// study lets events come in and reports be read until it is ended, and returns how many
// answers came. Each report has the catalog that is active at its moment, as the
// history tells in the end.
func (r *retagged) study(t *testing.T) (end func() (sent int)) {
	t.Helper()
	items := get[struct{ Items []struct{ ID, Kind string } }](t, r.operator, "/v1/catalog").Items
	items = slices.DeleteFunc(items, func(i struct{ ID, Kind string }) bool { return i.Kind == "checklist" })
	const pace = 100 * time.Millisecond // of both, so that others get on; nothing waits for it
	type reading struct {
		AsOf                asOf `json:"as_of"`
		Generation, Catalog string
	}
	var (
		over     atomic.Bool // set at the latest when the test ends
		sent     int
		readings []reading
		both     sync.WaitGroup
	)
	both.Go(func() {
		for ; !over.Load(); sent++ {
			e := answerEvent(fmt.Sprint("live-", sent), "https://live.example", r.learners[sent%len(r.learners)], items[sent*7%len(items)].ID, time.Now())
			status, answer := r.operator.call(t, http.MethodPost, "/v1/events", oneEvent, strings.NewReader(string(e.json(t))))
			if status != http.StatusOK || !strings.Contains(string(answer), `"accepted":1`) {
				t.Errorf("an answer was not taken: %d %s", status, answer)
				return
			}
			time.Sleep(pace)
		}
	})
	both.Go(func() {
		paths := []string{"/v1/cohorts/demo/weak-topics", "/v1/learners/demo-001/next-topics"}
		for i := 0; !over.Load(); i++ {
			status, answer := r.operator.call(t, http.MethodGet, paths[i%2], "", nil)
			var one reading
			if err := json.Unmarshal(answer, &one); err != nil || status != http.StatusOK {
				t.Errorf("%s: %d %s", paths[i%2], status, answer)
				return
			}
			readings = append(readings, one)
			time.Sleep(pace)
		}
	})
	stop := func() {
		over.Store(true)
		both.Wait()
	}
	t.Cleanup(stop)
	return func() int {
		t.Helper()
		stop()
		history := get[struct {
			History []struct {
				Since   time.Time
				Catalog string
			}
		}](t, r.operator, replaysPath).History
		if len(history) != 3 || history[0].Catalog != history[2].Catalog || history[0].Catalog == history[1].Catalog {
			t.Errorf("the history is %+v", history)
		}
		seen := map[string]bool{}
		for _, one := range readings {
			at, err := time.Parse(time.RFC3339Nano, one.AsOf.Time)
			if err != nil {
				t.Fatal(err)
			}
			want := history[0].Catalog
			for _, h := range history {
				if !at.Before(h.Since) {
					want = h.Catalog
				}
			}
			if one.Catalog != want {
				t.Errorf("a report of %s is by catalog %s (generation %s), and %s was active", one.AsOf.Time, one.Catalog, one.Generation, want)
			}
			seen[one.Catalog] = true
		}
		if len(seen) != 2 {
			t.Errorf("readers saw the catalogs %v, want both", seen)
		}
		return sent
	}
}

// reports returns what a cohort and one learner read as of a moment.
func (r *retagged) reports(t *testing.T, at asOf, more string) (texts []string) {
	t.Helper()
	for _, path := range []string{
		"/v1/cohorts/demo/weak-topics?", "/v1/cohorts/demo/heatmap?by=concern&", "/v1/cohorts/demo/heatmap?by=chapter&",
		"/v1/learners/demo-001/next-topics?", "/v1/learners/demo-002/evidence?concern=distributed-systems&",
	} {
		text := r.operator.raw(t, path+"as_of="+url.QueryEscape(at.String())+more)
		texts = append(texts, lag.ReplaceAllString(string(text), ""))
	}
	return texts
}

// states returns what every learner reads as of a moment through what is active now:
// by learner, the word of each topic in both lenses.
func (r *retagged) states(t *testing.T, at asOf) map[string]map[string]string {
	t.Helper()
	words := map[string]map[string]string{}
	for _, learner := range r.learners {
		words[learner] = map[string]string{}
		for _, by := range []string{"concern", "chapter"} {
			path := "/v1/learners/" + learner + "/weak-topics?catalog=now&model=now&by=" + by + "&as_of=" + url.QueryEscape(at.String())
			for _, topic := range get[learnerReport](t, r.operator, path).Topics {
				words[learner][by+" "+topic.ID] = topic.State
			}
		}
	}
	return words
}

// log hashes all of the first messages of the log: subject, headers, data, and when
// each was stored.
func (r *retagged) log(t *testing.T, last uint64) string {
	t.Helper()
	js, err := jetstream.New(connectBroker(t, r.instance.dir, false))
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(t.Context(), "STUDY", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	sum := sha256.New()
	for seq := uint64(1); seq <= last; seq++ {
		m, err := messages.Next(jetstream.NextMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		about, err := m.Metadata()
		if err != nil || about.Sequence.Stream != seq {
			t.Fatalf("message %d: %+v, %v", seq, about, err)
		}
		fmt.Fprintf(sum, "%d %s %d %v %q\n", seq, m.Subject(), about.Timestamp.UnixNano(), m.Headers(), m.Data())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// proposed: nobody reads anything else yet.
func (r *retagged) proposed(t *testing.T, out string) {
	t.Helper()
	if !strings.Contains(out, "items re-tagged") {
		t.Fatalf("nothing is re-tagged: the line of sed fits no item of the guide any more:\n%s", out)
	}
	r.sameAsBefore(t, "proposed", "&catalog=now")
}

// sameAsBefore holds that the reports of the first moment are the same bytes.
func (r *retagged) sameAsBefore(t *testing.T, when, more string) {
	t.Helper()
	same(t, when, r.reports(t, r.first, more), r.said)
}

// compared: keeps what is read at the moment that was compared.
func (r *retagged) compared(t *testing.T, out string) {
	t.Helper()
	r.sameAsBefore(t, "built beside", "&catalog=now")
	c := r.comparison(t)
	if n := len(c.People.ChangedLearners); n == 0 || n == len(r.learners) || n != c.People.Affected {
		t.Errorf("%d of %d learners are named, %d affected: want some, not all", n, len(r.learners), c.People.Affected)
	}
	for _, says := range []string{
		fmt.Sprintf("%d of %d learners read another word", c.People.Affected, len(r.learners)), "cohort demo: ", c.People.ChangedLearners[0],
	} {
		if !strings.Contains(out, says) {
			t.Errorf("compare doesn't say %q:\n%s", says, out)
		}
	}
	r.moved, r.named = c.AsOf, c.People.ChangedLearners
	r.words, r.then = r.states(t, r.moved), r.reports(t, r.moved, "&catalog=now")
}

// comparison is what compare --json prints, of it what the test reads.
type comparison struct {
	AsOf   asOf `json:"as_of"`
	People struct {
		Affected        int
		ChangedLearners []string `json:"changed_learners"`
	}
}

func (r *retagged) comparison(t *testing.T) (c comparison) {
	t.Helper()
	decode(t, []byte(must(t, environment(r.instance.dir), "replay", "compare", "--json")), &c)
	return c
}

// activated: the learners who read another word are those that compare named.
func (r *retagged) activated(t *testing.T, _ string) {
	t.Helper()
	var changed []string
	for learner, words := range r.states(t, r.moved) {
		if fmt.Sprint(words) != fmt.Sprint(r.words[learner]) { // maps print in order of their keys
			changed = append(changed, learner)
		}
	}
	slices.Sort(changed)
	if !slices.Equal(changed, r.named) {
		t.Errorf("activating changed what %v read, and compare named %v", changed, r.named)
	}
	r.sameAsBefore(t, "activated", "")
}

// rolledBack: everything reads as before.
func (r *retagged) rolledBack(t *testing.T, _ string) {
	t.Helper()
	r.sameAsBefore(t, "rolled back", "&catalog=now")
	same(t, "at the moment that was compared", r.reports(t, r.moved, "&catalog=now"), r.then)
}
