package mastery

import (
	"cmp"
	"slices"
)

// The policy's constants: study up to goal; a prerequisite counts as held back
// fully at readyFrom and as held from readyFrom + readyOver on, but never bars a
// topic altogether; after halfFresh answers lately a topic counts half.
const (
	goal      = 0.9
	readyFrom = 0.3
	readyOver = 0.35
	leastHeld = 0.15
	halfFresh = 10
)

// Candidate is a topic that may be studied next.
type Candidate struct {
	Topic         int
	Importance    float64 // of the topic in its course, > 0
	Mastery       float64 // the estimate's mean, measured or not
	Prerequisites []Prerequisite
	// Recent is how many answers of today the answers on the topic weigh as much
	// as, with a half-life of 14 days: see TopicState.Recent. 0 or more.
	Recent   float64
	Pinned   bool // asked for by an instructor: comes before all others
	Excluded bool // ruled out by an instructor: never recommended
}

// Prerequisite is a topic that should be held first.
type Prerequisite struct {
	Topic   int
	Mastery float64
}

// Recommendation is a candidate with the factors of its priority:
// Priority = Importance · Need · Ready · Freshness.
type Recommendation struct {
	Candidate
	Priority float64
	Need     float64 // max(0, .9 - mastery)
	Ready    float64 // .15..1: how far the prerequisites are held; 1 without any
	// Freshness is 10/(10 + recent answers). Practice teaches less the more there
	// was of it, and the estimate learns of it late; without this factor the same
	// few topics would come again and again (package recommend measures it).
	Freshness float64
	// Blocker is the prerequisite that Ready comes from, nil when none holds the
	// topic back.
	Blocker *Prerequisite
}

// Rank returns the topics to study next, best first: the pinned ones, then by
// falling priority, then by rising topic. Excluded topics are left out, as are
// topics that need nothing and are not pinned. A limit of 0 or less means all.
func Rank(candidates []Candidate, limit int) []Recommendation {
	var ranked []Recommendation
	for _, c := range candidates {
		r := weigh(c)
		if !c.Excluded && (c.Pinned || r.Priority > 0) {
			ranked = append(ranked, r)
		}
	}
	slices.SortFunc(ranked, func(a, b Recommendation) int {
		if a.Pinned != b.Pinned {
			if a.Pinned {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Topic, b.Topic))
	})
	if limit > 0 && len(ranked) > limit {
		ranked = ranked[:limit]
	}
	return ranked
}

// weigh computes the factors of one candidate.
func weigh(c Candidate) Recommendation {
	r := Recommendation{Candidate: c, Need: max(0, goal-c.Mastery), Ready: 1, Freshness: halfFresh / (halfFresh + c.Recent)}
	for i := range c.Prerequisites {
		p := &c.Prerequisites[i]
		if held := max(leastHeld, min(1, (p.Mastery-readyFrom)/readyOver)); held < r.Ready {
			r.Ready, r.Blocker = held, p
		}
	}
	r.Priority = float64(c.Importance * r.Need * r.Ready * r.Freshness)
	return r
}
