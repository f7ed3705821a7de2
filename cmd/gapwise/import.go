package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/dataset"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// importJob is what an import was asked for.
type importJob struct {
	file       string
	options    dataset.Options
	source     string
	cohort     string
	catalogOut string
	archive    string // an archive, instead of the file
	dryRun     bool
	json       bool
	patience   time.Duration
}

// importSummary is what an import did.
type importSummary struct {
	File       string           `json:"file"`
	Rows       int              `json:"rows"`
	Accepted   int              `json:"accepted"`
	Duplicates int              `json:"duplicates"`
	Rejected   int              `json:"rejected"`
	Problems   dataset.Problems `json:"problems"` // rows that were left out
	Catalog    string           `json:"catalog,omitempty"`
	Seconds    float64          `json:"seconds"`
	// Answers is how many answers the running system has counted since the
	// import began, all sources together; null when it can't be asked.
	Answers *int64 `json:"answers_added"`
	// Earlier are events that an earlier run had left in the outbox.
	Earlier *counts `json:"earlier,omitempty"`
}

func (t *terminal) importVerb() *cobra.Command {
	var job importJob
	var columns, base string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Send the answers in a table to a running gapwise",
		Long: `Send the answers in a table (tab or comma separated, with a header) to a running
gapwise. Importing the same file again adds nothing. Events are kept in an outbox on
disk until gapwise has stored them; see gapwise emit --help. To measure by the table's own
skills, derive a course from them first, with --catalog-out and --dry-run, and run
gapwise with it.

With --events FOLDER an archive that gapwise export wrote is read instead: every message
goes into the log as it was, in its order, unless it is there already. Reports are then
those of where it came from, given the same catalog and model; docs/operating.md tells
more.`,
		Example: `  gapwise import answers.tsv --columns user=user,item=item,time=ts,correct=correct,skills=skills \
    --source https://lms.example --cohort spring
  gapwise import answers.tsv --columns … --source … --catalog-out course --dry-run
  gapwise run --catalog course
  gapwise import --events archive-2026`,
		Args: func(cmd *cobra.Command, args []string) error {
			if job.archive == "" {
				return takes(1, "file")(cmd, args)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if job.archive != "" {
				for _, name := range []string{"columns", "time-base", "source", "cohort", "catalog-out", "outbox"} {
					if cmd.Flags().Changed(name) {
						return usagef("--%s is for tables, an archive says itself what its messages are: leave it out", name)
					}
				}
				return t.importEvents(cmd, job)
			}
			job.file = args[0]
			var err error
			if job.options.Columns, err = dataset.ParseColumns(columns); err != nil {
				return &usageError{err}
			}
			if job.options.TimeBase, err = time.Parse(time.RFC3339, base); err != nil {
				return &usageError{fmt.Errorf("--time-base %q is no time such as 2020-01-01T00:00:00Z", base)}
			}
			if job.source == "" {
				return &usageError{fmt.Errorf("say with --source where these answers come from, such as https://lms.example")}
			}
			return t.importFile(cmd, job)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&columns, "columns", "user=user,item=item,time=ts,correct=correct,skills=skills", "which column is what")
	flags.StringVar(&base, "time-base", "2020-01-01T00:00:00Z", "where rows without a time start counting seconds")
	flags.StringVar(&job.source, "source", "", "the source of the events, such as https://lms.example")
	flags.StringVar(&job.cohort, "cohort", "", "let every user join this cohort")
	flags.StringVar(&job.catalogOut, "catalog-out", "", "write a course derived from the skills into this folder, before anything is sent")
	flags.StringVar(&job.archive, "events", "", "read this archive instead of a table")
	flags.BoolVar(&job.dryRun, "dry-run", false, "read and check everything, send nothing")
	flags.BoolVar(&job.json, "json", false, "print the summary as JSON")
	flags.DurationVar(&job.patience, "patience", 2*time.Minute, "how long to wait for a gapwise that is away or full")
	addClientFlags(cmd)
	addOutboxFlag(cmd)
	return cmd
}

func (t *terminal) importFile(cmd *cobra.Command, job importJob) error {
	summary := importSummary{File: job.file}
	if job.catalogOut != "" {
		course, err := job.deriveCatalog()
		if err != nil {
			return err
		}
		if job.dryRun {
			return t.courseDerived(job, course)
		}
		summary.Catalog = course.Version
		fmt.Fprintf(t.err, "course %s written to %s\n", course.Version, job.catalogOut)
	}
	reader, err := dataset.Open(job.file, job.options)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	if job.dryRun {
		for range reader.Rows() {
			continue // reading is the check
		}
		summary.Rows, summary.Problems = reader.RowsRead(), reader.Problems()
		if err := reader.Err(); err != nil {
			return err
		}
		return t.importDone(job, summary)
	}
	if err := t.sendFile(cmd, job, reader, &summary); err != nil {
		return err
	}
	return t.importDone(job, summary)
}

// courseDerived prints the course that was all that was asked for.
func (t *terminal) courseDerived(job importJob, c *catalog.Catalog) error {
	if job.json {
		return t.printJSON(map[string]any{
			"file": job.file, "folder": job.catalogOut, "catalog": c.Version, "items": len(c.Items), "skills": len(c.Concerns),
		})
	}
	_, err := fmt.Fprintf(t.out, "course %s written to %s: %d items, %d skills\n", c.Version, job.catalogOut, len(c.Items), len(c.Concerns))
	return err
}

// deriveCatalog writes a course made of the table's skills.
func (job importJob) deriveCatalog() (*catalog.Catalog, error) {
	reader, err := dataset.Open(job.file, job.options)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	skills, err := reader.Skills()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(job.file), filepath.Ext(job.file))
	course, err := catalog.Derive(catalog.Slug(name), name, skills)
	if err != nil {
		return nil, err
	}
	if err := course.Write(job.catalogOut); err != nil {
		return nil, err
	}
	return course, nil
}

