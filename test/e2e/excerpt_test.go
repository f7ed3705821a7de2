package e2e_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	excerptFile   = "testdata/excerpt.tsv"
	excerptSource = "https://excerpt.example"
	cohort        = "excerpt"
)

// excerpt is testdata/excerpt.tsv, read as the documentation of import says.
type excerpt struct {
	course  refCourse
	answers []refAnswer
	ids     []string // of the answers' events
	of      map[string]int
}

func (e *excerpt) learners() []string {
	var list []string
	for learner := range e.of {
		list = append(list, learner)
	}
	slices.Sort(list)
	return list
}

func readExcerpt(t *testing.T) *excerpt {
	t.Helper()
	file, err := os.Open(excerptFile)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	in := csv.NewReader(file)
	in.Comma = '\t'
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	e := &excerpt{course: refCourse{}, of: map[string]int{}}
	base := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	ranks := map[string]int64{} // rows of one user with one time, so far
	for i, row := range rows[1:] {
		user, item, ts, correct, skills := row[0], row[1], row[2], row[3], row[4]
		for skill := range strings.SplitSeq(skills, ";") {
			if !slices.Contains(e.course[item], skill) {
				e.course[item] = append(e.course[item], skill)
			}
		}
		seconds, err := strconv.ParseInt(ts, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		at := base.Add(time.Duration(i+1) * time.Second).UnixMicro()
		if seconds != 0 {
			at = seconds*1e6 + ranks[user+" "+ts]
			ranks[user+" "+ts]++
		}
		score := 0.
		if correct == "1" {
			score = 1
		}
		e.of[user]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", excerptSource, user, e.of[user]))
		id := hex.EncodeToString(sum[:16])
		e.ids = append(e.ids, id)
		e.answers = append(e.answers, refAnswer{learner: user, item: item, score: score, at: at, key: refKey(excerptSource, id)})
	}
	return e
}

// life is one instance on its way through the tests of this file.
type life struct {
	*instance
	*excerpt
	operator caller
	course   string // folder
	first    asOf   // a moment whose reports must never change
	then     map[string]string
	answered int // answers that reports count
}

// TestOneInstance leads one instance from the import of an excerpt to a restart.
// The steps build on each other; the first that fails ends it.
func TestOneInstance(t *testing.T) {
	t.Parallel()
	l := &life{excerpt: readExcerpt(t), course: filepath.Join(t.TempDir(), "course")}
	dir := filepath.Join(t.TempDir(), "data")
	must(t, environment(dir), "import", excerptFile, "--source", excerptSource, "--catalog-out", l.course, "--dry-run")
	l.instance = run(t, dir, "--catalog", l.course)
	l.operator = l.as(t, "--role", "operator")

	for _, step := range []struct {
		name string
		do   func(*life, *testing.T)
	}{
		{"import counts every row once", (*life).imports},
		{"importing again adds nothing", (*life).importsAgain},
		{"the same events by plain NATS add nothing", (*life).repeatsByNATS},
		{"weak topics equal the recomputation", (*life).recompute},
		{"predictions against answers equal the recomputation", (*life).reliability},
		{"a moment can be asked for again", (*life).remember},
		{"and so after late, self-graded, partial and voided answers", (*life).moreAnswers},
		{"plain NATS reaches a report or the dead letters", (*life).plainNATS},
		{"bad input gets its answer and harms nobody", (*life).badInput},
		{"rows written twice count once", (*life).writtenTwice},
		{"the same moment reads the same", (*life).remembers},
		{"the database crashes and comes back", (*life).databaseCrashes},
		{"a second start is refused", (*life).secondStart},
		{"it stops, leaves nothing running and serves the same after a start", (*life).restart},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.do(l, t) }) {
			return
		}
	}
}

// importSummary is what import --json prints.
type importSummary struct {
	Rows, Accepted, Duplicates, Rejected int
	AnswersAdded                         *int `json:"answers_added"`
}

