package event

// Membership is a learner joining or leaving a cohort.
type Membership struct {
	Cohort string
	Joined bool
	// Target is the level that the learner prepares for, one of Levels; empty when
	// not told. Only joining tells one.
	Target string
}

// Levels are those that a learner may prepare for, in rising order.
var Levels = [...]string{"foundational", "intermediate", "senior", "staff"}

func (m *Membership) joined() bool { return m.Joined }

func (m *Membership) left() bool { return !m.Joined }

func (f *fields) membership(e *Event) *Membership {
	m := &Membership{
		Cohort: f.identifier(required, "cohort", "the id of the cohort", MaxID),
		Joined: e.Type == CohortJoined,
	}
	if m.Joined {
		m.Target = f.choice(optional, "target", "a level", Levels[:]...)
	}
	return m
}

type membershipWire struct {
	Cohort string `json:"cohort"`
	Target string `json:"target,omitzero"`
}

func (m *Membership) wire() any {
	if !m.Joined && m.Target != "" {
		return nil
	}
	return membershipWire{m.Cohort, m.Target}
}
