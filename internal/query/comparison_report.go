package query

// Comparison says how a candidate generation differs from the active one: in rows,
// where nothing should differ, and in what people read, where another catalog or
// model is meant to change something.
type Comparison struct {
	AsOf AsOf               `json:"as_of"` // both are compared up to this sequence; words are those of this time
	From ComparedGeneration `json:"from"`  // the active one
	To   ComparedGeneration `json:"to"`    // the candidate
	// Ledger tells what became of the log's messages in each. Where both rest on the
	// same facts it is the same one.
	Ledger LedgerComparison `json:"ledger"`
	// Tables are those of facts, where the generations of facts differ, and the
	// snapshots of states.
	Tables []TableComparison `json:"tables"`
	// Identical says that nothing differs: logical rows, which are those that one
	// reads, without the generation and the words that explain a dead letter; catalog
	// and model; and so everything that reports say.
	Identical bool `json:"identical"`
	// Changed lists what differs: ledger, tables, catalog and model, then learners and
	// cohorts. Empty when identical.
	Changed []Difference `json:"changed"`
	// People says what changes for people; null where nothing can.
	People *StateChanges `json:"people"`
}

// ComparedGeneration names one side of a comparison.
type ComparedGeneration struct {
	Generation string `json:"generation"` // facts.derived, as reports name it
	Catalog    string `json:"catalog"`    // version
	Model      string `json:"model"`      // version
}

// LedgerComparison holds the ledgers of both sides.
type LedgerComparison struct {
	From  ComparedLedger `json:"from"`
	To    ComparedLedger `json:"to"`
	Equal bool           `json:"equal"`
}

// ComparedLedger tells what became of the log's messages in one generation of facts,
// up to a sequence. Messages are the others, each once.
type ComparedLedger struct {
	Messages    uint64 `json:"messages"` // stored in the log so far, those erased since included
	Rows        uint64 `json:"rows"`     // of facts
	Duplicates  uint64 `json:"duplicates"`
	DeadLetters uint64 `json:"dead_letters"`
	Conflicts   uint64 `json:"conflicts"` // not among the dead letters
	Erased      uint64 `json:"erased"`    // deleted with a receipt, or waiting for it
	// Missing are neither there nor named by a receipt: an erasure is under way, or
	// gapwise verify tells what is wrong.
	Missing uint64 `json:"missing"`
	// Checksum is the exclusive or of the keys of all facts, hexadecimal.
	Checksum string `json:"checksum"`
}

// TableComparison compares the logical rows of one table.
type TableComparison struct {
	Table string `json:"table"`
	// Part is empty where whole rows are compared, or PartPlaces: another catalog or
	// model gives other states, but of the same learners at the same sequences.
	Part      string      `json:"part,omitempty"`
	UpTo      uint64      `json:"up_to"` // the last sequence compared
	From      TableDigest `json:"from"`
	To        TableDigest `json:"to"`
	Equal     bool        `json:"equal"`
	Differing uint64      `json:"differing"`       // rows that one side lacks or has otherwise
	First     uint64      `json:"first,omitempty"` // the lowest sequence of these
}

// PartPlaces says that only where snapshots lie was compared.
const PartPlaces = "places"

// TableDigest sums up the logical rows of a table in one generation.
type TableDigest struct {
	Rows uint64 `json:"rows"`
	Hash string `json:"hash"` // the exclusive or of the rows' hashes, hexadecimal
}

// The tables that aren't facts.
const statesTable = "states"

// Difference is one thing that differs.
type Difference struct {
	What string `json:"what"`           // ledger, table, catalog, model, learners or cohorts
	Name string `json:"name,omitempty"` // of a table, or of a count of the ledger
	From string `json:"from,omitempty"` // a count or a version
	To   string `json:"to,omitempty"`   // likewise
	// Count is how many rows differ, learners read another word, or cohorts have a
	// topic with another word.
	Count uint64 `json:"count,omitempty"`
	Text  string `json:"text"` // for people
}

