package soak

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// Message is one thing that may be in the log. Equal payloads are equal messages.
type Message struct {
	Event   *event.Event // nil: no valid event
	ID      string       // Nats-Msg-Id; empty for one that gives none
	Shard   string       // the learner whose subject it is published to
	Payload []byte
	Bad     bool // the door must refuse it; nothing of it may get into the log
}

// Plan is what a seed decides: who sends what in which order, and what breaks when.
// The times of events are relative to its start.
type Plan struct {
	Seed     uint64
	Learners []string
	Lanes    []Lane
	Faults   []Fault
	Total    int // messages of all lanes

	rate float64 // messages a second of all lanes together, while nothing is broken
}

// Lane is one producer.
type Lane struct {
	Source string
	Route  Route
	Sends  []Message
}

// Route is how a producer's events get into the log.
type Route string

// The routes.
const (
	ByHTTP   Route = "http"   // batches to the door
	ByClient Route = "client" // the Go client
	ByNATS   Route = "nats"   // straight to the broker, as nats pub would
)

// shares of what a schedule sends; the rest are answers.
const (
	repeats   = 0.04  // the same again, by its own producer
	strays    = 0.02  // the same again, straight to the broker and without an id
	conflicts = 0.015 // the id of an earlier event with other content
	voids     = 0.02  // an answer taken back, half of them before it was sent
	poisons   = 0.01  // no valid event, straight to the broker
	refusals  = 0.005 // no valid event, at the door
	unmapped  = 0.01  // answers to items that the course doesn't have
	ticks     = 0.05
	sessions  = 0.04
	joins     = 0.01
	late      = 0.1 // answers that happened up to a week before they are sent
)

// Cohort is the one that learners join.
const Cohort = "soak"

// drawing makes a plan.
type drawing struct {
	*Plan
	*rand.Rand
	start time.Time
	span  time.Duration
	items []string // answerable
	lists []string // to be ticked

	skews   []time.Duration // of the lanes' clocks
	sent    []Message       // valid ones, in the order of drawing
	lanes   []int           // which lane sent it
	pending []pending       // answers whose void was sent before them
	ids     int
}

type pending struct {
	due     int
	lane    int
	message Message
}

// NewPlan draws a plan. items are answerable, lists are checklist items.
func NewPlan(c Config, items, lists []string, start time.Time) (*Plan, error) {
	d := &drawing{
		Plan: &Plan{Seed: c.Seed}, Rand: rand.New(rand.NewPCG(c.Seed, 0x6a77)), //nolint:gosec // drawn again from a seed
		start: start.Truncate(time.Microsecond), span: 30 * 24 * time.Hour, items: items, lists: lists,
	}
	for i := range 30 + d.IntN(40) + min(c.Events/200, 100) {
		d.Learners = append(d.Learners, fmt.Sprintf("soak-%03d", i+1))
	}
	for i, route := range []Route{ByHTTP, ByHTTP, ByClient, ByClient, ByNATS} {
		d.Lanes = append(d.Lanes, Lane{Source: fmt.Sprintf("soak/%s-%d", route, i), Route: route})
		d.skews = append(d.skews, time.Duration(d.IntN(1201)-600)*time.Second)
	}
	for i := range c.Events {
		for len(d.pending) > 0 && d.pending[0].due <= i {
			d.put(d.pending[0].lane, d.pending[0].message)
			d.pending = d.pending[1:]
		}
		if err := d.draw(i, float64(i)/float64(c.Events)); err != nil {
			return nil, err
		}
	}
	for _, p := range d.pending {
		d.put(p.lane, p.message)
	}
	for _, lane := range d.Lanes {
		d.Total += len(lane.Sends)
	}
	seconds := 2 + float64(c.Events)/20_000*(1+3*d.Float64())
	d.rate = float64(d.Total) / seconds
	d.Faults = drawFaults(c, d.Rand)
	return d.Plan, nil
}

