package query

import (
	"fmt"
	"time"
)

// AsOf is the moment a report speaks of: all facts up to a sequence of the log,
// seen from a point in time.
type AsOf struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"` // whole microseconds, UTC
}

// String writes the moment as the parameter as_of takes it.
func (a AsOf) String() string {
	return fmt.Sprintf("%d@%s", a.Seq, a.Time.Format(timeLayout))
}

// Moment asks for another report of exactly the same moment.
func (a AsOf) Moment() Moment {
	return Moment{seq: &a.Seq, time: &a.Time, text: a.String()}
}

const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

// Basis says what a report rests on. Every report carries it.
type Basis struct {
	AsOf       AsOf   `json:"as_of"`
	LagMS      int64  `json:"lag_ms"` // how long the oldest unprojected event has waited
	Generation string `json:"generation"`
	Catalog    string `json:"catalog"`
	Model      string `json:"model"`
}

// Interval is an estimate with the bounds of its 90% interval.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Level is an estimate at the typical difficulty of one level's items.
type Level struct {
	Level string `json:"level"`
	Interval
}

// Observed compares what was answered right with what the model expected of
// someone of average ability, recent answers weighing more.
type Observed struct {
	Right    float64 `json:"right"`
	Expected float64 `json:"expected"`
}

// Trend says how recent answers came out against the model's expectation: the
// mean of right minus expected, where recent answers weigh most.
type Trend struct {
	Word   string  `json:"word"`   // improving, steady, declining, unknown
	Change float64 `json:"change"` // −1 to 1
}

// LearnerTopic is one topic of one learner.
type LearnerTopic struct {
	ID            string     `json:"id"`
	Title         string     `json:"title"`
	Chapters      []string   `json:"chapters"`
	State         string     `json:"state"`
	Against       *string    `json:"against"` // the level measured against; null: a typical question
	Mastery       *Interval  `json:"mastery"` // null where there is no answer
	ByLevel       []Level    `json:"by_level"`
	PWeak         *float64   `json:"p_weak"` // null where there is no answer
	Answers       int        `json:"answers"`
	SelfGraded    float64    `json:"self_graded"` // share of the answers
	LastPractised *time.Time `json:"last_practised"`
	Observed      Observed   `json:"observed"`
	Trend         Trend      `json:"trend"`
}

// LearnerWeakTopics is a learner's report, weakest topic first.
type LearnerWeakTopics struct {
	Basis
	Learner  string         `json:"learner"`
	By       string         `json:"by"`
	Target   *string        `json:"target"` // the level measured against, where a topic has items of it; null: none
	Answers  int            `json:"answers"`
	Unmapped int            `json:"unmapped"` // answers to items that the catalog doesn't have
	Topics   []LearnerTopic `json:"topics"`
}

// CohortTopic is one topic of one cohort, over its measured learners.
type CohortTopic struct {
	ID                  string    `json:"id"`
	Title               string    `json:"title"`
	Chapters            []string  `json:"chapters"`
	State               string    `json:"state"`
	Learners            int       `json:"learners"`
	LearnersMeasured    int       `json:"learners_measured"`
	Answers             int       `json:"answers"`
	ShareWeak           *Interval `json:"share_weak"` // null: nobody measured
	Mastery             *Interval `json:"mastery"`    // null: nobody measured
	ByLevel             []Level   `json:"by_level"`
	FirstAttemptCorrect *float64  `json:"first_attempt_correct"`
	SelfGraded          float64   `json:"self_graded"`
	Trend               Trend     `json:"trend"`
}

// CohortWeakTopics is an instructor's report, weakest topic first.
type CohortWeakTopics struct {
	Basis
	Cohort string  `json:"cohort"`
	By     string  `json:"by"`
	Target *string `json:"target"` // what everybody was asked to be measured against; null: each one's own target
	// Targets counts the members by what they are measured against.
	Targets  map[string]int `json:"targets"`
	Learners int            `json:"learners"`
	Answers  int            `json:"answers"` // each once, however many topics it touches
	Topics   []CohortTopic  `json:"topics"`
}

// Cell is one learner's state in one topic.
type Cell struct {
	State   string    `json:"state"`
	Mastery *Interval `json:"mastery"`
	PWeak   *float64  `json:"p_weak"`
	Answers int       `json:"answers"`
}

