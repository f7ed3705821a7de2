package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/catalog"
)

func (t *terminal) catalogVerb() *cobra.Command {
	cmd := group("catalog", "Check, show and publish a course", t.catalogLintVerb(), t.catalogShowVerb(), t.catalogPublishVerb())
	cmd.Example = "  gapwise catalog show --out course\n  gapwise catalog lint course\n  gapwise catalog publish course"
	return cmd
}

func (t *terminal) catalogLintVerb() *cobra.Command {
	var against []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint [DIR]",
		Short: "Tell what is wrong with a course",
		Long: `Tell what is wrong with the course in a folder (default: catalog.path, else the
built-in guide), where, and how to mend it. Errors end with exit code 1; warnings don't.`,
		Example: "  gapwise catalog lint course\n  gapwise catalog lint course --against book.txt --json",
		Args:    takes(0, "folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			dir := c.Catalog.Path
			if len(args) == 1 {
				dir = args[0]
			}
			return t.lintCatalog(dir, against, asJSON)
		},
	}
	cmd.Flags().StringArrayVar(&against, "against", nil, "a text that the course must not share eight words in a row with (repeat for more)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the problems as JSON")
	return cmd
}

// lintResult is what lint --json prints.
type lintResult struct {
	OK       bool              `json:"ok"` // no errors
	Version  string            `json:"version,omitempty"`
	Counts   map[string]int    `json:"counts,omitempty"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Problems []catalog.Problem `json:"problems"`
}

func (t *terminal) lintCatalog(dir string, against []string, asJSON bool) error {
	result, err := lint(dir, against)
	if err != nil {
		return err
	}
	if asJSON {
		if err := t.printJSON(result); err != nil {
			return err
		}
	} else {
		for _, p := range result.Problems {
			fmt.Fprintln(t.out, p)
		}
		if result.Version != "" {
			fmt.Fprintf(t.out, "%s: %s\n", result.Version, enumerate(result.Counts))
		}
		fmt.Fprintf(t.out, "%d errors, %d warnings\n", result.Errors, result.Warnings)
	}
	if !result.OK {
		return errSilent
	}
	return nil
}

// enumerate lists counts by name, zeros left out.
func enumerate(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
		}
	}
	return strings.Join(parts, ", ")
}

func lint(dir string, against []string) (*lintResult, error) {
	var options catalog.Options
	for _, path := range against {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		options.Against = append(options.Against, bytes.NewReader(text))
	}
	result := &lintResult{Problems: []catalog.Problem{}}
	course, err := loadCatalog(dir)
	switch problems := catalog.ProblemsOf(err); {
	case err == nil:
		result.Version, result.Counts = course.Version, course.Counts()
		result.Problems = append(result.Problems, catalog.Lint(course, options)...)
	case problems != nil:
		result.Problems = problems
	default:
		return nil, err
	}
	for _, p := range result.Problems {
		if p.Severity == catalog.Error {
			result.Errors++
		} else {
			result.Warnings++
		}
	}
	result.OK = result.Errors == 0
	return result, nil
}

func (t *terminal) catalogShowVerb() *cobra.Command {
	var asJSON bool
	var out string
	cmd := &cobra.Command{
		Use:   "show [ID]",
		Short: "Show a course, or one concern, chapter or item of it",
		Long: `Show the course (catalog.path, else the built-in guide) at a glance, or one concern,
chapter or item. --json prints what GET /v1/catalog answers, or that part of it. --out
writes the course's files into a folder, to be edited and published.`,
		Example: "  gapwise catalog show\n  gapwise catalog show scalability\n  gapwise catalog show --catalog course --json\n  gapwise catalog show --out course",
		Args:    takes(0, "id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			course, err := loadCatalog(c.Catalog.Path)
			if err != nil {
				return err
			}
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			if out != "" {
				return t.writeCatalog(c.Catalog.Path, course, out, id != "" || asJSON)
			}
			if asJSON {
				return t.showJSON(course, id)
			}
			return course.Show(t.out, id)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&out, "out", "", "write the course's files into this folder")
	return cmd
}

// writeCatalog writes the files of a course into a folder that has none of them.
func (t *terminal) writeCatalog(path string, course *catalog.Catalog, out string, other bool) error {
	if other {
		return usagef("--out writes the whole course: leave the id and --json out")
	}
	var err error
	if path == "" {
		err = catalog.CopyBuiltin(out)
	} else {
		err = os.CopyFS(out, os.DirFS(path))
	}
	if err != nil {
		return fmt.Errorf("write course %s to %s: %w", course.Version, out, err)
	}
	fmt.Fprintf(t.out, "course %s is in %s: edit it, then gapwise catalog publish %[2]s\n", course.Version, out)
	return nil
}

func (t *terminal) showJSON(course *catalog.Catalog, id string) error {
	if id == "" {
		return t.printJSON(course)
	}
	if c, ok := course.Concern(id); ok {
		return t.printJSON(c)
	}
	if c, ok := course.Chapter(id); ok {
		return t.printJSON(c)
	}
	if it, ok := course.Item(id); ok {
		return t.printJSON(it)
	}
	return fmt.Errorf("the course %s has no concern, chapter or item %q", course.Course, id)
}
