package evaluate

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gapwise/gapwise/internal/dataset"
	"github.com/gapwise/gapwise/internal/mastery"
)

// Folds is how many parts the learners are divided into.
const Folds = 5

// Set is a file of answers as models see it.
type Set struct {
	Name   string
	Users  []string
	Course mastery.Course // skills are its topics
	Skills []string

	learners [][]mastery.Answer // by user, in the order of their times
	fold     []int              // by user
	answers  int
	timed    bool // there are times; else only the order is known
}

// NewSet arranges a file's answers: by learner, each sorted by time, equal times
// in the order of the file. An item has all skills that any of its rows names,
// as in a course derived from the file; one without skills belongs to a topic of
// its own kind.
func NewSet(name string, data *dataset.Set) (*Set, error) {
	if len(data.Answers) == 0 {
		return nil, errors.New("there is no answer to evaluate a model on")
	}
	s := &Set{
		Name: name, Users: data.Users, Skills: slices.Clone(data.Skills), answers: len(data.Answers),
		learners: make([][]mastery.Answer, len(data.Users)), fold: make([]int, len(data.Users)),
	}
	s.Course.Items = make([]mastery.CourseItem, len(data.Items))
	skills := make([][]int, len(data.Items))
	for i := range data.Answers {
		a := &data.Answers[i]
		for _, k := range data.SkillsOf(a) {
			if !slices.Contains(skills[a.Item], int(k)) {
				skills[a.Item] = append(skills[a.Item], int(k))
			}
		}
		at := mastery.NoTime
		if a.Time != 0 {
			at, s.timed = a.Time, true
		}
		s.learners[a.User] = append(s.learners[a.User], mastery.Answer{Item: int(a.Item), Score: a.Score, Time: at})
	}
	for i := range skills {
		if len(skills[i]) == 0 {
			skills[i] = []int{s.untagged()}
		}
		slices.Sort(skills[i])
		s.Course.Items[i] = mastery.CourseItem{Level: mastery.Intermediate, Tags: mastery.EqualTags(skills[i]...)}
	}
	s.Course.Topics = len(s.Skills)
	for u, name := range s.Users {
		slices.SortStableFunc(s.learners[u], func(a, b mastery.Answer) int { return cmp.Compare(a.Time, b.Time) })
		s.fold[u] = FoldOf(name)
	}
	return s, nil
}

// untagged returns the topic of items that no row gives a skill.
func (s *Set) untagged() int {
	const name = "(no skill)"
	if i := slices.Index(s.Skills, name); i >= 0 {
		return i
	}
	s.Skills = append(s.Skills, name)
	return len(s.Skills) - 1
}

// FoldOf returns which part a learner belongs to, whatever the file's order:
// the FNV-1a hash of the name, mixed by the finaliser of splitmix64, modulo the
// number of parts.
func FoldOf(user string) int {
	h := uint64(14695981039346656037)
	for _, b := range []byte(user) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return int((h ^ h>>31) % Folds)
}

// others returns the answers of the learners of all folds but one.
func (s *Set) others(fold int) [][]mastery.Answer {
	var list [][]mastery.Answer
	for u, answers := range s.learners {
		if s.fold[u] != fold {
			list = append(list, answers)
		}
	}
	return list
}

// turn is one answer of the whole stream.
type turn struct {
	user, position int
	mastery.Answer
}

// stream returns all answers in one order: by time, position within the learner,
// and user.
func (s *Set) stream() []turn {
	list := make([]turn, 0, s.answers)
	for u, answers := range s.learners {
		for i, a := range answers {
			list = append(list, turn{u, i, a})
		}
	}
	slices.SortFunc(list, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.position, b.position), cmp.Compare(s.Users[a.user], s.Users[b.user]))
	})
	return list
}

// topics returns an item's topics and weights.
func (s *Set) topics(item int) []mastery.Tag { return s.Course.Items[item].Tags }
