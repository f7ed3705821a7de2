package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/embedded"
	"github.com/gapwise/gapwise/internal/soak"
)

// soakBrokerVerb runs the embedded broker alone, so that soak can break it. It tells
// where it is in one line of JSON for the process that started it.
func (t *terminal) soakBrokerVerb() *cobra.Command {
	var config embedded.NATSConfig
	cmd := &cobra.Command{
		Use: "broker", Short: "Run the embedded broker alone", Hidden: true, Args: noArgs,
		Example: "  gapwise soak broker --dir broker --address 127.0.0.1:4222",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			config.Logger = t.logger(c)
			n, err := embedded.StartNATS(ctx, config)
			if err != nil {
				return err
			}
			t.tellAddress(soak.Broker{
				Addr: strings.TrimPrefix(n.URL(), "nats://"), User: n.Login().User, Password: n.Login().Password,
				Producer: n.Producer().User, ProducerPassword: n.Producer().Password, InboxPrefix: embedded.ProducerInbox,
			})
			<-ctx.Done()
			return n.Close(context.WithoutCancel(ctx))
		},
	}
	cmd.Flags().StringVar(&config.Dir, "dir", "", "folder of the broker's files")
	cmd.Flags().StringVar(&config.Listen, "address", "", "host:port to listen on")
	cmd.Flags().Int64Var(&config.MaxStore, "max-store", 0, "bytes of all streams; 0: the size of the disk")
	return cmd
}

// soakEngineVerb runs the embedded database engine alone.
func (t *terminal) soakEngineVerb() *cobra.Command {
	var config embedded.ClickHouseConfig
	cmd := &cobra.Command{
		Use: "engine", Short: "Run the embedded database engine alone", Hidden: true, Args: noArgs,
		Example: "  gapwise soak engine --dir engine",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			config.Logger, config.Library = t.logger(c), c.Engine.Path
			e, err := embedded.StartClickHouse(ctx, config)
			if err != nil {
				return err
			}
			t.tellAddress(soak.Engine{Addr: e.Addr(), User: e.Login().User, Password: e.Login().Password})
			select {
			case err := <-e.Exited():
				return err
			case <-ctx.Done():
				return e.Close(context.WithoutCancel(ctx))
			}
		},
	}
	cmd.Flags().StringVar(&config.Dir, "dir", "", "folder of the engine's files")
	return cmd
}

// tellAddress prints one line of JSON.
func (t *terminal) tellAddress(v any) {
	line, _ := json.Marshal(v) //nolint:errchkjson // strings only
	fmt.Fprintf(t.out, "%s\n", line)
}
