package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
)

func (t *terminal) modelPublishVerb() *cobra.Command {
	var file string
	var dryRun, yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [VERSION]",
		Short: "Let reports use a model from now on",
		Long: `Let reports use a model from now on: one that gapwise model list shows, the starting
model (` + project.StartingModel + `), or a document from elsewhere (--file). The model is stored in the log,
every learner's snapshots are made anew with it beside those in use, and then all reports
change over at once. Facts stay as they are, and the way back is to publish the one before.

Interrupted, it has changed nothing or everything: publish again to be sure.`,
		Example: "  gapwise model publish fitted-0123456789 --dry-run\n  gapwise model publish fitted-0123456789 --yes\n" +
			"  gapwise model publish --file model.json\n  gapwise model publish " + project.StartingModel,
		Args: takes(0, "version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (file == "") {
				return usagef("name a version or a --file, one of them; gapwise model list shows the versions")
			}
			order := models.Order{Action: models.ActionPublish}
			if len(args) == 1 {
				order.Version = args[0]
			} else {
				text, err := readModel(file)
				if err != nil {
					return err
				}
				order.Model = text
			}
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			run := func(dryRun bool) (*models.Publication, error) {
				order.DryRun = dryRun
				job, err := c.order(cmd.Context(), order)
				if err != nil {
					return nil, err
				}
				err = t.follow(cmd.Context(), c, job)
				return job.Publication, err
			}
			return t.publishModel(run, dryRun, yes, asJSON)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "a model's document, as gapwise model show --json prints it")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell what would change")
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// readModel reads a document, and finds out here what is wrong with it.
func readModel(path string) (json.RawMessage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := project.DecodeModel(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// publishModel tells what a model would change, asks, and publishes it.
func (t *terminal) publishModel(run func(dryRun bool) (*models.Publication, error), dryRun, yes, asJSON bool) error {
	if dryRun || !yes {
		would, err := run(true)
		switch {
		case err != nil:
			return err
		case asJSON && (dryRun || would.Already):
			return t.printJSON(would)
		case would.Already:
			fmt.Fprintf(t.out, "model %s is active already\n", would.Version)
			return nil
		case dryRun:
			tellPublication(t.out, would, true)
			return nil
		}
		tellPublication(t.err, would, true)
		if !t.confirm("Reports change over to it.") {
			return errors.New("nothing was published; --yes answers the question")
		}
	}
	did, err := run(false)
	switch {
	case err != nil:
		return err
	case asJSON:
		return t.printJSON(did)
	case did.Already:
		fmt.Fprintf(t.out, "model %s is active already\n", did.Version)
	default:
		tellPublication(t.out, did, false)
	}
	return nil
}

// tellPublication prints what a model changes of what people read.
func tellPublication(out io.Writer, p *models.Publication, would bool) {
	if would {
		fmt.Fprintf(out, "model %s in place of %s, with catalog %s, would change:\n", p.Version, p.Before, p.Catalog)
	} else {
		fmt.Fprintf(out, "model %s is active, in place of %s, with catalog %s. It changed:\n", p.Version, p.Before, p.Catalog)
	}
	tellChanges(out, p.Changes)
	fmt.Fprintf(out, "items that the model knows: %d of %d\n", p.KnownItems, p.Items)
	if p.Published > 0 {
		fmt.Fprintf(out, "its publication is at sequence %d of the log\n", p.Published)
	}
}

// percent is a share for people; of nothing it is nothing.
func percent(part, of int) string {
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(max(1, of)))
}
