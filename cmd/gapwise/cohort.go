package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

func (t *terminal) cohortVerb() *cobra.Command {
	cmd := group("cohort", "Add learners to cohorts, list cohorts, invite people", t.cohortAddVerb(), t.cohortListVerb(), t.cohortInviteVerb())
	cmd.Example = "  gapwise cohort add roster.csv --cohort spring\n  gapwise cohort list\n  gapwise cohort invite --cohort spring"
	return cmd
}

func (t *terminal) cohortListVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the cohorts",
		Example: "  gapwise cohort list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			var list query.Cohorts
			if err := c.get(cmd.Context(), "/v1/cohorts", url.Values{"limit": {"1000"}}, &list); err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(list)
			}
			rows := table{columns: []column{left("cohort"), right("learners")}}
			for _, cohort := range list.Cohorts {
				rows.add(cohort.ID, strconv.Itoa(cohort.Learners))
			}
			if len(rows.rows) == 0 {
				fmt.Fprintln(t.out, "no cohorts; gapwise cohort add makes one")
				return nil
			}
			rows.write(t.out)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's answer")
	addClientFlags(cmd)
	return cmd
}

// roster is a list of learners to add.
type roster struct {
	file   string
	cohort string // for rows that name none
	source string
	since  time.Time
}

// membership is one line of a roster.
type membership struct{ learner, cohort string }

func (t *terminal) cohortAddVerb() *cobra.Command {
	r := roster{}
	var since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add ROSTER.csv",
		Short: "Add the learners of a roster to cohorts",
		Long: `Add the learners of a roster to cohorts. The roster is a table with a column learner
and, unless --cohort names one for all, a column cohort. Whoever is a member already is
left alone, so a roster can be added again after it grew.`,
		Example: "  gapwise cohort add roster.csv --cohort spring\n  printf 'learner,cohort\\nada,spring\\n' | gapwise cohort add -",
		Args:    takes(1, "roster"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.file = args[0]
			r.since = time.Now().UTC().Truncate(24 * time.Hour)
			if since != "" {
				var err error
				if r.since, err = parseTime("--since", since); err != nil {
					return &usageError{err}
				}
			}
			return t.addRoster(cmd, r, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.cohort, "cohort", "", "the cohort of rows that name none")
	flags.StringVar(&r.source, "source", "gapwise/roster", "the source of the events")
	flags.StringVar(&since, "since", "", "when they join, a date or RFC 3339 (default: the beginning of today, UTC)")
	flags.BoolVar(&asJSON, "json", false, "print what became of it as JSON")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) addRoster(cmd *cobra.Command, r roster, asJSON bool) error {
	rows, err := r.read(t.in)
	if err != nil {
		return err
	}
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	if _, err := c.waitProjected(cmd.Context()); err != nil { // so that members are known
		return err
	}
	members := map[membership]bool{}
	for _, row := range rows {
		if members[membership{cohort: row.cohort}] { // asked already
			continue
		}
		members[membership{cohort: row.cohort}] = true
		if err := eachMember(cmd, c, row.cohort, func(m query.MemberSummary) { members[membership{m.Learner, row.cohort}] = true }); err != nil {
			return err
		}
	}
	s := &sender{client: c, patience: time.Minute, progress: newProgress(t.err, "learners", nil)}
	left := len(rows)
	rows = slices.DeleteFunc(rows, func(m membership) bool { return members[m] })
	left -= len(rows)
	if err := s.sendEvents(cmd.Context(), r.events(rows)); err != nil {
		return err
	}
	if _, err := c.waitProjected(cmd.Context()); err != nil {
		return err
	}
	if left > 0 && !asJSON {
		fmt.Fprintf(t.out, "%d learners are members already\n", left)
	}
	return t.tellSent(s.sum(), "learner", asJSON)
}

// events yields the joinings. Their ids hold their time: whoever left and joins
// again does so by an event of its own.
func (r roster) events(rows []membership) func(yield func(*event.Event) bool) {
	return func(yield func(*event.Event) bool) {
		for _, m := range rows {
			id := "joined/" + m.cohort + "/" + m.learner + "/" + r.since.Format(time.RFC3339)
			if !yield(&event.Event{
				Source: r.source, ID: id, Subject: m.learner, Type: event.CohortJoined, Time: r.since,
				Data: &event.Membership{Cohort: m.cohort, Joined: true},
			}) {
				return
			}
		}
	}
}

// read returns the rows of the roster; everything that is wrong is told at once.
func (r roster) read(stdin io.Reader) ([]membership, error) {
	in := stdin
	if r.file != "-" {
		file, err := os.Open(r.file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	name := r.file
	if name == "-" {
		name = "standard input"
	}
	table := csv.NewReader(in)
	table.TrimLeadingSpace = true
	header, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: read the header: %w; the first line names the columns: learner, and cohort where --cohort isn't given", name, err)
	}
	learner, cohort := column{title: "learner"}.in(header), column{title: "cohort"}.in(header)
	if learner < 0 {
		return nil, fmt.Errorf("%s has no column learner, its header is %s; name the column of the learners' ids so, and separate columns by commas",
			name, strings.Join(header, ","))
	}
	if cohort < 0 && r.cohort == "" {
		return nil, usagef("%s has no column cohort: name one with --cohort", name)
	}
	var rows []membership
	var wrong []error
	seen := map[membership]bool{}
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return rows, errors.Join(wrong...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; each line needs a value for each column, in quotes where it holds a comma", name, err)
		}
		m := membership{strings.TrimSpace(row[learner]), r.cohort}
		if cohort >= 0 && strings.TrimSpace(row[cohort]) != "" {
			m.cohort = strings.TrimSpace(row[cohort])
		}
		line, _ := table.FieldPos(0)
		_, err = event.New(r.source, "1", m.learner, r.since, &event.Membership{Cohort: m.cohort, Joined: true})
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, line, err))
		}
		if !seen[m] {
			seen[m] = true
			rows = append(rows, m)
		}
	}
}

// in finds the column in a header.
func (c column) in(header []string) int {
	return slices.IndexFunc(header, func(name string) bool {
		return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")), c.title)
	})
}

// eachMember goes through the members of a cohort.
func eachMember(cmd *cobra.Command, c *client, cohort string, use func(query.MemberSummary)) error {
	parameters := url.Values{"limit": {"1000"}}
	for {
		var page query.CohortLearners
		if err := c.get(cmd.Context(), "/v1/cohorts/"+url.PathEscape(cohort)+"/learners", parameters, &page); err != nil {
			return err
		}
		for _, m := range page.Learners {
			use(m)
		}
		if page.Next == "" {
			return nil
		}
		parameters.Set("cursor", page.Next)
	}
}
