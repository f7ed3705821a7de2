package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
)

func (t *terminal) modelFitVerb() *cobra.Command {
	var wait, asJSON bool
	cmd := &cobra.Command{
		Use:   "fit",
		Short: "Fit a model to the answers of this deployment",
		Long: `Fit the parameters that all learners share to the answers that there are, and try the
result on learners that it doesn't know, against the active model. Nothing changes until
the model is published. Equal answers give an equal model, of the same version.

The running gapwise does the work; --wait shows how far it is and what came of it.`,
		Example: "  gapwise model fit --wait\n  gapwise model fit --wait --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			if _, err := c.waitProjected(cmd.Context()); err != nil { // so that all is known
				return err
			}
			job, err := c.order(cmd.Context(), models.Order{Action: models.ActionFit})
			if err != nil {
				return err
			}
			if wait {
				if err := t.follow(cmd.Context(), c, job); err != nil {
					return err
				}
			}
			switch {
			case asJSON && wait:
				return t.printJSON(job.Fit)
			case asJSON:
				return t.printJSON(job)
			case wait:
				tellFit(t.out, job.Fit)
				return nil
			}
			fmt.Fprintf(t.out, "job %s fits a model; gapwise model list shows how far it is\n", job.ID)
			return nil
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done, and tell what came of it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addClientFlags(cmd)
	return cmd
}

// tellFit prints what came of a fit for people.
func tellFit(out io.Writer, f *models.FitResult) {
	already := ""
	if !f.New {
		already = ", which was there already: no answer has come since"
	}
	fmt.Fprintf(out, "model %s%s\nfitted to %d answers of %d learners, up to sequence %d\n\n",
		f.Version, already, f.Fitted.Answers, f.Fitted.Learners, f.Fitted.Seq)
	tellComparison(out, &f.Comparison)
	fmt.Fprintf(out, "\nWhat it would change:  gapwise model publish %s --dry-run\n", f.Version)
}

// tellComparison prints how well a model predicts.
func tellComparison(out io.Writer, c *project.Comparison) {
	fmt.Fprintf(out, "predicting learners that it was not fitted to, in %d parts, against %s:\n", c.Folds, c.Against)
	rows := table{columns: []column{left("by"), left("model"), right("auc"), right("log loss"), right("ece"), left("gain an answer (90%)")}}
	for _, lens := range []struct {
		by string
		of *project.LensComparison
	}{{"concern", &c.Concern}, {"chapter", &c.Chapter}} {
		gain := lens.of.Gain
		scoresRow(&rows, lens.by, "this one", lens.of.Proposed, fmt.Sprintf("%+.4f (%+.4f to %+.4f)", gain.Estimate, gain.Low, gain.High))
		scoresRow(&rows, "", c.Against, lens.of.Active, "")
	}
	rows.write(out)
	fmt.Fprintln(out, "  (log loss and ece: less is better; the gain is in log loss, its interval over learners)")
}

func scoresRow(rows *table, by, model string, s project.ModelScores, gain string) {
	auc := "–"
	if s.AUC != nil {
		auc = fmt.Sprintf("%.4f", *s.AUC)
	}
	rows.add(by, model, auc, fmt.Sprintf("%.4f", s.LogLoss), fmt.Sprintf("%.4f", s.ECE), gain)
}
