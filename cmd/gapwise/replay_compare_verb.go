package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

func (t *terminal) replayCompareVerb() *cobra.Command {
	var again, asJSON bool
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Tell what activating would change, in rows and for people",
		Long: `Tell how the generation that is ready differs from the active one: what became of the
messages, the rows and hashes of every table, and what people would read otherwise. With
no generation ready, the one that is kept is compared: what going back would change.`,
		Example: "  gapwise replay compare\n  gapwise replay compare --again --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.replayClient(cmd)
			if err != nil {
				return err
			}
			result, err := t.compared(cmd.Context(), c, again)
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(result)
			}
			t.printComparison(result)
			return nil
		},
	}
	cmd.Flags().BoolVar(&again, "again", false, "compare as it is now, not as it was when the generation became ready")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// compared returns the last comparison, or makes one.
func (t *terminal) compared(ctx context.Context, c *client, again bool) (*query.Comparison, error) {
	const path = replaysPath + "/comparison"
	var compared replay.Compared
	err := c.get(ctx, path, nil, &compared)
	switch {
	case again || isMissing(err) || err == nil && compared.State == replay.ComparisonFailed:
		if _, err := c.orderReplay(ctx, replay.Order{Action: replay.ActionCompare}); err != nil {
			return nil, err
		}
		compared.State = replay.ComparisonRunning
	case err != nil:
		return nil, err
	}
	poll := time.NewTicker(followPoll)
	defer poll.Stop()
	asked := c.wait(path)
	var shown *progress
	for compared.State == replay.ComparisonRunning {
		if shown == nil {
			shown = newProgress(t.err, "rows (comparing)", func() float64 { return float64(compared.Done) / float64(max(1, compared.Total)) })
		}
		before := compared.Done
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-poll.C:
		}
		if err := asked.ask(ctx, &compared); err != nil {
			return nil, err
		}
		shown.add(int(compared.Done - min(before, compared.Done)))
	}
	if shown != nil {
		shown.end()
	}
	if compared.Result == nil {
		return nil, errors.New("generation " + compared.Of + " could not be compared: " + compared.Error)
	}
	return compared.Result, nil
}