func (l *life) runImport(t *testing.T) importSummary {
	t.Helper()
	return runImport(t, environment(l.dir), excerptFile, excerptSource)
}

func runImport(t *testing.T, env []string, file, source string) importSummary {
	t.Helper()
	var s importSummary
	out := must(t, env, "import", file, "--source", source, "--cohort", cohort, "--json")
	decode(t, []byte(out), &s)
	if s.AnswersAdded == nil {
		t.Fatalf("import can't tell how many answers it added: %s", out)
	}
	return s
}

func (l *life) imports(t *testing.T) {
	before := l.operator.settled(t).Counts
	s := l.runImport(t)
	rows, users := len(l.answers), len(l.of)
	if s.Rows != rows || s.Accepted != rows+users || s.Duplicates != 0 || s.Rejected != 0 || *s.AnswersAdded != rows {
		t.Errorf("import says %+v (%d answers added), want %d rows and as many answers", s, *s.AnswersAdded, rows)
	}
	want := counts{
		Messages: before.Messages + rows + users, Facts: before.Facts + rows + users, Answers: rows, Learners: users,
	}
	if got := l.operator.settled(t).Counts; got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
	l.answered = rows
	for learner, answers := range l.of {
		if got := l.progress(t, learner); got != answers {
			t.Errorf("%s has %d answers in progress, %d in the file", learner, got, answers)
		}
	}
}

// progress returns how many answers of a learner are counted.
func (l *life) progress(t *testing.T, learner string) int {
	t.Helper()
	return get[struct{ Answers int }](t, l.operator, "/v1/learners/"+learner+"/progress").Answers
}

func (l *life) importsAgain(t *testing.T) {
	before := l.operator.settled(t)
	s := l.runImport(t)
	sent := len(l.answers) + len(l.of)
	if s.Accepted+s.Duplicates != sent || s.Rejected != 0 || *s.AnswersAdded != 0 {
		t.Errorf("the second import says %+v (%d answers added), want %d events and nothing added", s, *s.AnswersAdded, sent)
	}
	l.sameFacts(t, before.Counts)
}

// sameFacts fails the test when there are other facts than before.
func (l *life) sameFacts(t *testing.T, before counts) counts {
	t.Helper()
	got := l.operator.settled(t).Counts
	if got.Facts != before.Facts || got.Answers != before.Answers || got.Learners != before.Learners {
		t.Errorf("counts were %+v and are %+v", before, got)
	}
	return got
}

// recompute compares learners' and the cohort's weak topics with the reference,
// now and at the moment of the last answer, when less is forgotten.
func (l *life) recompute(t *testing.T) {
	now := get[cohortReport](t, l.operator, "/v1/cohorts/"+cohort+"/weak-topics").AsOf
	last := slices.MaxFunc(l.answers, func(a, b refAnswer) int { return int(a.at - b.at) })
	known := refFold(l.excerpt.course, l.answers)
	words := map[string]int{}
	for _, at := range []asOf{now, {now.Seq, time.UnixMicro(last.at).UTC().Format(time.RFC3339Nano)}} {
		moment, err := time.Parse(time.RFC3339Nano, at.Time)
		if err != nil {
			t.Fatal(err)
		}
		for _, learner := range l.learners() {
			r := get[learnerReport](t, l.operator, "/v1/learners/"+learner+"/weak-topics?as_of="+at.String())
			l.compareLearner(t, learner, r, known[learner], moment.UnixMicro(), words)
		}
		r := get[cohortReport](t, l.operator, "/v1/cohorts/"+cohort+"/weak-topics?as_of="+at.String())
		l.compareCohort(t, r, known, moment.UnixMicro())
	}
	for _, word := range []string{"not_enough_answers", "rusty", "weak", "borderline", "fair", "strong"} {
		if words[word] == 0 {
			t.Errorf("no cell of the excerpt is %s: it does not test that word (%v)", word, words)
		}
	}
}

