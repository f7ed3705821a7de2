package dataset

import (
	"fmt"
	"strings"
)

// Set is a whole file in memory, for fitting and evaluating models: names are
// replaced by their position in Users, Items and Skills.
type Set struct {
	Users, Items, Skills []string // in the order of their first row
	Answers              []Answer // in the order of the file
	skills               []int32  // of all answers, one after the other
}

// Answer is one row of a Set.
type Answer struct {
	User, Item  int32
	Time        int64 // microseconds since 1970; 0 where only the order is known
	Score       float64
	first, last int32 // the answer's part of Set.skills
}

// SkillsOf returns the answer's skills, as positions in Skills.
func (s *Set) SkillsOf(a *Answer) []int32 { return s.skills[a.first:a.last:a.last] }

// Load reads a file as a whole. Rows with problems are left out and told; the
// error is about the file. An answer takes about forty bytes.
func Load(path string, opts Options) (*Set, Problems, error) {
	r, err := Open(path, opts)
	if err != nil {
		return nil, Problems{}, err
	}
	defer func() { _ = r.Close() }() // only read
	set, err := r.Load()
	if err != nil {
		return nil, Problems{}, fmt.Errorf("%s: %w", path, err)
	}
	return set, r.Problems(), nil
}

// Load reads the remaining rows as a whole.
func (r *Reader) Load() (*Set, error) {
	set := &Set{}
	users, items, skills := newNames(&set.Users), newNames(&set.Items), newNames(&set.Skills)
	for row := range r.Rows() {
		a := Answer{
			User:  users.id(row.User),
			Item:  items.id(row.Item),
			Score: row.Score,
			first: int32(len(set.skills)),
		}
		if !row.Given.IsZero() {
			a.Time = row.Given.UnixMicro()
		}
		for _, name := range row.Skills {
			set.skills = append(set.skills, skills.id(name))
		}
		a.last = int32(len(set.skills))
		set.Answers = append(set.Answers, a)
	}
	return set, r.Err()
}

// names numbers strings in the order of their first use.
type names struct {
	list *[]string
	ids  map[string]int32
}

func newNames(list *[]string) names { return names{list: list, ids: make(map[string]int32)} }

func (n names) id(name string) int32 {
	id, known := n.ids[name]
	if !known {
		id = int32(len(*n.list))
		name = strings.Clone(name) // frees it from its line
		*n.list = append(*n.list, name)
		n.ids[name] = id
	}
	return id
}