// Week is a week of a report, named by its Monday in the reports' time zone.
type Week struct {
	Week string    `json:"week"`
	End  time.Time `json:"end"` // the moment it is seen from: its end; of the current week as_of's time
}

// WeekPoint is a topic of a cohort at the end of a week, over those measured by then.
type WeekPoint struct {
	LearnersMeasured int       `json:"learners_measured"`
	ShareWeak        *Interval `json:"share_weak"` // null: nobody measured
	Mastery          *Interval `json:"mastery"`    // null: nobody measured
}

// Change is how a share of weak learners moved over four weeks.
type Change struct {
	Word      string    `json:"word"`       // improving, declining, unclear, unknown
	ShareWeak *Interval `json:"share_weak"` // the difference; null where there is nothing to compare
}

// TopicWeeks is one topic of a cohort over the weeks of a report.
type TopicWeeks struct {
	ID     string      `json:"id"`
	Title  string      `json:"title"`
	Weeks  []WeekPoint `json:"weeks"`
	Change Change      `json:"change"`
}

// CohortWeeks is how a cohort moved over the last weeks.
type CohortWeeks struct {
	Basis
	Cohort   string       `json:"cohort"`
	By       string       `json:"by"`
	Target   *string      `json:"target"` // as in CohortWeakTopics
	Learners int          `json:"learners"`
	Weeks    []Week       `json:"weeks"`
	Topics   []TopicWeeks `json:"topics"` // weakest first, as they are now
}

// TopicName names a column of a heatmap.
type TopicName struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// HeatmapRow is one learner of a heatmap; its cells follow the topics.
type HeatmapRow struct {
	Learner string  `json:"learner"`
	Target  *string `json:"target"` // the level measured against; null: none
	Answers int     `json:"answers"`
	Cells   []Cell  `json:"cells"`
}

// Heatmap shows every member of a cohort in every topic.
type Heatmap struct {
	Basis
	Cohort string       `json:"cohort"`
	By     string       `json:"by"`
	Target *string      `json:"target"` // as in CohortWeakTopics
	Topics []TopicName  `json:"topics"`
	Rows   []HeatmapRow `json:"rows"`
	Next   string       `json:"next,omitempty"` // cursor of the next page
}

// Factors are what a recommendation's priority and reason follow from: priority is
// importance · need · ready · freshness, and the reason is the others in words.
type Factors struct {
	Importance    float64              `json:"importance"`
	Mastery       *float64             `json:"mastery"`        // null: not measured yet, the need is that of an average learner
	Low           *float64             `json:"low"`            // of its 90% interval
	High          *float64             `json:"high"`           // likewise
	Against       *string              `json:"against"`        // as in LearnerTopic
	Answers       int                  `json:"answers"`        // on the topic
	LastPractised *time.Time           `json:"last_practised"` // null: never
	Need          float64              `json:"need"`           // max(0, .9 − mastery)
	Ready         float64              `json:"ready"`          // least over the prerequisites
	Freshness     float64              `json:"freshness"`      // 10/(10 + recent)
	Recent        float64              `json:"recent"`         // answers on the topic, with a half-life of 14 days
	Prerequisites []PrerequisiteFactor `json:"prerequisites"`
	Prerequisite  string               `json:"prerequisite,omitempty"` // the one that holds it back most
	Pinned        bool                 `json:"pinned,omitempty"`
}

// PrerequisiteFactor is a topic that should be held first.
type PrerequisiteFactor struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Mastery *float64 `json:"mastery"` // null: not measured yet
}

// ChapterRef names a chapter to read.
type ChapterRef struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// NextTopic is one recommendation.
type NextTopic struct {
	ID       string       `json:"id"`
	Title    string       `json:"title"`
	Priority float64      `json:"priority"`
	Reason   string       `json:"reason"`
	Note     string       `json:"note,omitempty"` // an instructor's word to the learner, with a pin
	Factors  Factors      `json:"factors"`
	Chapters []ChapterRef `json:"chapters"`
	Items    []string     `json:"items"`
}

// NextTopics is what a learner should study next, best first.
type NextTopics struct {
	Basis
	Learner string      `json:"learner"`
	Target  *string     `json:"target"` // as in LearnerWeakTopics
	Topics  []NextTopic `json:"topics"`
}

// Day is what a learner did on one day in the reports' time zone.
type Day struct {
	Day      string `json:"day"`
	Answers  int    `json:"answers"`
	Ticks    int    `json:"ticks"`
	Sessions int    `json:"sessions"`
	Seconds  int64  `json:"seconds"`
}

