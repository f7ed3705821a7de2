package query

import "time"

// Bias is by how much more a learner ticks than the answers show, as a mean over topics,
// drawn towards 0 as long as they are few.
type Bias struct {
	Interval     // −1 to 1; above 0: ticked more than shown
	Topics   int `json:"topics"` // that it rests on
}

// StatedAgainstScore compares how sure learners said they were, 1 to 5 as 0 to 1, with
// the scores of the same answers.
type StatedAgainstScore struct {
	Answers    int       `json:"answers"`    // with a stated confidence
	Difference *Interval `json:"difference"` // mean of confidence − score; null without such answers
}

// ConfidenceLevel is how answers came out that were given with one confidence.
type ConfidenceLevel struct {
	Confidence int       `json:"confidence"` // 1 (guessed) to 5 (certain)
	Answers    int       `json:"answers"`
	Score      *Interval `json:"score"` // mean; null without answers
}

// StatedConfidence is the whole comparison, with a row for each confidence.
type StatedConfidence struct {
	StatedAgainstScore
	Levels []ConfidenceLevel `json:"levels"`
}

// SelfGradedAgainstOthers compares self-grades with what others gave the same learners:
// both as mean residual, score less the chance expected before the answer.
type SelfGradedAgainstOthers struct {
	Self       int       `json:"self"`       // answers that learners graded themselves
	Others     int       `json:"others"`     // answers graded by key, peers and instructors
	Difference *Interval `json:"difference"` // above 0: self-grades flatter; null unless there are both
}

// GraderResidual is how answers came out that one kind of grader graded.
type GraderResidual struct {
	Grader   string    `json:"grader"` // self, key, peer, instructor
	Answers  int       `json:"answers"`
	Residual *Interval `json:"residual"` // mean; null without answers
}

// SelfGrades is the whole comparison, with a row for each kind of grader.
type SelfGrades struct {
	SelfGradedAgainstOthers
	Graders []GraderResidual `json:"graders"`
}

// View is how a learner's ticks on a topic stand to what the answers show.
type View string

// The views. All but the last take enough answers for a judgment.
const (
	Overconfident View = "overconfident" // more than half is ticked, and the topic is weak
	Unticked      View = "unticked"      // at most half is ticked, and the topic is strong
	InLine        View = "in_line"
	NoView        View = "not_enough_answers"
)

// Checklist is what a learner ticked of a topic's checklist, against what was shown.
type Checklist struct {
	Items    int       `json:"items"`
	Ticked   int       `json:"ticked"`
	Share    float64   `json:"share"` // ticked of all
	Mastery  *Interval `json:"mastery"`
	Gap      *Interval `json:"gap"` // share − mastery; null without an answer on the topic
	View     View      `json:"view"`
	Doubtful []string  `json:"doubtful"` // ticked items that the reader may see, while the topic is weak or rusty

	since    time.Time // of the ticks that are listed
	sharedSD float64   // of the mastery: what all learners share
}

// SelfTopic is one topic of a learner's self-assessment.
type SelfTopic struct {
	ID         string                  `json:"id"`
	Title      string                  `json:"title"`
	Checklist  *Checklist              `json:"checklist"` // null: the learner ticked and unticked none of its items, or it has none
	Confidence StatedAgainstScore      `json:"confidence"`
	SelfGrades SelfGradedAgainstOthers `json:"self_grades"`
}

// SelfAssessment is what a learner thinks of the own mastery, and what answers showed.
type SelfAssessment struct {
	Basis
	Learner    string           `json:"learner"`
	By         string           `json:"by"`
	Target     *string          `json:"target"` // as in LearnerWeakTopics
	Bias       *Bias            `json:"bias"`   // null: no topic with ticks and answers
	Confidence StatedConfidence `json:"confidence"`
	SelfGrades SelfGrades       `json:"self_grades"`
	Topics     []SelfTopic      `json:"topics"` // in the course's order
}

// CohortChecklist is a topic's checklist over the members who ever ticked or unticked some
// of it.
type CohortChecklist struct {
	Items         int       `json:"items"`
	Learners      int       `json:"learners"`
	Share         *float64  `json:"share"`    // mean over them; null: nobody
	Compared      int       `json:"compared"` // of them, with an answer on the topic
	Gap           *Interval `json:"gap"`      // mean over the compared of share − mastery; null: nobody
	Judged        int       `json:"judged"`   // of them, with enough answers
	Overconfident int       `json:"overconfident"`
	Unticked      int       `json:"unticked"`
}

// CohortSelfTopic is one topic of a cohort's self-assessment.
type CohortSelfTopic struct {
	ID         string                  `json:"id"`
	Title      string                  `json:"title"`
	Checklist  CohortChecklist         `json:"checklist"`
	Confidence StatedAgainstScore      `json:"confidence"`
	SelfGrades SelfGradedAgainstOthers `json:"self_grades"`
}

// SelfMember is one member of a cohort's self-assessment.
type SelfMember struct {
	Learner       string                  `json:"learner"`
	Target        *string                 `json:"target"` // as in HeatmapRow
	Bias          *Bias                   `json:"bias"`   // as in SelfAssessment
	Judged        int                     `json:"judged"` // topics with ticks and enough answers
	Overconfident int                     `json:"overconfident"`
	Unticked      int                     `json:"unticked"`
	Confidence    StatedAgainstScore      `json:"confidence"`
	SelfGrades    SelfGradedAgainstOthers `json:"self_grades"`
}

// CohortSelfAssessment is what the members of a cohort think of their mastery, and what
// answers showed.
type CohortSelfAssessment struct {
	Basis
	Cohort     string            `json:"cohort"`
	By         string            `json:"by"`
	Target     *string           `json:"target"` // as in CohortWeakTopics
	Members    int               `json:"members"`
	Biased     int               `json:"biased"` // of them, with a bias
	Bias       *Interval         `json:"bias"`   // the mean of theirs; null: nobody's
	Confidence StatedConfidence  `json:"confidence"`
	SelfGrades SelfGrades        `json:"self_grades"`
	Topics     []CohortSelfTopic `json:"topics"`   // in the course's order
	Learners   []SelfMember      `json:"learners"` // the largest bias first, those without last
	Next       string            `json:"next,omitempty"`
}
