package event

// Type names what happened. A new version of a type is a new name.
type Type string

// The event types, one for each JSON Schema in schemas/events.
const (
	AnswerSubmitted   Type = "study.answer.submitted.v1"
	AnswerVoided      Type = "study.answer.voided.v1"
	ChecklistTicked   Type = "study.checklist.ticked.v1"
	ChecklistUnticked Type = "study.checklist.unticked.v1"
	SessionStarted    Type = "study.session.started.v1"
	SessionEnded      Type = "study.session.ended.v2"
	CohortJoined      Type = "study.cohort.joined.v1"
	CohortLeft        Type = "study.cohort.left.v1"
	TopicPinned       Type = "study.topic.pinned.v1"
	TopicExcluded     Type = "study.topic.excluded.v1"
	TopicReleased     Type = "study.topic.released.v1"
	LearnerErased     Type = "study.learner.erased.v1"
	LearnerForgotten  Type = "study.learner.forgotten.v1"
	CatalogPublished  Type = "study.catalog.published.v1"
	ModelPublished    Type = "study.model.published.v1"
	DeadLetterRetried Type = "study.deadletter.retried.v1"
	DeadLetterDropped Type = "study.deadletter.dropped.v1"

	// Types that another version took the place of: they are read for ever.
	SessionEndedV1 Type = "study.session.ended.v1"
)

// definitions list every type, in the order of the contract: there is one for each JSON
// Schema in schemas/events.
var definitions = [...]definition{
	newest(AnswerSubmitted, nil, (*fields).answer),
	newest(AnswerVoided, nil, (*fields).void),
	newest(ChecklistTicked, (*Tick).ticked, (*fields).tick),
	newest(ChecklistUnticked, (*Tick).unticked, (*fields).tick),
	newest(SessionStarted, (*Session).started, (*fields).sessionStarted),
	newest(SessionEnded, (*Session).ended, (*fields).sessionEnded),
	older(SessionEndedV1, SessionEnded, (*fields).sessionEndedV1, (*sessionEndedV1).upcast),
	newest(CohortJoined, (*Membership).joined, (*fields).membership),
	newest(CohortLeft, (*Membership).left, (*fields).membership),
	newest(TopicPinned, nil, (*fields).steering),
	newest(TopicExcluded, nil, (*fields).steering),
	newest(TopicReleased, nil, (*fields).steering),
	newest(LearnerErased, nil, (*fields).erasure),
	newest(LearnerForgotten, nil, (*fields).receipt),
	newest(CatalogPublished, nil, (*fields).publication),
	newest(ModelPublished, nil, (*fields).publication),
	newest(DeadLetterRetried, nil, (*fields).deadLetter),
	newest(DeadLetterDropped, nil, (*fields).deadLetter),
}

// Types returns every known type, in the order of the contract, old versions included.
func Types() []Type {
	list := make([]Type, len(definitions))
	for i := range definitions {
		list[i] = definitions[i].typ
	}
	return list
}

// Known reports whether t is one of Types.
func (t Type) Known() bool { return definitionOf(t) != nil }

// Newest returns the version of a type whose data events of type t are decoded into: t
// itself unless another version took its place. Event.Type stays what was sent, so
// whatever depends on the type alone asks for the newest.
func (t Type) Newest() Type {
	for d := definitionOf(t); d != nil && d.next != ""; d = definitionOf(t) {
		t = d.next
	}
	return t
}

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
	var told []Type
	for i := range definitions {
		if definitions[i].is(data) {
			told = append(told, definitions[i].typ)
		}
	}
	if len(told) != 1 {
		return "", false
	}
	return told[0], true
}

// nearest returns the known type that text most likely means, or "" when none
// resembles it.
func nearest(text string) Type {
	const resemblance = 6 // edits; the types differ from each other by as much at most in one word
	best, fewest := Type(""), resemblance+1
	for _, t := range Types() {
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
