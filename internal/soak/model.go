package soak

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

// Model is what must come of the messages of a log, found from what was sent and from
// the log's order alone.
type Model struct {
	Last   uint64 // sequence
	Counts query.Counts
	Dead   map[uint64]bool // sequences of dead letters; true: a conflict

	firsts map[event.Key]event.Content // of the first valid event
	pasts  map[string]*past            // of learners
}

// past is what one learner did.
type past struct {
	answers []answered
	taken   map[event.Key]bool // answers that were voided
	target  string             // the level told last; empty: none
}

// answered is one answer that counts, unless it was voided.
type answered struct {
	key event.Key
	at  int64 // µs since the Unix epoch
	*event.Answer
}

// NewModel reads the whole log and holds it against what was sent: everything that was
// acknowledged is there, and nothing else.
func NewModel(ctx context.Context, log *stream.Log, plan *Plan) (*Model, []string, error) {
	m := &Model{Dead: map[uint64]bool{}, firsts: map[event.Key]event.Content{}, pasts: map[string]*past{}}
	missing := map[string]*Message{} // by payload, not seen in the log yet
	sent := map[string]*Message{}
	for _, lane := range plan.Lanes {
		for i := range lane.Sends {
			message := &lane.Sends[i]
			sent[string(message.Payload)] = message
			if !message.Bad {
				missing[identity(message)] = message
			}
		}
	}
	info, err := log.Info(ctx)
	if err != nil {
		return nil, nil, err
	}
	m.Last = info.Last
	reader, err := log.Consume(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	defer reader.Close()
	var wrong []string
	for seq := uint64(0); seq < info.Last; {
		entries, err := reader.Next(ctx, 10_000, 16<<20, time.Second)
		if err != nil {
			return nil, nil, err
		}
		for _, entry := range entries {
			if entry.Seq != seq+1 {
				wrong = append(wrong, fmt.Sprintf("the log lacks sequences %d to %d", seq+1, entry.Seq-1))
			}
			seq = entry.Seq
			message, err := known(sent, entry)
			switch {
			case err != nil:
				wrong = append(wrong, err.Error())
			default:
				delete(missing, identity(message))
				m.add(seq, message)
			}
		}
	}
	for _, message := range missing {
		wrong = append(wrong, fmt.Sprintf("acknowledged and not in the log: %s", message.Payload))
	}
	for _, p := range m.pasts {
		if len(p.answers) > 0 {
			m.Counts.Learners++
		}
		slices.SortFunc(p.answers, func(a, b answered) int {
			return cmp.Or(cmp.Compare(a.at, b.at), bytes.Compare(a.key[:], b.key[:]))
		})
	}
	return m, wrong, nil
}

// known finds the message that a log's entry is. Catalogs are published by the
// projectors themselves.
func known(sent map[string]*Message, entry stream.Entry) (*Message, error) {
	if message, ok := sent[string(entry.Payload)]; ok && !message.Bad {
		return message, nil
	}
	if e, err := event.Decode(entry.Payload); err == nil && e.Type == event.CatalogPublished {
		return &Message{Event: e, Payload: entry.Payload}, nil
	}
	return nil, fmt.Errorf("sequence %d holds what nobody sent: %.200q", entry.Seq, entry.Payload)
}

// identity is equal for messages of which one in the log is enough.
func identity(m *Message) string {
	if m.Event == nil {
		return string(m.Payload)
	}
	return m.Event.MsgID()
}

// add decides what the message of a sequence is: the first valid event of a key holds.
func (m *Model) add(seq uint64, message *Message) {
	m.Counts.Messages++
	e := message.Event
	if e == nil {
		m.Counts.Dead++
		m.Dead[seq] = false
		return
	}
	if content, repeated := m.firsts[e.Key]; repeated {
		if content == e.Content {
			m.Counts.Duplicates++
			return
		}
		m.Counts.Conflicts++
		m.Dead[seq] = true
		return
	}
	m.firsts[e.Key] = e.Content
	m.Counts.Facts++
	switch data := e.Data.(type) {
	case *event.Answer:
		m.Counts.Answers++
		p := m.past(e.Subject)
		p.answers = append(p.answers, answered{e.Key, e.Time.UnixMicro(), data})
	case *event.Void:
		m.past(e.Subject).taken[data.Target] = true
	case *event.Membership:
		if data.Target != "" {
			m.past(e.Subject).target = data.Target
		}
	}
}

func (m *Model) past(learner string) *past {
	p := m.pasts[learner]
	if p == nil {
		p = &past{taken: map[event.Key]bool{}}
		m.pasts[learner] = p
	}
	return p
}
