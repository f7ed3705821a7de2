package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/erasure"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
	"github.com/gapwise/gapwise/internal/stream"
)

// newAuditor makes what verifies the active generation against the log.
func (a *App) newAuditor(background context.Context) *query.Auditor {
	return &query.Auditor{
		Context: background, Now: time.Now, Log: a.Log,
		Verify: func(ctx context.Context, scope project.VerifyScope, tell func(project.VerifyProgress)) (*project.Ledger, error) {
			active := a.active.Active()
			verifier := &project.Verifier{
				Source: logSource{a.log, a.key}, Store: a.store.Checker(), HMAC: a.key.learner,
				Facts: active.Facts, Derived: active.Derived, Course: active.Course,
				Erasing: a.erasing,
			}
			return verifier.Run(ctx, scope, tell)
		},
	}
}

// erasing tells what erasures are deleting now.
func (a *App) erasing(ctx context.Context) (project.Erasing, error) {
	e := project.Erasing{Learners: map[project.HMAC]bool{}}
	under, err := plans{stream.NewSet[erasure.Plan](a.bucket, "erasures")}.Plans(ctx)
	for _, p := range under {
		if learner, ok := project.ParseHMAC(p.HMAC); ok {
			e.Learners[learner] = true
		}
		sequences, parseErr := event.ParseRanges(p.Sequences)
		err = errors.Join(err, parseErr)
		e.Sequences = event.Union(e.Sequences, sequences)
	}
	return e, err
}

func (t *terminal) verifyVerb() *cobra.Command {
	var scope project.VerifyScope
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that the tables hold what the log says",
		Long: `Read the log again, decide again what each message is, and compare every row of every
table, then compute every learner's states from all facts and compare the snapshots.
Traffic may go on meanwhile. What differs is named, the first sequence first, and the
exit code is 1.`,
		Example: "  gapwise verify\n  gapwise verify --newest 100000\n  gapwise verify --from 120001 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if scope.From > 0 && scope.Newest > 0 {
				return usagef("--from and --newest exclude each other")
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			ledger, err := t.verify(cmd.Context(), c, scope)
			if err != nil {
				return err
			}
			if asJSON {
				err = t.printJSON(ledger)
			} else {
				t.printLedger(ledger)
			}
			if err == nil && !ledger.OK {
				return errSilent
			}
			return err
		},
	}
	cmd.Flags().Uint64Var(&scope.From, "from", 0, "verify from this sequence on, taking those before for verified")
	cmd.Flags().Uint64Var(&scope.Newest, "newest", 0, "verify that many of the newest sequences, taking those before for verified")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// verifyPoll is how often a running verification is asked for.
const verifyPoll = 200 * time.Millisecond

// verify starts a verification and follows it to its end.
func (t *terminal) verify(ctx context.Context, c *client, scope project.VerifyScope) (*project.Ledger, error) {
	body, err := json.Marshal(scope)
	if err != nil {
		return nil, err
	}
	const path = "/v1/admin/verifications"
	var v query.Verification
	if err := c.post(ctx, path, "application/json", body, &v); err != nil {
		return nil, err
	}
	p := newProgress(t.err, "sequences", func() float64 { return shareVerified(v.Progress) })
	poll := time.NewTicker(verifyPoll)
	defer poll.Stop()
	asked := c.wait(path + "/" + v.ID)
	for told := 0; ; {
		p.add(int(v.Progress.Sequences) - told)
		told = int(v.Progress.Sequences)
		switch v.State {
		case query.VerificationDone:
			p.end()
			return v.Result, nil
		case query.VerificationFailed:
			return nil, fmt.Errorf("verification %s failed: %s", v.ID, v.Error)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("stopped waiting for verification %s, which goes on: %w", v.ID, ctx.Err())
		case <-poll.C:
		}
		// A process that started anew knows nothing of it: that is told as it is.
		if err := asked.ask(ctx, &v); err != nil {
			return nil, fmt.Errorf("what became of verification %s is not known, verify again: %w", v.ID, err)
		}
	}
}

// shareVerified weighs reading the log against computing states: about the same.
func shareVerified(p project.VerifyProgress) float64 {
	share := 0.0
	if p.OfSequences > 0 {
		share += 0.5 * float64(p.Sequences) / float64(p.OfSequences)
	}
	if p.OfLearners > 0 {
		share += 0.5 * float64(p.Learners) / float64(p.OfLearners)
	}
	return share
}

// printLedger prints the result of a verification for people.
func (t *terminal) printLedger(l *project.Ledger) {
	if l.To < l.From {
		fmt.Fprintln(t.out, "nothing to verify yet")
		return
	}
	fmt.Fprintf(t.out, "sequences %d to %d: %d messages are %d facts, %d repeats, %d dead letters, %d erased\n",
		l.From, l.To, l.Messages, l.Rows, l.Duplicates, l.DeadLetters, l.Erased)
	fmt.Fprintf(t.out, "states of %d learners were computed from all facts, %d snapshots compared\n", l.Learners, l.Snapshots)
	if l.PhysicalDuplicates > 0 {
		fmt.Fprintf(t.out, "%d rows are stored twice and not merged yet, which is harmless\n", l.PhysicalDuplicates)
	}
	if l.Retryable > 0 {
		fmt.Fprintf(t.out, "%d dead letters are valid for this version: gapwise deadletter retry makes them count\n", l.Retryable)
	}
	if l.OK {
		fmt.Fprintln(t.out, "everything agrees with the log")
		return
	}
	fmt.Fprintf(t.out, "%d differences, the first at sequence %d; docs/operating.md says what to do\n\n", l.Differences, l.Mismatches[0].Seq)
	for _, m := range l.Mismatches {
		fmt.Fprintf(t.out, "  sequence %d, %s: %s\n    expected  %s\n    found     %s\n", m.Seq, m.Table, m.What, m.Expected, m.Found)
	}
	if more := l.Differences - uint64(len(l.Mismatches)); more > 0 {
		fmt.Fprintf(t.out, "  and %d more\n", more)
	}
}
