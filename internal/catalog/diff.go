package catalog

import (
	"io/fs"
	"os"
	"reflect"
)

// Diff says what one version of a course changes against another, by ids in the order
// of the courses.
type Diff struct {
	AddedItems []string `json:"added_items"`
	GoneItems  []string `json:"gone_items"` // answers to them stay facts, and count nowhere
	// RetaggedItems have other concerns, weights or chapters: their answers, those given
	// long ago too, count elsewhere.
	RetaggedItems  []string `json:"retagged_items"`
	ReleveledItems []string `json:"releveled_items"` // another level, or no longer ticked but answered
	RewordedItems  []string `json:"reworded_items"`  // only what people read of them
	AddedTopics    []string `json:"added_topics"`    // concerns and chapters
	GoneTopics     []string `json:"gone_topics"`
	ChangedTopics  []string `json:"changed_topics"` // title, importance, prerequisites, chapters
}

// Compare tells what a version changes against the one before.
func Compare(before, after *Catalog) Diff {
	d := Diff{
		AddedItems: []string{}, GoneItems: []string{}, RetaggedItems: []string{}, ReleveledItems: []string{}, RewordedItems: []string{},
		AddedTopics: []string{}, GoneTopics: []string{}, ChangedTopics: []string{},
	}
	for i := range after.Items {
		now := &after.Items[i]
		was, known := before.Item(now.ID)
		switch {
		case !known:
			d.AddedItems = append(d.AddedItems, now.ID)
		case !reflect.DeepEqual(was.Concerns, now.Concerns) || !reflect.DeepEqual(was.Chapters, now.Chapters):
			d.RetaggedItems = append(d.RetaggedItems, now.ID)
		case was.Level != now.Level || was.Answerable() != now.Answerable():
			d.ReleveledItems = append(d.ReleveledItems, now.ID)
		case !reflect.DeepEqual(was, now):
			d.RewordedItems = append(d.RewordedItems, now.ID)
		}
	}
	for i := range before.Items {
		if _, stays := after.Item(before.Items[i].ID); !stays {
			d.GoneItems = append(d.GoneItems, before.Items[i].ID)
		}
	}
	compareTopics(&d, before.Concerns, after.Concerns, func(c *Concern) string { return c.ID }, before.Concern, after.Concern)
	compareTopics(&d, before.Chapters, after.Chapters, func(c *Chapter) string { return c.ID }, before.Chapter, after.Chapter)
	return d
}

func compareTopics[T any](d *Diff, before, after []T, id func(*T) string, was, is func(string) (*T, bool)) {
	for i := range after {
		name := id(&after[i])
		old, known := was(name)
		switch {
		case !known:
			d.AddedTopics = append(d.AddedTopics, name)
		case !reflect.DeepEqual(old, &after[i]):
			d.ChangedTopics = append(d.ChangedTopics, name)
		}
	}
	for i := range before {
		name := id(&before[i])
		if _, stays := is(name); !stays {
			d.GoneTopics = append(d.GoneTopics, name)
		}
	}
}

// CopyBuiltin writes the files of the built-in guide into a folder, to be edited. It
// fails where one of them is there already.
func CopyBuiltin(dir string) error {
	folder, err := fs.Sub(guide, "guide")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, folder)
}
