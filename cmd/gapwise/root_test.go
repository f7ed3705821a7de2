package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestHelp holds every verb to telling what it does, with an example.
func TestHelp(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
			return // cobra's own
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its short text %q is missing or ends with a full stop", cmd.CommandPath(), cmd.Short)
		}
		if !strings.Contains(cmd.Example, "gapwise "+strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "gapwise"), " ")) {
			t.Errorf("%s: no example shows it: %q", cmd.CommandPath(), cmd.Example)
		}
		for line := range strings.SplitSeq(cmd.Long+"\n"+cmd.Example, "\n") {
			if len([]rune(line)) > 110 {
				t.Errorf("%s: a line of its help is too wide: %s", cmd.CommandPath(), line)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no usage", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(strings.NewReader(""), &strings.Builder{}, &strings.Builder{}))
}

// TestOwnFlagsAreNoConfiguration: replay start --catalog names a version, and the global
// flag of that name a folder.
func TestOwnFlagsAreNoConfiguration(t *testing.T) {
	var out bytes.Buffer
	root := newRoot(strings.NewReader(""), &out, &out)
	root.SetArgs([]string{"replay", "start", "--catalog", "guide-none", "--data-dir", t.TempDir(), "--url", "http://127.0.0.1:1", "--token", "none"})
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer from") {
		t.Errorf("it says %v", err)
	}
}
