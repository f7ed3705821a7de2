package event

import "slices"

// types lists every known type, in the order of the contract.
var types = [...]Type{
	AnswerSubmitted, AnswerVoided,
	ChecklistTicked, ChecklistUnticked,
	SessionStarted, SessionEnded,
	CohortJoined, CohortLeft,
	TopicPinned, TopicExcluded, TopicReleased,
	LearnerErased, LearnerForgotten,
	CatalogPublished, ModelPublished,
	DeadLetterRetried, DeadLetterDropped,
}

// Types returns every known type, in the order of the contract.
func Types() []Type { return slices.Clone(types[:]) }

// Known reports whether t is one of Types.
func (t Type) Known() bool { return slices.Contains(types[:], t) }

// IsPublication reports whether t publishes a catalog or a model, which may be
// larger than other events.
func (t Type) IsPublication() bool { return t == CatalogPublished || t == ModelPublished }

// IsErasure reports whether t is about forgetting a learner, whom it names by HMAC
// only. Such events stay when the learner is forgotten.
func (t Type) IsErasure() bool { return t == LearnerErased || t == LearnerForgotten }

// IsSealed reports whether t counts only when Gapwise itself has let it into the log:
// it deletes or changes what others wrote, and whoever may publish study events must
// not be able to.
func (t Type) IsSealed() bool {
	return t.IsErasure() || t == DeadLetterRetried || t == DeadLetterDropped
}

// TypeOf returns the type that data itself tells. It is false for *Steering,
// *Publication and *DeadLetter, which serve several types and leave the choice to
// the caller, and for nil.
func TypeOf(data Data) (Type, bool) {
	switch d := data.(type) {
	case *Answer:
		return AnswerSubmitted, true
	case *Void:
		return AnswerVoided, true
	case *Tick:
		return either(d.Ticked, ChecklistTicked, ChecklistUnticked), true
	case *Session:
		return either(d.Started, SessionStarted, SessionEnded), true
	case *Membership:
		return either(d.Joined, CohortJoined, CohortLeft), true
	case *Erasure:
		return LearnerErased, true
	case *Receipt:
		return LearnerForgotten, true
	default:
		return "", false
	}
}

// carries reports whether events of type t carry data of this Go type and, where
// data itself tells its type, this value.
func (t Type) carries(data Data) bool {
	switch d := data.(type) {
	case *Membership:
		return t == either(d.Joined, CohortJoined, CohortLeft) && (d.Joined || d.Target == "")
	case *Steering:
		return t == TopicPinned || t == TopicExcluded || t == TopicReleased
	case *Publication:
		return t.IsPublication()
	case *DeadLetter:
		return t == DeadLetterRetried || t == DeadLetterDropped
	default:
		own, ok := TypeOf(data)
		return ok && own == t
	}
}

func either(first bool, a, b Type) Type {
	if first {
		return a
	}
	return b
}

// nearest returns the known type that text most likely means, or "" when none
// resembles it.
func nearest(text string) Type {
	const resemblance = 6 // edits; the types differ from each other by as much at most in one word
	best, fewest := Type(""), resemblance+1
	for _, t := range types {
		if edits := distance(text, string(t)); edits < fewest {
			best, fewest = t, edits
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
