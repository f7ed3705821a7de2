package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What the libraries say of a wrong value names Go's types and functions. People
// are told what the value should have been.

// kinds are what values are called, by the names that the libraries use.
var kinds = map[string]string{
	"bool": "true or false", "int": "a whole number", "int64": "a whole number", "uint64": "a whole number from 0 on",
	"float64": "a number", "string": "text", "duration": "a duration such as 90s, 5m or 24h",
}

// wrongFlag tells what a flag should have been.
func wrongFlag(cmd *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		if kind := kinds[wrong.GetFlag().Value.Type()]; kind != "" {
			err = fmt.Errorf("--%s %q is not %s", wrong.GetFlag().Name, wrong.GetValue(), kind)
		}
	}
	return &usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

var (
	wrongLine   = regexp.MustCompile(`^'([^']*)' (.*)$`)
	unknownKeys = regexp.MustCompile(`^has invalid keys: (.*)$`)
	wrongType   = regexp.MustCompile(`^(?:cannot parse value as|expected type) '(\w+)'`)
)

// wrongConfig tells what the keys should have been whose values could not be
// decoded, each on a line of its own.
func wrongConfig(err error) error {
	var told []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		parts := wrongLine.FindStringSubmatch(strings.TrimSpace(line))
		if parts == nil {
			continue
		}
		key, says := strings.ToLower(parts[1]), parts[2]
		if names := unknownKeys.FindStringSubmatch(says); names != nil {
			for name := range strings.SplitSeq(names[1], ", ") {
				told = append(told, unknownKey(strings.TrimPrefix(key+"."+name, ".")))
			}
			continue
		}
		kind := ""
		if of := wrongType.FindStringSubmatch(says); of != nil {
			kind = kinds[of[1]]
		}
		switch {
		case strings.HasPrefix(says, "expected a map"):
			told = append(told, fmt.Errorf("  %s holds other keys: write them below it, such as %s", key, firstBelow(key)))
		case strings.Contains(says, "invalid duration"), strings.Contains(says, "unit in duration"):
			told = append(told, fmt.Errorf("  %s is not %s", key, kinds["duration"]))
		case kind != "":
			told = append(told, fmt.Errorf("  %s is not %s", key, kind))
		default:
			told = append(told, fmt.Errorf("  %s %s", key, says))
		}
	}
	if len(told) == 0 {
		return err
	}
	return errors.Join(told...)
}

// unknownKey names the keys that were perhaps meant: those of the same group, or
// all groups.
func unknownKey(key string) error {
	group, _, deep := strings.Cut(key, ".")
	var near []string
	for known := range maps.Keys(defaults()) {
		first, _, _ := strings.Cut(known, ".")
		switch {
		case deep && first == group:
			near = append(near, known)
		case !deep && !slices.Contains(near, first):
			near = append(near, first)
		}
	}
	slices.Sort(near)
	return fmt.Errorf("  %s is no key; there are %s", key, strings.Join(near, ", "))
}

func firstBelow(group string) string {
	below := slices.DeleteFunc(slices.Sorted(maps.Keys(defaults())), func(key string) bool { return !strings.HasPrefix(key, group+".") })
	if len(below) == 0 {
		return "those that README.md names"
	}
	return below[0]
}
