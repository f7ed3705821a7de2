package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/models"
	"github.com/gapwise/gapwise/internal/project"
)

func (t *terminal) modelListVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the models: active, published, proposed, and what is being done",
		Example: "  gapwise model list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			var list models.Models
			if err := c.get(cmd.Context(), modelsPath, nil, &list); err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(list)
			}
			t.tellModels(&list)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's answer")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) tellModels(list *models.Models) {
	rows := table{columns: []column{
		left("version"), left("state"), left("made"), left("created"), right("answers"), right("learners"), left("gain an answer (90%)"),
	}}
	for i := range list.Models {
		m := &list.Models[i]
		cells := []string{m.Version, m.State, string(m.Made), "", "", "", ""}
		if m.Created != nil {
			cells[3] = m.Created.UTC().Format(time.DateOnly)
		}
		if m.Fitted != nil {
			cells[4], cells[5] = fmt.Sprint(m.Fitted.Answers), fmt.Sprint(m.Fitted.Learners)
		}
		if m.Comparison != nil {
			gain := m.Comparison.Concern.Gain
			cells[6] = fmt.Sprintf("%+.4f (%+.4f to %+.4f)", gain.Estimate, gain.Low, gain.High)
		}
		rows.add(cells...)
	}
	rows.write(t.out)
	if list.Proposed != "" {
		fmt.Fprintf(t.out, "\n%s is proposed: gapwise model publish %[1]s --dry-run tells what it would change\n", list.Proposed)
	}
	for _, job := range list.Jobs {
		if job.State != models.Done {
			what := strings.TrimSpace(job.Action + " " + job.Version)
			fmt.Fprintf(t.out, "\njob %s (%s) is %s: %s %d of %d %s %s\n", job.ID, what, job.State,
				job.Progress.Step, job.Progress.Done, job.Progress.Of, job.Progress.Unit, job.Error)
		}
	}
}

func (t *terminal) modelShowVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [VERSION]",
		Short: "Show a model's parameters, the active one's if none is named",
		Long: `Show a model's parameters, the active one's if none is named. --json prints the whole
document, from which the version follows; gapwise model publish --file takes it.`,
		Example: "  gapwise model show\n  gapwise model show fitted-0123456789 --json",
		Args:    takes(0, "version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
			if err != nil {
				return err
			}
			path := "/v1/models/active"
			if len(args) == 1 {
				path = modelsPath + "/" + url.PathEscape(args[0])
			}
			text, err := c.getRaw(cmd.Context(), path, nil)
			if err != nil {
				return err
			}
			if asJSON {
				return t.printJSON(json.RawMessage(text))
			}
			var m project.Model
			if err := json.Unmarshal(text, &m); err != nil {
				return err
			}
			t.tellModel(&m)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole document")
	addClientFlags(cmd)
	return cmd
}

func (t *terminal) tellModel(m *project.Model) {
	fmt.Fprintf(t.out, "model %s of course %s\n", m.Version, m.Course)
	if m.Fitted == nil {
		fmt.Fprintf(t.out, "it follows from the levels and tags of catalog %s\n", m.Catalog)
	} else {
		fmt.Fprintf(t.out, "fitted with catalog %s to %d answers of %d learners, the last at sequence %d of %s\n",
			m.Catalog, m.Fitted.Answers, m.Fitted.Learners, m.Fitted.Seq, m.Fitted.Time.Format("2006-01-02 15:04:05"))
	}
	names := [mastery.NumFeatures]string{"always", "practice", "gap", "item right", "item wrong", "form", "new topic"}
	for _, lens := range []project.Lens{project.ByConcern, project.ByChapter} {
		p := m.Lenses.Of(lens)
		fmt.Fprintf(t.out, "\nby %s: %d topics, %d items, item variance %.3f\n", lens, len(p.Topics), len(p.Items), p.ItemVariance)
		fmt.Fprintf(t.out, "  prior     ability %.3f, skill %.3f, drifts %.4f and %.4f\n", p.Prior.Ability, p.Prior.Skill, p.Prior.AbilityDrift, p.Prior.SkillDrift)
		var weights []string
		for i, name := range names {
			weights = append(weights, fmt.Sprintf("%s %+.3f", name, p.Weights[i]))
		}
		wrap(t.out, "  weights   ", strings.Join(weights, ", "))
	}
}
