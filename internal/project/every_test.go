package project_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/event/eventtest"
	"github.com/gapwise/gapwise/internal/project"
)

// Every type of event makes one row of facts: what makes none would be in no table, and
// an event that is counted is to be found in one. The batch is used again and again, as
// by the projector: nothing of the event before may stay.
func TestEveryTypeMakesOneRow(t *testing.T) {
	var b project.Batch
	for typ, raw := range eventtest.Complete(t) {
		project.Rows([]project.Message{{Seq: 7, Stored: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Sealed: true, Payload: raw}}, hash, &b)
		if len(b.Sequences) != 1 || b.Sequences[0].Outcome != project.Fact || b.Sequences[0].Type != typ || b.Sequences[0].Seq != 7 {
			t.Fatalf("%s: sequences are %+v", typ, b.Sequences)
		}
		rows := rowsOf(&b)
		if len(rows) != 1 {
			t.Errorf("%s makes %d rows of facts (%v), want one: give project.All a projector that adds it to a slice of project.Batch", typ, len(rows), rows)
			continue
		}
		meta, _ := reflect.ValueOf(rows[0]).FieldByName("Meta").Interface().(project.Meta)
		e, err := event.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if meta.Seq != 7 || meta.Key != e.Key || meta.Learner != e.Subject || meta.HMAC != b.Sequences[0].HMAC || meta.Source != e.Source || !meta.Time.Equal(e.Time) {
			t.Errorf("%s: the row begins with %+v", typ, meta)
		}
	}
}

// rowsOf lists the rows of facts of a batch.
func rowsOf(b *project.Batch) (rows []any) {
	fields := reflect.ValueOf(b).Elem()
	for i := range fields.NumField() {
		if slices.Contains([]string{"DeadLetters", "Sequences"}, fields.Type().Field(i).Name) || fields.Field(i).Kind() != reflect.Slice {
			continue
		}
		for row := range fields.Field(i).Len() {
			rows = append(rows, fields.Field(i).Index(row).Interface())
		}
	}
	return rows
}
