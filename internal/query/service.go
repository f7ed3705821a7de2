package query

import (
	"context"
	"log/slog"
	"time"

	"github.com/gapwise/gapwise/internal/project"
)

// Member is one member of a cohort.
type Member struct {
	Learner string
	Joined  time.Time
}

// Store reads what the reports need. All methods take a generation of facts and
// a sequence up to which they see.
type Store interface {
	project.HistoryReader
	TableStore
	// Floor returns the last committed sequence.
	Floor(ctx context.Context, facts uint32) (uint64, error)
	// Head returns the last committed sequence and when the log stored it; 0 and the
	// Unix epoch where there is none.
	Head(ctx context.Context, facts uint32) (AsOf, error)
	// SequenceAt returns the last sequence that the log had stored by then, before the
	// first message about a learner that it stored later. What was put back from an
	// archive counts as stored when it was stored first.
	SequenceAt(ctx context.Context, facts uint32, t time.Time) (uint64, error)
	// StoredAt returns when the log stored a sequence, or the last one before it
	// where it was deleted; the Unix epoch where there is none.
	StoredAt(ctx context.Context, facts uint32, seq uint64) (time.Time, error)
	// StoredBy returns when it had stored a sequence and all messages about learners
	// before it.
	StoredBy(ctx context.Context, facts uint32, seq uint64) (time.Time, error)
	// Cohorts lists cohorts with the number of members, sorted by id.
	Cohorts(ctx context.Context, facts uint32, at AsOf) ([]CohortSummary, error)
	// Members lists a cohort's members at a moment, sorted by learner.
	Members(ctx context.Context, facts uint32, cohort string, at AsOf) ([]Member, error)
	// CohortsOf returns of which cohorts each of the learners is a member, sorted.
	CohortsOf(ctx context.Context, facts uint32, learners []string, at AsOf) (map[string][]string, error)
	// Answerers lists learners with answers, sorted, after one of them.
	Answerers(ctx context.Context, facts uint32, seq uint64, after string, limit int) ([]string, error)
	// Joined returns since when a learner is a member of one of the cohorts;
	// false when of none.
	Joined(ctx context.Context, facts uint32, learner string, cohorts []string, at AsOf) (time.Time, bool, error)
	// Targets returns the level that each of the learners prepares for, of those
	// who told one when joining a cohort: the latest told, by sequence.
	Targets(ctx context.Context, facts uint32, learners []string, seq uint64) (map[string]string, error)
	// Activity sums up what learners did.
	Activity(ctx context.Context, facts uint32, learners []string, seq uint64) (map[string]Activity, error)
	// Days sums up what one learner did, by day in a time zone.
	Days(ctx context.Context, facts uint32, learner string, seq uint64, zone *time.Location) ([]Day, int, error)
	// Items sums up how learners answered the items, sorted by item.
	Items(ctx context.Context, facts uint32, learners []string, seq uint64) ([]ItemCount, error)
	// FirstResponses yields what learners responded at their first attempt at an item that
	// wasn't taken back, where that may be the id of a choice: at most event.MaxID bytes.
	FirstResponses(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(Response)) error
	// Ticks yields the checklist items that learners ever ticked or unticked as they stand,
	// sorted by learner and item.
	Ticks(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(Tick)) error
	// Confidences sums up the answers whose learners told how sure they were, sorted by
	// learner, item and level.
	Confidences(ctx context.Context, facts uint32, learners []string, seq uint64, yield func(Confidence)) error
	// Details returns what evidence tells beside the fold, by sequence.
	Details(ctx context.Context, facts uint32, learner string, seqs []uint64) (map[uint64]Detail, error)
	// Steerings returns the topics that instructors pinned or excluded for a
	// learner and did not release, as they stand at a moment.
	Steerings(ctx context.Context, facts uint32, learner string, at AsOf) ([]Steering, error)
	// Export lists all events of a learner since a time, ascending by sequence.
	Export(ctx context.Context, facts uint32, learner string, since time.Time, seq uint64) ([]ExportedEvent, error)
	// Counts tells what became of the log's messages after one sequence and up
	// to another, learners aside.
	Counts(ctx context.Context, facts uint32, after, upTo uint64) (Counts, error)
	// Rewritten tells apart the times before and after each change of facts that
	// were there: an erasure, or a retried dead letter.
	Rewritten(ctx context.Context) (string, error)
	// NewLearners counts the learners whose first answer in the log comes after
	// one sequence and up to another.
	NewLearners(ctx context.Context, facts uint32, after, upTo uint64) (uint64, error)
	// Proposal returns the version of the newest model that was fitted here since a
	// derived generation was made, and isn't that generation's own; empty for none.
	Proposal(ctx context.Context, course string, derived uint32) (string, error)
	// CountLearners returns about how many learners have answers in a range of
	// sequences.
	CountLearners(ctx context.Context, facts uint32, from, upTo uint64) (uint64, error)
	// LearnersFrom lists learners with answers in a range of sequences, sorted,
	// after one of them: so many that they have about the given number of answers
	// in all. Fewer than there are: more is true.
	LearnersFrom(ctx context.Context, facts uint32, after string, from, upTo, answers uint64) (learners []string, more bool, err error)
}

// Activity sums up what a learner did.
type Activity struct {
	Answers int // voided ones aside
	Last    time.Time
}

// ItemCount sums up how some learners answered one item.
type ItemCount struct {
	Item       string
	Answers    int
	Learners   int
	Score      float64 // summed
	FirstScore float64 // summed over the learners' first attempts
}

// Response is what a learner responded to an item.
type Response struct{ Learner, Item, Response string }

// Tick is a checklist item of a learner as it stands.
type Tick struct {
	Learner, Item string
	Ticked        bool
	Time          time.Time // when it was ticked or unticked
}

// Confidence sums up a learner's answers to an item that were given with the same
// confidence.
type Confidence struct {
	Learner, Item string
	Level         int // 1 (guessed) to 5 (certain)
	Answers       int
	Score         float64 // summed
	Squares       float64 // of the scores, summed
}

// Detail is what evidence tells of an answer beside the fold.
type Detail struct {
	Source   string
	Stored   time.Time
	GradedBy string
}

// Steering is an instructor's word on a topic that holds now.
type Steering struct {
	Topic  string
	Pinned bool // else excluded
	Note   string
}

// Service computes reports.
type Service struct {
	Store Store
	Generations
	// Lag tells how long the oldest event after a sequence has waited for the
	// projection; 0 when there is none.
	Lag func(ctx context.Context, floor uint64) (time.Duration, error)
	// Last returns the last sequence of the log.
	Last func(ctx context.Context) (uint64, error)
	Now  func() time.Time
	Zone *time.Location // of days
	Log  *slog.Logger

	// Pace, if any, is asked before each step of a comparison and may wait, so that
	// others get on.
	Pace func(ctx context.Context) error
	// Step is of how many answers learners are compared at a time; 0: 50,000.
	Step uint64

	sight *view // that all reports are of; nil: each is of what it is asked for
}

// view is one request's sight of the data.
type view struct {
	Active
	at    AsOf
	basis Basis
}

// now is the view's moment as the model takes it.
func (v *view) now() int64 { return v.at.Time.UnixMicro() }

// query asks for some learners' histories through one lens.
func (v *view) query(lens project.Lens, learners []string) project.HistoryQuery {
	return project.HistoryQuery{
		Facts: v.Facts, Derived: v.Derived, Lens: lens, Seq: v.at.Seq, Learners: learners, Whole: v.Derived == 0,
	}
}