func (l *life) compareLearner(t *testing.T, learner string, r learnerReport, known *refLearner, now int64, words map[string]int) {
	t.Helper()
	if r.Answers != known.n || r.Unmapped != 0 || len(r.Topics) != len(l.excerpt.course.topics()) {
		t.Errorf("%s has %d answers, %d unmapped, %d topics; recomputed %d answers of %d topics",
			learner, r.Answers, r.Unmapped, len(r.Topics), known.n, len(l.excerpt.course.topics()))
	}
	var order []float64
	for _, topic := range r.Topics {
		what := learner + " in " + topic.ID
		e := known.mastery(topic.ID, now)
		words[e.word()]++
		if topic.State != e.word() || topic.Answers != e.n {
			t.Errorf("%s is %s after %d answers, recomputed %s after %d", what, topic.State, topic.Answers, e.word(), e.n)
		}
		if e.n == 0 {
			if topic.Mastery != nil || topic.PWeak != nil {
				t.Errorf("%s has an estimate that rests on no answer", what)
			}
			order = append(order, -2)
			continue
		}
		nearInterval(t, "mastery of "+what, topic.Mastery, interval{e.m, e.low, e.high})
		near(t, "P(weak) of "+what, *topic.PWeak, e.pWeak)
		k := known.topics[topic.ID]
		near(t, "self-graded share of "+what, topic.SelfGraded, float64(k.self)/float64(k.n))
		near(t, "observed of "+what, topic.Observed.Right, decayed(k.right, now))
		near(t, "expected of "+what, topic.Observed.Expected, decayed(k.expected, now))
		order = append(order, rank(e.word(), e.pWeak))
	}
	if !slices.IsSortedFunc(order, falling) {
		t.Errorf("topics of %s are not weakest first: %v", learner, order)
	}
}

func (l *life) compareCohort(t *testing.T, r cohortReport, known map[string]*refLearner, now int64) {
	t.Helper()
	topics, members := l.excerpt.course.topics(), l.learners()
	want := refCohort(topics, members, known, now)
	if r.Learners != len(members) || r.Answers != len(l.answers) || len(r.Topics) != len(topics) {
		t.Errorf("the cohort has %d learners, %d answers, %d topics; recomputed %d, %d, %d",
			r.Learners, r.Answers, len(r.Topics), len(members), len(l.answers), len(topics))
	}
	var order []float64
	for _, topic := range r.Topics {
		w, what := want[topic.ID], "the cohort in "+topic.ID
		if topic.State != w.word || topic.Answers != w.answers || topic.LearnersMeasured != w.measured || topic.Learners != len(members) {
			t.Errorf("%s is %s after %d answers of %d measured of %d learners, recomputed %s after %d of %d of %d",
				what, topic.State, topic.Answers, topic.LearnersMeasured, topic.Learners, w.word, w.answers, w.measured, len(members))
		}
		nearInterval(t, "share weak of "+what, topic.ShareWeak, w.share)
		nearInterval(t, "mastery of "+what, topic.Mastery, w.mastery)
		near(t, "self-graded share of "+what, topic.SelfGraded, float64(w.self)/float64(w.answers))
		order = append(order, rank(w.word, w.share.Estimate))
	}
	if !slices.IsSortedFunc(order, falling) {
		t.Errorf("topics of the cohort are not weakest first: %v", order)
	}
}

// rank puts what has no state after all that has one.
func rank(word string, weak float64) float64 {
	if word == "not_enough_answers" {
		return weak - 2
	}
	return weak
}

func falling(a, b float64) int {
	switch {
	case a > b+1e-9:
		return -1
	case a < b-1e-9:
		return 1
	}
	return 0
}

