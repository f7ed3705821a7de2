package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// reportJob is what a report was asked for.
type reportJob struct {
	cohort, learner        string
	kinds                  []*reportKind
	by, target             string
	weeks                  int
	concern, chapter, item string
	arithmetic             bool
	sort                   string
	selfAssessment         bool
	asOf, cursor           string
	catalog, model         string // of a report of the past: then or now
	limit                  int
	json                   bool
}

// reportKind is one report: the flag that asks for it, what it takes, where the API
// has it below the cohort or the learner, and how it prints.
type reportKind struct {
	flag, help string // of the report that needs no flag: empty
	ofCohort   bool   // else of a learner
	takes      string // parameters beside those of all reports
	path       string
	show       printer
	asked      bool
}

// reportKinds lists the reports: first, of a cohort and of a learner, those that need
// no flag.
func reportKinds() []*reportKind {
	return []*reportKind{
		{"", "", true, "by target", "/weak-topics", printerOf(printCohortTopics), false},
		{"", "", false, "by target", "/weak-topics", printerOf(printLearnerTopics), false},
		{"heatmap", "every learner of the cohort in every topic", true, "by target", "/heatmap", printerOf(printHeatmap), false},
		{"items", "how hard the items were, and which look broken", true, "sort", "/items", printerOf(printItems), false},
		{"learners", "the members of the cohort, who needs help most first", true, "target", "/learners", printerOf(printLearners), false},
		{"reliability", "predictions against answers, of the cohort or, without --cohort, of all learners", true, "by", "/reliability", printerOf(printReliability), false},
		{"next", "what the learner should study next, and why", false, "target", "/next-topics", printerOf(printNext), false},
		{"progress", "how much the learner did, day by day", false, "", "/progress", printerOf(printProgress), false},
		{"evidence", "the answers behind the number of one --concern, --chapter or --item, or all by topic", false, "target", "/evidence", printerOf(printEvidence), false},
		// Asked for in a way of their own, see reportVerb.
		{"self-assessment", "", true, "by target", "/self-assessment", printerOf(printCohortSelf), false},
		{"self-assessment", "", false, "by target", "/self-assessment", printerOf(printSelf), false},
		{"weeks", "", true, "by target weeks", "/weeks", printerOf(printWeeks), false},
	}
}

