package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/admin"
	"github.com/gapwise/gapwise/internal/httpserver"
)

func (t *terminal) deadLetterVerb() *cobra.Command {
	cmd := group("deadletter", "See to messages of the log that are no valid events",
		t.deadLetterListVerb(), t.deadLetterShowVerb(), t.deadLetterActVerb(retryVerb), t.deadLetterActVerb(dropVerb))
	cmd.Long = `See to the dead letters: messages of the log that are no valid events, or that have
the id of an earlier event with other content. Each is kept with its reason until it
is retried with success, and then counts at its own place of the log.`
	cmd.Example = "  gapwise deadletter list\n  gapwise deadletter show 1234\n" +
		"  gapwise deadletter retry --reason unknown_type\n  gapwise deadletter drop 1234 --note \"sent again with another id\""
	return cmd
}

func (t *terminal) deadLetterListVerb() *cobra.Command {
	var limit int
	var after, reason string
	var dropped, asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the dead letters, oldest first",
		Example: "  gapwise deadletter list --limit 20",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parameters := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"cursor": after, "reason": reason} {
				if value != "" {
					parameters.Set(name, value)
				}
			}
			if dropped {
				parameters.Set("dropped", "true")
			}
			list, err := t.deadLetters(cmd, parameters)
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(list)
			}
			rows := table{columns: []column{right("sequence"), left("stored"), left("reason"), flexible("detail")}}
			for _, d := range list.DeadLetters {
				rows.add(strconv.FormatUint(d.Seq, 10), d.Stored.UTC().Format("2006-01-02 15:04:05"), d.Reason, d.Detail)
			}
			if len(rows.rows) == 0 {
				fmt.Fprintln(t.out, "no dead letters")
				return nil
			}
			rows.write(t.out)
			t.more(list.Next)
			return nil
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "rows at most")
	cmd.Flags().StringVar(&reason, "reason", "", "only those with this reason")
	cmd.Flags().BoolVar(&dropped, "dropped", false, "also those that were dropped")
	cmd.Flags().StringVar(&after, "cursor", "", "where the list goes on, as its last page told")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's answer")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) deadLetterShowVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show SEQUENCE",
		Short:   "Show one dead letter with its message",
		Example: "  gapwise deadletter show 1234",
		Args:    takes(1, "sequence"),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return usagef("%q is no sequence; gapwise deadletter list tells them", args[0])
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			var outcome admin.Outcome
			if err := c.get(cmd.Context(), "/v1/admin/deadletters/"+args[0], nil, &outcome); err != nil {
				return err
			}
			d := outcome.DeadLetter
			if d == nil {
				return fmt.Errorf("sequence %d is no dead letter (it is: %s); gapwise deadletter list tells those that are", seq, outcome.Outcome)
			}
			if asJSON {
				return t.printJSON(d)
			}
			fmt.Fprintf(t.out, "sequence  %d\nstored    %s\nsubject   %s\nreason    %s\n", d.Seq, d.Stored.UTC().Format(time.RFC3339Nano), d.Subject, d.Reason)
			wrap(t.out, "detail    ", d.Detail)
			fmt.Fprintf(t.out, "message   %s\n", d.Raw)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) deadLetters(cmd *cobra.Command, parameters url.Values) (*admin.DeadLetters, error) {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return nil, err
	}
	var list admin.DeadLetters
	return &list, c.get(cmd.Context(), "/v1/admin/deadletters", parameters, &list)
}