// draw decides what comes next; at is how far the schedule is, from 0 to 1.
func (d *drawing) draw(i int, at float64) error {
	dice := d.Float64()
	below := func(share float64) bool { dice -= share; return dice < 0 }
	lane := d.IntN(len(d.Lanes) - 1)
	known := len(d.sent) > 0
	switch {
	case known && below(repeats):
		n := d.pick()
		d.send(d.lanes[n], d.spelled(d.sent[n], d.lanes[n]))
	case known && below(strays):
		m := d.sent[d.pick()]
		m.ID = ""
		d.send(d.nats(), m)
	case known && below(conflicts):
		return d.conflict(d.pick())
	case below(voids):
		return d.void(lane, i, at)
	case below(poisons):
		d.send(d.nats(), d.poison())
	case below(refusals):
		d.send(d.IntN(2), Message{Payload: d.refused(), Bad: true})
	case below(unmapped):
		_, err := d.emit(2+d.IntN(2), at, &event.Answer{Item: "gone-" + fmt.Sprint(d.IntN(5)), Score: 1})
		return err
	case below(ticks):
		_, err := d.emit(lane, at, &event.Tick{Item: pickOf(d, d.lists), Ticked: d.IntN(3) > 0})
		return err
	case below(sessions):
		_, err := d.emit(lane, at, &event.Session{Session: fmt.Sprint("s", d.IntN(1000)), Started: d.IntN(2) == 0})
		return err
	case below(joins):
		_, err := d.emit(lane, at, d.membership())
		return err
	default:
		_, err := d.emit(lane, at, d.answer())
		return err
	}
	return nil
}

// membership lets someone leave, or join: four of five with a level to prepare for.
func (d *drawing) membership() *event.Membership {
	m := &event.Membership{Cohort: Cohort, Joined: d.IntN(4) > 0}
	if n := d.ids % 5; m.Joined && n < len(event.Levels) {
		m.Target = event.Levels[n]
	}
	return m
}

func (d *drawing) answer() *event.Answer {
	a := &event.Answer{Item: pickOf(d, d.items), Score: float64(d.IntN(2)), GradedBy: event.GradedByKey}
	switch d.IntN(5) {
	case 0:
		a.Score = float64(d.IntN(101)) / 100
	case 1:
		a.GradedBy = event.GradedBySelf
	}
	return a
}

// emit sends an event of some learner.
func (d *drawing) emit(lane int, at float64, data event.Data) (Message, error) {
	m, err := d.make(lane, pickOf(d, d.Learners), d.moment(lane, at), data)
	if err == nil {
		d.put(lane, m)
	}
	return m, err
}

// make builds a fresh event.
func (d *drawing) make(lane int, learner string, t time.Time, data event.Data) (Message, error) {
	d.ids++
	return valid(d.Lanes[lane].Source, fmt.Sprintf("%d-%d", d.Seed, d.ids), learner, t, data)
}

func valid(source, id, learner string, t time.Time, data event.Data) (Message, error) {
	e, err := event.New(source, id, learner, t, data)
	if err != nil {
		return Message{}, fmt.Errorf("soak: draw an event: %w", err)
	}
	payload, err := event.Encode(e)
	if err != nil {
		return Message{}, fmt.Errorf("soak: encode an event: %w", err)
	}
	return Message{Event: e, ID: e.MsgID(), Shard: e.Subject, Payload: payload}, nil
}

// moment is when something happened by a producer's clock: some of it is late, some
// clocks are fast, so that events come out of order and from the future.
func (d *drawing) moment(lane int, at float64) time.Time {
	t := d.start.Add(-d.span + time.Duration(at*float64(d.span))).Add(d.skews[lane])
	t = t.Add(time.Duration(d.Int64N(int64(time.Minute))))
	if d.Float64() < late {
		t = t.Add(-time.Duration(d.Int64N(int64(7 * 24 * time.Hour))))
	}
	return t.Truncate(time.Microsecond)
}

// pick chooses an event that was sent: often a recent one.
func (d *drawing) pick() int {
	if n := len(d.sent); n > 50 && d.IntN(2) == 0 {
		return n - 1 - d.IntN(50)
	}
	return d.IntN(len(d.sent))
}

// spelled is the same event, sometimes with an attribute that makes no difference.
func (d *drawing) spelled(m Message, lane int) Message {
	if d.Lanes[lane].Route != ByHTTP || d.IntN(2) == 0 {
		return m
	}
	m.Payload = append([]byte(fmt.Sprintf(`{"again":"%d",`, d.IntN(1000))), m.Payload[1:]...)
	return m
}

// conflict gives an event's id to another content.
func (d *drawing) conflict(n int) error {
	before := d.sent[n].Event
	t, data := before.Time.Add(time.Duration(d.IntN(1000)+1)*time.Second), before.Data
	if a, ok := before.Data.(*event.Answer); ok && d.IntN(2) == 0 {
		other := *a
		other.Score = 1 - other.Score
		if other.Score == a.Score {
			other.Score = 1
		}
		t, data = before.Time, &other
	}
	m, err := valid(before.Source, before.ID, before.Subject, t, data)
	if err == nil {
		d.put(d.lanes[n], m)
	}
	return err
}

