package simulate_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/simulate"
)

var update = flag.Bool("update", false, "write the golden file anew")

// course is a small course with everything that the simulation looks at: two
// chapters against their order, choices, rubrics and a checklist.
func course(t testing.TB) *catalog.Catalog {
	t.Helper()
	const chapters, concerns = 6, 8
	var b strings.Builder
	b.WriteString("course: tea\ntitle: Tea\nchapters:\n")
	for i := range chapters {
		fmt.Fprintf(&b, "  - {id: chapter-%d, title: Chapter %d}\n", i, i)
		if i == 0 {
			b.WriteString("  - {id: chapter-last, title: Last, prerequisites: [chapter-5]}\n")
		}
	}
	b.WriteString("concerns:\n")
	for i := range concerns {
		fmt.Fprintf(&b, "  - {id: concern-%d, title: Concern %d, importance: 0.5", i, i)
		if i == 7 {
			b.WriteString(", prerequisites: [concern-0]")
		}
		b.WriteString("}\n")
	}
	b.WriteString("sections:\n  - {id: all, title: All}\nitems:\n")
	levels := catalog.Levels()
	for i := range 48 {
		fmt.Fprintf(&b, "  - {id: item-%02d, level: %s, prompt: Explain item %d, concerns: {concern-%d: 0.7, concern-%d: 0.3}, chapters: [chapter-%d], ",
			i, levels[i%4], i, i%concerns, (i/8+i+1)%concerns, i%chapters)
		switch i % 3 {
		case 0:
			b.WriteString("kind: quickfire, choices: [{id: a, text: One, right: true}, {id: b, text: Two, misconception: It is two}, {id: c, text: Three, misconception: It is three}]}\n")
		case 1:
			b.WriteString("kind: deepdive, points: [{id: p, text: First}, {id: q, text: Second}, {id: r, text: Third}], pitfalls: [None]}\n")
		default:
			b.WriteString("kind: checklist, section: all}\n")
		}
	}
	b.WriteString("  - {id: item-last, level: staff, prompt: Explain the end, kind: context, concerns: {concern-7: 1}, chapters: [chapter-last]}\n")
	c, err := catalog.Parse(fstest.MapFS{"course.yaml": {Data: []byte(b.String())}})
	if err != nil {
		t.Fatal(err)
	}
	c.Version = "fixed" // ids hold it; the way to derive it is not what is tested here
	return c
}

var from = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

func config() simulate.Config {
	return simulate.Config{
		Seed: 7, Learners: 30, Prefix: "t-", Cohort: "class", Source: "test/simulation",
		From: from, To: from.Add(40 * 24 * time.Hour), Events: 9000, Weak: []string{"concern-2", "concern-5"},
	}
}

