package mastery

import "fmt"

// Target is what a learner is measured against: the items of one level, which the
// learner prepares for, or a topic's typical item. The zero value is Typical.
type Target uint8

// Typical measures against a topic's typical item, whatever its level.
const Typical Target = 0

// typicalName is how parameters spell Typical.
const typicalName = "typical"

// TargetLevel returns the target of a level.
func TargetLevel(l Level) Target { return Target(l) + 1 }

// ParseTarget returns the target of a level's name, or Typical for "typical".
func ParseTarget(name string) (Target, error) {
	if name == typicalName {
		return Typical, nil
	}
	l, err := ParseLevel(name)
	if err != nil {
		return Typical, fmt.Errorf("target %q: must be %s or one of %v", name, typicalName, levelNames)
	}
	return TargetLevel(l), nil
}

// Level returns the target's level; false for Typical.
func (t Target) Level() (Level, bool) {
	if t == Typical {
		return 0, false
	}
	return Level(t - 1), true
}

// String returns the name that ParseTarget reads.
func (t Target) String() string {
	if l, ok := t.Level(); ok {
		return l.String()
	}
	return typicalName
}

// Against returns what a learner with a target is measured against in a topic: the
// target's level where the topic has items of it, else Typical; and that
// difficulty D in logits. Every report decides here.
func (m *Model) Against(topic int, target Target) (used Target, difficulty float64) {
	if l, ok := target.Level(); ok {
		if at := m.Topics[topic].Levels[l]; at.Items > 0 {
			return target, at.D
		}
	}
	return Typical, m.Topics[topic].D
}

// MasteryAgainst estimates a topic for a learner with a target: see Against and
// Mastery.
func (m *Model) MasteryAgainst(s *State, topic int, target Target, now int64) Estimate {
	_, difficulty := m.Against(topic, target)
	return m.masteryAt(s, topic, difficulty, now)
}
