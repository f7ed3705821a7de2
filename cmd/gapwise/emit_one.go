package main

import (
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// oneEvent is what all events have in common that are made from flags.
type oneEvent struct {
	learner, source, id, time string
}

func (o *oneEvent) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.learner, "learner", "", "the learner's id")
	flags.StringVar(&o.source, "source", "gapwise/emit", "the source of the event")
	flags.StringVar(&o.id, "id", "", "the event's id; with the same id it counts once (default: a fresh one)")
	flags.StringVar(&o.time, "time", "", "when it happened, a date or RFC 3339 (default: now)")
}

func (o *oneEvent) event(data event.Data) (*event.Event, error) {
	if o.learner == "" {
		return nil, usagef("say with --learner whose event it is")
	}
	at := time.Now()
	if o.time != "" {
		var err error
		if at, err = parseTime("--time", o.time); err != nil {
			return nil, &usageError{err}
		}
	}
	id := o.id
	if id == "" {
		id = event.NewID()
	}
	e, err := event.New(o.source, id, o.learner, at, data)
	if err != nil {
		return nil, &usageError{err}
	}
	return e, nil
}

func (t *terminal) emitAnswerVerb() *cobra.Command {
	var o oneEvent
	var answer event.Answer
	var correct, wrong bool
	var gradedBy string
	cmd := &cobra.Command{
		Use:   "answer",
		Short: "Send one answer",
		Example: `  gapwise emit answer --learner ada --item shard-key-choice --correct
  gapwise emit answer --learner ada --item shard-key-choice --score 0.5 \
    --graded-by self --time 2026-03-01T09:30:00Z`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			scored := cmd.Flags().Changed("score")
			switch {
			case answer.Item == "":
				return usagef("say with --item what was answered; gapwise catalog show lists the items")
			case correct && wrong, correct && scored, wrong && scored, !correct && !wrong && !scored:
				return usagef("say how the answer was: exactly one of --correct, --wrong and --score")
			case correct:
				answer.Score = 1
			}
			answer.GradedBy = event.Grader(gradedBy)
			return t.emitOne(cmd, &o, &answer)
		},
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&answer.Item, "item", "", "the item answered")
	flags.BoolVar(&correct, "correct", false, "the answer was right")
	flags.BoolVar(&wrong, "wrong", false, "the answer was wrong")
	flags.Float64Var(&answer.Score, "score", 0, "how right the answer was, from 0 to 1")
	flags.StringVar(&gradedBy, "graded-by", string(event.GradedByKey), "who judged it: key, self, peer or instructor")
	flags.IntVar(&answer.Attempt, "attempt", 0, "which attempt it was, from 1")
	flags.IntVar(&answer.Confidence, "confidence", 0, "how sure the learner was, from 1 to 5")
	flags.DurationVar(&answer.Duration, "duration", 0, "how long it took, such as 90s")
	return cmd
}

func (t *terminal) emitTickVerb(name string, ticked bool) *cobra.Command {
	var o oneEvent
	var item string
	cmd := &cobra.Command{
		Use:     name,
		Short:   "Send that an item of the checklist was " + name + "ed",
		Example: "  gapwise emit " + name + " --learner ada --item checklist-item",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if item == "" {
				return usagef("say with --item which line of the checklist it is")
			}
			return t.emitOne(cmd, &o, &event.Tick{Item: item, Ticked: ticked})
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&item, "item", "", "the item of the checklist")
	return cmd
}

func (t *terminal) emitSessionVerb() *cobra.Command {
	var o oneEvent
	var session event.Session
	var ended bool
	var active time.Duration
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Send that a session was started, or ended",
		Long: `Send that a session was started, or ended. An end tells with --active how long the
learner was really active; without it the time from start to end counts.`,
		Example: `  gapwise emit session --learner ada --session monday --started --chapter caching
  gapwise emit session --learner ada --session monday --ended --active 25m`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told := cmd.Flags().Changed("active")
			switch {
			case session.Session == "":
				return usagef("say with --session which session it is; its start and its end have the same")
			case session.Started == ended:
				return usagef("say what happened: either --started or --ended")
			case told && session.Started:
				return usagef("--active goes with --ended")
			case told:
				session.Active = &active
			}
			return t.emitOne(cmd, &o, &session)
		},
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&session.Session, "session", "", "the session's id")
	flags.StringVar(&session.Chapter, "chapter", "", "the chapter studied")
	flags.BoolVar(&session.Started, "started", false, "it began")
	flags.BoolVar(&ended, "ended", false, "it ended")
	flags.DurationVar(&active, "active", 0, "how long the learner was active, such as 25m")
	return cmd
}

func (t *terminal) emitVoidVerb() *cobra.Command {
	var o oneEvent
	var void event.Void
	cmd := &cobra.Command{
		Use:     "void",
		Short:   "Take an answer back",
		Example: "  gapwise emit void --learner ada --event 2xSeRjPqZ --of https://lms.example --reason 'wrong key'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if void.Event == "" {
				return usagef("say with --event which answer is taken back")
			}
			return t.emitOne(cmd, &o, &void)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&void.Event, "event", "", "the id of the answer's event")
	cmd.Flags().StringVar(&void.Source, "of", "", "the source of the answer's event (default: --source)")
	cmd.Flags().StringVar(&void.Reason, "reason", "", "why")
	return cmd
}

// emitOne sends one event and tells its id.
func (t *terminal) emitOne(cmd *cobra.Command, o *oneEvent, data event.Data) error {
	e, err := o.event(data)
	if err != nil {
		return err
	}
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return err
	}
	b, err := t.openBox(cmd, c)
	if err != nil {
		return err
	}
	patience, _ := cmd.Flags().GetDuration("patience")
	s := &sender{client: c, patience: patience, box: b}
	s.progress = newProgress(t.err, "events", nil)
	next, stop := iter.Pull(func(yield func(*event.Event) bool) { yield(e) })
	defer stop()
	if err := t.sendKept(cmd, s, encodedEvents(next)); err != nil {
		return err
	}
	if s.rejected > 0 {
		return fmt.Errorf("event %s was rejected: %s", e.ID, s.total.Rejected[0].Error)
	}
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return t.tellSent(s.sum(), "event", true)
	}
	stored := "stored"
	if s.total.Duplicates > 0 {
		stored = "stored before"
	}
	fmt.Fprintf(t.out, "%s: event %s of %s\n", stored, e.ID, e.Source)
	return t.tellEarlier(s.sum().Earlier)
}
