package models

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
	"github.com/gapwise/gapwise/internal/query"
)

// Job is one order that is carried out.
type Job struct {
	ID       string     `json:"id"`
	Action   string     `json:"action"` // fit or publish
	DryRun   bool       `json:"dry_run"`
	Version  string     `json:"version,omitzero"` // the model that is published
	State    string     `json:"state"`            // running, done or failed
	Started  time.Time  `json:"started"`
	Ended    *time.Time `json:"ended,omitzero"`
	Progress Progress   `json:"progress"`

	Fit         *FitResult   `json:"fit,omitzero"`         // when a fit is done
	Publication *Publication `json:"publication,omitzero"` // when a model is published, or would be
	Error       string       `json:"error,omitzero"`       // when it failed
}

// The actions.
const (
	ActionFit     = "fit"
	ActionPublish = "publish"
)

// The states of a job.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

// Progress tells how far a job is.
type Progress struct {
	Step string `json:"step"` // reading, fitting; comparing, folding, activating
	Done uint64 `json:"done"`
	Of   uint64 `json:"of"`   // about
	Unit string `json:"unit"` // what is counted: answers or learners
}

// keptJobs is how many jobs are remembered.
const keptJobs = 20

// Workshop fits models and publishes them, one order at a time. Jobs live in the
// memory of this process and end with it.
type Workshop struct {
	Store   Store
	Replays Replays
	// Active returns the active generation.
	Active func() query.Active
	// Changes counts what another course would change of the states that reports
	// give now.
	Changes func(ctx context.Context, to *project.Course, tell func(done, of uint64)) (*query.StateChanges, error)

	// Context ends when the process does; jobs end with it.
	Context context.Context
	Now     func() time.Time
	Log     *slog.Logger

	mu   sync.Mutex
	jobs []*Job // the newest first
	work sync.WaitGroup
}

// Wait waits until no job runs.
func (w *Workshop) Wait() { w.work.Wait() }

// work does a job and puts what came of it into the job that it is given.
type work func(ctx context.Context, tell func(Progress), result *Job) error

// begin starts a job unless one is running.
func (w *Workshop) begin(job Job, do work) (Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.jobs) > 0 && w.jobs[0].State == Running {
		running := w.jobs[0]
		return Job{}, httpserver.Conflict("a %s is running since %s; wait for it, see /v1/admin/models/jobs/%s",
			running.Action, running.Started.Format(time.RFC3339), running.ID)
	}
	job.ID, job.State, job.Started = ksuid.New().String(), Running, w.Now().UTC()
	j := &job
	w.jobs = append([]*Job{j}, w.jobs[:min(len(w.jobs), keptJobs-1)]...)
	w.work.Go(func() { w.run(j, do) })
	return job, nil
}

func (w *Workshop) run(j *Job, do work) {
	var result Job
	err := do(w.Context, func(p Progress) {
		w.mu.Lock()
		defer w.mu.Unlock()
		j.Progress = p
	}, &result)
	w.mu.Lock()
	defer w.mu.Unlock()
	ended := w.Now().UTC()
	j.Ended = &ended
	if err != nil {
		j.State, j.Error = Failed, err.Error()
		w.Log.Warn("model job failed", "job", j.ID, "action", j.Action, "model", j.Version, "error", err)
		return
	}
	j.State, j.Fit, j.Publication = Done, result.Fit, result.Publication
	w.Log.Info("model job done", "job", j.ID, "action", j.Action, "model", j.Version, "dry_run", j.DryRun,
		"seconds", ended.Sub(j.Started).Seconds())
}

// list returns copies of the jobs, the newest first.
func (w *Workshop) list() []Job {
	w.mu.Lock()
	defer w.mu.Unlock()
	jobs := make([]Job, len(w.jobs))
	for i, j := range w.jobs {
		jobs[i] = *j
	}
	return jobs
}

// job returns one of them.
func (w *Workshop) job(id string) (Job, bool) {
	jobs := w.list()
	i := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == id })
	if i < 0 {
		return Job{}, false
	}
	return jobs[i], true
}
