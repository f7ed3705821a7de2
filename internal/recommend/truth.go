package recommend

import "math"

// Truth is how learners really are and learn. Knowledge of a topic lies in 0..1.
type Truth struct {
	Guess float64 // chance of a right answer without any knowledge
	Slip  float64 // chance of a wrong one with all of it

	Ability float64 // knowledge of the middle learner before the course
	Between float64 // standard deviation of the learners around it
	Within  float64 // and of a learner's topics around the learner

	Lesson float64 // share of what is missing that an answer teaches
	Gate   float64 // knowledge of a prerequisite with which half of a lesson arrives; 0: all of it always
	Memory float64 // days after which 1/√2 of a lesson is left, for the middle learner
}

// truth is one learner.
type truth struct {
	*Truth
	memory float64 // the learner's own
	topics [topics]known
}

// known is a learner's knowledge of one topic: what they brought along, which
// lasts, and what each lesson left, which fades.
type known struct {
	brought float64
	lessons []lessonLeft
}

type lessonLeft struct {
	at   float64 // days
	gain float64 // knowledge that it added then
}

func (of *Truth) learner(seed, learner uint64) *truth {
	t := &truth{Truth: of, memory: of.Memory * (0.6 + float64(0.8*draw(seed, drawMemory, learner)))}
	ability := of.Ability + float64(of.Between*normal(seed, drawAbility, learner))
	for k := range t.topics {
		own := float64(of.Within * normal(seed, drawKnowledge, learner, uint64(k)))
		t.topics[k].brought = max(0.03, min(0.95, ability+own))
	}
	return t
}

// knows returns the knowledge of a topic at a time in days: every lesson fades by
// a power law of its age.
func (t *truth) knows(k int, at float64) float64 {
	sum := t.topics[k].brought
	for _, l := range t.topics[k].lessons {
		sum += l.gain / math.Sqrt(1+(at-l.at)/t.memory)
	}
	return sum
}

// chance returns the probability that the learner answers an item right.
func (t *truth) chance(it *item, at float64) float64 {
	knowledge := 0.0
	for _, tag := range it.tags {
		knowledge += float64(tag.Weight * t.knows(tag.Topic, at))
	}
	solves := knowledge / (knowledge + float64(it.hardness*(1-knowledge)))
	return t.Guess + float64((1-t.Guess-t.Slip)*solves)
}

// ready is how much of a lesson on a topic arrives: hardly any of it while a
// prerequisite is not known, nearly all once it is.
func (t *truth) ready(k int, at float64) float64 {
	arrives := 1.0
	for _, p := range outline[k].prerequisites {
		arrives = float64(arrives * t.passes(t.knows(p, at)))
	}
	return arrives
}

// passes is the share of a lesson that one prerequisite lets through: the Hill
// function of the fourth degree, a smooth threshold.
func (t *truth) passes(knowledge float64) float64 {
	if t.Gate == 0 {
		return 1
	}
	x := knowledge / t.Gate
	square := float64(x * x)
	fourth := float64(square * square)
	return fourth / (1 + fourth)
}

// learn is what an answer and its explanation teach, right or wrong. It returns
// what that adds to the exam's result.
func (t *truth) learn(it *item, at float64) (worth float64) {
	var gains [len(it.tags)]float64
	for i, tag := range it.tags {
		missing := 1 - t.knows(tag.Topic, at)
		gains[i] = float64(t.Lesson * tag.Weight * missing * t.ready(tag.Topic, at))
	}
	for i, tag := range it.tags {
		left := &t.topics[tag.Topic].lessons
		*left = append(*left, lessonLeft{at, gains[i]})
		worth += float64(outline[tag.Topic].importance * gains[i])
	}
	return worth / math.Sqrt(1+(examDay-at)/t.memory) / allImportance
}

// unlearn takes the last answer's lesson back.
func (t *truth) unlearn(it *item) {
	for _, tag := range it.tags {
		left := &t.topics[tag.Topic].lessons
		*left = (*left)[:len(*left)-1]
	}
}

// exam is what is measured: knowledge of the topics at the time of the exam,
// weighted by importance.
func (t *truth) exam() float64 {
	sum := 0.0
	for k := range t.topics {
		sum += float64(outline[k].importance * t.knows(k, examDay))
	}
	return sum / allImportance
}
