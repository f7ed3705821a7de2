package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/store"
)

// twins is a database with two generations of facts of the same log, written in
// batches of different sizes, and a derived generation of each.
type twins struct {
	*store.Store
	conn     driver.Conn
	service  *query.Service
	events   int
	learners []string
	from, to query.Active
}

const pupils = 45

// openTwins writes what a class did: 45 learners in four cohorts, the later ones with
// more answers, so that some have snapshots; and all that is in a log besides.
func openTwins(t *testing.T) *twins {
	t.Helper()
	db := enginetest.Database(t)
	s, err := store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &twins{Store: s, service: service(t, s, noon.AddDate(0, 0, 20))}
	if w.conn, err = clickhouse.Open(db.Options()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close() })
	course := w.service.Active().Course
	w.from, w.to = query.Active{Facts: 1, Derived: 1, Course: course}, query.Active{Facts: 2, Derived: 2, Course: course}
	log := w.log(course.Catalog)
	w.events = len(log)
	w.write(t, 1, log, len(log))
	w.write(t, 1, log, 1000) // after an error: again, and not merged yet
	w.write(t, 2, log, 777)
	w.derive(t, w.from)
	w.derive(t, w.to)
	return w
}

// log is what the messages of a log are, in their order.
func (w *twins) log(c *catalog.Catalog) []func(*project.Batch) {
	var log []func(*project.Batch)
	add := func(outcome project.Outcome, kind event.Type, learner string, at time.Time, rows func(*project.Batch, project.Meta)) project.Meta {
		m := meta(uint64(len(log)+1), learner, at)
		copy(m.HMAC[:], learner)
		log = append(log, func(b *project.Batch) {
			b.Sequences = append(b.Sequences, project.Sequence{Seq: m.Seq, Key: m.Key, Outcome: outcome, Type: kind, HMAC: m.HMAC, Stored: m.Stored})
			if rows != nil {
				rows(b, m)
			}
		})
		return m
	}
	items := c.Answerable()
	w.learners = nil
	for u := range pupils {
		learner := fmt.Sprintf("learner-%02d", u)
		w.learners = append(w.learners, learner)
		join := event.Membership{Cohort: fmt.Sprintf("cohort-%d", u%4), Joined: true, Target: []string{"", "staff", "foundational"}[u%3]}
		add(project.Fact, event.CohortJoined, learner, noon, func(b *project.Batch, m project.Meta) {
			b.Memberships = append(b.Memberships, project.Membership{Meta: m, Membership: join})
		})
	}
	w.rest(add)
	for n := range 300 {
		for u := range pupils {
			if n >= 7*u {
				continue
			}
			answer := event.Answer{
				Item: items[(n*7+u)%60].ID, Score: float64((n*n+u)%3) / 2, GradedBy: []event.Grader{event.GradedByKey, event.GradedBySelf}[n%2],
				Response: fmt.Sprint("r", n), Confidence: n % 6,
			}
			given := add(project.Fact, event.AnswerSubmitted, w.learners[u], noon.Add(time.Duration(n)*time.Hour), func(b *project.Batch, m project.Meta) {
				b.Answers = append(b.Answers, project.Answer{Meta: m, Answer: answer})
			})
			if n%50 == 49 {
				add(project.Fact, event.AnswerVoided, w.learners[u], noon, func(b *project.Batch, m project.Meta) {
					b.Voids = append(b.Voids, project.Void{Meta: m, Void: event.Void{Target: given.Key}})
				})
			}
		}
	}
	return log
}

