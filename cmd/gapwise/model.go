package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/models"
)

func (t *terminal) modelVerb() *cobra.Command {
	cmd := group("model", "See to the model of mastery",
		t.modelFitVerb(), t.modelListVerb(), t.modelShowVerb(), t.modelPublishVerb(), t.modelEvaluateVerb())
	cmd.Long = `See to the model that turns answers into mastery. A course begins with the starting
model, which follows from its catalog. A fit to this deployment's own answers is made by
itself once there are enough, and is proposed; publishing it makes reports use it.`
	cmd.Example = "  gapwise model fit --wait\n  gapwise model list\n  gapwise model publish fitted-0123456789 --dry-run\n" +
		"  gapwise model evaluate answers.tsv --mode split"
	return cmd
}

const modelsPath = "/v1/admin/models"

// order sends an order and returns its job.
func (c *client) order(ctx context.Context, o models.Order) (*models.Job, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var job models.Job
	return &job, c.post(ctx, modelsPath, "application/json", body, &job)
}

// jobPoll is how often a running job is asked for.
const jobPoll = 200 * time.Millisecond

// follow waits for a job's end and shows each of its steps.
func (t *terminal) follow(ctx context.Context, c *client, job *models.Job) error {
	poll := time.NewTicker(jobPoll)
	defer poll.Stop()
	var shown *progress
	step, told := "", uint64(0)
	asked := c.wait(modelsPath + "/jobs/" + job.ID)
	for {
		if at := job.Progress; at.Step != step {
			if shown != nil {
				shown.end()
			}
			step, told = at.Step, 0
			shown = newProgress(t.err, fmt.Sprintf("%s (%s)", at.Unit, at.Step), func() float64 {
				return float64(job.Progress.Done) / float64(max(1, job.Progress.Of))
			})
		}
		if shown != nil {
			shown.add(int(job.Progress.Done - min(told, job.Progress.Done)))
			told = job.Progress.Done
		}
		if job.State != models.Running {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting for job %s, which goes on: %w", job.ID, ctx.Err())
		case <-poll.C:
		}
		// A process that started anew knows nothing of it: that is told as it is.
		if err := asked.ask(ctx, job); err != nil {
			return fmt.Errorf("what became of job %s is not known, order it again: %w", job.ID, err)
		}
	}
	if shown != nil {
		shown.end()
	}
	if job.State == models.Failed {
		return fmt.Errorf("job %s failed: %s", job.ID, job.Error)
	}
	return nil
}
