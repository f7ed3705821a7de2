package main

import (
	"cmp"
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
	target string // likewise
	source string
	since  time.Time
}

// membership is one learner in one cohort.
type membership struct{ learner, cohort string }

// joining is one line of a roster.
type joining struct {
	membership
	target string    // the level to prepare for; empty: not told
	since  time.Time // of who is a member already; else the zero time
}

func (t *terminal) cohortAddVerb() *cobra.Command {
	r := roster{}
	var since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add ROSTER.csv",
		Short: "Add the learners of a roster to cohorts",
		Long: `Add the learners of a roster to cohorts. The roster is a table with a column learner
and, unless --cohort names one for all, a column cohort. A column target, or --target for
all, tells the level that a learner prepares for: foundational, intermediate, senior or
staff. Reports measure a learner against the target told last, in every cohort.
Whoever is a member already is left alone, but for a new target, so a roster can be
added again after it grew.`,
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
	flags.StringVar(&r.target, "target", "", "the level that learners prepare for, of rows that name none")
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
	known, err := c.waitProjected(cmd.Context()) // so that members are known
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	members := map[membership]query.MemberSummary{}
	for _, row := range rows {
		if asked[row.cohort] {
			continue
		}
		asked[row.cohort] = true
		if err := eachMember(cmd, c, row.cohort, func(m query.MemberSummary) { members[membership{m.Learner, row.cohort}] = m }); err != nil {
			return err
		}
	}
	s := &sender{client: c, patience: time.Minute, progress: newProgress(t.err, "learners", nil)}
	left := len(rows)
	rows = slices.DeleteFunc(rows, func(j joining) bool {
		m, member := members[j.membership]
		return member && (j.target == "" || m.Target != nil && *m.Target == j.target)
	})
	left -= len(rows)
	for i := range rows {
		rows[i].since = members[rows[i].membership].Joined
	}
	if err := s.sendEvents(cmd.Context(), r.events(rows, known.Floor)); err != nil {
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
// again does so by an event of its own. A member's new target comes with another
// joining at the time of the first, which changes nothing else; its id holds up to
// which event of the log the old target was known, so that going back to a target
// that was told before is told again.
func (r roster) events(rows []joining, floor uint64) func(yield func(*event.Event) bool) {
	return func(yield func(*event.Event) bool) {
		for _, j := range rows {
			at, id := r.since, "joined/"+j.cohort+"/"+j.learner+"/"+r.since.Format(time.RFC3339)
			if !j.since.IsZero() {
				at, id = j.since, fmt.Sprintf("target/%s/%s/%s/%d", j.cohort, j.learner, j.target, floor)
			}
			if !yield(&event.Event{
				Source: r.source, ID: id, Subject: j.learner, Type: event.CohortJoined, Time: at, Data: j.data(),
			}) {
				return
			}
		}
	}
}

func (j joining) data() *event.Membership {
	return &event.Membership{Cohort: j.cohort, Joined: true, Target: j.target}
}

// read returns the rows of the roster; everything that is wrong is told at once.
func (r roster) read(stdin io.Reader) ([]joining, error) {
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
	learner, cohort, target := column{title: "learner"}.in(header), column{title: "cohort"}.in(header), column{title: "target"}.in(header)
	if learner < 0 {
		return nil, fmt.Errorf("%s has no column learner, its header is %s; name the column of the learners' ids so, and separate columns by commas",
			name, strings.Join(header, ","))
	}
	if cohort < 0 && r.cohort == "" {
		return nil, usagef("%s has no column cohort: name one with --cohort", name)
	}
	var rows []joining
	var wrong []error
	seen, targets := map[membership]bool{}, map[string]string{}
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			for i := range rows {
				rows[i].target = targets[rows[i].learner]
			}
			return rows, errors.Join(wrong...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; each line needs a value for each column, in quotes where it holds a comma", name, err)
		}
		cell := func(column int, otherwise string) string {
			if column >= 0 && strings.TrimSpace(row[column]) != "" {
				return strings.TrimSpace(row[column])
			}
			return otherwise
		}
		one := joining{membership: membership{cell(learner, ""), cell(cohort, r.cohort)}, target: cell(target, r.target)}
		line, _ := table.FieldPos(0)
		if _, err := event.New(r.source, "1", one.learner, r.since, one.data()); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, line, err))
		}
		if told := cmp.Or(targets[one.learner], one.target); told != one.target && one.target != "" {
			wrong = append(wrong, fmt.Errorf("%s:%d: target: %s here and %s before; a learner has one target, in every cohort", name, line, one.target, told))
		}
		targets[one.learner] = cmp.Or(targets[one.learner], one.target)
		if !seen[one.membership] {
			seen[one.membership] = true
			rows = append(rows, one)
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
