package simulate

// Learners returns the ids of the learners in their order.
func (s *Simulation) Learners() []string {
	ids := make([]string, len(s.learners))
	for i := range s.learners {
		ids[i] = s.learners[i].id
	}
	return ids
}

// Mastery returns what a learner really knows of a concern at Config.To, after
// the events yielded so far: the chance to answer a typical item of the concern
// rightly, were the concern all that it is about. Both are positions, in Learners
// and in the catalog's concerns. It is NaN for a concern without questions.
func (s *Simulation) Mastery(learner, concern int) float64 {
	l, now := &s.learners[learner], s.minute(s.to)
	items := s.course.concerns[concern].items
	sum := 0.0
	for _, i := range items {
		it := &s.course.items[i]
		sum += it.chance(l.knowledge(concern, now) - it.difficulty)
	}
	return sum / float64(len(items))
}

// Weak returns the positions of the concerns in which most of the cohort is weak.
func (s *Simulation) Weak() []int {
	var weak []int
	for k := range s.course.concerns {
		if s.course.concerns[k].weak {
			weak = append(weak, k)
		}
	}
	return weak
}
