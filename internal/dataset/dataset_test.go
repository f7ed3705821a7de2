package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
)

var (
	tsvColumns = Columns{User: "student", Item: "card", Time: "seen_at", Correct: "mark", Skills: "tags"}
	csvColumns = Columns{User: "user", Item: "item", Time: "time", Correct: "correct", Skills: "skills"}
)

func open(t *testing.T, path string, columns Columns) *Reader {
	t.Helper()
	r, err := Open(path, Options{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func read(t *testing.T, columns Columns, text string) *Reader {
	t.Helper()
	r, err := NewReader(strings.NewReader(text), Options{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines tells what the remaining rows hold.
func lines(r *Reader) []string {
	var got []string
	for row := range r.Rows() {
		got = append(got, fmt.Sprintf("%d %d %s/%d %s %s %v %q", row.Line, row.Number, row.User, row.Nth, row.Item,
			row.Time.Format(time.RFC3339Nano), row.Score, row.Skills))
	}
	return got
}

func check(t *testing.T, r *Reader, want []string) {
	t.Helper()
	if got := lines(r); !slices.Equal(got, want) {
		t.Errorf("rows:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

func TestTabSeparated(t *testing.T) {
	r := open(t, "testdata/answers.tsv", tsvColumns)
	check(t, r, []string{
		`2 1 ana/1 verbs-1 2023-11-14T22:13:20Z 1 ["verbs"]`,
		`3 2 ben/1 verbs-1 2023-11-14T22:13:20Z 0 ["verbs" "past tense"]`,
		`4 3 ana/2 nouns-1 2023-11-14T22:13:20.000001Z 0.5 ["nouns" "plural"]`,
		`5 4 ana/3 verbs-1 2023-11-14T22:14:20.25Z 1 ["verbs"]`,
		`6 5 ben/2 nouns-2 2023-11-14T22:20:00Z 0 []`,
		`7 6 ana/4 nouns-2 2023-11-14T22:13:20.000002Z 1 ["nouns"]`,
	})
	if p := r.Problems(); p.Rows != 0 {
		t.Errorf("problems: %+v", p)
	}
	info, err := os.Stat("testdata/answers.tsv")
	if err != nil || r.BytesRead() != info.Size() || r.RowsRead() != 6 {
		t.Errorf("read %d bytes and %d rows of %v, %v", r.BytesRead(), r.RowsRead(), info, err)
	}
}

// The file has a byte order mark, CRLF, a blank line, quotes and a line break
// inside a quoted field. Without times the rows count seconds from the base.
func TestCommaSeparated(t *testing.T) {
	r := open(t, "testdata/answers.csv", csvColumns)
	check(t, r, []string{
		`2 1 zoë/1 q,1 2020-01-01T00:00:01Z 1 ["a" "b"]`,
		`4 2 max/1 q2 2020-01-01T00:00:02Z 0 ["b"]`,
		`6 3 zoë/2 q2 2020-01-01T00:00:03Z 1 ["b"]`,
	})
}

func TestTimeBase(t *testing.T) {
	base := time.Date(2024, 2, 29, 12, 0, 0, 1234, time.FixedZone("", 3600))
	r, err := NewReader(strings.NewReader("user,item,time,correct\nu,i,0,1\n"), Options{
		Columns: Columns{User: "user", Item: "item", Time: "time", Correct: "correct"}, TimeBase: base,
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, r, []string{`2 1 u/1 i 2024-02-29T11:00:01.000001Z 1 []`})
}

func TestEvents(t *testing.T) {
	r := open(t, "testdata/answers.tsv", tsvColumns)
	ids := make(map[string]bool)
	for e := range r.Events("school/2023") {
		if ids[e.ID] {
			t.Errorf("id %s comes twice", e.ID)
		}
		ids[e.ID] = true
		raw, err := event.Encode(e)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		if _, err := event.Decode(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if len(ids) != 6 {
		t.Errorf("%d ids, want 6", len(ids))
	}
}

// Ids are written into logs for ever; this one was computed with sha256sum.
func TestEventID(t *testing.T) {
	if got, want := EventID("school/2023", "ana", 2), "70b01213badee66580127d600e3f79bd"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
}

func TestSkills(t *testing.T) {
	items, err := open(t, "testdata/answers.tsv", tsvColumns).Skills()
	if err != nil {
		t.Fatal(err)
	}
	want := "map[nouns-1:[nouns plural] nouns-2:[nouns] verbs-1:[past tense verbs]]"
	if got := fmt.Sprint(items); got != want { // maps print in the order of their keys
		t.Errorf("items %s, want %s", got, want)
	}
	course, err := catalog.Derive("school", "School", items)
	if err != nil {
		t.Fatal(err)
	}
	for e := range open(t, "testdata/answers.tsv", tsvColumns).Events("school/2023") {
		answer, _ := e.Data.(*event.Answer)
		if _, known := course.Item(answer.Item); !known {
			t.Errorf("the derived course lacks item %q", answer.Item)
		}
	}
}

func TestLoad(t *testing.T) {
	set, problems, err := Load("testdata/answers.tsv", Options{Columns: tsvColumns})
	if err != nil || problems.Rows != 0 {
		t.Fatal(problems, err)
	}
	var got []string
	for i := range set.Answers {
		a := &set.Answers[i]
		got = append(got, fmt.Sprint(a.User, a.Item, a.Time, a.Score, set.SkillsOf(a)))
	}
	want := []string{
		"0 0 1700000000000000 1 [0]",
		"1 0 1700000000000000 0 [0 1]",
		"0 1 1700000000000000 0.5 [2 3]",
		"0 0 1700000060250000 1 [0]",
		"1 2 1700000400000000 0 []",
		"0 2 1700000000000000 1 [2]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
	if names := fmt.Sprint(set.Users, set.Items, set.Skills); names != "[ana ben] [verbs-1 nouns-1 nouns-2] [verbs past tense nouns plural]" {
		t.Errorf("names %s", names)
	}
	if _, _, err := Load("testdata/none.tsv", Options{Columns: tsvColumns}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that isn't there: %v", err)
	}
}

// Mending a row must not change the ids or times of the others.
func TestBadRowsKeepTheNumbers(t *testing.T) {
	const good = "user,item,time,correct,skills\nu,a,5,1,s\nu,b,5,1,s\nu,c,5,0,s\nu,d,0,0,s\n"
	bad := strings.Replace(good, "u,b,5,1,s", "u,b,5,maybe,s", 1)
	want := lines(read(t, csvColumns, good))
	got := lines(read(t, csvColumns, bad))
	if !slices.Equal(got, slices.Delete(want, 1, 2)) {
		t.Errorf("rows:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEqualTimes(t *testing.T) {
	var c clock
	for i, step := range []struct{ second, rank int64 }{{10, 0}, {10, 1}, {20, 0}, {10, 2}, {15, 0}, {20, 1}, {15, 1}, {30, 0}, {20, 2}} {
		if got := c.rank(time.Unix(step.second, 0)); int64(got) != step.rank {
			t.Errorf("step %d: second %d has rank %d, want %d", i, step.second, got, step.rank)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("user,item,time,correct,skills\nu,i,0,1,s\n"), iotest.ErrReader(errors.New("disk gone")))
	r, err := NewReader(broken, Options{Columns: csvColumns})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(r); len(got) != 1 {
		t.Errorf("rows %q, want one", got)
	}
	if want := "dataset: read after line 2: disk gone"; r.Err() == nil || r.Err().Error() != want {
		t.Errorf("error %v, want %s", r.Err(), want)
	}
}

// A million rows of a hundred users without times: what stays is about users.
func TestBoundedMemory(t *testing.T) {
	const rows = 1_000_000
	in, out := io.Pipe()
	go func() {
		var buf bytes.Buffer
		buf.WriteString("user,item,time,correct,skills\n")
		for i := range rows {
			fmt.Fprintf(&buf, "u%d,item-%d,0,%d,s%d\n", i%100, i%977, i%2, i%13)
			if i%1000 == 999 {
				if _, err := out.Write(buf.Bytes()); err != nil {
					return // the reader gave up, and tells why
				}
				buf.Reset()
			}
		}
		_ = out.Close()
	}()
	r, err := NewReader(in, Options{Columns: csvColumns})
	if err != nil {
		t.Fatal(err)
	}
	before, n := heap(), 0
	for range r.Rows() {
		n++
	}
	if n != rows || r.Err() != nil {
		t.Errorf("%d rows, %v", n, r.Err())
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes over %d rows", grown, rows)
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
