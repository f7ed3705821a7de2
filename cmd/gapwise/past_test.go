package main

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// past is a system with a history that comes in bit by bit, and what it said meanwhile.
type past struct {
	*system
	operator string
	tagged   *project.Course // the course, tagged anew
	dice     *rand.Rand      // of who asks
	learners []string
	let      chan int      // so many requests with events may come in
	over     chan struct{} // closed when all events are sent

	mu   sync.Mutex
	kept []pastReport
}

// pastReport is a report as it was given.
type pastReport struct {
	path string
	query.Basis
	text string
}

// behind is what alone may differ when a report is asked for again.
var behind = regexp.MustCompile(`"lag_ms":\d+`)

// The reports that are asked for at every moment: of the cohort, and of a learner.
var (
	pastOfCohort = []string{
		"/weak-topics?by=concern", "/weak-topics?by=chapter", "/heatmap?limit=1000", "/items?limit=1000", "/learners?limit=1000", "/weeks?weeks=6",
		"/self-assessment?limit=1000", "/reliability?by=concern",
	}
	pastOfLearner = []string{
		"/weak-topics?by=concern", "/next-topics?limit=100", "/progress?limit=1", "/evidence?by=concern&arithmetic=true&limit=1000",
		"/self-assessment?by=chapter",
	}
)

// While events come in, two models are published, the course is tagged anew, that is
// activated and taken back, and reports are asked for. Asked for again as of the moment
// that each told they say the very same; and through today's catalog and model, or as of
// a sequence or a time alone, what a plain fold of the log gives.
func TestThePast(t *testing.T) {
	t.Parallel()
	p := startPast(t)
	p.moments(t, 12)
	p.during(t, func() { p.publishModel(t) })
	p.moments(t, 10)
	p.during(t, func() { p.proposeCourse(t) })
	p.during(t, func() { p.orderReplay(t, p.operator, `{"action":"activate","most_affected":1}`, 200) })
	p.moments(t, 12)
	p.during(t, func() { p.orderReplay(t, p.operator, `{"action":"rollback"}`, 200) })
	p.moments(t, 8)
	p.during(t, func() { p.publishModel(t) })
	p.moments(t, 8)
	p.let <- -1
	<-p.over
	p.settle(t)

	through := map[string]int{}
	for _, s := range p.kept {
		through[s.Catalog+" "+s.Model]++
	}
	t.Logf("%d reports were given, through %v", len(p.kept), through)
	if len(through) != 4 || p.active.Active().Course.Catalog.Version == p.tagged.Catalog.Version {
		t.Fatalf("reports were given through %v: two models, and between them another catalog, were wanted", through)
	}
	p.asSaid(t)
	p.throughToday(t)
	p.alone(t)
	p.browsePast(t)
}

// startPast starts a system, and lets the beginning of a history come in.
func startPast(t *testing.T) *past {
	s := startSystem(t)
	p := &past{
		system: s, operator: s.token(t, httpserver.Claims{Role: httpserver.RoleOperator}), dice: rand.New(rand.NewPCG(16, 5)),
		let: make(chan int, 1000), over: make(chan struct{}),
	}
	p.tagged = taggedAnew(t, p.active.Active().Course.Catalog)
	events := p.history(t)
	p.send(t, events[:400])
	p.settle(t)
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() { p.feed(t, events[400:], stop) })
	t.Cleanup(func() { close(stop); work.Wait() })
	return p
}

// feed sends as many requests as it is let, or with a number below 0 all that is left.
func (p *past) feed(t *testing.T, events []*event.Event, stop <-chan struct{}) {
	defer close(p.over)
	dice := rand.New(rand.NewPCG(16, 6))
	for len(events) > 0 {
		var n int
		select {
		case <-stop:
			return
		case n = <-p.let:
		}
		for ; n != 0 && len(events) > 0; n-- {
			some := events[:min(len(events), 1+dice.IntN(20))]
			if n < 0 {
				some = events[:min(len(events), 500)]
			}
			p.send(t, some)
			events = events[len(some):]
		}
	}
}

