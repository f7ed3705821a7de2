package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/simulate"
)

const demoCohort = "demo"

func (t *terminal) demoVerb() *cobra.Command {
	cmd := group("demo", "Load a cohort to look at", t.demoLoadVerb())
	cmd.Example = "  gapwise demo load"
	return cmd
}

func (t *terminal) demoLoadVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Load the cohort demo into a running gapwise",
		Long: `Load the cohort demo, with learners demo-001 and on who have studied for eight weeks
until now, into a running gapwise. Loading it again adds nothing, also weeks later; a
loading that was interrupted is completed.`,
		Example: "  gapwise demo load\n  gapwise report --cohort demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			loaded, err := loadDemo(cmd.Context(), c, t.err, time.Now())
			if err != nil {
				return err
			}
			if loaded.Events == 0 && !asJSON {
				fmt.Fprintln(t.out, "the demo cohort is there already")
				return nil
			}
			return t.tellSent(loaded, "event", asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	addClientFlags(cmd)
	return cmd
}

// demoPatience is how long loading waits for a door that is closed.
const demoPatience = time.Minute

// loadDemo loads what is missing of the demo cohort and waits until reports show
// it. The client must be an operator's.
//
// What is missing is found by asking the running system, since nothing else tells
// reliably: neither a file beside the data, which another machine doesn't have,
// nor the clock, which would make up another cohort every week.
func loadDemo(ctx context.Context, c *client, tell io.Writer, now time.Time) (sent, error) {
	if _, err := c.waitProjected(ctx); err != nil {
		return sent{}, err
	}
	course, err := c.catalog(ctx)
	if err != nil {
		return sent{}, err
	}
	var there query.CohortLearners
	if err := c.get(ctx, "/v1/cohorts/"+demoCohort+"/learners", url.Values{"limit": {"1000"}}, &there); err != nil {
		return sent{}, err
	}
	plan, err := planDemo(course, there.Learners, now)
	if err != nil {
		return sent{}, err
	}
	if len(plan.missing) == 0 {
		return sent{}, nil
	}
	if plan.answered {
		same, err := plan.isThere(ctx, c)
		if err != nil || !same {
			return sent{}, err
		}
	}
	s := &sender{client: c, patience: demoPatience}
	s.progress = newProgress(tell, "events of the demo cohort", func() float64 { return float64(s.progress.done) / float64(plan.events) })
	err = s.sendEvents(ctx, plan.send())
	s.progress.end()
	if err != nil {
		return sent{}, err
	}
	_, err = c.waitProjected(ctx)
	return s.sum(), err
}

// demoPlan is what there is to load.
type demoPlan struct {
	course   *catalog.Catalog
	config   simulate.Config
	first    *event.Event   // the first answer of all
	answers  map[string]int // of each learner, when all is loaded
	missing  map[string]bool
	events   int
	answered bool // some answers are loaded already
}

// planDemo compares the demo cohort with the members that there are. A learner
// who is gone although others have answered was removed, and is left alone.
func planDemo(course *catalog.Catalog, members []query.MemberSummary, now time.Time) (*demoPlan, error) {
	p := &demoPlan{course: course, config: simulate.Demo(now.UTC().Truncate(time.Hour)), missing: map[string]bool{}}
	joined, err := p.study()
	if err != nil {
		return nil, err
	}
	there := map[string]int{}
	for _, m := range members {
		expected, ours := joined[m.Learner]
		if !ours {
			continue
		}
		if len(there) == 0 && !m.Joined.Equal(expected) { // loaded at another time: go on from there
			p.config = simulate.Demo(p.config.To.Add(m.Joined.Sub(expected)))
			if joined, err = p.study(); err != nil {
				return nil, err
			}
		}
		there[m.Learner] = m.Answers
		p.answered = p.answered || m.Answers > 0
	}
	for learner, answers := range p.answers {
		n, member := there[learner]
		if member && n < answers || !member && !p.answered {
			p.missing[learner] = true
		}
	}
	return p, nil
}

// study goes through the whole demo once and notes what it holds.
func (p *demoPlan) study() (joined map[string]time.Time, err error) {
	p.answers, p.first, p.events = map[string]int{}, nil, p.config.Events
	joined = map[string]time.Time{}
	simulation, err := simulate.New(p.config, p.course)
	if err != nil {
		return nil, err
	}
	for e := range simulation.Events() {
		switch e.Type {
		case event.CohortJoined:
			joined[e.Subject] = e.Time
			p.answers[e.Subject] += 0
		case event.AnswerSubmitted:
			p.answers[e.Subject]++
			if p.first == nil {
				p.first = e
			}
		}
	}
	return joined, nil
}

// isThere reports whether the answers that are loaded are these ones. A demo that
// was made for another version of the course is left as it is.
func (p *demoPlan) isThere(ctx context.Context, c *client) (bool, error) {
	answer, ok := p.first.Data.(*event.Answer)
	if !ok {
		return false, nil
	}
	var evidence query.Evidence
	err := c.get(ctx, "/v1/learners/"+url.PathEscape(p.first.Subject)+"/evidence",
		url.Values{"item": {answer.Item}, "limit": {strconv.Itoa(1000)}}, &evidence)
	if err != nil {
		return false, err
	}
	key := event.KeyOf(p.first.Source, p.first.ID).String()
	for _, e := range evidence.Events {
		if e.Key == key {
			return true, nil
		}
	}
	return false, nil
}

// send yields the events of the learners of whom something is missing.
func (p *demoPlan) send() iter.Seq[*event.Event] {
	return func(yield func(*event.Event) bool) {
		simulation, err := simulate.New(p.config, p.course)
		if err != nil {
			return // study made the same one
		}
		for e := range simulation.Events() {
			if p.missing[e.Subject] && !yield(e) {
				return
			}
		}
	}
}
