package simulate

import (
	"strconv"
	"time"

	"github.com/gapwise/gapwise/internal/event"
)

// visit is one learner's session, up to its last event.
type visit struct {
	next    int64 // when its next event happens, in microseconds since 1970
	waited  int64 // microseconds since the event before
	active  int64 // of those so far, as a client counts them
	serial  int   // of the visit in the simulation, so that equal times have an order
	learner int
	number  uint32 // among the learner's visits
	unit    int
	item    int // that the next event is about
	left    int // events to come
	told    bool
	begun   bool
}

const second = int64(time.Second / time.Microsecond)

// away is how long nothing happens before a client takes its learner to be away, and
// stops counting.
const away = 120 * second

// sooner orders visits by their next event.
func sooner(a, b *visit) bool {
	if a.next != b.next {
		return a.next < b.next
	}
	return a.serial < b.serial
}

// visit begins a session of so many events at a moment.
func (s *Simulation) visit(learner int, at int64, events int) visit {
	l := &s.learners[learner]
	l.visits++
	s.visits++
	v := visit{
		next: at, waited: 30 * second, serial: s.visits, learner: learner, number: l.visits,
		unit: s.unitAt(l, at), left: events, told: events >= 4 && !s.dice.chance(0.04),
	}
	v.item = s.itemFor(&v, at)
	return v
}

// unitAt chooses what a learner studies: mostly where they have got to, else
// something before it.
func (s *Simulation) unitAt(l *learner, at int64) int {
	n := len(s.course.units)
	share := float64(at-s.from) / float64(s.to-s.from)
	reached := int(float64(share*float64(l.pace)) * float64(n))
	if reached < n && s.dice.chance(0.7) {
		return reached
	}
	return s.dice.below(min(reached+1, n))
}

// itemFor chooses what the event at a moment is about: a line of the checklist
// that the learner would now tick or untick, or a question.
func (s *Simulation) itemFor(v *visit, at int64) int {
	unit := &s.course.units[v.unit]
	if s.dice.chance(0.35) {
		unit = &s.course.all
	}
	if len(unit.checklist.items) > 0 && s.dice.chance(0.2) {
		i, l := unit.checklist.pick(s.dice), &s.learners[v.learner]
		confident := s.confidence(l, i, s.minute(at)) > s.dice.between(0.45, 0.65)
		if confident != l.hasTicked(i) {
			return i
		}
	}
	i := unit.questions.pick(s.dice)
	for range 4 { // rather not what they have answered again and again
		if s.dice.chance(1 / float64(1+s.learners[v.learner].attempts(i))) {
			break
		}
		i = unit.questions.pick(s.dice)
	}
	return i
}

// confidence is how likely the learner thinks a right answer is.
func (s *Simulation) confidence(l *learner, item int, minute int32) float64 {
	return sigmoid(l.command(&s.course.items[item], minute) + float64(l.opinion))
}

// step makes the next event of a visit and plans the one after it.
func (s *Simulation) step(v *visit) *event.Event {
	l := &s.learners[v.learner]
	var typ event.Type
	var data event.Data
	switch session := s.session(v); {
	case v.told && (!v.begun || v.left == 1):
		d := &event.Session{Session: session, Chapter: s.course.units[v.unit].chapter, Started: !v.begun}
		typ, data = event.SessionStarted, d
		if v.begun {
			typ = event.SessionEnded
			if v.learner%7 > 0 { // the others' clients can't tell
				d.Active = new(time.Duration(v.active/1e3) * time.Millisecond)
			}
		}
	case s.course.items[v.item].Answerable():
		typ, data = event.AnswerSubmitted, s.answer(l, v, session)
	default:
		d := &event.Tick{Item: s.course.items[v.item].ID, Ticked: l.toggle(v.item, len(s.course.items))}
		typ, data = event.ChecklistUnticked, d
		if d.Ticked {
			typ = event.ChecklistTicked
		}
	}
	e := s.event(v.learner, typ, v.next, data)
	v.begun = true
	v.left--
	if v.left > 0 {
		s.plan(v)
	}
	return e
}

// plan chooses the next item and when it is done with.
func (s *Simulation) plan(v *visit) {
	now := v.next
	v.item = s.itemFor(v, now)
	median := 22.0
	if s.course.items[v.item].open {
		median = 95
	}
	u := s.dice.float()
	seconds := float64(median*(0.35+u/(1.1-u))) * s.haste // a long tail, ten times the median at most
	v.waited = max(1, min(int64(float64(seconds*1e6)), (s.to-now)/int64(v.left+1)))
	v.next = min(now+v.waited, s.to-1)
	v.active += min(v.next-now, away)
}

// session returns the id of the visit, or "" for one that isn't told.
func (s *Simulation) session(v *visit) string {
	if !v.told {
		return ""
	}
	return s.id(v.learner, "-s", v.number)
}

// answer makes the learner answer the visit's item, and learn from it.
func (s *Simulation) answer(l *learner, v *visit, session string) *event.Answer {
	it, minute := &s.course.items[v.item], s.minute(v.next)
	a := &event.Answer{
		Item:     it.ID,
		GradedBy: event.GradedByKey,
		Attempt:  l.attempt(v.item),
		Duration: time.Duration(float64(float64(v.waited)*s.dice.between(0.6, 0.95))/1e3) * time.Millisecond,
		Session:  session,
	}
	if s.dice.chance(0.6) {
		felt := s.confidence(l, v.item, minute) + s.dice.between(-0.2, 0.2)
		a.Confidence = max(1, min(5, 1+int(float64(felt*5))))
	}
	chance := it.chance(l.command(it, minute))
	switch {
	case it.open:
		s.grade(a, it, chance, float64(l.opinion))
	case s.dice.chance(chance):
		a.Score, a.Response = 1, it.right
	case len(it.wrong) > 0:
		a.Response = it.wrong[s.dice.below(len(it.wrong))]
	}
	l.learn(s.course, it, a.Score, minute)
	return a
}

// grade judges an answer in words by the rubric's points. Whoever grades
// themselves sees it as their opinion of themselves has it.
func (s *Simulation) grade(a *event.Answer, it *item, chance, opinion float64) {
	switch who := s.dice.float(); {
	case who < 0.55:
		a.GradedBy = event.GradedBySelf
		chance = max(0, min(0.98, chance+float64(0.12*opinion)))
	case who < 0.8:
		a.GradedBy = event.GradedByPeer
	default:
		a.GradedBy = event.GradedByInstructor
	}
	points := it.Points[:min(len(it.Points), event.MaxPoints)]
	for i := range points {
		if s.dice.chance(chance) {
			a.Points = append(a.Points, points[i].ID)
		}
	}
	n := len(points)
	a.Score = float64((200*len(a.Points)+n)/(2*n)) / 100 // two decimals, rounded
}

// event completes an event of a learner.
func (s *Simulation) event(learner int, typ event.Type, at int64, data event.Data) *event.Event {
	l := &s.learners[learner]
	l.events++
	return &event.Event{
		Source: s.config.Source, ID: s.id(learner, "-", l.events), Subject: l.id,
		Type: typ, Time: time.UnixMicro(at).UTC(), Data: data,
	}
}

// id is unique to the run, the learner and the number.
func (s *Simulation) id(learner int, mark string, number uint32) string {
	b := make([]byte, 0, 48)
	b = append(b, s.run...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(learner)+1, 10)
	b = append(b, mark...)
	return string(strconv.AppendUint(b, uint64(number), 10))
}