func (t *terminal) reportVerb() *cobra.Command {
	job := reportJob{kinds: reportKinds()}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print where a cohort or a learner is weak",
		Long: `Print where a cohort or a learner is weak, as the API reports it.

Every report tells as of which moment it speaks; --as-of with that text gives the
same numbers again, with the catalog and the model that were in use then. What today's
make of the same moment --with-catalog now and --with-model now tell. Intervals hold the
truth with 90% probability.`,
		Example: `  gapwise report --cohort demo
  gapwise report --cohort demo --by chapter --heatmap
  gapwise report --cohort demo --target senior
  gapwise report --cohort demo --weeks
  gapwise report --learner demo-001
  gapwise report --learner demo-001 --next --limit 3
  gapwise report --learner demo-001 --evidence --concern scalability --arithmetic
  gapwise report --reliability
  gapwise report --cohort demo --as-of 1200@2026-03-01T12:00:00Z --json
  gapwise report --cohort demo --as-of 2026-03-01T12:00:00Z --with-catalog now --with-model now`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if folder, _ := cmd.Flags().GetString("catalog"); folder == asThen || folder == asNow {
				return usagef("--catalog is the folder of a course; which catalog a report of the past is seen through --with-catalog %s says", folder)
			}
			return t.report(cmd, job)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&job.cohort, "cohort", "", "the cohort to report on")
	flags.StringVar(&job.learner, "learner", "", "the learner to report on")
	flags.StringVar(&job.by, "by", "concern", "topics are each a concern or a chapter")
	flags.StringVar(&job.target, "target", "", "measure everybody against this level, or typical (default: each learner against the own target)")
	for _, kind := range job.kinds {
		if kind.help != "" {
			flags.BoolVar(&kind.asked, kind.flag, false, kind.help)
		}
	}
	flags.BoolVar(&job.selfAssessment, "self-assessment", false, "ticks, stated confidence and self-grades against what the answers show")
	flags.IntVar(&job.weeks, "weeks", 0, "how the cohort moved over the last weeks: 8, or as many as told")
	flags.Lookup("weeks").NoOptDefVal = "8"
	flags.StringVar(&job.concern, "concern", "", "with --evidence: of this concern")
	flags.StringVar(&job.chapter, "chapter", "", "with --evidence: of this chapter")
	flags.StringVar(&job.item, "item", "", "with --evidence: of this item")
	flags.BoolVar(&job.arithmetic, "arithmetic", false, "with --evidence: all that goes into the numbers, to redo them by hand")
	flags.StringVar(&job.sort, "sort", "", "with --items: attention (default), or right for least often right first")
	flags.StringVar(&job.asOf, "as-of", "", "SEQ@TIME as a report tells it, a sequence, or a time (default: now)")
	for name, value := range map[string]*string{"catalog": &job.catalog, "model": &job.model} {
		flags.StringVar(value, "with-"+name, "", "with --as-of: the "+name+" that was in use then (default), or that is now")
		_ = cmd.RegisterFlagCompletionFunc("with-"+name, cobra.FixedCompletions([]string{asThen, asNow}, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
	}
	flags.IntVar(&job.limit, "limit", 0, "rows at most (default: what the API gives)")
	flags.StringVar(&job.cursor, "cursor", "", "where a list goes on, as its last page told")
	flags.BoolVar(&job.json, "json", false, "print the API's answer")
	addClientFlags(cmd)
	return cmd
}

// Of which time a catalog or a model shall be.
const asThen, asNow = "then", "now"

// kind returns the report asked for, or tells what is wrong with the question.
func (job *reportJob) kind() (*reportKind, error) {
	if (job.cohort == "") == (job.learner == "") && !job.ofAll() {
		return nil, usagef("say what to report on: either --cohort or --learner")
	}
	ofCohort := job.learner == ""
	var asked, plain *reportKind
	for _, k := range job.kinds {
		switch k.flag {
		case "weeks":
			k.asked = job.weeks != 0
		case "self-assessment":
			k.asked = job.selfAssessment && k.ofCohort == ofCohort
		}
		switch {
		case k.flag == "" && k.ofCohort == ofCohort:
			plain = k
		case !k.asked:
		case k.ofCohort != ofCohort:
			return nil, usagef("%s go with --%s", job.flags(k.ofCohort), map[bool]string{true: "cohort", false: "learner"}[k.ofCohort])
		case asked != nil:
			return nil, usagef("ask for one report at a time: --%s or --%s", asked.flag, k.flag)
		default:
			asked = k
		}
	}
	if asked == nil {
		asked = plain
	}
	return asked, job.check(asked)
}

// ofAll reports whether the report is asked of all learners.
func (job *reportJob) ofAll() bool {
	return job.cohort == "" && job.learner == "" &&
		slices.ContainsFunc(job.kinds, func(k *reportKind) bool { return k.flag == "reliability" && k.asked })
}

// flags lists the flags that ask for reports of a cohort, or of a learner.
func (job *reportJob) flags(ofCohort bool) string {
	var flags []string
	for _, k := range job.kinds {
		if k.flag != "" && k.ofCohort == ofCohort {
			flags = append(flags, "--"+k.flag)
		}
	}
	last := len(flags) - 1
	return strings.Join(flags[:last], ", ") + " and " + flags[last]
}

// check tells what is wrong with what a report was given.
func (job *reportJob) check(kind *reportKind) error {
	of := len(job.evidenceOf())
	switch {
	case job.by != "concern" && job.by != "chapter":
		return usagef("--by %q is neither concern nor chapter", job.by)
	case job.limit < 0:
		return usagef("--limit %d: it must be at least 1", job.limit)
	case job.weeks < 0 || job.weeks > query.MaxWeeks:
		return usagef("--weeks=%d: it must be 1 to %d", job.weeks, query.MaxWeeks)
	case job.target != "" && !kind.has("target"):
		return usagef("--%s measures nobody against a --target", kind.flag)
	case job.sort != "" && !kind.has("sort"):
		return usagef("--sort goes with --items")
	case kind.flag == "evidence" && of > 1:
		return usagef("say what the evidence is for: one of --concern, --chapter and --item, or none for all answers")
	case kind.flag != "evidence" && (of > 0 || job.arithmetic):
		return usagef("--concern, --chapter, --item and --arithmetic go with --evidence")
	}
	return job.checkPast()
}

// checkPast tells what is wrong with how a moment of the past is to be seen.
func (job *reportJob) checkPast() error {
	times := []string{"", asThen, asNow}
	switch {
	case (job.catalog != "" || job.model != "") && job.asOf == "":
		return usagef("--with-catalog and --with-model go with --as-of: reports of now are seen through what is in use now")
	case !slices.Contains(times, job.catalog):
		return usagef("--with-catalog %q is neither then nor now", job.catalog)
	case !slices.Contains(times, job.model):
		return usagef("--with-model %q is neither then nor now", job.model)
	}
	return nil
}

// has reports whether the API's report takes a parameter.
func (k *reportKind) has(parameter string) bool {
	return slices.Contains(strings.Fields(k.takes), parameter)
}

// evidenceOf says what the evidence is for.
func (job *reportJob) evidenceOf() url.Values {
	values := url.Values{}
	for name, id := range map[string]string{"concern": job.concern, "chapter": job.chapter, "item": job.item} {
		if id != "" {
			values.Set(name, id)
		}
	}
	return values
}

// route tells where the API has a report.
func (job *reportJob) route(kind *reportKind) (path string, parameters url.Values) {
	path = "/v1/learners/" + url.PathEscape(job.learner)
	switch {
	case job.ofAll():
		path = "/v1"
	case kind.ofCohort:
		path = "/v1/cohorts/" + url.PathEscape(job.cohort)
	}
	parameters = job.evidenceOf()
	given := map[string]string{
		"as_of": job.asOf, "catalog": job.catalog, "model": job.model, "cursor": job.cursor, "target": job.target, "sort": job.sort,
	}
	if kind.has("by") || kind.flag == "evidence" && job.concern == "" && job.chapter == "" {
		given["by"] = job.by
	}
	if job.arithmetic {
		given["arithmetic"] = "true"
	}
	if kind.has("weeks") {
		given["weeks"] = strconv.Itoa(job.weeks)
	}
	if job.limit > 0 {
		given["limit"] = strconv.Itoa(job.limit)
	}
	for name, value := range given {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	return path + kind.path, parameters
}

func (t *terminal) report(cmd *cobra.Command, job reportJob) error {
	kind, err := job.kind()
	if err != nil {
		return err
	}
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	path, parameters := job.route(kind)
	answer, err := c.getRaw(cmd.Context(), path, parameters)
	if err != nil {
		return err
	}
	if job.json {
		_, err := t.out.Write(answer)
		return err
	}
	if err := kind.show(t, answer); err != nil {
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
