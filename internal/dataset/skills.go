package dataset

import (
	"slices"
	"strings"
)

// Skills reads the remaining rows and returns every item with all skills that
// its rows name, in byte order and as the file spells them: what catalog.Derive
// takes. An item whose rows name none has an empty list, which Derive refuses.
func (r *Reader) Skills() (map[string][]string, error) {
	items := make(map[string][]string)
	for row := range r.Rows() {
		skills, known := items[row.Item]
		if !known {
			items[strings.Clone(row.Item)] = nil // the clone frees the name from its line
		}
		for _, skill := range row.Skills {
			if at, known := slices.BinarySearch(skills, skill); !known {
				skills = slices.Insert(skills, at, strings.Clone(skill))
				items[row.Item] = skills
			}
		}
	}
	return items, r.Err()
}
