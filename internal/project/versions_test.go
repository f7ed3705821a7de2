package project_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/query"
)

// Versions of a type live in one log side by side. Whatever the batches are, the tables
// come out equal, each event under the name that it was sent with, and the numbers follow
// from all of them.
func TestVersionsSideBySide(t *testing.T) {
	log := openLog(t)
	envelope := func(typ, id, clock, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","subject":"ada","time":"2026-01-01T%sZ","type":"study.session.%s","data":%s}`,
			id, clock, typ, data)
	}
	old := envelope("ended.v1", "1-", "09:50:00", `{"session":"1","chapter":"c"}`)
	publish(t, log, []string{
		envelope("started.v1", "1+", "09:00:00", `{"session":"1"}`),
		old, // 2
		envelope("started.v1", "2+", "10:00:00", `{"session":"2"}`),
		envelope("ended.v2", "2-", "18:00:00", `{"session":"2","chapter":"c","active_seconds":1500.5}`), // 4: the laptop slept
		envelope("started.v1", "3+", "19:00:00", `{"session":"3"}`),
		envelope("ended.v2", "3-", "19:10:00", `{"session":"3","active_seconds":null}`), // 6
		old, // 7: a repeat
		envelope("ended.v2", "1-", "09:50:00", `{"session":"1","chapter":"c","active_seconds":60}`), // 8: as another version it is other content
		envelope("ended.v2", "late", "09:40:00", `{"session":"1","active_seconds":240}`),            // 9: who knows is believed
		envelope("ended.v3", "3-", "19:10:00", `{"session":"3"}`),                                   // 10: of a newer Gapwise
		envelope("ended.v2", "4-", "20:00:00", `{"session":"4","active_seconds":"5 min"}`),          // 11
	})
	const all = 1<<62 - 1
	var prints []string
	for _, batch := range []int{1000, 2} {
		s := openStore(t)
		w := s.Writer()
		t.Cleanup(func() { _ = w.Close() })
		projectAll(t, log, s, w, batch)
		tables, err := s.Fingerprint(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, tables)

		got := map[uint64]string{}
		for seq := uint64(1); seq <= 11; seq++ {
			row, known, err := w.Sequence(t.Context(), 1, seq)
			if err != nil || !known {
				t.Fatalf("sequence %d: %t, %v", seq, known, err)
			}
			got[seq] = fmt.Sprint(row.Outcome, " ", row.Type)
		}
		want := map[uint64]string{
			1: "fact study.session.started.v1", 2: "fact study.session.ended.v1", 3: "fact study.session.started.v1",
			4: "fact study.session.ended.v2", 5: "fact study.session.started.v1", 6: "fact study.session.ended.v2",
			7: "duplicate study.session.ended.v1", 8: "conflict study.session.ended.v2", 9: "fact study.session.ended.v2",
			10: "dead ", 11: "dead ",
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the sequences became\n%v, want\n%v", got, want)
		}
		for seq, want := range map[uint64]query.Day{
			3:   {Sessions: 2, Seconds: 50 * 60},              // from start to end
			5:   {Sessions: 3, Seconds: 50*60 + 1500},         // as the second end tells
			6:   {Sessions: 3, Seconds: 50*60 + 1500 + 10*60}, // the third can't
			8:   {Sessions: 3, Seconds: 50*60 + 1500 + 10*60}, // nothing new
			all: {Sessions: 3, Seconds: 4*60 + 1500 + 10*60},  // the first is told now
		} {
			want.Day = "2026-01-01"
			days, _, err := s.Days(t.Context(), 1, "ada", seq, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(days, []query.Day{want}) {
				t.Errorf("up to sequence %d the days are %+v, want %+v", seq, days, want)
			}
		}
		events, err := s.Export(t.Context(), 1, "ada", time.Time{}, all)
		if err != nil {
			t.Fatal(err)
		}
		told := map[uint64]any{}
		for _, e := range events {
			told[e.Seq] = e.Data["active_seconds"]
		}
		if want := map[uint64]any{1: nil, 2: nil, 3: nil, 4: 1500.5, 5: nil, 6: nil, 9: 240.0}; !reflect.DeepEqual(told, want) {
			t.Errorf("exported are %v, want %v", told, want)
		}
	}
	if prints[0] != prints[1] {
		t.Errorf("tables differ:\n%s\n%s", prints[0], prints[1])
	}
}
