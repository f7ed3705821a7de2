package project_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/embedded/enginetest"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/store"
	"github.com/gapwise/gapwise/internal/stream"
)

func (s source) Next(ctx context.Context, from uint64) (uint64, bool, error) {
	return s.log.Next(ctx, from)
}

func (s source) Last(ctx context.Context) (uint64, error) {
	info, err := s.log.Info(ctx)
	return info.Last, err
}

// ledger is a projected log with its tables, and a verifier that compares them.
type ledger struct {
	log    *stream.Log
	raw    jetstream.Stream
	store  *store.Store
	writer *store.Writer
	sql    driver.Conn
	course *project.Course
}

// openLedger projects a log in which everything happened: facts of every kind,
// repeats, conflicts, poison, voids, late answers, and enough for snapshots.
func openLedger(t *testing.T) *ledger {
	t.Helper()
	nc := enginetest.NATS(t)
	log, err := stream.Open(t.Context(), nc, stream.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{log: log}
	if l.raw, err = js.Stream(t.Context(), stream.Name); err != nil {
		t.Fatal(err)
	}
	db := enginetest.Database(t)
	l.store, err = store.Open(t.Context(), store.Options{
		Addr: db.Addr, User: db.User, Password: db.Password, Database: db.Database, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.store.Close() })
	l.writer = l.store.Writer()
	t.Cleanup(func() { _ = l.writer.Close() })
	options := db.Options()
	if l.sql, err = clickhouse.Open(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.sql.Close() })
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if l.course, err = project.NewCourse(guide, nil); err != nil {
		t.Fatal(err)
	}
	publish(t, log, everything(t))
	l.project(t)
	l.forget(t, 13)
	l.project(t)
	return l
}

// forget deletes a message of eve, as an erasure does: message, receipt, rows.
func (l *ledger) forget(t *testing.T, seq uint64) {
	t.Helper()
	l.remove(t, seq)
	eve := hash("eve").String()
	publish(t, l.log, []string{fmt.Sprintf(`{"specversion":"1.0","id":"receipt-%d","source":"test","subject":%q,"time":"2026-01-01T09:00:00Z",`+
		`"type":"study.learner.forgotten.v1","data":{"learner_hmac":%q,"request":"r","sequences":"%d"}}`, seq, eve, eve, seq)})
	l.exec(t, fmt.Sprintf("DELETE FROM sequences WHERE seq = %d", seq))
}

// remove deletes a message from the log.
func (l *ledger) remove(t *testing.T, seq uint64) {
	t.Helper()
	if err := l.raw.DeleteMsg(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
}

// everything is one event of each kind first, then answers.
func everything(t *testing.T) []string {
	t.Helper()
	item := someItem(t)
	wire := func(kind, id, subject, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":%q,"time":"2026-01-01T09:00:00Z","type":"study.%s.v1","data":%s}`,
			id, subject, kind, data)
	}
	answer := func(id, learner string, minute int, score float64) string {
		return strings.Replace(answerEvent(id, learner, minute, score), `"q1"`, fmt.Sprintf("%q", item), 1)
	}
	eve := hash("eve").String()
	payloads := []string{
		wire("answer.submitted", "full", "ada", `{"item":"q1","score":0.5,"graded_by":"peer","points":["a","b"],"response":"secret words","attempt":2,"confidence":3,"duration_ms":900,"session":"s"}`), // 1
		wire("answer.voided", "v", "ada", `{"event":"a4","reason":"typo"}`),                                                        // 2
		wire("checklist.ticked", "t", "ada", `{"item":"q1"}`),                                                                      // 3
		strings.Replace(wire("session.ended", "s", "ada", `{"session":"s","chapter":"c","active_seconds":12.5}`), ".v1", ".v2", 1), // 4
		wire("cohort.joined", "j", "ada", `{"cohort":"c"}`),                                                                        // 5
		wire("topic.pinned", "p", "ada", `{"topic":"k","note":"well"}`),                                                            // 6
		wire("model.published", "m", "course", `{"version":"m1","content":"{}"}`),                                                  // 7
		wire("learner.erased", "e", eve, fmt.Sprintf(`{"learner_hmac":%q,"request":"r"}`, eve)),                                    // 8
		wire("topic.excluded", "x", "ada", `{"topic":"k","until":"2026-02-01T00:00:00Z"}`),                                         // 9
		wire("deadletter.dropped", "d", "log", `{"seq":11,"reason":"known"}`),                                                      // 10
		"poison",                     // 11
		answer("full", "ada", 1, 0),  // 12: a conflict
		answer("late", "eve", 1, 0),  // 13: of an erased learner
		answer("again", "ada", 2, 1), // 14
		answer("again", "ada", 2, 1), // 15: a repeat
	}
	for i := range 300 {
		payloads = append(payloads, answer(fmt.Sprintf("a%d", i), []string{"ada", "bob"}[i%2], 1000-i, float64(i%3)/2))
	}
	return payloads
}

