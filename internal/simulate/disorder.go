package simulate

import "github.com/gapwise/gapwise/internal/event"

// disorder holds some events back, and yields some twice.
type disorder struct {
	late, repeats float64
	dice          dice
	yield         func(*event.Event) bool
	held          queue[heldEvent]
	count         int // events taken
	stopped       bool
}

type heldEvent struct {
	event *event.Event
	until int // so many events have been taken
}

const (
	maxHeld  = 1000 // events, which bounds the memory
	maxDelay = 2000 // events
)

func newDisorder(late, repeats float64, d dice, yield func(*event.Event) bool) *disorder {
	return &disorder{late: late, repeats: repeats, dice: d, yield: yield,
		held: queue[heldEvent]{less: func(a, b *heldEvent) bool { return a.until < b.until }}}
}

// take passes an event on, or holds it back, and then yields those that are due.
// It returns false when no more are wanted.
func (m *disorder) take(e *event.Event) bool {
	m.count++
	due := m.count + 1 + m.dice.below(maxDelay)
	late, again := m.dice.chance(m.late), m.dice.chance(m.repeats)
	if m.held.len() > maxHeld-2 {
		late, again = false, false
	}
	if late && e.Type != event.CohortJoined {
		m.held.push(heldEvent{e, due})
	} else {
		m.pass(e)
	}
	if again {
		m.held.push(heldEvent{e, due + 1})
	}
	for m.held.len() > 0 && m.held.first().until <= m.count {
		m.pass(m.held.pop().event)
	}
	return !m.stopped
}

// flush yields what is still held.
func (m *disorder) flush() {
	for m.held.len() > 0 {
		m.pass(m.held.pop().event)
	}
}

func (m *disorder) pass(e *event.Event) { m.stopped = m.stopped || !m.yield(e) }
