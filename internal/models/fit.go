package models

import (
	"context"

	"github.com/gapwise/gapwise/internal/project"
)

// FitResult is what a fit gave.
type FitResult struct {
	Version    string             `json:"version"`
	New        bool               `json:"new"` // false: there was an equal one already
	Catalog    string             `json:"catalog"`
	Fitted     project.Fitted     `json:"fitted"`
	Comparison project.Comparison `json:"comparison"`
}

// fit starts a fit to the answers that there are now.
func (w *Workshop) fit(made Made) (Job, error) {
	return w.begin(Job{Action: ActionFit}, func(ctx context.Context, tell func(Progress), result *Job) error {
		active := w.Active()
		fitter := &project.Fitter{Store: w.Store, Facts: active.Facts, Course: active.Course}
		fit, err := fitter.Run(ctx, func(p project.FitProgress) {
			tell(Progress{Step: p.Step, Done: p.Done, Of: p.Of, Unit: "answers"})
		})
		if err != nil {
			return err
		}
		before, err := w.Store.Model(ctx, active.Facts, fit.Model.Version)
		if err != nil {
			return err
		}
		if before == nil {
			r := Record{Model: fit.Model, Made: made, Comparison: &fit.Comparison, Created: w.Now()}
			if err := w.Store.SaveModel(ctx, r); err != nil {
				return err
			}
		}
		result.Fit = &FitResult{
			Version: fit.Model.Version, New: before == nil, Catalog: fit.Model.Catalog,
			Fitted: *fit.Model.Fitted, Comparison: fit.Comparison,
		}
		gain := fit.Comparison.Concern.Gain
		w.Log.InfoContext(ctx, "model fitted: it is only proposed, gapwise model publish activates it",
			"model", fit.Model.Version, "new", before == nil, "answers", fit.Model.Fitted.Answers,
			"learners", fit.Model.Fitted.Learners, "against", fit.Comparison.Against,
			"log_loss_gain", gain.Estimate, "gain_low", gain.Low, "gain_high", gain.High)
		return nil
	})
}
