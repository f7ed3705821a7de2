package main

import (
	"fmt"

	"github.com/gapwise/gapwise/internal/archive"
	"github.com/gapwise/gapwise/internal/event"
)

// printRestored tells people what an import of an archive did, and what is still to do
// for reports to be those of where it comes from.
func (t *terminal) printRestored(a *archive.Archive, r *restored) {
	if r.DryRun {
		fmt.Fprintf(t.out, "%d messages, all as the manifest says: %d to store, %d there already; nothing was sent\n", r.Messages, r.Stored, r.Present)
	} else {
		fmt.Fprintf(t.out, "%d messages: %d stored, %d there already, %d left out (of learners who are forgotten here)\n",
			r.Messages, r.Stored, r.Present, r.Erased)
	}
	t.printSeen(r)
	if requests := a.Types[string(event.LearnerErased)]; r.OtherKey && requests > 0 {
		fmt.Fprintf(t.out, `
%d requests to forget a learner are keyed with the learners.key of where the archive comes from:
here they forget nobody, and whoever sends those learners' events again brings them back. To keep
them forgotten, give a new deployment that keys/learners.key before its first start, then import.
`, requests)
	}
}

// printSeen tells where catalog or model differ from the archive's, and how to see
// through the same.
func (t *terminal) printSeen(r *restored) {
	if r.Catalog == "" || r.Catalog == r.Seen.Catalog && r.Model == r.Seen.Model {
		return
	}
	fmt.Fprintf(t.out, `
           archive                         this deployment
  catalog  %-30s  %s
  model    %-30s  %s

Reports are those of where the archive comes from once they are seen through the same. The log
has both, as far as the archive does:
`, r.Seen.Catalog, r.Catalog, r.Seen.Model, r.Model)
	if r.Catalog == r.Seen.Catalog {
		fmt.Fprintf(t.out, "  gapwise model publish %s\n", r.Seen.Model)
	} else {
		fmt.Fprintf(t.out, "  gapwise replay start --wait --catalog %s --model %s\n  gapwise replay activate\n", r.Seen.Catalog, r.Seen.Model)
	}
	fmt.Fprintln(t.out, "What was active when isn't in an archive: ask for the past with catalog=now and model=now.")
}
