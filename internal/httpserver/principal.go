package httpserver

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Role says what kind of caller a principal is.
type Role string

// The roles. What each may do is written in the design's table of rights and
// decided by the owners of routes.
const (
	RoleOperator   Role = "operator"
	RoleInstructor Role = "instructor"
	RoleLearner    Role = "learner"
	RoleProducer   Role = "producer"
)

// Valid reports whether r is one of the four roles.
func (r Role) Valid() bool {
	switch r {
	case RoleOperator, RoleInstructor, RoleLearner, RoleProducer:
		return true
	}
	return false
}

// Principal is who is calling, as a verified token says.
type Principal struct {
	Role    Role
	Learner string   // the learner's id, for learners only
	Cohorts []string // an instructor's cohorts, or those a producer may join learners to
	Source  string   // the CloudEvents source a producer writes as

	TokenID string    // jti, what a revocation names
	KeyID   string    // kid, the key that signed the token
	Expires time.Time // UTC, whole seconds
}

// Is reports whether the principal has one of roles.
func (p Principal) Is(roles ...Role) bool { return slices.Contains(roles, p.Role) }

// HasCohort reports whether the token names cohort. It is false for an
// operator, whose rights do not come from cohorts.
func (p Principal) HasCohort(cohort string) bool {
	return cohort != "" && slices.Contains(p.Cohorts, cohort)
}

// IsLearner reports whether the principal is this very learner.
func (p Principal) IsLearner(learner string) bool {
	return p.Role == RoleLearner && learner != "" && p.Learner == learner
}

// IsSource reports whether the principal is the producer bound to source.
func (p Principal) IsSource(source string) bool {
	return p.Role == RoleProducer && source != "" && p.Source == source
}

type principalKey struct{}

// WithPrincipal returns a context that carries p. [Router] does this for each
// authenticated request; tests of handlers do it by hand.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the principal of the request, if it has one. On routes
// that are not [Public] it always has.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// RequireRole returns the principal when it has one of roles (any role when
// none is named), else the problem to answer: 401 without a principal, 403
// with one of another role.
func RequireRole(ctx context.Context, roles ...Role) (Principal, error) {
	p, ok := PrincipalFrom(ctx)
	if !ok {
		return Principal{}, Unauthorized("this needs a token; make one with `gapwise token`")
	}
	if len(roles) > 0 && !p.Is(roles...) {
		return Principal{}, Forbidden("this is for the role %s; your token has the role %s", orList(roles), p.Role)
	}
	return p, nil
}

func orList(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " or ")
}
