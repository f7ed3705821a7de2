package store_test

import (
	"encoding/json"
	"testing"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/internal/project"
)

// retagged is a course in which one item has the concerns and chapters of another.
func retagged(t *testing.T, c *project.Course, item, like string) *project.Course {
	t.Helper()
	text, err := c.Catalog.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	delete(document, "version")
	delete(document, "promises")
	byID := map[string]map[string]any{}
	items, _ := document["items"].([]any)
	for _, it := range items {
		it, _ := it.(map[string]any)
		id, _ := it["id"].(string)
		byID[id] = it
	}
	byID[item]["concerns"], byID[item]["chapters"] = byID[like]["concerns"], byID[like]["chapters"]
	if text, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	changed, err := catalog.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	course, err := project.NewCourse(changed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return course
}
