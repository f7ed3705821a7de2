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
	r := recommender{model: model, course: v.Course.Catalog, state: known.State, target: target, estimates: estimates, steerings: steerings, now: v.at.Time}
	next := &NextTopics{Basis: v.basis, Learner: learner, Target: levelName(target), Topics: []NextTopic{}}
	for _, ranked := range mastery.Rank(r.candidates(), limit) {
		next.Topics = append(next.Topics, r.recommend(ranked))
	}
	return next, nil
}

// recommender knows what recommendations to one learner rest on.
type recommender struct {
	model     *project.LensModel
	course    *catalog.Catalog
	state     *mastery.State
	target    mastery.Target
	estimates []mastery.Estimate // by topic
	steerings []Steering
	now       time.Time
}

func (r *recommender) candidates() []mastery.Candidate {
	list := make([]mastery.Candidate, len(r.model.Topics))
	for k := range r.model.Topics {
		topic := &r.model.Topics[k]
		c := mastery.Candidate{Topic: k, Importance: topic.Importance, Mastery: r.estimates[k].Mean}
		if t, practised := r.state.Topic(k); practised {
			c.Recent = t.Recent(r.now.UnixMicro())
		}
		for _, p := range topic.Prerequisites {
			c.Prerequisites = append(c.Prerequisites, mastery.Prerequisite{Topic: p, Mastery: r.estimates[p].Mean})
		}
		if steering, steered := r.steering(topic.ID); steered {
			c.Pinned, c.Excluded = steering.Pinned, !steering.Pinned
		}
		list[k] = c
	}
	return list
}

// steering returns an instructor's word on a topic, if there is one that holds.
func (r *recommender) steering(topic string) (Steering, bool) {
	i := slices.IndexFunc(r.steerings, func(s Steering) bool { return s.Topic == topic })
	if i < 0 {
		return Steering{}, false
	}
	return r.steerings[i], true
}

func (r *recommender) recommend(ranked mastery.Recommendation) NextTopic {
	topic := &r.model.Topics[ranked.Topic]
	n := NextTopic{
		ID: topic.ID, Title: topic.Title, Priority: ranked.Priority, Factors: r.factors(ranked),
		Chapters: []ChapterRef{}, Items: suggest(r.course, r.model, r.state, ranked.Topic),
	}
	n.Reason = n.Factors.reason(r.now)
	if steering, pinned := r.steering(topic.ID); pinned {
		n.Note = steering.Note
	}
	for _, id := range topic.Chapters {
		if c, ok := r.course.Chapter(id); ok {
			n.Chapters = append(n.Chapters, ChapterRef{c.ID, c.Title, c.URL})
		}
	}
	return n
}

// factors writes down all that a recommendation's priority and reason follow from.
// An estimate that rests on no answer is not among it.
func (r *recommender) factors(ranked mastery.Recommendation) Factors {
	used, _ := r.model.Against(ranked.Topic, r.target)
	f := Factors{
		Importance: ranked.Importance, Need: ranked.Need, Ready: ranked.Ready, Freshness: ranked.Freshness, Recent: ranked.Recent,
		Against: levelName(used), Prerequisites: []PrerequisiteFactor{}, Pinned: ranked.Pinned,
	}
	if t, measured := r.state.Topic(ranked.Topic); measured {
		e, last := r.estimates[ranked.Topic], time.UnixMicro(t.Last).UTC()
		f.Mastery, f.Low, f.High, f.Answers, f.LastPractised = &e.Mean, &e.Low, &e.High, int(t.N), &last
	}
	for _, p := range ranked.Prerequisites {
		factor := PrerequisiteFactor{ID: r.model.Topics[p.Topic].ID, Title: r.model.Topics[p.Topic].Title}
		if e := r.estimates[p.Topic]; e.N > 0 {
			factor.Mastery = &e.Mean
		}
		f.Prerequisites = append(f.Prerequisites, factor)
	}
	if ranked.Blocker != nil {
		f.Prerequisite = r.model.Topics[ranked.Blocker.Topic].ID
	}
	return f
}

// practisedOften is how many recent answers a reason calls often.
const practisedOften = 5

// reason puts the factors into words: those and nothing else.
func (f *Factors) reason(now time.Time) string {
	var parts []string
	if f.Pinned {
		parts = append(parts, "pinned by an instructor")
	}
	if f.Mastery == nil {
		parts = append(parts, "not measured yet")
	} else {
		parts = append(parts, fmt.Sprintf("mastery %s (%s–%s) from %s",
			percent(*f.Mastery), strings.TrimSuffix(percent(*f.Low), "%"), percent(*f.High), count(f.Answers, "answer")),
			"last practised "+ago(now.Sub(*f.LastPractised)))
		if f.Recent >= practisedOften {
			parts = append(parts, "practised often lately")
		}
	}
	for _, p := range f.Prerequisites {
		if p.Mastery == nil {
			parts = append(parts, fmt.Sprintf("prerequisite %s not measured yet", p.Title))
		} else {
			parts = append(parts, fmt.Sprintf("prerequisite %s at %s", p.Title, percent(*p.Mastery)))
		}
	}
	if f.Against != nil {
		parts = append(parts, "measured against "+*f.Against+" questions")
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
