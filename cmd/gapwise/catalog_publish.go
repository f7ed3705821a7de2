package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/ingest"
)

// catalogPublication is what catalog publish --json prints.
type catalogPublication struct {
	Version string       `json:"version"`
	Active  string       `json:"active"`  // the version that reports use until it is activated
	Already bool         `json:"already"` // it is active: nothing was to be done
	DryRun  bool         `json:"dry_run"`
	Changes catalog.Diff `json:"changes"`
}

func (t *terminal) catalogPublishVerb() *cobra.Command {
	var dryRun, asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [DIR]",
		Short: "Propose another version of the course",
		Long: `Check the course in a folder (default: catalog.path) and bring it to the log: it is
proposed then, and nobody reads anything else yet. gapwise replay start folds all of
history through it, gapwise replay compare tells what it changes for whom, and gapwise
replay activate lets reports use it. No event is touched.`,
		Example: "  gapwise catalog publish course --dry-run\n  gapwise catalog publish course && gapwise replay start --wait",
		Args:    takes(0, "folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := t.config(cmd)
			if err != nil {
				return err
			}
			dir := config.Catalog.Path
			if len(args) == 1 {
				dir = args[0]
			}
			if dir == "" {
				return usagef("name the folder of a course; gapwise catalog show --out DIR writes the built-in guide to one")
			}
			course, err := catalog.Load(dir)
			if err != nil {
				return err
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			p, err := c.publishCatalog(cmd.Context(), course, dryRun)
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(p)
			}
			tellCatalog(t.out, p)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell what it changes in the course")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// publishCatalog brings a course to the log and waits until it is proposed.
func (c *client) publishCatalog(ctx context.Context, course *catalog.Catalog, dryRun bool) (*catalogPublication, error) {
	active, err := c.catalog(ctx)
	if err != nil {
		return nil, err
	}
	p := &catalogPublication{
		Version: course.Version, Active: active.Version, Already: course.Version == active.Version, DryRun: dryRun,
		Changes: catalog.Compare(active, course),
	}
	if p.Already || dryRun {
		return p, nil
	}
	content, err := course.Encode()
	if err != nil {
		return nil, err
	}
	e, err := event.NewTyped(event.CatalogPublished, "gapwise", event.NewID(), course.Course, time.Now(),
		&event.Publication{Version: course.Version, Content: string(content)})
	if err != nil {
		return nil, err
	}
	payload, err := event.Encode(e)
	if err != nil {
		return nil, err
	}
	var result ingest.Result
	if err := c.post(ctx, "/v1/events", "application/cloudevents+json", payload, &result); err != nil {
		return nil, err
	}
	_, err = c.waitProjected(ctx)
	return p, err
}

// tellCatalog prints what a version of a course changes.
func tellCatalog(out io.Writer, p *catalogPublication) {
	switch {
	case p.Already:
		fmt.Fprintf(out, "catalog %s is active already\n", p.Version)
		return
	case p.DryRun:
		fmt.Fprintf(out, "catalog %s would be proposed in place of %s:\n", p.Version, p.Active)
	default:
		fmt.Fprintf(out, "catalog %s is in the log, and proposed in place of %s:\n", p.Version, p.Active)
	}
	d := &p.Changes
	for _, line := range []struct {
		what string
		ids  []string
	}{
		{"new items", d.AddedItems}, {"items gone (their answers count nowhere)", d.GoneItems},
		{"items re-tagged (their answers count elsewhere)", d.RetaggedItems}, {"items of another level", d.ReleveledItems},
		{"items reworded", d.RewordedItems}, {"new topics", d.AddedTopics}, {"topics gone", d.GoneTopics}, {"topics changed", d.ChangedTopics},
	} {
		if n := len(line.ids); n > 0 {
			fmt.Fprintf(out, "%6d  %s: %s\n", n, line.what, firstOf(line.ids, 3))
		}
	}
	if !p.DryRun {
		fmt.Fprintln(out, "reports stay as they are: gapwise replay start --wait folds all of history through it")
	}
}

// firstOf lists so many ids at most.
func firstOf(ids []string, most int) string {
	list := slices.Clone(ids[:min(most, len(ids))])
	if more := len(ids) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