// project carries on with what the log holds.
func (l *ledger) project(t *testing.T) {
	t.Helper()
	projectAll(t, l.log, l.store, l.writer, 50)
	d := &project.Deriver{Store: l.store, Facts: 1, Derived: 1, Course: l.course, Log: slog.New(slog.DiscardHandler)}
	if err := d.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (l *ledger) exec(t *testing.T, query string) {
	t.Helper()
	if err := l.sql.Exec(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (l *ledger) verifier() *project.Verifier {
	return &project.Verifier{
		Source: source{l.log}, Store: l.store.Checker(), Facts: 1, Derived: 1, Course: l.course, HMAC: hash,
		Window: 128, Pause: 50 * time.Millisecond,
	}
}

func (l *ledger) verify(t *testing.T, scope project.VerifyScope) *project.Ledger {
	t.Helper()
	found, err := l.verifier().Run(t.Context(), scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestALedgerThatAgrees(t *testing.T) {
	l := openLedger(t)
	got := l.verify(t, project.VerifyScope{})
	want := project.Ledger{
		OK: true, From: 1, To: 316, Messages: 316, Rows: 312, Duplicates: 1, DeadLetters: 2, Erased: 1,
		Learners: 2, Snapshots: 4, Mismatches: []project.Mismatch{},
	}
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
}

// spoil is one thing that is wrong, and what is to be said of it.
type spoil struct {
	seq   uint64
	table string
	what  string
	sql   []string
}

// update changes columns of one row.
func update(seq uint64, table, column, set string) spoil {
	return spoil{seq, table, column,
		[]string{fmt.Sprintf("ALTER TABLE %s UPDATE %s WHERE seq = %d SETTINGS mutations_sync = 1", table, set, seq)}}
}

// lose deletes one row.
func lose(seq uint64, table string) spoil {
	return spoil{seq, table, "missing", []string{fmt.Sprintf("DELETE FROM %s WHERE seq = %d", table, seq)}}
}

// add inserts the copy of another row of the table.
func add(seq uint64, table string, like uint64) spoil {
	return spoil{seq, table, "should not be there", []string{fmt.Sprintf(
		"INSERT INTO %s SELECT * REPLACE (%d AS seq) FROM (SELECT * FROM %[1]s WHERE seq = %[3]d)", table, seq, like)}}
}

// Whatever is wrong is found, and its sequence named, the first one first. The
// answers after sequence 256 are left alone: states are computed from the others.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	wrong := []spoil{
		update(1, "answers", "points", "points = ['a', 'c']"),
		update(20, "answers", "score", "score = 0.25"),
		update(21, "answers", "response", "response = 'other words'"),
		update(22, "answers", "item", "item = 'q2'"),
		update(23, "answers", "graded_by", "graded_by = 'self'"),
		update(24, "answers", "time", "time = time + INTERVAL 1 MICROSECOND"),
		update(25, "answers", "key", "key = toFixedString('k', 16)"),
		update(26, "answers", "stored", "stored = stored + INTERVAL 1 MICROSECOND"),
		update(27, "answers", "attempt", "attempt = 3"),
		update(28, "answers", "confidence", "confidence = 3"),
		update(29, "answers", "duration_ms", "duration_ms = 3"),
		update(30, "answers", "session", "session = 'x'"),
		update(31, "answers", "source", "source = 'x'"),
		update(2, "voids", "reason", "reason = 'no'"),
		update(3, "ticks", "ticked", "ticked = false"),
		update(4, "sessions", "active_ms", "active_ms = -1"),
		update(5, "memberships", "joined", "joined = false"),
		update(6, "steerings", "action", "action = 'released'"),
		update(7, "publications", "content", "content = '[]'"),
		update(8, "erasures", "request", "request = 'q'"),
		update(9, "steerings", "until", "until = '2027-01-01'"),
		update(10, "dead_letter_actions", "reason", "reason = 'q'"),
		update(11, "dead_letters", "raw", "raw = 'honey'"),
		update(46, "sequences", "outcome", "outcome = 'duplicate'"),
		update(15, "sequences", "learner_hmac", "learner_hmac = toFixedString('x', 16)"),
		update(40, "sequences", "outcome", "outcome = 'dead'"),
		update(41, "sequences", "content", "content = toFixedString('x', 8)"),
		update(266, "states", "ability", "ability = ability + 1e-15"),
		update(271, "states", "topic_skill", "topic_skill = arrayMap(x -> x + 1e-15, topic_skill)"),
		update(316, "receipts", "rows", "rows = 7"),
		lose(12, "dead_letters"),
		lose(42, "sequences"),
		lose(280, "answers"),
		add(13, "ticks", 3), // its message is erased
		add(43, "sessions", 4),
		add(44, "dead_letters", 11),
		{45, "answers", "differs in score", []string{"INSERT INTO answers SELECT * REPLACE (0.25 AS score) FROM answers WHERE seq = 45"}},
		{290, "states", "should not be there", []string{"INSERT INTO states SELECT * REPLACE ('zoe' AS learner, 290 AS seq) FROM states LIMIT 1"}},
	}
	for _, w := range wrong {
		for _, query := range w.sql {
			l.exec(t, query)
		}
	}
	got := l.verify(t, project.VerifyScope{})
	if got.OK || got.Mismatches[0].Seq != 1 {
		t.Fatalf("found %+v", got)
	}
	for _, w := range wrong {
		found := slices.ContainsFunc(got.Mismatches, func(m project.Mismatch) bool {
			return m.Seq == w.seq && m.Table == w.table && strings.Contains(m.What, w.what)
		})
		if !found {
			t.Errorf("not found: sequence %d, %s, %s", w.seq, w.table, w.what)
		}
	}
	for _, m := range got.Mismatches {
		for _, secret := range []string{"ada", "bob", "zoe", "words", "honey", "typo", "poison"} {
			if strings.Contains(m.What+m.Expected+m.Found, secret) {
				t.Errorf("%q is shown: %+v", secret, m)
			}
		}
		if !slices.ContainsFunc(wrong, func(w spoil) bool { return m.Seq == w.seq && m.Table == w.table }) && m.Table != "states" {
			t.Errorf("nothing is wrong with %+v", m)
		}
	}
}

// A message that is gone without a receipt is told, wherever it was.
func TestVerifyFindsWhatTheLogLost(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	for _, seq := range []uint64{1, 15, 128, 129, 130, 316} { // the first, a repeat, around a window, the last
		l.remove(t, seq)
	}
	got := l.verify(t, project.VerifyScope{})
	var seqs []uint64
	for _, m := range got.Mismatches {
		if m.Table != "log" || !strings.Contains(m.What, "missing") {
			t.Errorf("found %+v", m)
		}
		seqs = append(seqs, m.Seq)
	}
	if want := []uint64{1, 15, 128, 129, 130, 316}; !slices.Equal(seqs, want) {
		t.Errorf("found %v, want %v", seqs, want)
	}
	if again := l.verify(t, project.VerifyScope{From: 131}); again.Differences != 1 || again.Mismatches[0].Seq != 316 {
		t.Errorf("from 131 on found %+v", again)
	}
	if again := l.verify(t, project.VerifyScope{Newest: 187}); again.From != 130 || again.Differences != 2 {
		t.Errorf("of the newest 187 found %+v", again)
	}
}

// Rows that are there twice are counted and harmless.
func TestVerifyCountsWhatIsThereTwice(t *testing.T) {
	l := openLedger(t)
	for _, table := range []string{"answers", "sequences", "states"} {
		l.exec(t, "SYSTEM STOP MERGES "+table)
	}
	l.exec(t, "INSERT INTO answers SELECT * FROM answers WHERE seq <= 20")
	l.exec(t, "INSERT INTO sequences SELECT * FROM sequences WHERE seq <= 20")
	l.exec(t, "INSERT INTO states SELECT * FROM states WHERE lens = 'concern'")
	got := l.verify(t, project.VerifyScope{})
	// Answers are 1, 14 and 16 to 20; of the sequences 13 is erased.
	if !got.OK || got.PhysicalDuplicates != 7+19+2 || got.Rows != 312 {
		t.Errorf("found %+v", got)
	}
}

// A receipt for a message that is still there is told: it should have been deleted.
func TestVerifyFindsWhatAnErasureLeft(t *testing.T) {
	l := openLedger(t)
	eve := hash("eve").String()
	publish(t, l.log, []string{fmt.Sprintf(`{"specversion":"1.0","id":"lie","source":"test","subject":%q,"time":"2026-01-01T09:00:00Z",`+
		`"type":"study.learner.forgotten.v1","data":{"learner_hmac":%q,"request":"r","sequences":"11-12"}}`, eve, eve)})
	l.project(t)
	got := l.verify(t, project.VerifyScope{})
	if got.Differences != 2 || got.Mismatches[0].Seq != 11 || !strings.Contains(got.Mismatches[1].What, "still in the log") {
		t.Errorf("found %+v", got)
	}
}

// What an erasure that is under way has deleted, without a receipt so far, is no loss.
func TestVerifyLeavesErasuresThatAreUnderWay(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	for _, seq := range []uint64{17, 19} { // bob's
		l.remove(t, seq)
		l.exec(t, fmt.Sprintf("DELETE FROM answers WHERE seq = %d", seq))
		l.exec(t, fmt.Sprintf("DELETE FROM sequences WHERE seq = %d", seq))
	}
	v := l.verifier()
	v.Erasing = func(context.Context) (project.Erasing, error) {
		return project.Erasing{
			Sequences: event.Ranges{{From: 17, To: 17}, {From: 19, To: 19}, {From: 21, To: 21}},
			Learners:  map[project.HMAC]bool{hash("bob"): true},
		}, nil
	}
	got, err := v.Run(t.Context(), project.VerifyScope{}, nil)
	if err != nil || !got.OK || got.Erased != 3 {
		t.Errorf("found %+v, %v", got, err)
	}
	if got := l.verify(t, project.VerifyScope{}); got.OK {
		t.Error("without an erasure nothing was missing")
	}
}
