package store

import "github.com/gapwise/gapwise/internal/project"

// factTable is a table of facts: a row for every event of some types. Whatever goes
// through all tables of facts (writing, verifying, comparing, hashing, taking rows back,
// erasing, exporting) goes through factTables.
type factTable struct {
	name string
	// columns adds the table's columns, and returns what fills them from a batch.
	columns func(t *table) func(generation uint32, b *project.Batch)
	// export says what a learner is told of the rows; nil: they are about no learner.
	export *exported
}

// exported is what is exported of a fact: its kind, and its data as a tuple of values
// with names and types, which the server writes as JSON. What may be absent is null there,
// or an empty list, and is left out.
type exported struct{ kind, values, types string }

// factTables lists the tables of facts in the order in which they are written.
var factTables = []factTable{
	{"answers", answerTable, &exported{"answer",
		"item, score, graded_by, points, nullIf(response, ''), nullIf(attempt, 0), nullIf(confidence, 0), nullIf(duration_ms, 0), nullIf(session, '')",
		"item String, score Float64, graded_by String, points Array(String), response Nullable(String), attempt Nullable(UInt32), " +
			"confidence Nullable(UInt8), duration_ms Nullable(UInt32), session Nullable(String)"}},
	{"voids", voidTable, &exported{"void", "lower(hex(target)), nullIf(reason, '')", "event String, reason Nullable(String)"}},
	{"ticks", tickTable, &exported{"tick", "item, ticked", "item String, ticked Bool"}},
	{"sessions", sessionTable, &exported{"session", "session, nullIf(chapter, ''), started, nullIf(active_ms, -1) / 1000",
		"session String, chapter Nullable(String), started Bool, active_seconds Nullable(Float64)"}},
	{"memberships", membershipTable, &exported{"membership", "cohort, joined, nullIf(target, '')", "cohort String, joined Bool, target Nullable(String)"}},
	{"steerings", steeringTable, &exported{"steering",
		"topic, toString(action), if(toUnixTimestamp64Micro(until) = 0, NULL, formatDateTime(until, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')), nullIf(note, '')",
		"topic String, action String, until Nullable(String), note Nullable(String)"}},
	{"publications", publicationTable, nil},
	{"erasures", erasureTable, nil},
	{"receipts", receiptTable, nil},
	{"dead_letter_actions", deadLetterActionTable, nil},
}

var (
	// factsOnly are the tables with a row for every fact.
	factsOnly = namesOf(func(factTable) bool { return true })

	// factTableNames are all tables that the log alone decides.
	factTableNames = append([]string{"sequences", "dead_letters"}, factsOnly...)

	// aboutLearners are the tables whose rows are about one learner, beside sequences.
	aboutLearners = append(namesOf(func(t factTable) bool { return t.export != nil }), "dead_letters", "states")
)

func namesOf(which func(factTable) bool) (names []string) {
	for _, t := range factTables {
		if which(t) {
			names = append(names, t.name)
		}
	}
	return names
}

// factColumns holds the columns of all tables that a batch fills before its sequences.
type factColumns struct {
	all  []*table
	fill func(generation uint32, b *project.Batch) []*table
}

// newFactColumns makes the columns of one writer, in the order in which they are written.
func newFactColumns() factColumns {
	fillers := []func(uint32, *project.Batch){}
	var f factColumns
	for _, one := range append(factTables[:len(factTables):len(factTables)], factTable{"dead_letters", deadLetterTable, nil}) {
		t := &table{name: one.name}
		fillers = append(fillers, one.columns(t))
		f.all = append(f.all, t)
	}
	f.fill = func(generation uint32, b *project.Batch) []*table {
		for i, t := range f.all {
			t.reset()
			fillers[i](generation, b)
		}
		return f.all
	}
	return f
}
