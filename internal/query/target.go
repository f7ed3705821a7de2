package query

import (
	"context"

	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// Measure says what topics are, and what learners are measured against in them.
type Measure struct {
	Lens   project.Lens
	Target *mastery.Target // everybody; nil: each learner against the own target
}

// asked names the target that a report was asked for; null for each learner's own.
func (m Measure) asked() *string {
	if m.Target == nil {
		return nil
	}
	name := m.Target.String()
	return &name
}

// targets are what the learners of one report are measured against.
type targets struct {
	all *mastery.Target
	own map[string]mastery.Target
}

// of returns one learner's target; Typical where the learner told none.
func (t targets) of(learner string) mastery.Target {
	if t.all != nil {
		return *t.all
	}
	return t.own[learner]
}

// count tells how many of the learners are measured against what.
func (t targets) count(learners []string) map[string]int {
	counts := map[string]int{}
	for _, learner := range learners {
		counts[t.of(learner).String()]++
	}
	return counts
}

// targets reads what learners prepare for, unless a report was asked for one target.
func (s *Service) targets(ctx context.Context, v *view, m Measure, learners []string) (targets, error) {
	return readTargets(ctx, s.Store, v.Facts, m, learners, v.at.Seq)
}

func readTargets(ctx context.Context, store Store, facts uint32, m Measure, learners []string, seq uint64) (targets, error) {
	if m.Target != nil {
		return targets{all: m.Target}, nil
	}
	told, err := store.Targets(ctx, facts, learners, seq)
	if err != nil {
		return targets{}, err
	}
	t := targets{own: make(map[string]mastery.Target, len(told))}
	for learner, level := range told {
		if t.own[learner], err = mastery.ParseTarget(level); err != nil {
			return targets{}, err
		}
	}
	return t, nil
}

// levelName names a target's level as reports do; null for a topic's typical
// difficulty.
func levelName(t mastery.Target) *string {
	level, ok := t.Level()
	if !ok {
		return nil
	}
	name := level.String()
	return &name
}
