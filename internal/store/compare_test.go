package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Two generations of one log are identical, whatever was written twice and in which
// batches, and the counts are those of the log.
func TestARebuildOfTheSameLogIsIdentical(t *testing.T) {
	w := openTwins(t)
	c := w.compare(t, w.from, w.to)
	if !c.Identical || len(c.Changed) > 0 || c.People != nil {
		t.Errorf("not identical: %s", encoded(t, c))
	}
	if len(c.Tables) != 13 || c.AsOf.Seq != uint64(w.events) || !c.AsOf.Time.Equal(noon.AddDate(0, 0, 20)) {
		t.Errorf("%d tables are compared up to %s", len(c.Tables), c.AsOf)
	}
	total := uint64(0)
	for _, table := range c.Tables {
		if table.From.Rows == 0 || !table.Equal || table.From != table.To || table.UpTo != uint64(w.events) {
			t.Errorf("table %+v", table)
		}
		if table.Table == "answers" {
			total = table.From.Rows
		}
	}
	answers, err := w.Counts(t.Context(), 1, 0, c.AsOf.Seq)
	if err != nil || answers.Answers != total {
		t.Errorf("%d answers are compared, %d are there (%v)", total, answers.Answers, err)
	}
	l := c.Ledger.From
	if !c.Ledger.Equal || l.Messages != uint64(w.events) || l.Duplicates != 1 || l.Conflicts != 1 || l.DeadLetters != 1 || l.Erased != 0 ||
		l.Rows != l.Messages-3 || l.Missing != 0 || len(l.Checksum) != 32 || strings.Trim(l.Checksum, "0") == "" {
		t.Errorf("the ledger is %+v", c.Ledger)
	}
	if again := w.compare(t, w.from, w.to); encoded(t, again) != encoded(t, c) {
		t.Errorf("again: %s instead of %s", encoded(t, again), encoded(t, c))
	}
}

// A row that is altered, missing, or there once more with other content in one
// generation is found, in every table, and named; the explanation of a dead letter isn't
// compared.
func TestOneAlteredRowIsFound(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	wrong := map[string]uint64{} // sequences, by table
	const harmless = "detail = 'other words'"
	for _, c := range []struct {
		table, set string
		seq        uint64 // 0: the first one
	}{
		{"dead_letters", harmless, 0},
		{"sequences", "content = toFixedString('other', 8)", 4711},
		{"dead_letters", "raw = 'x'", 0},
		{"answers", "confidence = 7", pupils + 500},
		{"voids", "reason = 'x'", 0},
		{"ticks", "ticked = NOT ticked", 0},
		{"sessions", "chapter = 'x'", 0},
		{"memberships", "target = 'senior'", 3},
		{"steerings", "note = 'x'", 0},
		{"publications", "content = '[]'", 0},
		{"erasures", "request = 'x'", 0},
		{"receipts", "rows = 1", 0},
		{"dead_letter_actions", "reason = 'x'", 0},
		{"states", "ability = -ability", 0},
	} {
		if c.seq == 0 {
			c.seq = w.first(t, c.table, 2)
		}
		w.exec(t, "ALTER TABLE "+c.table+" UPDATE "+c.set+" WHERE generation = 2 AND seq = ? SETTINGS mutations_sync = 2", c.seq)
		if c.set != harmless {
			wrong[c.table] = c.seq
		}
		comparison := w.compare(t, w.from, w.to)
		if comparison.Identical != (len(wrong) == 0) || (comparison.People == nil) != comparison.Identical {
			t.Fatalf("with %s of %s altered it is identical: %v", c.set, c.table, comparison.Identical)
		}
		for _, table := range comparison.Tables {
			rows := uint64(1)
			if table.Table == "states" {
				rows = 2 // one a lens
			}
			seq, altered := wrong[table.Table]
			if !altered {
				rows = 0
			}
			if table.Differing != rows || table.First != seq || table.Equal == altered || (table.From.Hash == table.To.Hash) == altered {
				t.Errorf("with %s of %s altered: %+v, want %d rows, the first at %d", c.set, c.table, table, rows, seq)
			}
			told := slices.ContainsFunc(comparison.Changed, func(d query.Difference) bool {
				return d.What == query.TableDiffers && d.Name == table.Table && d.Count == rows
			})
			if told != altered {
				t.Errorf("with %s of %s altered: changed is %+v", c.set, c.table, comparison.Changed)
			}
		}
	}
	if len(wrong) != 13 {
		t.Errorf("%d tables were altered", len(wrong))
	}
}