// Progress is how much a learner did. Seconds are those of ended sessions: in which the
// learner was active, where that was told, else from start to end.
type Progress struct {
	Basis
	Learner  string `json:"learner"`
	Answers  int    `json:"answers"`
	Ticks    int    `json:"ticks"` // checklist items ticked now
	Sessions int    `json:"sessions"`
	Seconds  int64  `json:"seconds"`
	ByDay    []Day  `json:"by_day"`
}

// EvidenceEvent is one event behind a number.
type EvidenceEvent struct {
	Seq       uint64    `json:"seq"`
	Source    string    `json:"source"`
	Key       string    `json:"key"`
	Time      time.Time `json:"time"`
	Stored    time.Time `json:"stored"`
	Item      string    `json:"item"`
	Score     float64   `json:"score"`
	GradedBy  string    `json:"graded_by"`
	Voided    bool      `json:"voided"`
	Predicted *float64  `json:"predicted"` // what the model expected before this answer

	// Arithmetic is given where it was asked for and the answer counts. It is withheld
	// where it would tell of answers before the reader's sight.
	Arithmetic *StepNumbers `json:"arithmetic,omitempty"`
	Withheld   bool         `json:"withheld,omitempty"`
}

// Evidence lists the events behind a number of one learner.
type Evidence struct {
	Basis
	Learner string          `json:"learner"`
	Topic   string          `json:"topic,omitempty"`
	Item    string          `json:"item,omitempty"`
	Before  int             `json:"before"` // answers before the reader may see them: counted, not listed
	Events  []EvidenceEvent `json:"events"`
	// Arithmetic is what the events' numbers, and the topics', are computed from.
	Arithmetic *Arithmetic `json:"arithmetic,omitempty"`
	Next       string      `json:"next,omitempty"`
}

// CohortSummary is one line of the list of cohorts.
type CohortSummary struct {
	ID       string `json:"id"`
	Learners int    `json:"learners"`
}

// Cohorts lists the cohorts that the reader may see.
type Cohorts struct {
	Basis
	Cohorts []CohortSummary `json:"cohorts"`
	Next    string          `json:"next,omitempty"`
}

// NeedTopic is one topic that a member's need comes from.
type NeedTopic struct {
	ID    string  `json:"id"`
	Title string  `json:"title"`
	State string  `json:"state"`
	Need  float64 `json:"need"` // its part: importance × the probability of being weak
}

// MemberSummary is one member of a cohort.
type MemberSummary struct {
	Learner string    `json:"learner"`
	Target  *string   `json:"target"` // as in HeatmapRow
	Joined  time.Time `json:"joined"`
	// Need is the expected number of weak concerns, weighted by importance, of those
	// with enough answers for a judgment; null where there is none: not measured.
	Need         *float64    `json:"need"`
	Mostly       []NeedTopic `json:"mostly"` // where it comes from, at most three
	Answers      int         `json:"answers"`
	LastActive   *time.Time  `json:"last_active"`
	TopicsWeak   int         `json:"topics_weak"`
	TopicsStrong int         `json:"topics_strong"`
	Measured     int         `json:"topics_measured"` // concerns with enough answers
}

// CohortLearners lists the members of a cohort, who needs help most first.
type CohortLearners struct {
	Basis
	Cohort   string          `json:"cohort"`
	Target   *string         `json:"target"`   // as in CohortWeakTopics
	Members  int             `json:"members"`  // of the whole cohort
	Measured int             `json:"measured"` // of these, with a need
	Learners []MemberSummary `json:"learners"`
	Next     string          `json:"next,omitempty"`
}

// ExportedEvent is one event of a learner, as it was stored. Data holds numbers,
// booleans, strings and lists of strings; what the event didn't say is not there.
type ExportedEvent struct {
	Seq    uint64         `json:"seq"`
	Key    string         `json:"key"`  // hexadecimal
	Kind   string         `json:"kind"` // answer, void, tick, session, membership, steering
	Source string         `json:"source"`
	Time   time.Time      `json:"time"`
	Stored time.Time      `json:"stored"`
	Data   map[string]any `json:"data"`
}

// Export is everything that is kept about a learner.
type Export struct {
	Basis
	Learner string          `json:"learner"`
	Events  []ExportedEvent `json:"events"`
}