func (t *terminal) sendFile(cmd *cobra.Command, job importJob, reader *dataset.Reader, summary *importSummary) error {
	claims := httpserver.Claims{Role: httpserver.RoleProducer, Source: job.source}
	if job.cohort != "" {
		claims.Cohorts = []string{job.cohort}
	}
	c, err := t.newClient(cmd, claims)
	if err != nil {
		return err
	}
	status, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil || cmd.Flags().Changed("token") {
		status = nil // a producer's token doesn't show how many answers there are
	}
	b, err := t.openBox(cmd, c)
	if err != nil {
		return err
	}
	before := answersNow(cmd.Context(), status)
	size := int64(1)
	if info, err := os.Stat(job.file); err == nil {
		size = max(1, info.Size())
	}
	started := time.Now()
	p := newProgress(t.err, "events", nil)
	p.share = func() float64 { // of what was read, a part waits in the outbox
		return float64(reader.BytesRead()) / float64(size) * float64(p.done) / float64(p.done+b.State().Events)
	}
	s := &sender{client: c, patience: job.patience, progress: p, place: reader.RowsRead, box: b}
	next, stop := iter.Pull(job.events(reader))
	defer stop()
	err = t.sendKept(cmd, s, func() (encoded, error) {
		e, ok := next()
		if !ok {
			return encoded{}, io.EOF
		}
		payload, err := event.Encode(e)
		if err != nil {
			return encoded{}, fmt.Errorf("row %d: %w", reader.RowsRead(), err)
		}
		return encoded{e.Subject, payload}, nil
	})
	p.end()
	if err != nil {
		return err
	}
	summary.Rows, summary.Problems = reader.RowsRead(), reader.Problems()
	summary.Accepted, summary.Duplicates, summary.Rejected = s.total.Accepted, s.total.Duplicates, s.rejected
	for _, r := range s.total.Rejected {
		fmt.Fprintf(t.err, "rejected: row %d: %s\n", r.Index, r.Error)
	}
	summary.Earlier = s.sum().Earlier
	summary.Seconds = time.Since(started).Seconds()
	if after := waitProjected(cmd.Context(), status); before != nil && after != nil {
		added := *after - *before
		summary.Answers = &added
	}
	return reader.Err()
}

// events yields the rows as events; a user's membership comes before the user's
// first answer and is of the same moment.
func (job importJob) events(reader *dataset.Reader) iter.Seq[*event.Event] {
	return func(yield func(*event.Event) bool) {
		joined := map[string]bool{}
		for row := range reader.Rows() {
			if job.cohort != "" && !joined[row.User] {
				joined[row.User] = true
				id := "joined/" + job.cohort + "/" + row.User
				if !yield(&event.Event{
					Source: job.source, ID: id, Subject: row.User, Type: event.CohortJoined, Time: row.Time,
					Data: &event.Membership{Cohort: job.cohort, Joined: true},
				}) {
					return
				}
			}
			if !yield(row.Event(job.source)) {
				return
			}
		}
	}
}

// answersNow asks how many answers are counted; nil when it can't be asked.
func answersNow(ctx context.Context, c *client) *int64 {
	if c == nil {
		return nil
	}
	p, err := c.projections(ctx)
	if err != nil {
		return nil
	}
	n := int64(p.Counts.Answers)
	return &n
}

// waitProjected waits until reports rest on what the log holds now, and returns
// how many answers they count then; nil when it can't be asked.
func waitProjected(ctx context.Context, c *client) *int64 {
	if c == nil {
		return nil
	}
	p, err := c.waitProjected(ctx)
	if err != nil {
		return nil
	}
	n := int64(p.Counts.Answers)
	return &n
}

func (t *terminal) importDone(job importJob, s importSummary) error {
	if job.json {
		if err := t.printJSON(s); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "%d rows: %d accepted, %d duplicates, %d rejected, %d left out\n",
			s.Rows, s.Accepted, s.Duplicates, s.Rejected, s.Problems.Rows)
		if s.Answers != nil {
			fmt.Fprintf(t.out, "%d answers added to the reports (repeats count once)\n", *s.Answers)
		}
	}
	for _, p := range s.Problems.First {
		fmt.Fprintf(t.err, "left out: %s\n", p)
	}
	failed := t.tellEarlier(s.Earlier)
	if s.Rejected > 0 || s.Problems.Rows > 0 {
		return errSilent
	}
	return failed
}
