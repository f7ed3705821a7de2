package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// terminal is where a verb reads and prints.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// newRoot builds the command line: one file a verb.
func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	t := &terminal{stdin, stdout, stderr}
	root := group("gapwise", "Find where learners are weak and what to study next", t.verbs()...)
	root.Long = `Gapwise takes study events (answers, checklist ticks, sessions) into a log, projects
them into tables, and reports where learners are weak and what to study next.

Start everything on this machine with: gapwise run --demo`
	root.Example = "  gapwise run --demo\n  gapwise report --cohort demo\n  source <(gapwise completion bash)"
	root.Version = version
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(wrongFlag)
	addConfigFlags(root.PersistentFlags())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Print what lets your shell complete gapwise's commands"
			c.Example = "  source <(gapwise completion bash)"
		}
	}
	return root
}

// group makes a command that only has others below it.
func group(name, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			meant := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				meant = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usagef("%s has no command %q%s; see %[1]s --help", cmd.CommandPath(), args[0], meant)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

func (t *terminal) verbs() []*cobra.Command {
	return []*cobra.Command{
		t.runVerb("run", "Run everything: engines, ingest, projector, query",
			"  gapwise run --demo\n  gapwise run --data-dir /srv/gapwise --catalog course", Roles{true, true, true}),
		t.runVerb("ingest", "Run the door for events alone, against outside servers", outside("ingest"), Roles{Ingest: true}),
		t.runVerb("projector", "Run the projector alone, against outside servers", outside("projector"), Roles{Projector: true}),
		t.runVerb("query", "Run reports and pages alone, against outside servers", outside("query"), Roles{Query: true}),
		t.emitVerb(),
		t.importVerb(),
		t.exportVerb(),
		t.simulateVerb(),
		t.demoVerb(),
		t.reportVerb(),
		t.cohortVerb(),
		t.catalogVerb(),
		t.modelVerb(),
		t.replayVerb(),
		t.verifyVerb(),
		t.deadLetterVerb(),
		t.eraseVerb(),
		t.tokenVerb(),
		t.doctorVerb(),
		t.benchVerb(),
		t.soakVerb(),
	}
}

func outside(role string) string {
	return "  gapwise " + role + " --nats-url nats://nats:4222 --clickhouse-addr clickhouse:9000"
}

// config loads the configuration for a verb.
func (t *terminal) config(cmd *cobra.Command) (*Config, error) {
	// A verb's own flag may have the name of one of these: --catalog is a version to some.
	c, err := loadConfig(cmd.Root().PersistentFlags())
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

// logger writes lines of JSON to standard error. A person at a terminal is spared
// what is not worth a warning, unless a level was asked for.
func (t *terminal) logger(c *Config) *slog.Logger {
	level := c.level
	if c.Log.Level == "" && isTerminal(t.err) {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewJSONHandler(t.err, &slog.HandlerOptions{Level: level}))
}

// printJSON prints what a verb has to say for programs.
func (t *terminal) printJSON(v any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// usagef makes a usage error.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// takes wants one argument, or at least so many.
func takes(least int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > 1 {
			return usagef("%s takes one %s, got %d; see %[1]s --help", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// noArgs refuses arguments with a usage error.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no argument, got %q; see %[1]s --help", cmd.CommandPath(), args[0])}
	}
	return nil
}
