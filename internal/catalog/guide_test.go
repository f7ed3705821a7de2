package catalog_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gapwise/gapwise/internal/catalog"
	"github.com/gapwise/gapwise/schemas"
)

// TestGuide holds the built-in guide to everything that lint knows: counts,
// rubrics, reachability, placement.
func TestGuide(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range catalog.Lint(c, catalog.Options{}) {
		t.Error(p)
	}
}

// TestGuideSaysWhatIsTested finds each subject of which the source says what
// interviewers really test on the items that ask about it.
func TestGuideSaysWhatIsTested(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	subjects := map[string]string{
		"CAP theorem": "pair-cap-theorem", "microservices": "microservices-are-modern", "caching": "pair-caching", "database choice": "pair-database-choice",
		"system design": "pair-system-design", "scaling": "pair-scaling", "authentication": "security-review-of-a-service", "concurrency": "lost-update",
		"testing strategy": "pair-testing-strategy", "incident response": "pair-incident-response", "technical debt": "pair-technical-debt",
		"consensus": "cost-of-distributed-transactions", "operating system": "killed-without-a-trace", "database internals": "covering-index",
		"serverless": "lambda-costs-more", "gateways and meshes": "gateway-or-mesh", "real-time": "sse-or-websocket", "GraphQL": "graphql-federation-or-not",
		"ethics": "ethics-raise-a-concern", "the interview itself": "flaw-found-mid-interview",
	}
	if len(subjects) != 20 {
		t.Errorf("%d subjects, want 20", len(subjects))
	}
	for subject, id := range subjects {
		if it, ok := c.Item(id); !ok || it.Tests == "" {
			t.Errorf("%s: item %q doesn't say what is being tested", subject, id)
		}
	}
}

// TestGuideKeepsIDs holds the guide to ids that events may carry already: one
// that goes away turns answers into unmapped ones. New ids are added to the file.
func TestGuideKeepsIDs(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile(filepath.Join("testdata", "ids.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.Fields(string(known))
	for _, id := range ids {
		_, concern := c.Concern(id)
		_, chapter := c.Chapter(id)
		_, item := c.Item(id)
		if !concern && !chapter && !item {
			t.Errorf("%q is gone: ids are permanent, so bring it back", id)
		}
	}
	if n := len(c.Concerns) + len(c.Chapters) + len(c.Items); len(ids) != n {
		t.Errorf("testdata/ids.txt has %d ids, the guide %d: add the new ones", len(ids), n)
	}
}

// TestSchema holds the JSON Schema and the reader to the same files.
func TestSchema(t *testing.T) {
	schema := compile(t)
	for name, course := range map[string]fs.FS{"guide": os.DirFS("guide"), "documentation": example(t)} {
		files := 0
		err := fs.WalkDir(course, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files++
			text, err := fs.ReadFile(course, path)
			if err != nil {
				return err
			}
			if err := schema.Validate(instance(t, text)); err != nil {
				t.Errorf("%s: %s: %v", name, path, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if files == 0 {
			t.Errorf("%s: no files", name)
		}
	}
}

// TestSchemaRefuses checks that the schema is as strict as the reader where it
// can be.
func TestSchemaRefuses(t *testing.T) {
	schema := compile(t)
	for name, text := range map[string]string{
		"unknown key":               "courze: x",
		"upper-case id":             "course: X",
		"importance of nothing":     "concerns: [{id: a, title: A, importance: 0}]",
		"item without concerns":     "items: [{id: a, kind: quickfire, level: senior, prompt: P, concerns: {}}]",
		"checklist without section": "items: [{id: a, kind: checklist, level: senior, prompt: P, concerns: {b: 1}}]",
		"followup without parent":   "items: [{id: a, kind: followup, level: senior, prompt: P, concerns: {b: 1}}]",
		"unknown count":             "promises: {counts: {sheep: 3}}",
	} {
		if err := schema.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s: the schema accepts %s", name, text)
		}
	}
}

// TestDocumentation loads the course that docs/catalog.md shows.
func TestDocumentation(t *testing.T) {
	c, err := catalog.Parse(example(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range catalog.Lint(c, catalog.Options{}) {
		t.Error(p)
	}
	if len(c.Concerns) != 2 || len(c.Chapters) != 1 || len(c.Items) != 3 || len(c.Answerable()) != 2 {
		t.Errorf("the example has %d concerns, %d chapters, %d items, %d of them answerable", len(c.Concerns), len(c.Chapters), len(c.Items), len(c.Answerable()))
	}
}

var block = regexp.MustCompile("(?s)`([a-z/]+\\.yaml)`:\n\n```yaml\n(.*?)```")

// example takes the course out of the documentation, so that what people copy
// is what is tested.
func example(t *testing.T) fs.FS {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "catalog.md"))
	if err != nil {
		t.Fatal(err)
	}
	course := fstest.MapFS{}
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		course[m[1]] = &fstest.MapFile{Data: []byte(m[2])}
	}
	if len(course) != 2 {
		t.Fatalf("docs/catalog.md shows %d files, not 2", len(course))
	}
	return course
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Catalog))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("catalog.schema.json", text); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("catalog.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instance turns YAML into what the validator takes, by way of JSON.
func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
