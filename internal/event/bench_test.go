package event_test

import (
	"testing"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

const answerJSON = `{"specversion":"1.0","id":"2Z6b0c1mXnTtQ4XyM4Vd0v3k9aB","source":"https://quiz.example.org/app","type":"study.answer.submitted.v1","subject":"learner-000123","time":"2026-03-01T09:30:00.123456Z","data":{"item":"caching-q17","score":0.75,"graded_by":"peer","attempt":1,"duration_ms":41200,"session":"s-778"}}`

func BenchmarkDecode(b *testing.B) {
	raw := []byte(answerJSON)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e, err := event.Decode([]byte(answerJSON))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)
	answer := &event.Answer{Item: "caching-q17", Score: 0.75, GradedBy: event.GradedByPeer, Attempt: 1, Duration: 41200 * time.Millisecond, Session: "s-778"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.New("https://quiz.example.org/app", "2Z6b0c1mXnTtQ4XyM4Vd0v3k9aB", "learner-000123", at, answer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMsgID(b *testing.B) {
	e, err := event.Decode([]byte(answerJSON))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = e.MsgID()
	}
}
