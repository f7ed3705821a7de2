package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// runVerb runs a process of some roles until it is told to stop.
func (t *terminal) runVerb(name, short, example string, roles Roles) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Long: short + `.

It stays in the foreground until SIGINT or SIGTERM. Where everything is goes to
standard output, the log to standard error as lines of JSON; on a terminal the log
holds warnings and errors only, unless log.level says otherwise.`,
		Example: example,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			if name != "run" && (c.NATS.URL == "" || c.ClickHouse.Addr == "") {
				return usagef("%s is one part of a deployment: set nats.url and clickhouse.addr, or use gapwise run", name)
			}
			return t.serve(cmd.Context(), c, roles)
		},
	}
}

// serve runs an app from start to soft stop.
func (t *terminal) serve(ctx context.Context, c *Config, roles Roles) error {
	log := t.logger(c)
	app, err := OpenApp(ctx, c, roles, log)
	if err != nil && ctx.Err() != nil { // told to stop before it was up: what was started is stopped again
		log.InfoContext(ctx, "stopped while starting", "error", err)
		return nil //nolint:nilerr // doing what it was told is no failure
	}
	if err != nil {
		return err
	}
	t.announce(app)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return app.Run(ctx) })
	if c.Demo && roles == (Roles{true, true, true}) {
		group.Go(func() error {
			if err := t.welcome(ctx, app); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "the demo cohort is not complete; gapwise demo load goes on with it", "error", err)
			}
			return nil
		})
	}
	err = group.Wait()
	log.InfoContext(ctx, "stopping")
	return errors.Join(err, app.Close(context.WithoutCancel(ctx)))
}

// announce prints where everything is, for the person who started it.
func (t *terminal) announce(a *App) {
	fmt.Fprintf(t.out, "\nGapwise %s is running. Stop it with Ctrl-C.\n\n", version)
	fmt.Fprintf(t.out, "  pages and API   %s\n", a.server.URL())
	if a.engines != nil && a.engines.NATS != nil {
		fmt.Fprintf(t.out, "  NATS            %s\n", a.engines.NATS.URL())
	}
	if a.engines != nil && a.engines.ClickHouse != nil {
		fmt.Fprintf(t.out, "  ClickHouse      %s, HTTP %s\n", a.engines.ClickHouse.Addr(), a.engines.ClickHouse.HTTPAddr())
	}
	fmt.Fprintf(t.out, "  data            %s\n\n", a.Config.Data.Dir)
	if !a.Config.Demo {
		fmt.Fprintf(t.out, "Load a cohort to look at with: %s\nSee how everything is with:    %s\n\n",
			clientCommand(a.Config, "demo load"), clientCommand(a.Config, "doctor"))
	}
}

// welcome loads the demo cohort and shows the ways into it.
func (t *terminal) welcome(ctx context.Context, a *App) error {
	token, err := a.keys.Mint(httpserver.Claims{Role: httpserver.RoleOperator, Life: time.Hour})
	if err != nil {
		return err
	}
	c := newHTTPClient(a.server.URL(), token)
	if err := c.trust(a.Config); err != nil {
		return err
	}
	loaded, err := loadDemo(ctx, c, t.out, time.Now())
	if err != nil {
		return err
	}
	if loaded.Rejected > 0 {
		return fmt.Errorf("%d of its events were rejected, the first one since: %s", loaded.Rejected, loaded.Rejections[0].Error)
	}
	if err := t.weakest(ctx, c); err != nil {
		return err
	}
	fmt.Fprint(t.out, "\nSign in to the demo (the links work for 24 hours):\n\n")
	for _, link := range []struct {
		who, next string
		claims    httpserver.Claims
	}{
		{"its instructor", "/cohorts/" + demoCohort, httpserver.Claims{Role: httpserver.RoleInstructor, Cohorts: []string{demoCohort}}},
		{"a learner", "/learners/demo-001", httpserver.Claims{Role: httpserver.RoleLearner, Learner: "demo-001"}},
		{"the operator", "/", httpserver.Claims{Role: httpserver.RoleOperator}},
	} {
		link.claims.Life = 24 * time.Hour
		token, err := a.keys.Mint(link.claims)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "  %-16s%s\n", link.who, signInLink(a.server.URL(), token, link.next))
	}
	fmt.Fprintf(t.out, "\nOr type:\n\n")
	for _, verb := range []string{
		"report --cohort demo", "report --learner demo-001 --next", "doctor",
	} {
		fmt.Fprintf(t.out, "  %s\n", clientCommand(a.Config, verb))
	}
	fmt.Fprintln(t.out)
	return nil
}

// weakest prints in one line what the demo's report says.
func (t *terminal) weakest(ctx context.Context, c *client) error {
	var r query.CohortWeakTopics
	if err := c.get(ctx, "/v1/cohorts/"+demoCohort+"/weak-topics", nil, &r); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "The weakest topics of the demo cohort:\n\n")
	for i := range min(3, len(r.Topics)) {
		topic := &r.Topics[i]
		fmt.Fprintf(t.out, "  %-34s %s weak, mastery %s\n", shorten(topic.Title, 34), percentOf(shareOf(topic)), interval(topic.Mastery))
	}
	return nil
}

func shareOf(topic *query.CohortTopic) *float64 {
	if topic.ShareWeak == nil {
		return nil
	}
	return &topic.ShareWeak.Estimate
}

// signInLink signs a browser in and leads to a page.
func signInLink(base, token, next string) string {
	return base + "/sign-in?token=" + token + "&next=" + url.QueryEscape(next)
}

// clientCommand is what to type for a verb that is to find this data folder.
func clientCommand(c *Config, verb string) string {
	program := os.Args[0]
	if here, err := os.Getwd(); err == nil {
		if below, err := filepath.Rel(here, program); err == nil && filepath.IsLocal(below) && filepath.IsAbs(program) {
			program = below
		}
	}
	command := program + " " + verb
	if c.Data.Dir != dataHome() {
		command += " --data-dir " + c.Data.Dir
	}
	return command
}
