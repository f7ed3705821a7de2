package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// logged is a valid event of the log that is no repeat.
type logged struct {
	*event.Event
	seq    uint64
	stored time.Time
}

// readLog reads the whole log, and when each of its sequences was stored.
func (p *past) readLog(t *testing.T) (events []logged, stored []time.Time) {
	t.Helper()
	last, err := p.last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[event.Key]bool{}
	for seq := uint64(1); seq <= last; seq++ {
		entry, err := p.log.Get(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, entry.Stored.Truncate(time.Microsecond))
		if e, err := event.Decode(entry.Payload); err == nil && !seen[e.Key] {
			seen[e.Key] = true
			events = append(events, logged{e, seq, entry.Stored})
		}
	}
	return events, stored
}

// folding folds a log up to a moment, with nothing but the model.
type folding struct {
	events []logged
	at     query.AsOf
}

// of folds one learner's answers through one lens.
func (f *folding) of(learner string, lens *project.LensModel) (project.Known, error) {
	h := &project.History{Learner: learner}
	for _, e := range f.events {
		if e.Subject != learner || e.seq > f.at.Seq {
			continue
		}
		switch data := e.Data.(type) {
		case *event.Answer:
			h.Given = append(h.Given, project.Given{
				Seq: e.seq, Key: e.Key, Time: e.Time.UnixMicro(), Item: data.Item, Score: data.Score, GradedBy: data.GradedBy})
		case *event.Void:
			h.Taken = append(h.Taken, project.Taken{Seq: e.seq, Target: data.Target})
		}
	}
	return lens.Replay(h, f.at.Seq, nil)
}

// members lists who is in the cohort, and targets what each prepares for.
func (f *folding) members() (members []string, targets map[string]mastery.Target) {
	var words []logged
	targets = map[string]mastery.Target{}
	for _, e := range f.events {
		word, ok := e.Data.(*event.Membership)
		if !ok || e.seq > f.at.Seq {
			continue
		}
		if word.Target != "" {
			targets[e.Subject], _ = mastery.ParseTarget(word.Target)
		}
		if !e.Time.After(f.at.Time) {
			words = append(words, e)
		}
	}
	slices.SortFunc(words, func(a, b logged) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Key.String(), b.Key.String()))
	})
	in := map[string]bool{}
	for _, e := range words {
		in[e.Subject] = e.Data.(*event.Membership).Joined
	}
	for learner, joined := range in {
		if joined {
			members = append(members, learner)
		}
	}
	slices.Sort(members)
	return members, targets
}

// heatmap is what a report must say.
func (f *folding) heatmap(t *testing.T, course *project.Course, lens project.Lens) []query.HeatmapRow {
	t.Helper()
	model := &course.Lenses[lens]
	members, targets := f.members()
	rows := make([]query.HeatmapRow, len(members))
	for i, learner := range members {
		known, err := f.of(learner, model)
		if err != nil {
			t.Fatal(err)
		}
		rows[i] = query.HeatmapRow{Learner: learner, Answers: int(known.State.N) + known.Unmapped}
		if level, told := targets[learner].Level(); told {
			name := level.String()
			rows[i].Target = &name
		}
		for k := range model.Topics {
			e := model.MasteryAgainst(known.State, k, targets[learner], f.at.Time.UnixMicro())
			cell := query.Cell{State: string(e.Word()), Answers: int(e.N)}
			if e.N > 0 {
				cell.Mastery, cell.PWeak = &query.Interval{Estimate: e.Mean, Low: e.Low, High: e.High}, &e.PWeak
			}
			rows[i].Cells = append(rows[i].Cells, cell)
		}
	}
	return rows
}

