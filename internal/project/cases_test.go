package project_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

// lab is a database where properties are tried: each case has a log of its own,
// and each run of a case generations of its own.
type lab struct {
	t      *testing.T
	store  *store.Store
	course *project.Course
	items  []string
	last   uint32 // generation
}

func openLab(t *testing.T) *lab {
	t.Helper()
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, store: openStore(t)}
	if l.course, err = project.NewCourse(guide, nil); err != nil {
		t.Fatal(err)
	}
	l.items = l.course.Lenses[project.ByConcern].Items[:6]
	return l
}

// check tries a property on a number of cases that its engines have time for.
func check(t *testing.T, cases string, property func(*rapid.T)) {
	t.Helper()
	given := flag.Lookup("rapid.checks")
	before := given.Value.String()
	if before == given.DefValue {
		defer func() { _ = given.Value.Set(before) }()
		if err := given.Value.Set(cases); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, property)
}

// newLog stores payloads in a new log.
func (l *lab) newLog(t *rapid.T, payloads []string) *stream.Log {
	log, err := stream.Open(context.Background(), enginetest.NATS(l.t), stream.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	messages := make([]stream.Message, len(payloads))
	for i, p := range payloads { // one subject and no ids: the broker keeps the order and can't help
		messages[i] = stream.Message{Learner: "ada", Payload: []byte(p)}
	}
	if _, err := log.Publish(context.Background(), messages); err != nil {
		t.Fatal(err)
	}
	return log
}

// run is one projection of a log into generations of its own.
type run struct {
	*lab
	log        *stream.Log
	last       uint64 // sequence
	generation uint32 // of facts and what derives from them
	weeks      *query.Weeks
}

func (l *lab) newRun(t *rapid.T, log *stream.Log) *run {
	info, err := log.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	l.last++
	r := &run{lab: l, log: log, last: info.Last, generation: l.last}
	r.weeks = &query.Weeks{Store: l.store, Active: r.active, Zone: time.UTC, Log: slog.New(slog.DiscardHandler), Last: 3}
	return r
}

func (r *run) active() query.Active {
	return query.Active{Facts: r.generation, Derived: r.generation, Course: r.course}
}

// life is one process that projects: how large its batches are, and which of its
// writes is its last; 0 when it lives on.
type life struct {
	maxBatch int
	writes   int
	stored   uint // bit i: of the last write, the ith table of rows is stored
	commits  int  // and so many of its sequences, when all tables are
	zombie   int  // the write that is repeated when the next life ends; 0: none
	derives  bool
	window   uint64
	workers  int
}

func lives(t *rapid.T) []life {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) life {
		return life{
			maxBatch: rapid.SampledFrom([]int{1, 2, 3, 7, 20, 64, 1000}).Draw(t, "largest batch"),
			writes:   rapid.IntRange(1, 6).Draw(t, "writes"),
			stored:   rapid.UintRange(0, 1<<12-1).Draw(t, "stored tables"),
			commits:  rapid.IntRange(0, 40).Draw(t, "stored sequences"),
			zombie:   rapid.IntRange(0, 6).Draw(t, "the write repeated later"),
			derives:  rapid.Bool().Draw(t, "derives"),
			window:   rapid.SampledFrom([]uint64{5, 50, 200_000}).Draw(t, "window"),
			workers:  rapid.IntRange(1, 3).Draw(t, "workers"),
		}
	}), 0, 4).Draw(t, "lives")
}

// project carries the whole log into the run's tables through the lives given and
// a last one that ends the work.
func (r *run) project(t *rapid.T, lives []life) {
	var asleep []project.Batch
	for _, l := range append(lives, life{maxBatch: 1000, derives: true, window: 200_000, workers: 1}) {
		woken := asleep
		asleep = r.live(t, l)
		for i := range woken {
			w := r.store.Writer()
			err := w.Write(context.Background(), r.generation, &woken[i])
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if l.derives {
			r.derive(t, l)
		}
	}
}

func (r *run) derive(t *rapid.T, l life) {
	d := r.deriver(r.generation, l.workers)
	d.Window = l.window
	if err := errors.Join(d.CatchUp(context.Background()), r.weeks.CatchUp(context.Background())); err != nil {
		t.Fatal(err)
	}
}

func (r *run) deriver(generation uint32, workers int) *project.Deriver {
	return &project.Deriver{
		Store: r.store, Facts: r.generation, Derived: generation, Course: r.course,
		Log: slog.New(slog.DiscardHandler), Chunk: 2, Workers: workers,
	}
}

// live runs one projector until it dies or has nothing left to do, and returns
// the batches that it was stopped in and will write when it wakes.
func (r *run) live(t *rapid.T, l life) []project.Batch {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	floor, err := r.store.Floor(ctx, r.generation)
	if err != nil {
		t.Fatal(err)
	}
	if floor >= r.last {
		return nil
	}
	w := r.store.Writer()
	m := &mortal{Writer: w, life: l, last: r.last, die: stop}
	p := &project.Projector{
		Source: source{r.log}, Writer: m, Generation: r.generation, HMAC: hash, MaxBatch: l.maxBatch,
		Linger: func() time.Duration { return 20 * time.Millisecond }, Log: slog.New(slog.DiscardHandler),
	}
	err = errors.Join(p.Run(ctx), w.Close())
	if err != nil || !m.over {
		t.Fatalf("the projector stopped at %d of %d: %v, %v", p.Progress().Floor, r.last, err, p.Progress().Err)
	}
	return m.asleep
}

// mortal passes batches on to the real writer until it dies in the middle of one,
// or the log is projected.
type mortal struct {
	project.Writer
	life
	last   uint64
	die    context.CancelFunc
	calls  int
	over   bool
	asleep []project.Batch
}

func (m *mortal) Write(ctx context.Context, generation uint32, b *project.Batch) error {
	m.calls++
	if m.calls == m.zombie {
		m.asleep = append(m.asleep, *clone(b))
	}
	if m.calls != m.writes {
		err := m.Writer.Write(ctx, generation, b)
		if err == nil && b.Last == m.last {
			m.over = true
			m.die()
		}
		return err
	}
	m.over = true
	defer m.die()
	return errors.Join(m.Writer.Write(ctx, generation, torn(b, m.stored, m.commits)), errTorn)
}

// torn is what a write had stored when its process died.
func torn(b *project.Batch, stored uint, commits int) *project.Batch {
	part := *b
	fields, whole := reflect.ValueOf(&part).Elem(), true
	table := 0
	for i := range fields.NumField() {
		field := fields.Field(i)
		if field.Kind() != reflect.Slice || fields.Type().Field(i).Name == "Sequences" {
			continue
		}
		if stored&(1<<table) == 0 && field.Len() > 0 {
			field.SetZero()
			whole = false
		}
		table++
	}
	if !whole {
		commits = 0
	}
	part.Sequences = b.Sequences[:min(commits, len(b.Sequences))]
	return &part
}

// clone copies a batch, whose slices the projector uses again.
func clone(b *project.Batch) *project.Batch {
	c := *b
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		if f := fields.Field(i); f.Kind() == reflect.Slice {
			f.Set(reflect.AppendSlice(reflect.Zero(f.Type()), f))
		}
	}
	return &c
}

