package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/httpserver"
)

func (t *terminal) eraseVerb() *cobra.Command {
	var dryRun, yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "erase LEARNER",
		Short: "Forget a learner for ever, in the log and in every table",
		Long: `Forget a learner: every message of theirs is overwritten in the log, every row deleted
in the tables of all generations. The id is refused from then on. What remains is the
request and its receipt, which name the learner by a keyed hash.

It goes on by itself when something interrupts it, this command included. It can't be
taken back.`,
		Example: "  gapwise erase ada --dry-run\n  gapwise erase ada --yes --json",
		Args:    takes(1, "learner"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			if _, err := c.waitProjected(cmd.Context()); err != nil { // so that all is counted
				return err
			}
			there, err := c.belongings(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if dryRun && asJSON {
				return t.printJSON(there)
			}
			if dryRun || !yes {
				t.tellBelongings(args[0], there)
			}
			if dryRun {
				return nil
			}
			if !yes && !t.confirm("This can't be taken back.") {
				return errors.New("nothing was erased; --yes answers the question")
			}
			erased, err := t.erase(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(erased)
			}
			t.tellReceipt(erased)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell what there is to delete")
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// belongings asks what there is of a learner.
func (c *client) belongings(ctx context.Context, learner string) (*admin.Belongings, error) {
	body, err := json.Marshal(map[string]any{"learner": learner, "dry_run": true})
	if err != nil {
		return nil, err
	}
	var there admin.Belongings
	return &there, c.post(ctx, "/v1/admin/erasures", "application/json", body, &there)
}

func (t *terminal) tellBelongings(learner string, there *admin.Belongings) {
	fmt.Fprintf(t.out, "%s: %d messages in the log\n", learner, there.Messages)
	rows := table{columns: []column{left("table"), right("rows")}}
	for _, name := range slices.Sorted(maps.Keys(there.Rows)) {
		if n := there.Rows[name]; n > 0 {
			rows.add(name, fmt.Sprint(n))
		}
	}
	if len(rows.rows) > 0 {
		rows.write(t.out)
	}
	if there.Letters > 0 {
		fmt.Fprintf(t.out, "%d of the messages are too broken to tell whose they are, but name the learner\n", there.Letters)
	}
}

// eraseWithin is how long an erasure that doesn't end is waited for. It goes on
// without anybody waiting.
const eraseWithin = 10 * time.Minute

// erase asks for an erasure and waits until it is done.
func (t *terminal) erase(ctx context.Context, c *client, learner string) (*admin.Erasure, error) {
	body, err := json.Marshal(map[string]any{"learner": learner})
	if err != nil {
		return nil, err
	}
	var asked admin.Erasure
	if err := c.post(ctx, "/v1/admin/erasures", "application/json", body, &asked); err != nil {
		return nil, err
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(eraseWithin)
	for asked.State != admin.Done {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			return nil, fmt.Errorf("erasure %s isn't done after %s; it goes on, and /v1/admin/erasures/%[1]s tells when it is; the projector's log tells what holds it up",
				asked.Request, eraseWithin)
		case <-again.C:
		}
		err := c.get(ctx, "/v1/admin/erasures/"+url.PathEscape(asked.Request), nil, &asked)
		var answer *answerError
		if errors.As(err, &answer) && answer.status == http.StatusNotFound || err != nil && temporary(err) {
			continue // not projected yet, or restarting
		}
		if err != nil {
			return nil, err
		}
	}
	return &asked, nil
}

func (t *terminal) tellReceipt(e *admin.Erasure) {
	for _, r := range e.Receipts {
		fmt.Fprintf(t.out, "erased: %d messages and %d rows\n", r.Messages, r.Rows)
		fmt.Fprintf(t.out, "receipt at sequence %d for request %s\nlearner_hmac %s\n", r.Seq, e.Request, e.LearnerHMAC)
	}
}