// The kinds of differences.
const (
	LedgerDiffers  = "ledger"
	TableDiffers   = "table"
	CatalogDiffers = "catalog"
	ModelDiffers   = "model"
	LearnersDiffer = "learners"
	CohortsDiffer  = "cohorts"
)

// StateChanges says what another course, be it another catalog or another model, or
// facts that were decoded otherwise, would change of the states that reports give
// now: in words, as people read them.
type StateChanges struct {
	Learners int          `json:"learners"` // with answers
	Affected int          `json:"affected"` // of them: some state has another word
	Share    float64      `json:"share"`    // of the learners who are affected; 0 where there are none
	Lenses   []LensChange `json:"lenses"`
	// ChangedLearners are the ids of those affected, sorted; the first 1,000.
	ChangedLearners []string `json:"changed_learners"`
	// Largest are the 20 largest movements of a mastery estimate, the largest first.
	Largest []Movement `json:"largest"`
	// Cohorts are those with most members, at most 100 of OfCohorts, the largest first.
	Cohorts   []CohortChange `json:"cohorts"`
	OfCohorts int            `json:"of_cohorts"` // with a member
}

// LensChange is what changes in one lens.
type LensChange struct {
	By      string `json:"by"`
	States  int    `json:"states"`  // of a learner in a topic with an answer, before or after
	Changed int    `json:"changed"` // of them: another word
	Moves   []Move `json:"moves"`   // the most frequent first
}

// Move counts states that go from one word to another.
type Move struct {
	From   string `json:"from"` // empty: there was no such topic, or no answer in it
	To     string `json:"to"`   // likewise
	States int    `json:"states"`
}

// Movement is how far a learner's mastery estimate moves in a topic that is measured
// before and after.
type Movement struct {
	Learner string       `json:"learner"`
	By      string       `json:"by"`
	Topic   string       `json:"topic"`
	Title   string       `json:"title"` // as the candidate's catalog has it
	From    MasteryState `json:"from"`
	To      MasteryState `json:"to"`
}

// MasteryState is a state in word and number.
type MasteryState struct {
	State   string  `json:"state"`
	Mastery float64 `json:"mastery"` // the estimate
}

// CohortChange is what changes in the report of a cohort.
type CohortChange struct {
	Cohort   string `json:"cohort"`
	Learners int    `json:"learners"` // members, before or after
	Affected int    `json:"affected"` // of them: some state has another word
	Changed  int    `json:"changed"`  // topics of both lenses whose share weak or word changes
	Words    int    `json:"words"`    // of them: another word
	// Topics are those of the changed whose share weak changes most, at most 10, the largest
	// change first.
	Topics []CohortTopicChange `json:"topics"`
}

// CohortTopicChange is a topic of a cohort as the report has it before and after.
type CohortTopicChange struct {
	By    string      `json:"by"`
	ID    string      `json:"id"`
	Title string      `json:"title"` // as the candidate's catalog has it
	From  CohortState `json:"from"`
	To    CohortState `json:"to"`
}

// CohortState is what the report of weak topics says of a topic.
type CohortState struct {
	State            string    `json:"state"` // empty: there is no such topic
	LearnersMeasured int       `json:"learners_measured"`
	ShareWeak        *Interval `json:"share_weak"` // null: nobody measured
}

// WithLearners returns the changes with the learners' ids replaced; where there is none
// instead of one, what tells of that learner is left out.
func (c *StateChanges) WithLearners(instead func(id string) (string, bool)) *StateChanges {
	if c == nil {
		return nil
	}
	other := *c
	other.ChangedLearners, other.Largest = []string{}, []Movement{}
	for _, id := range c.ChangedLearners {
		if id, ok := instead(id); ok {
			other.ChangedLearners = append(other.ChangedLearners, id)
		}
	}
	for _, m := range c.Largest {
		if id, ok := instead(m.Learner); ok {
			m.Learner = id
			other.Largest = append(other.Largest, m)
		}
	}
	return &other
}
