package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// reportJob is what a report was asked for.
type reportJob struct {
	cohort, learner          string
	by, target               string
	heatmap, items, learners bool // of a cohort
	next, progress, evidence bool // of a learner
	concern, chapter, item   string
	asOf, cursor             string
	limit                    int
	json                     bool
}

func (t *terminal) reportVerb() *cobra.Command {
	var job reportJob
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print where a cohort or a learner is weak",
		Long: `Print where a cohort or a learner is weak, as the API reports it.

Every report tells as of which moment it speaks; --as-of with that text gives the
same numbers again. Intervals hold the truth with 90% probability.`,
		Example: `  gapwise report --cohort demo
  gapwise report --cohort demo --by chapter --heatmap
  gapwise report --cohort demo --target senior
  gapwise report --learner demo-001
  gapwise report --learner demo-001 --next --limit 3
  gapwise report --learner demo-001 --evidence --concern scalability
  gapwise report --cohort demo --as-of 1200@2026-03-01T12:00:00Z --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := job.check(); err != nil {
				return err
			}
			return t.report(cmd, job)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&job.cohort, "cohort", "", "the cohort to report on")
	flags.StringVar(&job.learner, "learner", "", "the learner to report on")
	flags.StringVar(&job.by, "by", "concern", "topics are each a concern or a chapter")
	flags.StringVar(&job.target, "target", "", "measure everybody against this level, or typical (default: each learner against the own target)")
	flags.BoolVar(&job.heatmap, "heatmap", false, "every learner of the cohort in every topic")
	flags.BoolVar(&job.items, "items", false, "the items, least often right first")
	flags.BoolVar(&job.learners, "learners", false, "the members of the cohort")
	flags.BoolVar(&job.next, "next", false, "what the learner should study next, and why")
	flags.BoolVar(&job.progress, "progress", false, "how much the learner did, day by day")
	flags.BoolVar(&job.evidence, "evidence", false, "the answers behind the number of one --concern, --chapter or --item")
	flags.StringVar(&job.concern, "concern", "", "with --evidence: of this concern")
	flags.StringVar(&job.chapter, "chapter", "", "with --evidence: of this chapter")
	flags.StringVar(&job.item, "item", "", "with --evidence: of this item")
	flags.StringVar(&job.asOf, "as-of", "", "SEQ@TIME as a report tells it, a sequence, or a time (default: now)")
	flags.IntVar(&job.limit, "limit", 0, "rows at most (default: what the API gives)")
	flags.StringVar(&job.cursor, "cursor", "", "where a list goes on, as its last page told")
	flags.BoolVar(&job.json, "json", false, "print the API's answer")
	addClientFlags(cmd)
	return cmd
}

// check tells what is wrong with the question.
func (job *reportJob) check() error {
	if (job.cohort == "") == (job.learner == "") {
		return usagef("say what to report on: either --cohort or --learner")
	}
	if job.by != "concern" && job.by != "chapter" {
		return usagef("--by %q is neither concern nor chapter", job.by)
	}
	if job.limit < 0 {
		return usagef("--limit %d: it must be at least 1", job.limit)
	}
	if job.target != "" && (job.items || job.progress || job.evidence) {
		return usagef("--items, --progress and --evidence measure nobody against a --target")
	}
	return job.checkKind()
}

// checkKind tells what is wrong with the kind of report asked for.
func (job *reportJob) checkKind() error {
	asked := func(flags ...bool) (n int) {
		for _, set := range flags {
			if set {
				n++
			}
		}
		return n
	}
	ofCohort, ofLearner := asked(job.heatmap, job.items, job.learners), asked(job.next, job.progress, job.evidence)
	ofEvidence := asked(job.concern != "", job.chapter != "", job.item != "")
	switch {
	case job.cohort != "" && ofLearner > 0:
		return usagef("--next, --progress and --evidence go with --learner")
	case job.learner != "" && ofCohort > 0:
		return usagef("--heatmap, --items and --learners go with --cohort")
	case ofCohort+ofLearner > 1:
		return usagef("ask for one report at a time")
	case job.evidence && ofEvidence != 1:
		return usagef("say what the evidence is for: exactly one of --concern, --chapter and --item")
	case !job.evidence && ofEvidence > 0:
		return usagef("--concern, --chapter and --item go with --evidence")
	}
	return nil
}

// route tells where the API has the report, and how it prints.
func (job *reportJob) route() (path string, parameters url.Values, show printer) {
	parameters = url.Values{"by": {job.by}}
	if job.cohort != "" {
		path = "/v1/cohorts/" + url.PathEscape(job.cohort)
	} else {
		path = "/v1/learners/" + url.PathEscape(job.learner)
	}
	switch {
	case job.heatmap:
		return path + "/heatmap", parameters, printerOf(printHeatmap)
	case job.items:
		return path + "/items", url.Values{}, printerOf(printItems)
	case job.learners:
		return path + "/learners", url.Values{}, printerOf(printLearners)
	case job.cohort != "":
		return path + "/weak-topics", parameters, printerOf(printCohortTopics)
	case job.next:
		return path + "/next-topics", url.Values{}, printerOf(printNext)
	case job.progress:
		return path + "/progress", url.Values{}, printerOf(printProgress)
	case job.evidence:
		parameters = url.Values{}
		for name, id := range map[string]string{"concern": job.concern, "chapter": job.chapter, "item": job.item} {
			if id != "" {
				parameters.Set(name, id)
			}
		}
		return path + "/evidence", parameters, printerOf(printEvidence)
	}
	return path + "/weak-topics", parameters, printerOf(printLearnerTopics)
}

func (t *terminal) report(cmd *cobra.Command, job reportJob) error {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	path, parameters, show := job.route()
	for name, value := range map[string]string{"as_of": job.asOf, "cursor": job.cursor, "target": job.target} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	if job.limit > 0 {
		parameters.Set("limit", strconv.Itoa(job.limit))
	}
	answer, err := c.getRaw(cmd.Context(), path, parameters)
	if err != nil {
		return err
	}
	if job.json {
		_, err := t.out.Write(answer)
		return err
	}
	if err := show(t, answer); err != nil {
		return fmt.Errorf("%s%s answered something else than expected: %w", c.base, path, err)
	}
	return nil
}

// printer prints an answer of the API as tables.
type printer func(t *terminal, answer []byte) error

func printerOf[R any](show func(t *terminal, report *R)) printer {
	return func(t *terminal, answer []byte) error {
		var report R
		if err := json.Unmarshal(answer, &report); err != nil {
			return err
		}
		show(t, &report)
		return nil
	}
}
