package query

import (
	"context"
	"time"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/project"
)

// MayReadCohort returns nil when the caller may read reports of the cohort.
func MayReadCohort(ctx context.Context, cohort string) error {
	p, err := httpserver.RequireRole(ctx, httpserver.RoleOperator, httpserver.RoleInstructor)
	if err != nil {
		return err
	}
	if !p.Is(httpserver.RoleOperator) && !p.HasCohort(cohort) {
		return httpserver.Forbidden("cohort %q is not one of yours", cohort)
	}
	return nil
}

// MayReadLearner returns nil when the caller may read reports of the learner at
// a moment, and since when single events may be seen: an instructor sees those
// since the learner joined, and only the count of those before.
func (s *Service) MayReadLearner(ctx context.Context, learner string, at Moment) (time.Time, error) {
	p, err := httpserver.RequireRole(ctx, httpserver.RoleOperator, httpserver.RoleInstructor, httpserver.RoleLearner)
	if err != nil {
		return time.Time{}, err
	}
	switch {
	case p.Is(httpserver.RoleOperator), p.IsLearner(learner):
		return time.Time{}, nil
	case p.Is(httpserver.RoleLearner):
		return time.Time{}, httpserver.Forbidden("learner %q is not you", learner)
	}
	v, err := s.view(ctx, at)
	if err != nil {
		return time.Time{}, err
	}
	joined, member, err := s.Store.Joined(ctx, v.Facts, learner, p.Cohorts, v.at)
	if err != nil {
		return time.Time{}, err
	}
	if !member {
		return time.Time{}, httpserver.Forbidden("learner %q is in none of your cohorts", learner)
	}
	return joined, nil
}

// mayReadByMembership reports whether the caller's rights follow from who is a
// member at a moment.
func mayReadByMembership(ctx context.Context) bool {
	p, known := httpserver.PrincipalFrom(ctx)
	return known && p.Is(httpserver.RoleInstructor)
}

func unknownTopic(lens project.Lens, id string) error {
	return httpserver.NotFound("there is no %s %q; GET /v1/catalog lists them", lens, id)
}
