package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// runVerb runs a process of some roles until it is told to stop.
func (t *terminal) runVerb(name, short string, roles Roles) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			if name != "run" && (c.NATS.URL == "" || c.ClickHouse.Addr == "") {
				return &usageError{fmt.Errorf("%s is one part of a deployment: set nats.url and clickhouse.addr, or use gapwise run", name)}
			}
			return t.serve(cmd.Context(), c, roles)
		},
	}
}

// serve runs an app from start to soft stop.
func (t *terminal) serve(ctx context.Context, c *Config, roles Roles) error {
	log := t.logger(c)
	app, err := OpenApp(ctx, c, roles, log)
	if err != nil {
		return err
	}
	if err := t.announce(app); err != nil {
		return errors.Join(err, app.Close(context.WithoutCancel(ctx)))
	}
	err = app.Run(ctx)
	log.Info("stopping")
	return errors.Join(err, app.Close(context.WithoutCancel(ctx)))
}

// announce prints where everything is, for the person who started it.
func (t *terminal) announce(a *App) error {
	url := a.server.URL()
	fmt.Fprintf(t.out, "\nGapwise %s is running. Stop it with Ctrl-C.\n\n", version)
	fmt.Fprintf(t.out, "  pages and API   %s\n", url)
	if a.engines != nil && a.engines.NATS != nil {
		fmt.Fprintf(t.out, "  NATS            %s\n", a.engines.NATS.URL())
	}
	if a.engines != nil && a.engines.ClickHouse != nil {
		fmt.Fprintf(t.out, "  ClickHouse      %s\n", a.engines.ClickHouse.Addr())
	}
	fmt.Fprintf(t.out, "  data            %s\n\n", a.Config.Data.Dir)
	return nil
}