// fingerprint hashes every table that the log decides.
func (r *run) fingerprint(t *rapid.T) string {
	var all []string
	for _, hash := range []func(context.Context, uint32) (string, error){
		r.store.Fingerprint, r.store.SnapshotFingerprint, r.store.WeekFingerprint,
	} {
		text, err := hash(context.Background(), r.generation)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

var people = []string{"ada", "bob", "eve"}

// payloads draws the events of a case: answers on time and late, repeats, answers
// taken back before and after they come, items that nobody knows, memberships,
// ticks, sessions, pins, poison, and where they are wanted conflicts.
func (l *lab) payloads(t *rapid.T, conflicts bool) []string {
	kinds := []string{"answer", "answer", "answer", "answers", "repeat", "repeat", "void", "void", "unmapped", "poison",
		"member", "member", "tick", "tick", "session", "session", "pin", "pin"}
	if conflicts {
		kinds = append(kinds, "conflict", "conflict")
	}
	var list []string
	event := func(kind, id, learner string, minute int, data string) {
		at := time.Date(2026, 1, 5, 10, minute, 0, 0, time.UTC).Format(time.RFC3339)
		if !strings.HasSuffix(kind, ".v2") {
			kind += ".v1"
		}
		list = append(list, fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":%q,"time":%q,"type":"study.%s","data":%s}`,
			id, learner, at, kind, data))
	}
	answer := func(id, learner, item string, minute, score int) {
		graders := [...]string{"self", "key", "peer"}
		event("answer.submitted", id, learner, minute, fmt.Sprintf(`{"item":%q,"score":%d,"confidence":%d,"graded_by":%q}`,
			item, score, 1+(minute*minute)%5, graders[minute*minute%len(graders)]))
	}
	learner := rapid.SampledFrom(people)
	minute := rapid.IntRange(-9000, 40) // six days, and few enough for ties
	many := 120 - rapid.IntRange(0, 119).Draw(t, "fewer events")
	for i := range many {
		id := fmt.Sprintf("e%d", i)
		who, at, pick := learner.Draw(t, "who"), minute.Draw(t, "minute")/5, rapid.IntRange(0, 59).Draw(t, "pick")
		switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
		case "answer":
			answer(id, who, l.items[pick%len(l.items)], at, pick%2)
		case "answers": // enough for snapshots, some of them late
			for n := range 20 + 2*pick {
				answer(fmt.Sprintf("%s-%d", id, n), who, l.items[n*(1+pick)%len(l.items)], n-1000*(n%50/49), n*(1+pick)%3%2)
			}
		case "repeat":
			if len(list) > 0 {
				list = append(list, list[pick*len(list)/60])
			}
		case "conflict":
			answer(fmt.Sprintf("e%d", pick), who, l.items[0], at, pick%2)
		case "void":
			event("answer.voided", id, who, at, fmt.Sprintf(`{"event":"e%d"}`, pick))
		case "unmapped":
			answer(id, who, "of another course", at, 1)
		case "member":
			event("cohort."+[]string{"joined", "left"}[pick%2], id, who, at/100, `{"cohort":"spring"}`)
		case "tick":
			event("checklist."+[]string{"ticked", "unticked"}[pick%2], id, who, at/100, `{"item":"t"}`)
		case "session":
			active := []string{"null", "0", fmt.Sprint(pick * 61)}[pick/4%3] // versions before the second know nothing of it
			event("session."+[]string{"started", "ended", "ended.v2", "ended.v2"}[pick%4], id, who, at,
				fmt.Sprintf(`{"session":"s%d","active_seconds":%s}`, pick%3, active))
		case "pin":
			topic := l.course.Lenses[project.ByConcern].Topics[pick%2].ID
			event("topic."+[]string{"pinned", "excluded", "released"}[pick%3], id, who, at/100, fmt.Sprintf(`{"topic":%q}`, topic))
		case "poison":
			list = append(list, []string{"", "{", `{"subject":"ada"}`, "\xff", strings.Replace(answerEvent(fmt.Sprintf("e%d", pick), who, 1, 1), "2026", "2200", 1)}[pick%5])
		}
	}
	return slices.Clip(list)
}