// void takes an answer back, before or after it is sent.
func (d *drawing) void(lane, i int, at float64) error {
	if d.IntN(2) == 0 {
		answer, err := d.make(lane, pickOf(d, d.Learners), d.moment(lane, at), d.answer())
		if err != nil {
			return err
		}
		m, err := d.make(lane, answer.Event.Subject, d.moment(lane, at), &event.Void{Event: answer.Event.ID, Reason: "early"})
		if err != nil {
			return err
		}
		d.put(lane, m)
		d.pending = append(d.pending, pending{i + 1 + d.IntN(20), lane, answer})
		return nil
	}
	if len(d.sent) == 0 {
		return nil
	}
	n := d.pick()
	before := d.sent[n].Event
	if _, ok := before.Data.(*event.Answer); !ok {
		return nil
	}
	m, err := d.make(d.lanes[n], before.Subject, d.moment(lane, at), &event.Void{Event: before.ID})
	if err == nil {
		d.put(d.lanes[n], m)
	}
	return err
}

// put adds an event to what a lane sends, and to what may be repeated, contradicted or
// taken back.
func (d *drawing) put(lane int, m Message) {
	d.send(lane, m)
	d.sent, d.lanes = append(d.sent, m), append(d.lanes, lane)
}

// send adds a message to what a lane sends.
func (d *drawing) send(lane int, m Message) {
	d.Lanes[lane].Sends = append(d.Lanes[lane].Sends, m)
}

func (d *drawing) nats() int { return len(d.Lanes) - 1 }

// poison is what anyone may publish by mistake.
func (d *drawing) poison() Message {
	n := d.Uint64()
	learner := pickOf(d, d.Learners)
	texts := []string{
		fmt.Sprintf("%x", n),
		fmt.Sprintf(`{"specversion":"1.0","id":"p%x"`, n),
		fmt.Sprintf(`["p%x"]`, n),
		fmt.Sprintf(`{"specversion":"1.0","id":"p%x","source":"poison","type":"study.answer.submitted.v9","subject":%q,"time":"2026-01-01T00:00:00Z","data":{"item":"x","correct":true}}`, n, learner),
		fmt.Sprintf(`{"specversion":"1.0","id":"p%x","source":"poison","type":"study.answer.submitted.v1","subject":%q,"time":"yesterday","data":{"item":"x","correct":true}}`, n, learner),
		fmt.Sprintf(`{"specversion":"1.0","id":"p%x","source":"poison","type":"study.answer.submitted.v1","subject":%q,"time":"2026-01-01T00:00:00Z","data":{"item":"x","score":7}}`, n, learner),
		fmt.Sprintf(`{"specversion":"1.0","id":"p%x","source":"poison","type":"study.answer.submitted.v1","subject":%q,"time":%q,"data":{"item":"x","correct":true}}`,
			n, learner, d.start.Add(72*time.Hour).UTC().Format(time.RFC3339)),
		fmt.Sprintf("\xff\xfe%x", n),
	}
	m := Message{Shard: learner, Payload: []byte(pickOf(d, texts))}
	if d.IntN(2) == 0 {
		m.ID = "poison-" + hex.EncodeToString(m.Payload[:min(8, len(m.Payload))]) + fmt.Sprint(n)
	}
	return m
}

// refused is what the door turns away, one line of JSON each.
func (d *drawing) refused() []byte {
	texts := []string{
		fmt.Sprintf(`{"specversion":"1.0","id":"r%x"}`, d.Uint64()),
		fmt.Sprintf(`{"specversion":"1.0","id":"r%x","source":"elsewhere","type":"study.answer.submitted.v1","subject":%q,"time":"2026-01-01T00:00:00Z","data":{"item":%q,"correct":true}}`,
			d.Uint64(), pickOf(d, d.Learners), pickOf(d, d.items)),
		fmt.Sprintf(`{"specversion":"1.0","id":"r%x","source":%q,"type":"study.answer.submitted.v1","subject":%q,"time":"2026-01-01T00:00:00Z","data":{"item":"no-such-item","correct":true}}`,
			d.Uint64(), d.Lanes[0].Source, pickOf(d, d.Learners)),
		`{`,
	}
	return []byte(pickOf(d, texts))
}

func pickOf[T any](d *drawing, list []T) T { return list[d.IntN(len(list))] }