// moreAnswers sends what an import never has, and recomputes.
func (l *life) moreAnswers(t *testing.T) {
	const self = "https://self.example"
	learner := l.as(t, "--role", "learner", "--learner", "ines")
	late := time.Date(2019, 5, 1, 12, 0, 0, 0, time.UTC) // before all others: everything is folded anew
	recent := time.Date(2025, 6, 1, 12, 0, 0, 123456000, time.UTC)
	var lines []byte
	for i, a := range []struct {
		item  string
		at    time.Time
		score float64
	}{
		{"item-01", late, 1}, {"item-02", recent, .5}, {"item-02", recent.Add(time.Minute), .25},
		{"item-03", recent.Add(2 * time.Minute), 0}, {"item-01", recent.Add(7 * time.Hour), 1},
	} {
		e := answerEvent(fmt.Sprintf("self-%d", i), self, "ines", a.item, a.at)
		e.Data = map[string]any{"item": a.item, "score": a.score, "graded_by": "self"}
		lines = append(append(lines, e.json(t)...), '\n')
		l.answers = append(l.answers, refAnswer{
			learner: "ines", item: a.item, score: a.score, at: a.at.UnixMicro(), key: refKey(self, e.ID), self: true,
		})
		l.of["ines"]++
		l.answered++
	}
	if got := learner.post(t, ndjson, lines); got.Accepted != 5 {
		t.Fatalf("own self-graded answers: %+v", got)
	}

	// The third answer of pavel is taken back, by the source that sent it.
	third := slices.IndexFunc(l.answers, func(a refAnswer) bool { return a.learner == "pavel" }) + 2
	for l.answers[third].learner != "pavel" {
		third++
	}
	void := answerEvent("void-1", excerptSource, "pavel", "", recent)
	void.Type, void.Data = "study.answer.voided.v1", map[string]any{"event": l.ids[third], "reason": "a slip of the finger"}
	if got := l.as(t, "--role", "producer", "--source", excerptSource).post(t, batch, []byte("["+string(void.json(t))+"]")); got.Accepted != 1 {
		t.Fatalf("a void: %+v", got)
	}
	l.answers = slices.Delete(l.answers, third, third+1)
	l.of["pavel"]--
	l.answered--

	l.operator.settled(t)
	for _, who := range []string{"ines", "pavel"} {
		if got := l.progress(t, who); got != l.of[who] {
			t.Errorf("%s has %d answers in progress, want %d", who, got, l.of[who])
		}
	}
	l.recompute(t)
	l.reliability(t)
}

// reports are the paths whose answers a moment fixes.
func (l *life) reports() []string {
	paths := []string{"/v1/cohorts", "/v1/reliability?by=chapter"}
	for _, report := range []string{"weak-topics", "weak-topics?by=chapter", "heatmap", "heatmap?limit=3", "items", "learners", "reliability"} {
		paths = append(paths, "/v1/cohorts/"+cohort+"/"+report)
	}
	for _, learner := range []string{"ines", "pavel"} {
		for _, report := range []string{
			"weak-topics", "weak-topics?by=chapter", "next-topics", "progress", "evidence?concern=algebra", "evidence?item=item-02", "export",
		} {
			paths = append(paths, "/v1/learners/"+learner+"/"+report)
		}
	}
	return paths
}

// at reads all reports of a moment.
func (l *life) at(t *testing.T, moment asOf) map[string]string {
	t.Helper()
	l.operator.settled(t) // the lag is part of a report
	read := map[string]string{}
	for _, path := range l.reports() {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		read[path] = string(l.operator.raw(t, path+separator+"as_of="+moment.String()))
	}
	return read
}

// remember asks for a report of now and for the same again as of then.
func (l *life) remember(t *testing.T) {
	const path = "/v1/cohorts/" + cohort + "/weak-topics"
	now := l.operator.raw(t, path)
	var r cohortReport
	decode(t, now, &r)
	l.first = r.AsOf
	l.then = l.at(t, l.first)
	if l.then[path] != string(now) {
		t.Errorf("as of the moment that it echoed, the report is another:\n%.600s\n%.600s", now, l.then[path])
	}
}

// remembers fails the test when a report of the first moment changed.
func (l *life) remembers(t *testing.T) {
	for path, now := range l.at(t, l.first) {
		if now != l.then[path] {
			t.Errorf("%s as of %s changed:\nthen %.800s\nnow  %.800s", path, l.first, l.then[path], now)
		}
	}
}
