package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/replay"
)

const replaysPath = "/v1/admin/replays"

func (t *terminal) replayVerb() *cobra.Command {
	cmd := group("replay", "Rebuild the tables beside the live ones, compare, switch, go back",
		t.replayStartVerb(), t.replayStatusVerb(), t.replayCompareVerb(), t.replayActivateVerb(),
		t.replayRollbackVerb(), t.replayCancelVerb(), t.replayDropVerb())
	cmd.Long = `Rebuild the tables from the log, or what learners know from the facts, in a generation
beside the live one. Nothing that people read changes until it is activated, then all of
it does at once. The generation before is kept and written until it is dropped, so going
back loses nothing.`
	cmd.Example = "  gapwise replay start --wait\n  gapwise replay compare\n  gapwise replay activate\n  gapwise replay rollback"
	return cmd
}

// orderReplay sends an order and returns the status that it led to.
func (c *client) orderReplay(ctx context.Context, o replay.Order) (*replay.Status, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var s replay.Status
	return &s, c.post(ctx, replaysPath, "application/json", body, &s)
}

// replayClient is a client of an operator.
func (t *terminal) replayClient(cmd *cobra.Command) (*client, error) {
	return t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
}

func (t *terminal) replayStatusVerb() *cobra.Command {
	var follow, asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Tell which generations there are, and how far a replay is",
		Example: "  gapwise replay status\n  gapwise replay status --follow\n  gapwise replay status --json",
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
			if follow && s.Replay != nil {
				if err := t.followReplay(cmd.Context(), c, &s); err != nil {
					return err
				}
			}
			if asJSON {
				return t.printJSON(s)
			}
			t.printReplays(&s)
			return nil
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "wait until the replay is ready, and show how far it is")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// printReplays prints the generations that there are.
func (t *terminal) printReplays(s *replay.Status) {
	rows := table{columns: []column{left("generation"), left("is"), left("catalog"), left("model"), right("sequence"), left("since")}}
	add := func(l *replay.Listed, is string) {
		since := ""
		if l.Since != nil {
			since = l.Since.Local().Format(time.DateTime)
		}
		rows.add(l.Generation, is, l.Catalog, l.Model, fmt.Sprint(l.Floor), since)
	}
	add(&s.Active, "active")
	if s.Kept != nil {
		add(s.Kept, "kept")
	}
	if s.Replay != nil {
		add(&s.Replay.Listed, s.Replay.State)
	}
	rows.write(t.out)
	for _, name := range s.Leaving {
		fmt.Fprintf(t.out, "generation %s leaves: its rows are being deleted\n", name)
	}
	if r := s.Replay; r != nil {
		fmt.Fprintf(t.out, "\nreplay %s builds generation %s from the %s: %s\n", r.ID, r.Generation, r.From, r.Why)
		switch {
		case r.State == replay.IsReady:
			t.printReady(s)
		case r.Progress != nil:
			fmt.Fprintln(t.out, progressLine(r.Progress))
		}
	}
	if s.Kept != nil {
		fmt.Fprintf(t.out, "\nthe way back to generation %s is open: gapwise replay rollback; gapwise replay drop closes it\n", s.Kept.Generation)
	}
}

func progressLine(p *replay.Progress) string {
	line := fmt.Sprintf("%s: %d of %d %s, %.0f/s", p.Step, p.Done, p.Of, p.Unit, p.PerSecond)
	if p.Left > 0 {
		line += fmt.Sprintf(", %s left", time.Duration(p.Left*float64(time.Second)).Round(time.Second))
	}
	if p.Error != "" {
		line += "\nit waits, and tries again: " + p.Error
	}
	return line
}

// printReady tells what came of a replay and what may be done now.
func (t *terminal) printReady(s *replay.Status) {
	r := s.Replay
	unit := "events decoded"
	if r.From == replay.FromFacts {
		unit = "answers folded"
	}
	fmt.Fprintf(t.out, "generation %s is ready: %d %s in %.1f s\n", r.Generation, r.Built.Events, unit, r.Built.Seconds)
	switch {
	case r.Identical == nil:
		fmt.Fprintln(t.out, "it is not compared: gapwise replay compare")
		return
	case *r.Identical:
		fmt.Fprintf(t.out, "it is identical with generation %s, row by row\n", s.Active.Generation)
	case r.Affected != nil:
		fmt.Fprintf(t.out, "%.1f%% of the learners read another word: gapwise replay compare tells whose and why\n", 100**r.Affected)
	default:
		fmt.Fprintln(t.out, "its rows differ: gapwise replay compare tells which")
	}
	fmt.Fprintln(t.out, "gapwise replay activate lets reports use it, gapwise replay cancel gives it up")
}

// followPoll is how often a replay is asked for.
const followPoll = 200 * time.Millisecond

// followReplay waits until the replay of a status is ready, and shows each of its steps.
func (t *terminal) followReplay(ctx context.Context, c *client, s *replay.Status) error {
	id := s.Replay.ID
	poll := time.NewTicker(followPoll)
	defer poll.Stop()
	asked := c.wait(replaysPath)
	var shown *progress
	step, told := "", uint64(0)
	end := func() {
		if shown != nil {
			shown.end()
			shown = nil
		}
	}
	defer end()
	for s.Replay.State != replay.IsReady {
		if p := s.Replay.Progress; p != nil {
			if p.Step != step {
				end()
				step, told = p.Step, p.Done
				shown = newProgress(t.err, fmt.Sprintf("%s (%s)", p.Unit, p.Step), func() float64 {
					return float64(s.Replay.Progress.Done) / float64(max(1, s.Replay.Progress.Of))
				})
			}
			shown.add(int(p.Done - min(told, p.Done)))
			told = p.Done
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting for replay %s, which goes on: %w", id, ctx.Err())
		case <-poll.C:
		}
		var next replay.Status
		next.Replay = s.Replay
		if err := asked.ask(ctx, &next); err != nil {
			return fmt.Errorf("replay %s goes on, but how far it is can't be told: %w", id, err)
		}
		if next.Replay == nil || next.Replay.ID != id {
			return fmt.Errorf("replay %s was cancelled", id)
		}
		if next.Replay.Progress == nil {
			next.Replay.Progress = s.Replay.Progress
		}
		*s = next
	}
	return nil
}