// rest adds a message of every other kind.
func (w *twins) rest(add func(project.Outcome, event.Type, string, time.Time, func(*project.Batch, project.Meta)) project.Meta) {
	add(project.Fact, event.ChecklistTicked, "learner-01", noon, func(b *project.Batch, m project.Meta) {
		b.Ticks = append(b.Ticks, project.Tick{Meta: m, Tick: event.Tick{Item: "t", Ticked: true}})
	})
	add(project.Fact, event.SessionStarted, "learner-01", noon, func(b *project.Batch, m project.Meta) {
		b.Sessions = append(b.Sessions, project.Session{Meta: m, Session: event.Session{Session: "s", Started: true}})
	})
	add(project.Fact, event.TopicPinned, "learner-01", noon, func(b *project.Batch, m project.Meta) {
		b.Steerings = append(b.Steerings, project.Steering{Meta: m, Steering: event.Steering{Topic: "x"}, Action: project.Pinned})
	})
	add(project.Fact, event.CatalogPublished, "guide", noon, func(b *project.Batch, m project.Meta) {
		b.Publications = append(b.Publications, project.Publication{Meta: m, Kind: "catalog", Publication: event.Publication{Version: "v", Content: "{}"}})
	})
	add(project.Duplicate, event.ChecklistTicked, "learner-01", noon, nil)
	add(project.Conflict, event.ChecklistTicked, "learner-01", noon, func(b *project.Batch, m project.Meta) {
		b.DeadLetters = append(b.DeadLetters, project.DeadLetter{Seq: m.Seq, Reason: "conflict", Key: m.Key, HMAC: m.HMAC, Stored: m.Stored, Raw: []byte("{}")})
	})
	add(project.Dead, "", "", noon, func(b *project.Batch, m project.Meta) {
		b.DeadLetters = append(b.DeadLetters, project.DeadLetter{Seq: m.Seq, Reason: "json", Detail: fmt.Sprint(len(b.Sequences)), Stored: m.Stored, Raw: []byte("{")})
	})
	add(project.Fact, event.LearnerErased, "", noon, func(b *project.Batch, m project.Meta) {
		copy(m.HMAC[:], "somebody else")
		b.Erasures = append(b.Erasures, project.Erasure{Meta: m, Erasure: event.Erasure{Request: "r"}})
	})
	add(project.Fact, event.LearnerForgotten, "", noon, func(b *project.Batch, m project.Meta) {
		copy(m.HMAC[:], "somebody else")
		b.Receipts = append(b.Receipts, project.Receipt{Meta: m, Receipt: event.Receipt{Request: "r"}})
	})
	add(project.Fact, event.DeadLetterDropped, "", noon, func(b *project.Batch, m project.Meta) {
		b.Actions = append(b.Actions, project.DeadLetterAction{Meta: m, DeadLetter: event.DeadLetter{Target: m.Seq - 3}, Action: project.Dropped})
	})
}

// write writes the log's messages to a generation of facts.
func (w *twins) write(t *testing.T, facts uint32, log []func(*project.Batch), atOnce int) {
	t.Helper()
	to := w.Writer()
	defer func() { _ = to.Close() }()
	for some := range slices.Chunk(log, atOnce) {
		var b project.Batch
		for _, rows := range some {
			rows(&b)
		}
		if err := to.Write(t.Context(), facts, &b); err != nil {
			t.Fatal(err)
		}
	}
}

// derive writes the snapshots of a derived generation.
func (w *twins) derive(t *testing.T, a query.Active) {
	t.Helper()
	if err := w.deriver(a).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *twins) deriver(a query.Active) *project.Deriver {
	return &project.Deriver{
		Store: w.Store, Facts: a.Facts, Derived: a.Derived, Course: a.Course, Log: slog.New(slog.DiscardHandler), Window: 900 * uint64(a.Derived),
	}
}

// follow writes messages to a generation, and then its snapshots.
func (w *twins) follow(ctx context.Context, a query.Active, log []func(*project.Batch)) error {
	to := w.Writer()
	defer func() { _ = to.Close() }()
	var b project.Batch
	for _, rows := range log {
		rows(&b)
	}
	if err := to.Write(ctx, a.Facts, &b); err != nil {
		return err
	}
	return w.deriver(a).CatchUp(ctx)
}

// first is the lowest sequence of a table in a generation.
func (w *twins) first(t *testing.T, table string, generation uint32) (seq uint64) {
	t.Helper()
	if err := w.conn.QueryRow(t.Context(), "SELECT min(seq) FROM "+table+" WHERE generation = ?", generation).Scan(&seq); err != nil || seq == 0 {
		t.Fatalf("the first row of %s: %d, %v", table, seq, err)
	}
	return seq
}

func (w *twins) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if err := w.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// insert writes a row of the first generation again, with something else in it.
func (w *twins) insert(t *testing.T, table, with string, seq uint64) {
	t.Helper()
	w.exec(t, "INSERT INTO "+table+" SELECT * REPLACE ("+with+") FROM (SELECT * FROM "+table+" WHERE generation = 1 AND seq = ? LIMIT 1)", seq)
}

func (w *twins) compare(t *testing.T, from, to query.Active) *query.Comparison {
	t.Helper()
	c, err := w.service.Compare(t.Context(), from, to, func(done, of uint64) {
		if done > of {
			t.Errorf("%d of %d is done", done, of)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
