package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// deadLetterVerb is one thing to do with dead letters.
type deadLetterVerb struct {
	name, short, long, example string
	destroys                   bool // asks first
}

var retryVerb = deadLetterVerb{
	name: "retry", short: "Decode dead letters again, with the running version",
	long: `Decode dead letters again, with the version that runs now. One that is valid becomes a
fact at its own place in the log, as if it had been all along; the others stay what
they are. What became of each is told.`,
	example: "  gapwise deadletter retry 1234 1240\n  gapwise deadletter retry --reason unknown_type",
}

var dropVerb = deadLetterVerb{
	name: "drop", short: "Take dead letters off the list",
	long: `Take dead letters off the list. They stay in the log and in the ledger, and
gapwise deadletter list --dropped still shows them.`,
	example:  "  gapwise deadletter drop 1234 --note \"sent again with another id\"\n  gapwise deadletter drop --reason malformed_json --dry-run",
	destroys: true,
}

// chosen says which dead letters a verb is about.
type chosen struct {
	sequences []uint64
	reason    string
	all       bool
}

func (t *terminal) deadLetterActVerb(v deadLetterVerb) *cobra.Command {
	var which chosen
	var note string
	var dryRun, yes, asJSON bool
	cmd := &cobra.Command{
		Use: v.name + " [SEQUENCE]...", Short: v.short, Long: v.long, Example: v.example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := which.parse(args); err != nil {
				return err
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			sequences, err := which.list(cmd.Context(), c)
			if err != nil {
				return err
			}
			if len(sequences) == 0 {
				fmt.Fprintln(t.out, "no dead letters")
				return nil
			}
			if dryRun {
				fmt.Fprintf(t.out, "would %s %d dead letters: %s\n", v.name, len(sequences), joined(sequences, 20))
				return nil
			}
			question := fmt.Sprintf("%s %d dead letters?", strings.ToUpper(v.name[:1])+v.name[1:], len(sequences))
			if v.destroys && !yes && !t.confirm(question) {
				return errors.New("nothing was done; --yes answers the question")
			}
			if err := c.act(cmd.Context(), admin.Action{Action: v.name, Sequences: sequences, Reason: note}); err != nil {
				return err
			}
			return t.tellOutcomes(cmd.Context(), c, v, sequences, asJSON)
		},
	}
	cmd.Flags().StringVar(&which.reason, "reason", "", "all that have this reason, as gapwise deadletter list tells it")
	cmd.Flags().BoolVar(&which.all, "all", false, "all that there are")
	cmd.Flags().StringVar(&note, "note", "", "why, for whoever reads the log later")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell which")
	if v.destroys {
		cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	}
	addClientFlags(cmd)
	return cmd
}

// parse reads the arguments, which name sequences or leave the choice to flags.
func (w *chosen) parse(args []string) error {
	ways := 0
	for _, given := range []bool{len(args) > 0, w.reason != "", w.all} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return usagef("say which dead letters: some sequences, or --reason, or --all; gapwise deadletter list shows them")
	}
	w.sequences = nil
	for _, arg := range args {
		seq, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || seq == 0 {
			return usagef("%q is no sequence; gapwise deadletter list tells them", arg)
		}
		w.sequences = append(w.sequences, seq)
	}
	slices.Sort(w.sequences)
	w.sequences = slices.Compact(w.sequences)
	return nil
}

// list asks for the sequences that the flags mean.
func (w *chosen) list(ctx context.Context, c *client) ([]uint64, error) {
	if len(w.sequences) > 0 {
		return w.sequences, nil
	}
	var sequences []uint64
	for cursor := ""; ; {
		parameters := url.Values{"limit": {"1000"}}
		if w.reason != "" {
			parameters.Set("reason", w.reason)
		}
		if cursor != "" {
			parameters.Set("cursor", cursor)
		}
		var page admin.DeadLetters
		if err := c.get(ctx, "/v1/admin/deadletters", parameters, &page); err != nil {
			return nil, err
		}
		for _, d := range page.DeadLetters {
			sequences = append(sequences, d.Seq)
		}
		if cursor = page.Next; cursor == "" {
			return sequences, nil
		}
	}
}

// act does something with dead letters, and waits until it is done.
func (c *client) act(ctx context.Context, action admin.Action) error {
	const atOnce = 1000
	for part := range slices.Chunk(action.Sequences, atOnce) {
		body, err := json.Marshal(admin.Action{Action: action.Action, Sequences: part, Reason: action.Reason})
		if err != nil {
			return err
		}
		var stored admin.Stored
		if err := c.post(ctx, "/v1/admin/deadletters", "application/json", body, &stored); err != nil {
			return err
		}
	}
	_, err := c.waitProjected(ctx)
	return err
}

// tellOutcomes prints what became of dead letters.
func (t *terminal) tellOutcomes(ctx context.Context, c *client, v deadLetterVerb, sequences []uint64, asJSON bool) error {
	outcomes := make([]admin.Outcome, len(sequences))
	counts := map[string]int{}
	for i, seq := range sequences {
		if err := c.get(ctx, fmt.Sprintf("/v1/admin/deadletters/%d", seq), nil, &outcomes[i]); err != nil {
			return err
		}
		what := outcomes[i].Outcome
		if d := outcomes[i].DeadLetter; d != nil {
			what = "still a dead letter: " + d.Reason
			if d.Dropped {
				what = "dropped"
			}
		}
		counts[what]++
	}
	if asJSON {
		return t.printJSON(outcomes)
	}
	if v.destroys {
		fmt.Fprintf(t.out, "%d dead letters dropped\n", counts["dropped"])
		return nil
	}
	rows := table{columns: []column{right("sequence"), flexible("is now")}}
	for _, o := range outcomes {
		what := o.Outcome
		if o.DeadLetter != nil {
			what = "still a dead letter: " + o.DeadLetter.Detail
		}
		rows.add(strconv.FormatUint(o.Seq, 10), what)
	}
	rows.write(t.out)
	return nil
}

// confirm asks a person, who has to type yes.
func (t *terminal) confirm(question string) bool {
	fmt.Fprintf(t.err, "%s Type yes to go on: ", question)
	answer, _ := bufio.NewReader(t.in).ReadString('\n') // no answer is a no
	return strings.TrimSpace(answer) == "yes"
}

// joined lists numbers, so many at most.
func joined(list []uint64, most int) string {
	var text []string
	for _, n := range list[:min(most, len(list))] {
		text = append(text, strconv.FormatUint(n, 10))
	}
	if more := len(list) - most; more > 0 {
		text = append(text, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(text, " ")
}
