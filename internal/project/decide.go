package project

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// Message is one message of the log.
type Message struct {
	Seq     uint64
	Subject string // in NATS
	Stored  time.Time
	Sealed  bool // Gapwise itself let it into the log
	Payload []byte
}

// CodeUnsealed is the reason of dead letters that say what only Gapwise itself may.
const CodeUnsealed event.Code = "unsealed"

// Seen is the first valid event of a key.
type Seen struct {
	Seq     uint64
	Content event.Content
}

type decoded struct {
	event *event.Event
	hmac  HMAC // of the learner, as far as one can be told
	err   error
}

// decode decodes messages on all cores; the results keep their order.
func decode(messages []Message, hmac func(learner string) HMAC) []decoded {
	out := make([]decoded, len(messages))
	workers := min(runtime.GOMAXPROCS(0), 1+len(messages)/256)
	size := (len(messages) + workers - 1) / workers
	var wg sync.WaitGroup
	for from := 0; from < len(messages); from += size {
		to := min(from+size, len(messages))
		wg.Go(func() {
			hmac := remember(hmac)
			for i := from; i < to; i++ {
				out[i] = decodeOne(messages[i], hmac)
			}
		})
	}
	wg.Wait()
	return out
}

// decodeOne judges a message against the moment the log stored it, never
// against today's clock: a rebuild decides alike.
func decodeOne(m Message, hmac func(learner string) HMAC) decoded {
	e, err := event.Decode(m.Payload)
	if err == nil {
		err = e.CheckTime(m.Stored)
		if e.Type.IsSealed() && !m.Sealed {
			err = &event.Error{Code: CodeUnsealed, Field: "type",
				Message: string(e.Type) + " came to the log without a seal; only operators cause it, through the API or gapwise's own commands"}
		}
		return decoded{event: e, hmac: learnerHMAC(e, hmac), err: err}
	}
	d := undecoded(m, hmac)
	d.err = err
	return d
}

// undecoded tells what little is known of a message that is no event.
func undecoded(m Message, hmac func(learner string) HMAC) (d decoded) {
	if learner, ok := event.SubjectOf(m.Payload); ok {
		d.hmac = hmac(learner)
	}
	return d
}

// remember hashes each learner once: batches have many events of the same ones.
func remember(hmac func(learner string) HMAC) func(learner string) HMAC {
	known := map[string]HMAC{}
	return func(learner string) HMAC {
		h, ok := known[learner]
		if !ok {
			h = hmac(learner)
			known[learner] = h
		}
		return h
	}
}

// Rows fills a batch with what a projector would write of messages whose keys its
// store has not seen.
func Rows(messages []Message, hmac func(learner string) HMAC, b *Batch) {
	b.reset()
	decide(messages, decode(messages, hmac), map[event.Key]Seen{}, map[HMAC]uint64{}, b)
}

// decide gives every message its outcome and its rows. seen holds the first
// valid event of those keys that the store knows, erased the learners to be
// forgotten with the sequence of the request; decide adds the batch's own.
func decide(messages []Message, decoded []decoded, seen map[event.Key]Seen, erased map[HMAC]uint64, b *Batch) {
	b.First, b.Last = messages[0].Seq, messages[len(messages)-1].Seq
	for i, m := range messages {
		e, err := decoded[i].event, decoded[i].err
		s := Sequence{Seq: m.Seq, Stored: m.Stored, Outcome: Fact, HMAC: decoded[i].hmac}
		if e != nil {
			s.Key, s.Content, s.Type = e.Key, e.Content, e.Type
		}
		if at, forgotten := erased[s.HMAC]; forgotten && at < m.Seq && !s.Type.IsErasure() {
			s.Outcome = Erased
			b.Sequences = append(b.Sequences, s)
			continue
		}
		if err != nil {
			s.Outcome = Dead
			b.bury(s, m, reasonOf(err), err.Error())
			b.Sequences = append(b.Sequences, s)
			continue
		}
		first, repeated := seen[e.Key]
		switch {
		case !repeated:
			seen[e.Key] = Seen{m.Seq, e.Content}
			b.add(s, e)
			if _, already := erased[s.HMAC]; e.Type == event.LearnerErased && !already && s.HMAC != (HMAC{}) {
				erased[s.HMAC] = m.Seq
			}
		case first.Seq == m.Seq: // stored by a projector that was stopped and woke
			b.add(s, e)
		case first.Content == e.Content:
			s.Outcome = Duplicate
		default:
			s.Outcome = Conflict
			b.bury(s, m, "conflict", fmt.Sprintf(
				"sequence %d holds this source and id with other content; give the changed event an id of its own", first.Seq))
		}
		b.Sequences = append(b.Sequences, s)
	}
}

// learnerHMAC is the hash of the learner that an event is about. Erasures carry it
// already: their subject is the hash.
func learnerHMAC(e *event.Event, hmac func(string) HMAC) HMAC {
	switch e.Data.(type) {
	case *event.Publication, *event.DeadLetter:
		return HMAC{}
	case *event.Erasure, *event.Receipt:
		h, _ := ParseHMAC(e.Subject) // one of another length is nobody's
		return h
	}
	return hmac(e.Subject)
}

func (b *Batch) add(s Sequence, e *event.Event) {
	meta := Meta{Seq: s.Seq, Key: s.Key, Learner: e.Subject, HMAC: s.HMAC, Source: e.Source, Time: e.Time, Stored: s.Stored}
	for _, projector := range All {
		projector(meta, e, b)
	}
}

func (b *Batch) bury(s Sequence, m Message, reason, detail string) {
	b.DeadLetters = append(b.DeadLetters, DeadLetter{
		Seq: s.Seq, Reason: reason, Detail: detail, Key: s.Key, HMAC: s.HMAC,
		Subject: m.Subject, Stored: m.Stored, Raw: m.Payload,
	})
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[*event.Error](err); ok {
		return string(e.Code)
	}
	return "invalid"
}
