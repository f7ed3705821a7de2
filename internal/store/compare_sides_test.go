package store_test

import (
	"slices"
	"testing"

	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Where facts differ, each side's words, members and targets are those of its own facts.
func TestEachSideReadsItsOwnFacts(t *testing.T) {
	t.Parallel()
	w := openTwins(t)
	other := query.Active{Facts: 5, Derived: 5, Course: w.tagged(t)}
	log := w.log(w.from.Course.Catalog)
	w.learners = append(w.learners[:pupils:pupils], "a newcomer", "newcomer", "zz newcomer")
	newcomers := w.learners[pupils:]
	for i, rows := range log {
		log[i] = func(b *project.Batch) {
			answers, members := len(b.Answers), len(b.Memberships)
			rows(b)
			for k := range b.Answers[answers:] {
				a := &b.Answers[answers+k]
				switch {
				case a.Learner == "learner-12":
					b.Answers = b.Answers[:answers] // decoded to nothing
				case a.Learner == "learner-20" && a.Seq%3 == 0:
					a.Score = 1 - a.Score
				case a.Learner == "learner-44":
					a.Learner = newcomers[a.Seq%3]
				}
			}
			for k := range b.Memberships[members:] {
				switch m := &b.Memberships[members+k]; m.Learner {
				case "learner-30":
					m.Cohort = "cohort-5"
				case "learner-31":
					m.Target = "intermediate"
				}
			}
		}
	}
	w.write(t, 5, log, 1500)
	w.learners = slices.Sorted(slices.Values(w.learners))
	w.derive(t, other)
	c := w.compare(t, w.from, other)
	w.holdToReports(t, c, w.from, other)
	if p := c.People; p.Learners != pupils-1+3 || p.OfCohorts != 5 || len(p.Cohorts) != 5 || p.Cohorts[4].Cohort != "cohort-5" || p.Cohorts[4].Learners != 1 {
		t.Errorf("%d learners, %d cohorts: %+v", p.Learners, p.OfCohorts, p.Cohorts)
	}
	for _, learner := range []string{"learner-12", "learner-44", "a newcomer", "zz newcomer"} {
		if !slices.Contains(c.People.ChangedLearners, learner) {
			t.Errorf("%s is not affected", learner)
		}
	}
	if back := w.compare(t, other, w.from); back.People.Affected != c.People.Affected || !slices.Equal(back.People.ChangedLearners, c.People.ChangedLearners) {
		t.Errorf("the other way round other learners are affected: %v", back.People.ChangedLearners)
	}
}
