package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

// switchFlags are those of the verbs that change which generations there are.
type switchFlags struct{ dryRun, yes, asJSON bool }

func (f *switchFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only tell what would happen")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "don't ask")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
}

// switchTo asks where there is something to ask, carries out an order and prints what
// it led to.
func (t *terminal) switchTo(ctx context.Context, c *client, f *switchFlags, o replay.Order, question string) error {
	if f.dryRun {
		return nil
	}
	if !f.yes && question != "" && !t.confirm(question) {
		return errors.New("nothing was changed; --yes answers the question")
	}
	s, err := c.orderReplay(ctx, o)
	if err != nil {
		return err
	}
	if f.asJSON {
		return t.printJSON(s)
	}
	t.printReplays(s)
	return nil
}

func (t *terminal) replayActivateVerb() *cobra.Command {
	var f switchFlags
	above := replay.AskAbove
	cmd := &cobra.Command{
		Use:   "activate",
		Short: "Let reports use the generation that is ready",
		Long: `Let reports use the generation that is ready: all of them at one moment, half a second
from now. The one before is kept, and written, until gapwise replay drop: the way back
loses nothing. Where another word is read by a larger share of the learners than
--ask-above it asks first.`,
		Example: "  gapwise replay activate --dry-run\n  gapwise replay activate --yes\n  gapwise replay activate --ask-above 0.02",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if above < 0 || above > 1 {
				return usagef("--ask-above is a share, from 0 to 1")
			}
			c, err := t.replayClient(cmd)
			if err != nil {
				return err
			}
			var s replay.Status
			if err := c.get(cmd.Context(), replaysPath, nil, &s); err != nil {
				return err
			}
			if s.Replay == nil || s.Replay.State != replay.IsReady { // the server says why not
				_, err := c.orderReplay(cmd.Context(), replay.Order{Action: replay.ActionActivate})
				return err
			}
			compared, err := t.compared(cmd.Context(), c, false)
			if err != nil {
				return err
			}
			order := replay.Order{Action: replay.ActionActivate, MostAffected: &above}
			question := ""
			if share := affectedShare(compared.People); share > above {
				question = fmt.Sprintf("%.0f%% of the learners would read another word.", 100*share)
			}
			switch {
			case f.dryRun && f.asJSON:
				return t.printJSON(compared)
			case f.dryRun || question != "" && !f.asJSON:
				t.printComparison(compared)
			}
			if question != "" || f.yes {
				all := 1.0
				order.MostAffected = &all
			}
			if s.Kept != nil && !f.asJSON {
				fmt.Fprintf(t.err, "generation %s, kept until now, is dropped\n", s.Kept.Generation)
			}
			return t.switchTo(cmd.Context(), c, &f, order, question)
		},
	}
	cmd.Flags().Float64Var(&above, "ask-above", above, "ask when a larger share of the learners than this reads another word")
	f.add(cmd)
	return cmd
}

func affectedShare(p *query.StateChanges) float64 {
	if p == nil {
		return 0
	}
	return p.Share
}

func (t *terminal) replayRollbackVerb() *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Let reports use the generation before again",
		Long: `Let reports use the generation before again. It holds every event that came since, so
they say what they would if nothing had been activated. The one that was active is kept
in its place: rollback again undoes it.`,
		Example: "  gapwise replay rollback --dry-run\n  gapwise replay rollback --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.replayClient(cmd)
			if err != nil {
				return err
			}
			var s replay.Status
			if err := c.get(cmd.Context(), replaysPath, nil, &s); err != nil {
				return err
			}
			question := ""
			if s.Kept != nil {
				fmt.Fprintf(t.err, "generation %s (catalog %s, model %s) takes the place of generation %s (catalog %s, model %s)\n",
					s.Kept.Generation, s.Kept.Catalog, s.Kept.Model, s.Active.Generation, s.Active.Catalog, s.Active.Model)
				question = "All reports change over."
			}
			return t.switchTo(cmd.Context(), c, &f, replay.Order{Action: replay.ActionRollback}, question)
		},
	}
	f.add(cmd)
	return cmd
}

func (t *terminal) replayCancelVerb() *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:     "cancel",
		Short:   "Give up the generation that is being built, or is ready",
		Long:    `Give up the generation that is being built, or is ready, and delete its rows.`,
		Example: "  gapwise replay cancel --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.leaveVerb(cmd, &f, replay.ActionCancel, func(s *replay.Status) string {
				if s.Replay == nil {
					return ""
				}
				return s.Replay.Generation
			}, "What was built is lost; building it again takes as long.")
		},
	}
	f.add(cmd)
	return cmd
}

func (t *terminal) replayDropVerb() *cobra.Command {
	var f switchFlags
	cmd := &cobra.Command{
		Use:     "drop",
		Short:   "Give up the way back, and the room that it takes",
		Long:    `Delete the generation that is kept. There is no way back to it then but to build it again.`,
		Example: "  gapwise replay drop --dry-run\n  gapwise replay drop --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.leaveVerb(cmd, &f, replay.ActionDrop, func(s *replay.Status) string {
				if s.Kept == nil {
					return ""
				}
				return s.Kept.Generation
			}, "There is no way back to it then.")
		},
	}
	f.add(cmd)
	return cmd
}

// leaveVerb gives a generation up.
func (t *terminal) leaveVerb(cmd *cobra.Command, f *switchFlags, action string, which func(*replay.Status) string, warning string) error {
	c, err := t.replayClient(cmd)
	if err != nil {
		return err
	}
	var s replay.Status
	if err := c.get(cmd.Context(), replaysPath, nil, &s); err != nil {
		return err
	}
	question := ""
	if name := which(&s); name != "" {
		fmt.Fprintf(t.err, "generation %s and its rows go\n", name)
		question = warning
	}
	return t.switchTo(cmd.Context(), c, f, replay.Order{Action: action}, question)
}

// errorAs is errors.As with the result.
func errorAs[T error](err error) (T, bool) {
	var as T
	is := errors.As(err, &as)
	return as, is
}

// isMissing reports whether what was asked for isn't there.
func isMissing(err error) bool {
	answer, ok := errorAs[*answerError](err)
	return ok && answer.status == http.StatusNotFound
}
