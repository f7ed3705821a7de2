package query

// ItemReport is one item of the course as a cohort answered it. First attempts are each
// learner's first answer to it in the order of event time; what was taken back doesn't count.
type ItemReport struct {
	ID                  string   `json:"id"`
	Prompt              string   `json:"prompt"`
	Level               string   `json:"level"`
	Concerns            []string `json:"concerns"`
	Answers             int      `json:"answers"`
	Learners            int      `json:"learners"` // with an answer, so with a first attempt
	Correct             *float64 `json:"correct"`
	FirstAttemptCorrect *float64 `json:"first_attempt_correct"`
	// Expected is what share of the first attempts these very learners were expected to
	// get right; null for an item that the model doesn't have.
	Expected       *float64      `json:"expected"`
	Difficulty     *Difficulty   `json:"difficulty"`     // null as Expected
	WrongChoices   []WrongChoice `json:"wrong_choices"`  // the most frequent of the wrong first attempts, at most three
	Discrimination *Interval     `json:"discrimination"` // a correlation; null below 100 first attempts
	Flags          []ItemFlag    `json:"flags"`          // what looks broken
}

// Difficulty is how hard an item is, in logits: at 0 a learner of the model's average
// ability gets it right as often as not, before what practice adds.
type Difficulty struct {
	Model    float64 `json:"model"`    // what the model takes it for
	Estimate float64 `json:"estimate"` // the same after this cohort's first attempts
	Low      float64 `json:"low"`      // of its 90% interval
	High     float64 `json:"high"`
}

// WrongChoice is a wrong choice that was given in wrong first attempts.
type WrongChoice struct {
	ID    string  `json:"id"`
	Text  string  `json:"text"`
	Count int     `json:"count"`
	Share float64 `json:"share"` // of all first attempts
}

// ItemFlag says what looks broken about an item, and what to look at.
type ItemFlag struct {
	Kind   FlagKind `json:"kind"`
	Reason string   `json:"reason"`
}

// FlagKind names the rule that an item broke.
type FlagKind string

// The rules; see flags.
const (
	OtherKey FlagKind = "other_key" // grades contradict the course's key
	WrongKey FlagKind = "wrong_key" // the better half of the learners prefers a wrong choice
	Harder   FlagKind = "harder"    // than expected of these learners, by far
	Easier   FlagKind = "easier"    // than expected of these learners, by far
	Blurred  FlagKind = "blurred"   // who was expected to know it got it right no more often
	Grading  FlagKind = "grading"   // learners grade themselves differently than others grade them
)

// CohortItems lists a cohort's items.
type CohortItems struct {
	Basis
	Cohort  string       `json:"cohort"`
	Sort    ItemOrder    `json:"sort"`
	Count   int          `json:"count"`   // of all items with an answer
	Flagged int          `json:"flagged"` // of these, with a flag
	Items   []ItemReport `json:"items"`
	Next    string       `json:"next,omitempty"`
}

// ItemOrder is an order of items.
type ItemOrder string

// The orders.
const (
	ByAttention ItemOrder = "attention" // flagged ones first, each part by how much harder than the model's difficulty
	ByRight     ItemOrder = "right"     // least often right at first attempt first
)