// send sends events as they follow each other.
func (p *past) send(t *testing.T, events []*event.Event) {
	var lines strings.Builder
	for _, e := range events {
		payload, err := event.Encode(e)
		if err != nil {
			t.Error(err)
		}
		lines.Write(payload)
		lines.WriteByte('\n')
	}
	if refused := p.rejections(t, p.operator, lines.String()); len(refused) > 0 {
		t.Errorf("of the history there were refused: %v", refused)
	}
}

// moments asks for every report, while some more events come in, and so again.
func (p *past) moments(t *testing.T, n int) {
	t.Helper()
	for range n {
		p.let <- p.dice.IntN(4)
		paths := p.reports()
		p.dice.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		p.both(paths, func(path string) { p.keep(t, path) })
	}
}

// reports lists those of the cohort and of some learner.
func (p *past) reports() []string {
	var paths []string
	for _, report := range pastOfCohort {
		paths = append(paths, "/v1/cohorts/past"+report)
	}
	learner := p.learners[p.dice.IntN(len(p.learners))]
	for _, report := range pastOfLearner {
		paths = append(paths, "/v1/learners/"+learner+report)
	}
	return paths
}

// during asks for one report after the other until something is done.
func (p *past) during(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if n%8 == 0 {
				p.let <- 1
			}
			paths := p.reports()
			p.keep(t, paths[p.dice.IntN(len(paths))])
			time.Sleep(20 * time.Millisecond) // others get on; nothing waits for it
		}
	})
	do()
	close(done)
	asking.Wait()
}

// both calls do with every path, two at a time.
func (p *past) both(paths []string, do func(path string)) {
	var work sync.WaitGroup
	for i := range 2 {
		work.Go(func() {
			for n := i; n < len(paths); n += 2 {
				do(paths[n])
			}
		})
	}
	work.Wait()
}

// ask returns what is answered now, the lag aside.
func (p *past) ask(t *testing.T, path string) (s pastReport) {
	got := p.do(t, http.MethodGet, path, p.operator, nil, "")
	s = pastReport{path: path, text: behind.ReplaceAllString(string(got.body), `"lag_ms":0`)}
	if err := json.Unmarshal(got.body, &s.Basis); err != nil || got.status != http.StatusOK {
		t.Errorf("%s: %d %.300s (%v)", path, got.status, got.body, err)
	}
	return s
}

// keep asks for a report of now and keeps it.
func (p *past) keep(t *testing.T, path string) {
	s := p.ask(t, path)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, s)
}

// asOf asks for a report of another moment.
func asOf(path, at string) string { return path + "&as_of=" + url.QueryEscape(at) }

// asSaid: every report says again, as of its moment, what it said.
func (p *past) asSaid(t *testing.T) {
	var paths []string
	before := map[string]pastReport{}
	for _, s := range p.kept {
		path := asOf(s.path, s.AsOf.String())
		before[path], paths = s, append(paths, path)
	}
	p.both(slices.Compact(slices.Sorted(slices.Values(paths))), func(path string) {
		if again := p.ask(t, path); again.text != before[path].text {
			was, is := firstDifference(before[path].text, again.text)
			t.Errorf("%s by generation %s said\n%s\nand says\n%s", path, before[path].Generation, was, is)
		}
	})
}

// browsePast opens pages of a moment at which another course was in use.
func (p *past) browsePast(t *testing.T) {
	i := slices.IndexFunc(p.kept, func(s pastReport) bool { return s.Catalog == p.tagged.Catalog.Version })
	p.browseAs(t, "GAPWISE_PAST="+p.kept[i].AsOf.String(),
		"GAPWISE_INSTRUCTOR="+p.token(t, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{"past"}}))
}

// firstDifference cuts out where two texts part.
func firstDifference(a, b string) (string, string) {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, min(i, len(s))-120):min(len(s), i+200)] }
	return cut(a), cut(b)
}

// publishModel publishes another model of the course, and waits until it is active.
func (p *past) publishModel(t *testing.T) {
	t.Helper()
	text, err := fittedFor(t, p.active.Active().Course).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.order(t, p.operator, `{"action":"publish","model":`+string(text)+`}`).Publication; got.Already {
		t.Errorf("the model was active already: %+v", got)
	}
}
