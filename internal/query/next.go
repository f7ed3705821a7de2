package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/mastery"
	"github.com/gapwise/gapwise/internal/project"
)

// nextItems is how many items a recommendation names.
const nextItems = 5

// NextTopics recommends concerns to study next, best first, with the reason in
// words. Instructors' pins come first, what they excluded is left out.
func (s *Service) NextTopics(ctx context.Context, learner string, m Measure, limit int, at Moment) (*NextTopics, error) {
	v, err := s.view(ctx, at)
	if err != nil {
		return nil, err
	}
	known, err := s.known(ctx, v, project.ByConcern, learner)
	if err != nil {
		return nil, err
	}
	steerings, err := s.Store.Steerings(ctx, v.Facts, learner, v.at)
	if err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, v, m, []string{learner})
	if err != nil {
		return nil, err
	}
	model, target := &v.Course.Lenses[project.ByConcern], targets.of(learner)
	estimates := make([]mastery.Estimate, len(model.Topics))
	for k := range estimates {
		estimates[k] = model.MasteryAgainst(known.State, k, target, v.now())
	}
	next := &NextTopics{Basis: v.basis, Learner: learner, Target: levelName(target), Topics: []NextTopic{}}
	for _, r := range mastery.Rank(candidates(model, known.State, estimates, steerings, v.now()), limit) {
		next.Topics = append(next.Topics, s.recommend(v, known.State, estimates, r))
	}
	return next, nil
}

func candidates(model *project.LensModel, state *mastery.State, estimates []mastery.Estimate, steerings []Steering, now int64) []mastery.Candidate {
	list := make([]mastery.Candidate, len(model.Topics))
	for k := range model.Topics {
		topic := &model.Topics[k]
		c := mastery.Candidate{Topic: k, Importance: topic.Importance, Mastery: estimates[k].Mean}
		if t, practised := state.Topic(k); practised {
			c.Recent = t.Recent(now)
		}
		for _, p := range topic.Prerequisites {
			c.Prerequisites = append(c.Prerequisites, mastery.Prerequisite{Topic: p, Mastery: estimates[p].Mean})
		}
		for _, steering := range steerings {
			if steering.Topic == topic.ID {
				c.Pinned, c.Excluded = steering.Pinned, !steering.Pinned
			}
		}
		list[k] = c
	}
	return list
}

func (s *Service) recommend(v *view, state *mastery.State, estimates []mastery.Estimate, r mastery.Recommendation) NextTopic {
	model := &v.Course.Lenses[project.ByConcern]
	topic := &model.Topics[r.Topic]
	n := NextTopic{
		ID: topic.ID, Title: topic.Title, Priority: r.Priority,
		Factors: Factors{
			Importance: r.Importance, Need: r.Need, Ready: r.Ready, Freshness: r.Freshness, Recent: r.Recent, Pinned: r.Pinned,
		},
		Reason:   reason(model, state, estimates, r, v.at.Time),
		Chapters: []ChapterRef{}, Items: suggest(v.Course.Catalog, model, state, r.Topic),
	}
	if estimates[r.Topic].N > 0 {
		n.Factors.Mastery = &r.Mastery
	}
	if r.Blocker != nil {
		n.Factors.Prerequisite = model.Topics[r.Blocker.Topic].ID
	}
	for _, id := range topic.Chapters {
		if c, ok := v.Course.Catalog.Chapter(id); ok {
			n.Chapters = append(n.Chapters, ChapterRef{c.ID, c.Title, c.URL})
		}
	}
	return n
}

// reason puts the factors into words. What was not measured is said so: an
// estimate that rests on no answer is never quoted.
func reason(model *project.LensModel, state *mastery.State, estimates []mastery.Estimate, r mastery.Recommendation, now time.Time) string {
	var parts []string
	if r.Pinned {
		parts = append(parts, "pinned by an instructor")
	}
	estimate := estimates[r.Topic]
	if t, measured := state.Topic(r.Topic); measured {
		parts = append(parts, fmt.Sprintf("mastery %s (%s–%s) from %s",
			percent(estimate.Mean), strings.TrimSuffix(percent(estimate.Low), "%"), percent(estimate.High), count(int(t.N), "answer")),
			"last practised "+ago(now.Sub(time.UnixMicro(t.Last))))
		if r.Recent >= 5 {
			parts = append(parts, "practised often lately")
		}
	} else {
		parts = append(parts, "not measured yet")
	}
	for _, p := range r.Prerequisites {
		name := model.Topics[p.Topic].Title
		if estimates[p.Topic].N == 0 {
			parts = append(parts, fmt.Sprintf("prerequisite %s not measured yet", name))
		} else {
			parts = append(parts, fmt.Sprintf("prerequisite %s at %s", name, percent(p.Mastery)))
		}
	}
	return strings.Join(parts, "; ")
}

func percent(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ago says how long something is past, in the unit a person would use.
func ago(d time.Duration) string {
	switch {
	case d < time.Hour:
		return "less than an hour ago"
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour") + " ago"
	}
	return count(int(d/(24*time.Hour)), "day") + " ago"
}

// suggest names items of a topic to work on: those never answered first, then
// those answered least well; among equals the ones most about the topic. Lines of
// the checklist come last: a tick shows nothing, an answer does.
func suggest(course *catalog.Catalog, model *project.LensModel, state *mastery.State, topic int) []string {
	type candidate struct {
		id            string
		tried, weight float64
	}
	var list []candidate
	for i := range model.Parameters.Items {
		tags := model.Parameters.Items[i].Tags
		k := slices.IndexFunc(tags, func(t mastery.Tag) bool { return t.Topic == topic })
		if k < 0 {
			continue
		}
		c := candidate{id: model.Items[i], weight: tags[k].Weight}
		if right, wrong := state.Item(i); right+wrong > 0 {
			c.tried = 1 + right/(right+wrong)
		}
		if item, ok := course.Item(c.id); ok && !item.Answerable() {
			c.tried = 3
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		switch {
		case a.tried < b.tried, a.tried == b.tried && a.weight > b.weight:
			return -1
		case a.tried == b.tried && a.weight == b.weight:
			return 0
		}
		return 1
	})
	ids := make([]string, 0, nextItems)
	for _, c := range list[:min(nextItems, len(list))] {
		ids = append(ids, c.id)
	}
	return ids
}
