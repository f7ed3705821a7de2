package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gapwise/gapwise/internal/httpserver"
)

// tokenVerb prints a token for someone.
func (t *terminal) tokenVerb() *cobra.Command {
	var claims httpserver.Claims
	var role string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a token for a person or a program",
		Long:  `Print a token, signed with the key in the data folder (auth.keys).`,
		Example: `  gapwise token --role instructor --cohort spring
  gapwise token --role learner --learner ada
  gapwise token --role producer --source https://lms.example --cohort spring
  gapwise token --role operator --expires 1h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.config(cmd)
			if err != nil {
				return err
			}
			claims.Role = httpserver.Role(role)
			token, err := mint(c, claims)
			if err != nil {
				return err
			}
			fmt.Fprintln(t.out, token)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&role, "role", "", "operator, instructor, learner or producer")
	flags.StringSliceVar(&claims.Cohorts, "cohort", nil, "cohort of an instructor, or one that a producer may join learners to (repeat for more)")
	flags.StringVar(&claims.Learner, "learner", "", "the learner's id")
	flags.StringVar(&claims.Source, "source", "", "the source that a producer writes as")
	flags.DurationVar(&claims.Life, "expires", 30*24*time.Hour, "how long it is good for")
	return cmd
}

// mint signs a token with the keys of the data folder. It never makes keys: a
// token of keys that no server has would be good for nothing.
func mint(c *Config, claims httpserver.Claims) (string, error) {
	if err := claims.Validate(); err != nil {
		return "", &usageError{err}
	}
	path := keysPath(c)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no keys at %s: start gapwise once with this data.dir, or point --data-dir (or auth.keys) at the running one's", path)
	}
	keys, err := httpserver.OpenKeys(path)
	if err != nil {
		return "", err
	}
	return keys.Mint(claims)
}

// keysPath is where the keys of tokens are.
func keysPath(c *Config) string {
	if c.Auth.Keys != "" {
		return c.Auth.Keys
	}
	return filepath.Join(c.Data.Dir, "keys", "tokens.json")
}
