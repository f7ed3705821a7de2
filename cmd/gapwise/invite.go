package main

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
	"github.com/gapwise/gapwise/internal/query"
)

// invitation is a link that signs someone in.
type invitation struct {
	Role    string    `json:"role"`
	Cohort  string    `json:"cohort,omitempty"`
	Learner string    `json:"learner,omitempty"`
	Expires time.Time `json:"expires"`
	URL     string    `json:"url"`
}

func (t *terminal) cohortInviteVerb() *cobra.Command {
	var cohort, role, learner string
	var life time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Print sign-in links for a cohort's instructor or learners",
		Long: `Print links that sign people in: one for the cohort's instructor, or with --role
learner one for each of its learners, or for one. Whoever has a link has its rights until
it expires: hand it to that person only.`,
		Example: `  gapwise cohort invite --cohort spring
  gapwise cohort invite --cohort spring --role learner
  gapwise cohort invite --role learner --learner ada --expires 24h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			learners := []string{learner}
			switch {
			case role != string(httpserver.RoleInstructor) && role != string(httpserver.RoleLearner):
				return usagef("--role %q is neither instructor nor learner", role)
			case role == string(httpserver.RoleInstructor) && cohort == "":
				return usagef("say with --cohort whose instructor is invited")
			case role == string(httpserver.RoleInstructor) && learner != "":
				return usagef("--learner goes with --role learner")
			case role == string(httpserver.RoleLearner) && cohort == "" && learner == "":
				return usagef("say with --cohort or --learner who is invited")
			case role == string(httpserver.RoleLearner) && learner == "":
				var err error
				if learners, err = t.membersOf(cmd, cohort); err != nil {
					return err
				}
			}
			return t.invite(cmd, httpserver.Claims{Role: httpserver.Role(role), Life: life}, cohort, learners, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cohort, "cohort", "", "the cohort")
	flags.StringVar(&role, "role", string(httpserver.RoleInstructor), "instructor or learner")
	flags.StringVar(&learner, "learner", "", "invite this learner only")
	flags.DurationVar(&life, "expires", 7*24*time.Hour, "how long the links are good for")
	flags.BoolVar(&asJSON, "json", false, "print the links as JSON")
	addClientFlags(cmd)
	return cmd
}

// membersOf lists the members of a cohort by their names.
func (t *terminal) membersOf(cmd *cobra.Command, cohort string) ([]string, error) {
	c, err := t.newClient(cmd, httpserver.Claims{Role: httpserver.RoleOperator})
	if err != nil {
		return nil, err
	}
	var learners []string
	if err := eachMember(cmd, c, cohort, func(m query.MemberSummary) { learners = append(learners, m.Learner) }); err != nil {
		return nil, err
	}
	if len(learners) == 0 {
		return nil, fmt.Errorf("nobody is a member of %s; gapwise cohort add adds learners", cohort)
	}
	slices.Sort(learners)
	return learners, nil
}

func (t *terminal) invite(cmd *cobra.Command, claims httpserver.Claims, cohort string, learners []string, asJSON bool) error {
	c, err := t.config(cmd)
	if err != nil {
		return err
	}
	base, _ := cmd.Flags().GetString("url")
	if base == "" {
		base = localURL(c)
	}
	var invitations []invitation
	for _, learner := range learners {
		next := "/learners/" + url.PathEscape(learner)
		if claims.Role == httpserver.RoleInstructor {
			claims.Cohorts, next = []string{cohort}, "/cohorts/"+url.PathEscape(cohort)
		}
		claims.Learner = learner
		token, err := mint(c, claims)
		if err != nil {
			return err
		}
		invitations = append(invitations, invitation{
			Role: string(claims.Role), Cohort: cohort, Learner: learner,
			Expires: time.Now().Add(claims.Life).UTC().Truncate(time.Second), URL: signInLink(base, token, next),
		})
	}
	if asJSON {
		return t.printJSON(invitations)
	}
	for _, i := range invitations {
		who := "instructor of " + i.Cohort
		if i.Learner != "" {
			who = i.Learner
		}
		fmt.Fprintf(t.out, "%s  %s\n", who, i.URL)
	}
	return nil
}