func start(t testing.TB, c simulate.Config, on *catalog.Catalog) *simulate.Simulation {
	t.Helper()
	s, err := simulate.New(c, on)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// digest hashes the events as they would be sent.
func digest(t *testing.T, events iter.Seq[*event.Event]) string {
	t.Helper()
	h := sha256.New()
	for e := range events {
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = h.Write(append(raw, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The golden file holds some events for people and the hash of all. It is the
// same on every machine; a change to it is a change of every demo.
func TestDeterministic(t *testing.T) {
	c := config()
	c.Late, c.Repeats = 0.01, 0.02
	var got strings.Builder
	n := 0
	for e := range start(t, c, course(t)).Events() {
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if n%150 == 1 {
			got.Write(append(raw, '\n'))
		}
	}
	fmt.Fprintln(&got, "all:", digest(t, start(t, c, course(t)).Events()))
	c.Seed++
	other := digest(t, start(t, c, course(t)).Events())
	if strings.Contains(got.String(), other) {
		t.Error("another seed gives the same events")
	}
	const golden = "testdata/events.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the events differ from %s; if that is meant, run with -update", golden)
	}
}

func TestEvents(t *testing.T) {
	c, on := config(), course(t)
	ids := make(map[string]bool)
	joined := make(map[string]bool)
	open := make(map[string]string) // session: learner
	begun := make(map[string]time.Time)
	told := 0 // ends that tell how long the learner was active
	ticked := make(map[string]bool)
	attempts := make(map[string]int)
	counts := make(map[event.Type]int)
	last := c.From
	for e := range start(t, c, on).Events() {
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := event.Decode(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !decoded.Time.Equal(e.Time) || e.Time.Before(last) || !e.Time.Before(c.To) {
			t.Fatalf("%s: after %v", raw, last)
		}
		last = e.Time
		if ids[e.ID] || (!joined[e.Subject] && e.Type != event.CohortJoined) {
			t.Fatalf("%s: the id comes twice, or the learner hasn't joined", raw)
		}
		ids[e.ID] = true
		counts[e.Type]++
		switch d := e.Data.(type) {
		case *event.Membership:
			joined[e.Subject] = true
		case *event.Session:
			if d.Started == (open[d.Session] != "") {
				t.Errorf("%s: started twice or never", raw)
			}
			if d.Active != nil {
				if began := begun[d.Session]; *d.Active <= 0 || *d.Active > e.Time.Sub(began) {
					t.Errorf("%s: active for longer than since %v", raw, began)
				}
				told++
			}
			begun[d.Session] = e.Time
			open[d.Session] = e.Subject
			if _, known := on.Chapter(d.Chapter); !known {
				t.Errorf("%s: no such chapter", raw)
			}
		case *event.Tick:
			if it, known := on.Item(d.Item); !known || it.Answerable() || ticked[e.Subject+d.Item] == d.Ticked {
				t.Errorf("%s: not in the checklist, or ticked already", raw)
			}
			ticked[e.Subject+d.Item] = d.Ticked
		case *event.Answer:
			it, known := on.Item(d.Item)
			if !known || !it.Answerable() || d.Session != "" && open[d.Session] != e.Subject {
				t.Errorf("%s: no such question, or not in a session", raw)
			}
			attempts[e.Subject+d.Item]++
			if d.Attempt != attempts[e.Subject+d.Item] {
				t.Errorf("%s: attempt %d", raw, attempts[e.Subject+d.Item])
			}
		}
	}
	if told == 0 || told == counts[event.SessionEnded] {
		t.Errorf("of %d ends %d tell how long the learner was active, want most", counts[event.SessionEnded], told)
	}
	if len(ids) != c.Events || len(joined) != c.Learners || !joined["t-001"] || !joined["t-030"] {
		t.Errorf("%d events of %d learners", len(ids), len(joined))
	}
	for _, typ := range []event.Type{event.AnswerSubmitted, event.ChecklistTicked, event.ChecklistUnticked, event.SessionStarted, event.SessionEnded} {
		if counts[typ] == 0 {
			t.Errorf("no event of type %s", typ)
		}
	}
}

// The figures are those of a plausible cohort, not of any real one.
func TestDistribution(t *testing.T) {
	c, on := config(), course(t)
	c.Learners, c.Events = 200, 60_000
	s := start(t, c, on)
	var answers, score float64
	byItem := make(map[string]int)
	byGrader := make(map[event.Grader]int)
	byWeekday := make(map[bool]int)
	for e := range s.Events() {
		a, ok := e.Data.(*event.Answer)
		if !ok {
			continue
		}
		answers++
		score += a.Score
		byItem[a.Item]++
		byGrader[a.GradedBy]++
		byWeekday[e.Time.Weekday() == time.Saturday || e.Time.Weekday() == time.Sunday]++
	}
	if mean := score / answers; mean < 0.5 || mean > 0.75 {
		t.Errorf("%.2f of the answers are right", mean)
	}
	for _, grader := range []event.Grader{event.GradedByKey, event.GradedBySelf, event.GradedByPeer, event.GradedByInstructor} {
		if share := float64(byGrader[grader]) / answers; share < 0.03 {
			t.Errorf("%.3f of the answers are graded by %s", share, grader)
		}
	}
	if byWeekday[true]*4 > byWeekday[false] { // 2 days at half strength against 5
		t.Errorf("%d answers on weekends, %d on other days", byWeekday[true], byWeekday[false])
	}
	popularity := slices.SortedFunc(maps.Values(byItem), func(a, b int) int { return cmp.Compare(b, a) })
	if top, middle := popularity[0], popularity[len(popularity)/2]; top < 5*middle {
		t.Errorf("the most popular item has %d answers, the one in the middle %d", top, middle)
	}
	checkTruth(t, s, on)
}

// Items differ in difficulty, so a weak concern is compared with itself in a
// cohort that isn't weak in it.
func TestWeakConcernsComeOutLower(t *testing.T) {
	c, on := config(), course(t)
	weak := accuracy(start(t, c, on), on)
	c.Weak = []string{}
	for id, normal := range accuracy(start(t, c, on), on) {
		lost := normal - weak[id]
		if isWeak := slices.Contains(config().Weak, id); isWeak && lost < 0.12 || !isWeak && lost > 0.08 {
			t.Errorf("%s: %.2f right, %.2f if no concern is weak", id, weak[id], normal)
		}
	}
}

// accuracy is the mean score by concern, weighed as the items are.
func accuracy(s *simulate.Simulation, on *catalog.Catalog) map[string]float64 {
	scores, weights := make(map[string]float64), make(map[string]float64)
	for e := range s.Events() {
		if a, ok := e.Data.(*event.Answer); ok {
			it, _ := on.Item(a.Item)
			for _, w := range it.Concerns {
				scores[w.ID] += w.Weight * a.Score
				weights[w.ID] += w.Weight
			}
		}
	}
	for id := range scores {
		scores[id] /= weights[id]
	}
	return scores
}

// checkTruth holds that learners know less where the cohort is weak, and that
// they differ from each other.
func checkTruth(t *testing.T, s *simulate.Simulation, on *catalog.Catalog) {
	t.Helper()
	means := make([]float64, len(on.Concerns))
	for k := range on.Concerns {
		sum, squares := 0.0, 0.0
		learners := s.Learners()
		for i := range learners {
			m := s.Mastery(i, k)
			if !(m > 0 && m < 1) {
				t.Fatalf("%s knows %v of %s", learners[i], m, on.Concerns[k].ID)
			}
			sum += m
			squares += m * m
		}
		n := float64(len(learners))
		means[k] = sum / n
		if sd := math.Sqrt(squares/n - means[k]*means[k]); sd < 0.05 {
			t.Errorf("in %s all know the same: %.2f ± %.2f", on.Concerns[k].ID, means[k], sd)
		}
	}
	for _, weak := range s.Weak() {
		for k := range means {
			if !slices.Contains(s.Weak(), k) && means[weak] > means[k]-0.08 {
				t.Errorf("mastery of %s is %.2f, of %s %.2f", on.Concerns[weak].ID, means[weak], on.Concerns[k].ID, means[k])
			}
		}
	}
}

func TestDisorder(t *testing.T) {
	c, on := config(), course(t)
	plain := make(map[string]string)
	for e := range start(t, c, on).Events() {
		plain[strings.TrimPrefix(e.ID, e.ID[:12])] = fmt.Sprint(e.Type, e.Time)
	}
	c.Late, c.Repeats = 0.05, 0.03
	seen := make(map[string]*event.Event)
	late, repeats := 0, 0
	last := c.From
	for e := range start(t, c, on).Events() {
		if seen[e.ID] != nil {
			repeats++
			if seen[e.ID] != e {
				t.Errorf("the repeat of %s is another event", e.ID)
			}
			continue
		}
		seen[e.ID] = e
		if e.Time.Before(last) {
			late++
		} else {
			last = e.Time
		}
		if want := plain[strings.TrimPrefix(e.ID, e.ID[:12])]; want != fmt.Sprint(e.Type, e.Time) {
			t.Errorf("%s is %s at %v, and %s in order", e.ID, e.Type, e.Time, want)
		}
	}
	if len(seen) != c.Events || late < c.Events/25 || late > c.Events/12 || repeats < c.Events/50 || repeats > c.Events/20 {
		t.Errorf("%d events, %d late, %d repeated", len(seen), late, repeats)
	}
	for range start(t, c, on).Events() {
		break // a range may stop anywhere
	}
}

// A derived course has no chapters, no levels and no rubrics.
func TestDerivedCourse(t *testing.T) {
	items := make(map[string][]string)
	for i := range 40 {
		items[fmt.Sprint("word ", i)] = []string{fmt.Sprint("skill ", i%5)}
	}
	on, err := catalog.Derive("words", "Words", items)
	if err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Cohort, c.Weak, c.Events = "", nil, 3000
	s, n := start(t, c, on), 0
	for e := range s.Events() {
		n++
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := event.Decode(raw); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	}
	if n != c.Events || len(s.Weak()) != 1 {
		t.Errorf("%d events, weak in %v", n, s.Weak())
	}
}

// However little time there is, the events are as many as asked for and in order.
func TestDense(t *testing.T) {
	c := config()
	c.Learners, c.Events, c.To = 3, 20_000, c.From.Add(time.Minute)
	last, n := c.From, 0
	for e := range start(t, c, course(t)).Events() {
		if e.Time.Before(last) || !e.Time.Before(c.To) {
			t.Fatalf("%v after %v", e.Time, last)
		}
		last = e.Time
		n++
	}
	if n != c.Events {
		t.Errorf("%d events, want %d", n, c.Events)
	}
}

// The demo must fill most cells of its heatmap: five answers in each.
func TestDemo(t *testing.T) {
	on, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c := simulate.Demo(from)
	s := start(t, c, on)
	answers := make(map[[2]string]int)
	for e := range s.Events() {
		a, ok := e.Data.(*event.Answer)
		if !ok {
			continue
		}
		it, _ := on.Item(a.Item)
		for _, w := range it.Concerns {
			answers[[2]string{e.Subject, w.ID}]++
		}
	}
	full := 0
	for _, n := range answers {
		if n >= 5 {
			full++
		}
	}
	if cells := c.Learners * len(on.Concerns); full < cells*3/4 {
		t.Errorf("%d of %d cells have five answers", full, cells)
	}
	if s.Learners()[0] != "demo-001" || len(s.Weak()) != 3 {
		t.Errorf("learner %s, weak in %v", s.Learners()[0], s.Weak())
	}
	checkTruth(t, s, on)
}

func TestBadConfig(t *testing.T) {
	c := simulate.Config{Learners: 3, Cohort: "c", Events: 2, Source: "a b", From: from, To: from, Weak: []string{"x"}, Late: 2, Repeats: math.NaN()}
	_, err := simulate.New(c, course(t))
	want := `simulate: 2 events are too few for 3 learners: each joins the cohort with one
the time from 2026-01-05T08:00:00Z to 2026-01-05T08:00:00Z is shorter than a minute
the share of late events is 2: it must be between 0 and 0.5
the share of repeated events is NaN: it must be between 0 and 0.5
the course has no concern "x" to be weak in
`
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "source") {
		t.Errorf("got:\n%v\nwant:\n%s… the source …", err, want)
	}
	_, err = simulate.New(simulate.Config{Source: "s", Prefix: "p", From: from, To: from.Add(time.Hour)}, &catalog.Catalog{Course: "empty"})
	if want := "simulate: 0 learners: there must be at least 1\nthe course empty asks nothing: it needs concerns and items that are answered"; err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// Ten times the events must not take more memory.
func TestBoundedMemory(t *testing.T) {
	c := config()
	c.Learners, c.Events, c.Late, c.Repeats = 500, 400_000, 0.01, 0.01
	s := start(t, c, course(t))
	n, early := 0, int64(0)
	for range s.Events() {
		n++
		if n == c.Events/10 {
			early = heap()
		}
	}
	if grown := heap() - early; grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkEvents(b *testing.B) {
	c := config()
	c.Learners, c.Events = 10_000, max(b.N, 10_000)
	s := start(b, c, course(b))
	b.ReportAllocs()
	b.ResetTimer()
	for range s.Events() {
	}
}