// A row that one generation lacks is found, and so is one that is there twice with
// different content: which of them readers take isn't certain.
func TestMissingAndAmbiguousRowsAreFound(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	answers := func() query.TableComparison {
		t.Helper()
		c := w.compare(t, w.from, w.to)
		if c.Identical || c.Ledger.Equal != (len(c.Changed) > 0 && c.Changed[0].What != query.LedgerDiffers) {
			t.Errorf("identical: %v, changed: %+v", c.Identical, c.Changed)
		}
		return c.Tables[slices.IndexFunc(c.Tables, func(t query.TableComparison) bool { return t.Table == "answers" })]
	}
	w.exec(t, "DELETE FROM answers WHERE generation = 2 AND seq = ?", uint64(900))
	if a := answers(); a.Differing != 1 || a.First != 900 || a.To.Rows != a.From.Rows-1 {
		t.Errorf("without one row: %+v", a)
	}
	w.insert(t, "answers", "2 AS generation", 900)
	if c := w.compare(t, w.from, w.to); !c.Identical {
		t.Errorf("with the row there again: %+v", c.Changed)
	}
	w.insert(t, "answers", "2 AS generation, 'other' AS response", 800)
	if a := answers(); a.Differing != 1 || a.First != 800 || a.To.Rows != a.From.Rows {
		t.Errorf("with an ambiguous row: %+v", a)
	}
	w.insert(t, "sequences", "2 AS generation, 'dead' AS outcome", 700)
	c := w.compare(t, w.from, w.to)
	if c.Ledger.Equal || c.Changed[0].What != query.LedgerDiffers || c.Ledger.To.DeadLetters != c.Ledger.From.DeadLetters+1 {
		t.Errorf("with a fact that is a dead letter, too, the ledger is %+v", c.Ledger)
	}
}

// While traffic goes on both are compared up to where both are; what one of them has
// amended already is waited for.
func TestGenerationsAreComparedUpToWhereBothAre(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	log := w.log(w.from.Course.Catalog)
	behind := query.Active{Facts: 3, Derived: 3, Course: w.from.Course}
	w.write(t, 3, log[:w.events-400], 500)
	w.derive(t, behind)
	c := w.compare(t, w.from, behind)
	if !c.Identical || c.AsOf.Seq != uint64(w.events-400) || c.Tables[12].UpTo != c.AsOf.Seq {
		t.Errorf("one is 400 behind: %s", encoded(t, c))
	}
	amended := append(slices.Clone(log), func(b *project.Batch) {
		m := meta(uint64(w.events+1), "", noon)
		b.Sequences = append(b.Sequences, project.Sequence{Seq: m.Seq, Key: m.Key, Outcome: project.Fact, Type: event.DeadLetterRetried, Stored: m.Stored})
		b.Actions = append(b.Actions, project.DeadLetterAction{Meta: m, DeadLetter: event.DeadLetter{Target: uint64(w.events - 300)}, Action: project.Retried})
	})
	w.write(t, 1, amended[w.events:], 1)
	w.derive(t, w.from)
	started := make(chan struct{})
	followed := make(chan error, 1)
	go func() {
		<-started
		followed <- w.follow(t.Context(), behind, amended[w.events-400:])
	}()
	close(started)
	c = w.compare(t, w.from, behind)
	if err := <-followed; err != nil {
		t.Fatal(err)
	}
	if !c.Identical || c.AsOf.Seq != uint64(w.events+1) {
		t.Errorf("one knows of a retry later: up to %d, %+v", c.AsOf.Seq, c.Changed)
	}
}

// meddling rewrites rows of both generations while they are compared.
type meddling struct {
	query.Store
	meddle func(context.Context) error // once
}

func (m *meddling) CompareFacts(ctx context.Context, from, to uint32, upTo uint64, step func(uint64) error) ([]query.TableComparison, error) {
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		if err := meddle(ctx); err != nil {
			return nil, err
		}
	}
	return m.Store.CompareFacts(ctx, from, to, upTo, step)
}

// What is erased or retried meanwhile makes no difference: it is compared again.
func TestRowsMayBeRewrittenMeanwhile(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	m := &meddling{Store: w.service.Store, meddle: func(ctx context.Context) error {
		return w.conn.Exec(ctx, "ALTER TABLE sequences UPDATE outcome = 'dead' WHERE seq = 300 SETTINGS mutations_sync = 2")
	}}
	w.service.Store = m
	c := w.compare(t, w.from, w.to)
	if !c.Identical || c.Ledger.To.DeadLetters != 2 || m.meddle != nil {
		t.Errorf("%+v, changed %+v", c.Ledger, c.Changed)
	}
	m.meddle = func(ctx context.Context) error { return w.DropDerived(ctx, 1) }
	w.service.Store = m
	if c, err := w.service.Compare(t.Context(), w.from, w.to, func(uint64, uint64) {}); err == nil || !strings.Contains(err.Error(), "1.1 or 2.2 was dropped") {
		t.Errorf("of a dropped generation: %+v, %v", c, err)
	}
}
