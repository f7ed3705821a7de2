package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/replay"
)

func (t *terminal) replayStartVerb() *cobra.Command {
	order := replay.Order{Action: replay.ActionStart}
	var from string
	var wait, asJSON bool
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Build another generation beside the live one",
		Long: `Build another generation beside the live one, with the catalog that is proposed, if any.
Where only the catalog or the model changes the facts serve as they are; else the log is
decoded again. --from decides otherwise.

It goes on by itself whatever happens to this command, or to the server: what was done
is not done again.`,
		Example: "  gapwise replay start --dry-run\n  gapwise replay start --wait\n  gapwise replay start --from log --wait --json\n" +
			"  gapwise replay start --catalog guide-0123456789 --model starting-1",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			order.From = replay.From(from)
			c, err := t.replayClient(cmd)
			if err != nil {
				return err
			}
			s, err := c.orderReplay(cmd.Context(), order)
			if err != nil {
				return err
			}
			if order.DryRun || !wait {
				if asJSON {
					return t.printJSON(s.Replay)
				}
				t.printBegun(s.Replay)
				return nil
			}
			if !asJSON {
				t.printBegun(s.Replay)
			}
			from := s.Active.Generation
			if err := t.followReplay(cmd.Context(), c, s); err != nil {
				return err
			}
			if asJSON {
				return t.printReplayed(cmd, c, from, s.Replay)
			}
			t.printReady(s)
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "log or facts (default: as what changed calls for)")
	cmd.Flags().StringVar(&order.Catalog, "catalog", "", "version of the catalog (default: the proposed one, else the active one)")
	cmd.Flags().StringVar(&order.Model, "model", "", "version of the model (default: the active one)")
	cmd.Flags().BoolVar(&order.DryRun, "dry-run", false, "only tell what would be built, and from where")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is ready, and show how far it is")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// printBegun tells what is built, and why from there.
func (t *terminal) printBegun(r *replay.Replay) {
	if r.State == replay.Planned {
		fmt.Fprintf(t.out, "would build a generation from the %s: %s\n", r.From, r.Why)
	} else {
		fmt.Fprintf(t.out, "replay %s builds generation %s from the %s: %s\n", r.ID, r.Generation, r.From, r.Why)
	}
	fmt.Fprintf(t.out, "catalog %s, model %s\n", r.Catalog, r.Model)
}

// replayResult is what replay start --wait --json prints.
type replayResult struct {
	FromGeneration string             `json:"from_generation"`
	ToGeneration   string             `json:"to_generation"`
	Events         uint64             `json:"events"`
	Seconds        float64            `json:"seconds"`
	Identical      bool               `json:"identical"`
	Changed        []query.Difference `json:"changed"`
}

func (t *terminal) printReplayed(cmd *cobra.Command, c *client, from string, r *replay.Replay) error {
	var compared replay.Compared
	if err := c.get(cmd.Context(), replaysPath+"/comparison", nil, &compared); err != nil {
		return err
	}
	result := replayResult{
		FromGeneration: from, ToGeneration: r.Generation, Events: r.Built.Events, Seconds: r.Built.Seconds,
		Identical: compared.Result.Identical, Changed: compared.Result.Changed,
	}
	if result.Changed == nil {
		result.Changed = []query.Difference{}
	}
	return t.printJSON(result)
}
