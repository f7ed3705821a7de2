package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/event"
)

// Config says what to simulate.
type Config struct {
	Seed     uint64    // another seed, another cohort
	Learners int       // at least 1
	Prefix   string    // of the learners' ids: "demo-" gives demo-001, demo-002 and on
	Cohort   string    // that all join at the start; empty: none
	Targets  []string  // levels that they prepare for, in turn; an empty one, or none: not told
	Source   string    // of all events
	From, To time.Time // the time simulated; times are whole microseconds, before To
	Events   int       // how many different events; joinings count
	Ability  float64   // of the cohort's mean learner, in logits above one who knows half; −3 to 3

	// Weak names concerns in which most learners are weak. Nil: up to three, as
	// the seed decides; empty: none.
	Weak []string

	Late    float64 // share of events, up to ½, that come after later ones
	Repeats float64 // share of events, up to ½, that come a second time, beyond Events
}

// Demo is the cohort that ships with Gapwise: eight weeks of study before to. With
// this seed its first learner, and the cohort as a whole, have something weak and
// something strong.
func Demo(to time.Time) Config {
	const week = 7 * 24 * time.Hour
	return Config{
		Seed: 91, Learners: 40, Prefix: "demo-", Cohort: "demo", Source: "gapwise/demo",
		From: to.Add(-8 * week), To: to, Events: 16_000, Ability: 0.7,
		Targets: []string{"", "senior", "", "intermediate", "", "staff"},
	}
}

// target returns the level that learner i prepares for, counted from 0; empty for none.
func (c *Config) target(i int) string {
	if len(c.Targets) == 0 {
		return ""
	}
	return c.Targets[i%len(c.Targets)]
}

// learner returns the id of learner i, counted from 0.
func (c *Config) learner(i int) string { return fmt.Sprintf("%s%03d", c.Prefix, i+1) }

// validate tells everything that is wrong.
func (c *Config) validate(course *catalog.Catalog) error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	least := 1
	if c.Cohort != "" {
		least = c.Learners
	}
	switch {
	case c.Learners < 1:
		add("%d learners: there must be at least 1", c.Learners)
	case c.Learners > 10_000_000:
		add("%d learners: there may be 10 million at most", c.Learners)
	case c.Events < least:
		add("%d events are too few for %d learners: each joins the cohort with one", c.Events, c.Learners)
	}
	if c.To.Sub(c.From) < time.Minute {
		add("the time from %s to %s is shorter than a minute", c.From.Format(time.RFC3339), c.To.Format(time.RFC3339))
	}
	for _, of := range []struct {
		name  string
		share float64
	}{{"late", c.Late}, {"repeated", c.Repeats}} {
		if !(of.share >= 0 && of.share <= 0.5) {
			add("the share of %s events is %v: it must be between 0 and 0.5", of.name, of.share)
		}
	}
	if !(c.Ability >= -3 && c.Ability <= 3) {
		add("ability is %v: must be -3 to 3", c.Ability)
	}
	wrong = append(wrong, c.validateCourse(course)...)
	// The names as they will go into events; the longest learner is the last one.
	for _, at := range []time.Time{c.From, c.To} {
		if err := c.check(at); err != nil {
			wrong = append(wrong, err)
			break
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("simulate: %w", errors.Join(wrong...))
	}
	return nil
}

// validateCourse tells what is wrong with the course, for a simulation.
func (c *Config) validateCourse(course *catalog.Catalog) (wrong []error) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, id := range c.Weak {
		if !hasConcern(course, id) {
			add("the course has no concern %q to be weak in", id)
		}
	}
	if len(course.Concerns) == 0 || len(course.Answerable()) == 0 {
		add("the course %s asks nothing: it needs concerns and items that are answered", course.Course)
	}
	if len(course.Items) >= maxItems {
		add("the course has %d items: there may be %d at most", len(course.Items), maxItems)
	}
	return wrong
}

// check asks package event whether names and times are valid.
func (c *Config) check(at time.Time) error {
	cohort := c.Cohort
	if cohort == "" {
		cohort = "none"
	}
	for i := range max(1, len(c.Targets)) {
		_, err := event.New(c.Source, "1", c.learner(c.Learners-1), at, &event.Membership{Cohort: cohort, Joined: true, Target: c.target(i)})
		if err != nil {
			return err
		}
	}
	return nil
}

func hasConcern(course *catalog.Catalog, id string) bool {
	for i := range course.Concerns {
		if course.Concerns[i].ID == id {
			return true
		}
	}
	return false
}

// run names the run: the same for the same configuration and course.
func (c *Config) run(course *catalog.Catalog) string {
	h := sha256.New()
	// Nothing is written that depends on a time zone or on the order of a map.
	_, _ = fmt.Fprintf(h, "%d %d %q %q %q %d %d %d %v %t %q %v %v %q %q", // a hash never fails
		c.Seed, c.Learners, c.Prefix, c.Cohort, c.Source, c.From.UnixMicro(), c.To.UnixMicro(),
		c.Events, c.Ability, c.Weak == nil, c.Weak, c.Late, c.Repeats, course.Course, course.Version)
	return hex.EncodeToString(h.Sum(nil)[:6])
}
