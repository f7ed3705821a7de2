package main

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

func (t *terminal) deadLetterVerb() *cobra.Command {
	cmd := group("deadletter", "Look at messages of the log that are no valid events", t.deadLetterListVerb(), t.deadLetterShowVerb())
	cmd.Long = `Look at the dead letters: messages of the log that are no valid events, or that have
the id of an earlier event with other content. Each is kept with its reason.`
	cmd.Example = "  gapwise deadletter list\n  gapwise deadletter show 1234"
	return cmd
}

func (t *terminal) deadLetterListVerb() *cobra.Command {
	var limit int
	var after string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the dead letters, oldest first",
		Example: "  gapwise deadletter list --limit 20",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parameters := url.Values{"limit": {strconv.Itoa(limit)}}
			if after != "" {
				parameters.Set("cursor", after)
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
			list, err := t.deadLetters(cmd, url.Values{"limit": {"1"}, "cursor": {strconv.FormatUint(seq-1, 10)}})
			if err != nil {
				return err
			}
			if len(list.DeadLetters) == 0 || list.DeadLetters[0].Seq != seq {
				return fmt.Errorf("sequence %d is no dead letter; gapwise deadletter list tells those that are", seq)
			}
			d := list.DeadLetters[0]
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

func (t *terminal) deadLetters(cmd *cobra.Command, parameters url.Values) (*query.DeadLetters, error) {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return nil, err
	}
	var list query.DeadLetters
	return &list, c.get(cmd.Context(), "/v1/admin/deadletters", parameters, &list)
}
