package simulate

import (
	"math"
	"slices"
)

// learner is one of the cohort. The fields are small because there may be a
// hundred thousand.
type learner struct {
	id       string
	pace     float32 // units studied over the whole time, as a share of all
	activity float32 // chance to study when it could be this learner's turn
	memory   float32 // days after which .7 of what was practised is left
	opinion  float32 // how much better than they are they think they are
	events   uint32  // made so far
	visits   uint32  // made so far
	known    []topic // by concern
	answered []uint32
	ticked   []uint64 // bits by item; nil until the first tick
}

// topic is what a learner knows of one concern.
type topic struct {
	ability  float32
	practice float32 // answers that taught something
	last     int32   // minute of the last answer
}

const (
	lift      = 2.4 // what endless practice adds
	halfLift  = 6   // answers for half of it
	weakness  = 3.4 // what those who are weak in a weak concern lack
	shareWeak = 0.85
)

func newLearner(id string, ability float64, c *course, known []topic, d dice) learner {
	l := learner{
		id:       id,
		pace:     float32(d.between(0.8, 1.5)),
		activity: float32(d.between(0.25, 1)),
		memory:   float32(d.between(8, 45)),
		opinion:  float32(d.between(-0.4, 0.5)),
		known:    known,
	}
	if d.chance(0.2) {
		l.opinion += 1.4
	}
	general := ability + float64(0.7*d.normal()) - 0.1
	for k := range l.known {
		ability := general + float64(0.5*d.normal())
		if c.concerns[k].weak && d.chance(shareWeak) {
			ability -= weakness
		}
		l.known[k].ability = float32(ability)
	}
	return l
}

// knowledge of one concern, as the difficulty of an item that is half known.
func (l *learner) knowledge(concern int, minute int32) float64 {
	t := &l.known[concern]
	learned := float64(lift*float64(t.practice)) / (float64(t.practice) + halfLift)
	days := float64(max(minute-t.last, 0)) / (24 * 60)
	return float64(t.ability) + learned/math.Sqrt(1+days/float64(l.memory))
}

// command is the knowledge that counts for an item, less its difficulty.
func (l *learner) command(it *item, minute int32) float64 {
	sum := -it.difficulty
	for _, t := range it.topics {
		sum += float64(t.weight * l.knowledge(t.concern, minute))
	}
	return sum
}

// chance is the probability of a right answer.
func (it *item) chance(command float64) float64 {
	return it.guess + float64((1-it.guess-it.slip)*sigmoid(command))
}

// learn counts an answer as practice. A right one teaches more, and nothing
// teaches much while prerequisites are missing.
func (l *learner) learn(c *course, it *item, score float64, minute int32) {
	for _, t := range it.topics {
		gain := float64(t.weight*(0.6+float64(0.4*score))) * l.readiness(c, t.concern, minute)
		l.known[t.concern].practice += float32(gain)
		l.known[t.concern].last = minute
	}
}

// readiness is how much of an answer's lesson gets through: the least known of
// the concern's prerequisites decides.
func (l *learner) readiness(c *course, concern int, minute int32) float64 {
	least := 1.0
	for _, k := range c.concerns[concern].prerequisites {
		least = min(least, (sigmoid(l.knowledge(k, minute))-0.2)/0.4)
	}
	return max(least, 0.2)
}

// maxItems is what the counts of attempts have room for.
const maxItems = 1 << 24

// maxAttempts is where attempts are no longer counted.
const maxAttempts = 255

// attempts is how often the learner has answered the item.
//
// The counts are a sorted list of item<<8 | attempts: four bytes for each item
// that the learner has met, however large the course is.
func (l *learner) attempts(item int) int {
	at, known := l.find(item)
	if !known {
		return 0
	}
	return int(l.answered[at] & maxAttempts)
}

// attempt counts an answer to the item and returns its number.
func (l *learner) attempt(item int) int {
	at, known := l.find(item)
	if !known {
		l.answered = slices.Insert(l.answered, at, uint32(item)<<8) // below maxItems
	}
	if l.answered[at]&maxAttempts < maxAttempts {
		l.answered[at]++
	}
	return int(l.answered[at] & maxAttempts)
}

// find returns where in l.answered the item is or belongs.
func (l *learner) find(item int) (at int, known bool) {
	least := uint32(item) << 8 // below maxItems
	at, _ = slices.BinarySearch(l.answered, least)
	return at, at < len(l.answered) && l.answered[at]>>8 == least>>8
}

func (l *learner) hasTicked(item int) bool {
	return len(l.ticked) > 0 && l.ticked[item/64]>>(item%64)&1 == 1
}

// toggle ticks or unticks a line of the checklist and returns which it was.
func (l *learner) toggle(item, items int) (ticked bool) {
	if l.ticked == nil {
		l.ticked = make([]uint64, (items+63)/64)
	}
	l.ticked[item/64] ^= 1 << (item % 64)
	return l.hasTicked(item)
}