// throughToday: seen through today's catalog, today's model or both, a moment of the past
// is what a plain fold with them gives.
func (p *past) throughToday(t *testing.T) {
	events, _ := p.readLog(t)
	today := p.active.Active().Course
	var model *project.Model
	if m := today.Describe(); m.Fitted != nil {
		model = m
	}
	dice, looked, others := rand.New(rand.NewPCG(16, 7)), 0, 0
	for _, i := range dice.Perm(len(p.kept)) {
		s := p.kept[i]
		path := asOf(s.path, s.AsOf.String()) + "&catalog=now&model=now"
		now := p.ask(t, path)
		if now.Catalog != today.Catalog.Version || now.Model != today.Model || now.AsOf != s.AsOf {
			t.Errorf("%s is of %+v", path, now.Basis)
		}
		switch same := s.Catalog == now.Catalog && s.Model == now.Model; {
		case same && strings.Replace(now.text, now.Generation, s.Generation, 1) != s.text:
			was, is := firstDifference(s.text, now.text)
			t.Errorf("%s said\n%s\nand says of the same catalog and model\n%s", path, was, is)
		case !same && s.Catalog != now.Catalog:
			others++
		}
		looked++
		if looked == 30 {
			break
		}
	}
	if others == 0 {
		t.Error("none of the reports had been given through another catalog")
	}

	through := map[string]int{}
	for _, i := range dice.Perm(len(p.kept)) {
		s := p.kept[i]
		if through[s.Catalog+s.Model] == 2 { // of each
			continue
		}
		through[s.Catalog+s.Model]++
		f := &folding{events, s.AsOf}
		catalog := today.Catalog
		if s.Catalog == p.tagged.Catalog.Version {
			catalog = p.tagged.Catalog
		}
		mixed, err := project.NewCourse(catalog, model)
		if err != nil {
			t.Fatal(err)
		}
		for lens := range project.Lens(project.NumLenses) {
			for parameters, course := range map[string]*project.Course{"&catalog=now&model=now": today, "&catalog=then&model=now": mixed} {
				p.holdHeatmap(t, asOf("/v1/cohorts/past/heatmap?limit=1000&by="+lens.String(), s.AsOf.String())+parameters, f.heatmap(t, course, lens), course)
			}
		}
	}
}

// holdHeatmap requires a heatmap to say what a fold gave, bit by bit.
func (p *past) holdHeatmap(t *testing.T, path string, want []query.HeatmapRow, course *project.Course) {
	t.Helper()
	s := p.ask(t, path)
	var got query.Heatmap
	if err := json.Unmarshal([]byte(s.text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Catalog != course.Catalog.Version || got.Model != course.Model {
		t.Errorf("%s is seen through %s and %s", path, got.Catalog, got.Model)
	}
	is, err := json.Marshal(got.Rows)
	if err != nil {
		t.Fatal(err)
	}
	should, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, should) {
		is, should := firstDifference(string(is), string(should))
		t.Errorf("%s says\n%s\nand a fold gives\n%s", path, is, should)
	}
}

// alone: a sequence alone is seen from when it was stored, a time alone with what was
// stored by then, both through what was in use at that time; and what they echo gives the
// same again.
func (p *past) alone(t *testing.T) {
	_, stored := p.readLog(t)
	st := p.replays(t, p.operator, "asked", func(*replay.Status) bool { return true })
	dice := rand.New(rand.NewPCG(16, 8))
	for range 20 {
		seq := 1 + dice.IntN(len(stored))
		at := stored[seq-1]
		asked := strconv.Itoa(seq)
		if dice.IntN(2) == 0 { // somewhere before the next one
			if seq < len(stored) {
				at = at.Add(time.Duration(dice.Int64N(1 + int64(stored[seq].Sub(at))))).Truncate(time.Microsecond)
			}
			asked = at.Format(time.RFC3339Nano)
			for seq < len(stored) && !stored[seq].After(at) {
				seq++
			}
		}
		paths := p.reports()
		path := paths[dice.IntN(len(paths))]
		s := p.ask(t, asOf(path, asked))
		if s.AsOf.Seq != uint64(seq) || !s.AsOf.Time.Equal(at) {
			t.Errorf("as_of=%s is %s, want %d@%s", asked, s.AsOf, seq, at.Format(time.RFC3339Nano))
		}
		used := st.History[0]
		for _, a := range st.History {
			if !at.Before(a.Since) {
				used = a
			}
		}
		if s.Catalog != used.Catalog || s.Model != used.Model || s.Generation != used.Name() {
			t.Errorf("as_of=%s is seen through %s, %s of generation %s; in use was %+v", asked, s.Catalog, s.Model, s.Generation, used)
		}
		if again := p.ask(t, asOf(path, s.AsOf.String())); again.text != s.text {
			t.Errorf("%s: as_of=%s says another thing than its echo %s", path, asked, s.AsOf)
		}
	}
}
