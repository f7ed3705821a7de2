package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gapwise/gapwise/internal/event"
	"github.com/gapwise/gapwise/internal/httpserver"
)

// Members answers who belongs to a cohort now.
type Members interface {
	// IsMember reports whether the learner is a member of one of the cohorts.
	IsMember(ctx context.Context, learner string, cohorts []string) (bool, error)
}

// maxSubjects bounds how many learners one request of an instructor may be about:
// each costs a question to the database.
const maxSubjects = 200

// asked remembers the answers of [Members] during one request, whose cohorts are
// always the same. It is used by one goroutine.
type asked struct {
	members Members
	known   map[string]bool // by learner
}

func (a *asked) IsMember(ctx context.Context, learner string, cohorts []string) (bool, error) {
	if member, known := a.known[learner]; known {
		return member, nil
	}
	if len(a.known) == maxSubjects {
		return false, &event.Error{Code: "too_many_learners", Field: "subject", Message: fmt.Sprintf(
			"an instructor's request is about %d learners at most; send the events of the others in another one", maxSubjects)}
	}
	member, err := a.members.IsMember(ctx, learner, cohorts)
	if err == nil {
		a.known[learner] = member
	}
	return member, err
}

// forbidden is the reason why a principal may not write an event.
type forbidden struct{ reason string }

func (f *forbidden) Error() string { return "forbidden: " + f.reason }

// The roles, by short names.
const (
	operator   = httpserver.RoleOperator
	instructor = httpserver.RoleInstructor
	learner    = httpserver.RoleLearner
	producer   = httpserver.RoleProducer
)

// writers lists which roles write events of a type. Whose they may be is said below: a
// learner's are the own ones, a producer's those of its source, an instructor's those of
// members. Older versions of a type have the rights of the newest.
var writers = map[event.Type][]httpserver.Role{
	event.AnswerSubmitted:   {operator, learner, producer, instructor},
	event.AnswerVoided:      {operator, producer, instructor},
	event.ChecklistTicked:   {operator, learner, producer},
	event.ChecklistUnticked: {operator, learner, producer},
	event.SessionStarted:    {operator, learner, producer},
	event.SessionEnded:      {operator, learner, producer},
	event.CohortJoined:      {operator, producer},
	event.CohortLeft:        {operator, producer},
	event.TopicPinned:       {operator, instructor},
	event.TopicExcluded:     {operator, instructor},
	event.TopicReleased:     {operator, instructor},
	event.LearnerErased:     {operator, learner},
	event.LearnerForgotten:  {}, // they tell what the system itself deleted
	event.CatalogPublished:  {operator},
	event.ModelPublished:    {operator},
	event.DeadLetterRetried: {operator},
	event.DeadLetterDropped: {operator},
}

// authorise returns nil when the principal may write the event, a *forbidden
// when not, and another error when that could not be found out.
func authorise(ctx context.Context, p httpserver.Principal, e *event.Event, members Members, hmac func(string) string) error {
	roles := writers[e.Type.Newest()]
	switch {
	case len(roles) == 0:
		return deny("%s is written by Gapwise itself", e.Type)
	case slices.Contains(roles, p.Role):
	case p.Role == learner, p.Role == producer:
		return deny("a %s does not write %s", p.Role, e.Type)
	case p.Role == instructor, p.Role == operator:
		return deny("an %s does not write %s", p.Role, e.Type)
	default:
		return deny("role %q writes no events", p.Role)
	}
	switch p.Role {
	case learner:
		return learnerMay(p, e, hmac)
	case producer:
		return producerMay(p, e)
	case instructor:
		return instructorMay(ctx, p, e, members)
	}
	return operatorMay(e, hmac)
}

func deny(format string, args ...any) error {
	return &forbidden{fmt.Sprintf(format, args...)}
}

// operatorMay: of everybody, but an erasure has to name somebody.
func operatorMay(e *event.Event, hmac func(string) string) error {
	_, erases := e.Data.(*event.Erasure)
	if erases && (len(e.Subject) != len(hmac("")) || strings.Trim(e.Subject, "0123456789abcdef") != "") {
		return &event.Error{Code: event.CodeBadValue, Field: "data.learner_hmac",
			Message: "is no HMAC of a learner; gapwise erase LEARNER writes this event"}
	}
	return nil
}

// learnerMay: of the own, and nobody's grade but the own.
func learnerMay(p httpserver.Principal, e *event.Event, hmac func(string) string) error {
	switch d := e.Data.(type) {
	case *event.Erasure:
		if e.Subject != hmac(p.Learner) || len(d.Sequences) > 0 {
			return deny("a learner may ask to be forgotten, and nobody and nothing else to be")
		}
		return nil
	case *event.Answer:
		if d.GradedBy == event.GradedByInstructor {
			return deny("only an instructor or a producer writes answers with graded_by instructor")
		}
	}
	if e.Subject != p.Learner {
		return deny("subject %q is not you; a learner writes own events only", e.Subject)
	}
	return nil
}

// producerMay: from its own source, voids of that source's answers, and memberships
// of the cohorts that its token names.
func producerMay(p httpserver.Principal, e *event.Event) error {
	if e.Source != p.Source {
		return deny("source %q is not this token's source %q", e.Source, p.Source)
	}
	switch d := e.Data.(type) {
	case *event.Void:
		if d.Source != "" && d.Source != p.Source {
			return deny("the voided event's source %q is not this token's source %q", d.Source, p.Source)
		}
	case *event.Membership:
		if !p.HasCohort(d.Cohort) {
			return deny("this token does not name cohort %q; make one with --cohort", d.Cohort)
		}
	}
	return nil
}

// instructorMay: of learners in own cohorts, and of answers only grades.
func instructorMay(ctx context.Context, p httpserver.Principal, e *event.Event, members Members) error {
	if a, ok := e.Data.(*event.Answer); ok && a.GradedBy != event.GradedByInstructor {
		return deny("an instructor writes answers with graded_by instructor only")
	}
	member, err := members.IsMember(ctx, e.Subject, p.Cohorts)
	if err != nil {
		return fmt.Errorf("ask whether %q is in a cohort: %w", e.Subject, err)
	}
	if !member {
		return deny("learner %q is in none of your cohorts", e.Subject)
	}
	return nil
}
