package simulate

import (
	"iter"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
)

// Simulation is one run. It is not safe for concurrent use.
type Simulation struct {
	config   Config
	run      string
	dice     dice
	course   *course
	learners []learner

	from, to int64 // microseconds since 1970
	begin    int64 // when all have joined and study begins
	days     []day
	haste    float64 // 1, or less where that much can't be done at leisure
	active   queue[visit]
	visits   int
}

// day is 24 hours from the beginning, or what is left of them at the end.
type day struct {
	from, to int64
	events   int
}

// The streams of the dice: what is drawn for one doesn't shift the others.
const (
	streamCourse = iota + 1
	streamLearners
	streamStudy
	streamDisorder
)

// New prepares a run. The error tells everything that is wrong with the config.
func New(config Config, c *catalog.Catalog) (*Simulation, error) {
	if err := config.validate(c); err != nil {
		return nil, err
	}
	d := newDice(config.Seed, streamCourse)
	s := &Simulation{
		config: config,
		run:    config.run(c),
		dice:   newDice(config.Seed, streamStudy),
		course: newCourse(c, d),
		from:   config.From.UnixMicro(),
		to:     config.To.UnixMicro(),
		active: queue[visit]{less: sooner},
	}
	s.course.weaken(c, config.Weak, d)
	s.enroll()
	s.begin = s.from
	study := config.Events
	if config.Cohort != "" {
		s.begin += min(3600*second, (s.to-s.from)/20)
		study -= config.Learners
	}
	s.days = split(s.begin, s.to, study)
	const acts = 12 * 60 // that a learner does in a full day, at a minute each
	perDay := float64(study) / float64(config.Learners) / (float64(s.to-s.begin) / float64(24*3600*second))
	s.haste = min(1, acts/max(1, perDay))
	return s, nil
}

// enroll makes the learners. All they know lies in one piece of memory.
func (s *Simulation) enroll() {
	d := newDice(s.config.Seed, streamLearners)
	concerns := len(s.course.concerns)
	known := make([]topic, s.config.Learners*concerns)
	s.learners = make([]learner, s.config.Learners)
	for i := range s.learners {
		own := known[i*concerns : (i+1)*concerns]
		s.learners[i] = newLearner(s.config.learner(i), s.config.Ability, s.course, own, d)
	}
}

// split divides the events over the days: weekends get half of a weekday's.
func split(from, to int64, events int) []day {
	var days []day
	var total int64
	for at := from; at < to; {
		end := min(at+24*3600*second, to)
		days = append(days, day{from: at, to: end})
		total += weight(at, end)
		at = end
	}
	var passed int64
	given := 0
	for i := range days {
		passed += weight(days[i].from, days[i].to)
		upTo := int(float64(float64(events) * (float64(passed) / float64(total))))
		if i == len(days)-1 {
			upTo = events
		}
		days[i].events, given = upTo-given, upTo
	}
	return days
}

// weight is how much of the studying falls into a day, in half seconds of a weekday.
func weight(from, to int64) int64 {
	duration := max(1, (to-from)/second)
	switch time.UnixMicro(from).UTC().Weekday() {
	case time.Saturday, time.Sunday:
		return duration
	default:
		return 2 * duration
	}
}

// Events yields the events, ready for event.Encode: their keys and contents are
// not filled in. It can be ranged over once: a run is over when the range ends.
func (s *Simulation) Events() iter.Seq[*event.Event] {
	if s.config.Late == 0 && s.config.Repeats == 0 {
		return s.inOrder
	}
	return func(yield func(*event.Event) bool) {
		mess := newDisorder(s.config.Late, s.config.Repeats, newDice(s.config.Seed, streamDisorder), yield)
		s.inOrder(mess.take)
		mess.flush()
	}
}

func (s *Simulation) inOrder(yield func(*event.Event) bool) {
	if s.config.Cohort != "" && !s.join(yield) {
		return
	}
	for len(s.days) > 0 {
		today := s.days[0]
		s.days = s.days[1:]
		s.schedule(today)
		for s.active.len() > 0 && (s.active.first().next < today.to || len(s.days) == 0) {
			v := s.active.first()
			e := s.step(v)
			if v.left > 0 {
				s.active.settle()
			} else {
				s.active.pop()
			}
			if !yield(e) {
				return
			}
		}
	}
}

// join lets the cohort join one after the other before study begins.
func (s *Simulation) join(yield func(*event.Event) bool) bool {
	n := int64(len(s.learners))
	for i := range s.learners {
		at := s.from + int64(i)*((s.begin-s.from)/n)
		if !yield(s.event(i, event.CohortJoined, at, &event.Membership{Cohort: s.config.Cohort, Joined: true, Target: s.config.target(i)})) {
			return false
		}
	}
	return true
}

// schedule plans a day's visits.
func (s *Simulation) schedule(today day) {
	for left := today.events; left > 0; {
		n := min(left, 6+s.dice.below(20))
		left -= n
		s.active.push(s.visit(s.drawLearner(), s.drawMoment(today), n))
	}
}

// drawLearner prefers those who are more active.
func (s *Simulation) drawLearner() int {
	for {
		i := s.dice.below(len(s.learners))
		if s.dice.chance(float64(s.learners[i].activity)) {
			return i
		}
	}
}

// hours is how likely people are to study at an hour of the day, in UTC.
var hours = [24]float64{
	0: .08, 2: .02, 5: .05, 6: .15, 7: .3, 8: .4, 9: .5, 10: .5, 11: .45, 12: .5, 13: .45, 14: .5,
	15: .5, 16: .5, 17: .55, 18: .7, 19: .9, 20: 1, 21: .9, 22: .5, 23: .2,
}

// drawMoment prefers the hours at which people study.
func (s *Simulation) drawMoment(today day) int64 {
	for tries := 0; ; tries++ {
		at := today.from + int64(s.dice.below(int(today.to-today.from)))
		hour := at / (3600 * second) % 24
		if tries == 20 || s.dice.chance(hours[max(hour, 0)]) { // before 1970 the hour may be negative
			return at
		}
	}
}

// minute is the time since the beginning, as learners keep it.
func (s *Simulation) minute(at int64) int32 {
	return int32((at - s.from) / (60 * second)) // 4,000 years fit
}
