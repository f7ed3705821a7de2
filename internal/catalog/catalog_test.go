package catalog_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gapwise/gapwise/internal/catalog"
)

const small = `course: small
title: Small
concerns:
  - id: one
    title: One
    summary: What is one?
    importance: 1
  - id: two
    title: Two
    importance: 0.5
    prerequisites: [one]
    chapters: [intro]
chapters:
  - {id: intro, title: Introduction, url: "https://example.org/intro"}
sections:
  - {id: basics, title: Basics}
placement: [why-one]
items:
  - id: why-one
    kind: quickfire
    level: senior
    level_to: staff
    concerns: {one: 0.25, two: 0.75}
    chapters: [intro]
    prompt: Why is there one?
    points: [{id: because, text: Because.}, {id: since, text: Since., level: staff}]
    pitfalls: [Says nothing.]
    choices: [{id: a, text: A, right: true}, {id: b, text: B, misconception: Believes in B}]
  - {id: and-then, kind: followup, parent: why-one, level: senior, concerns: {one: 1}, prompt: "And then?", deeper: true}
  - {id: i-can, kind: checklist, section: basics, level: foundational, concerns: {two: 1}, prompt: I can count.}
`

func parse(t *testing.T, files map[string]string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(folder(files))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func folder(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestParse(t *testing.T) {
	c := parse(t, map[string]string{"course.yaml": small, ".hidden.yaml": "x: 1", "README.md": "# hello"})
	it, ok := c.Item("why-one")
	if !ok || it.Level != catalog.Senior || it.LevelTo != catalog.Staff || !it.Answerable() {
		t.Errorf("item: %+v", it)
	}
	if want := (catalog.Weights{{ID: "two", Weight: 0.75}, {ID: "one", Weight: 0.25}}); !slices.Equal(it.Concerns, want) {
		t.Errorf("weights are %v, want %v, heaviest first", it.Concerns, want)
	}
	if concern, ok := c.Concern("two"); !ok || concern.Importance != 0.5 || !slices.Equal(concern.Prerequisites, []string{"one"}) {
		t.Errorf("concern: %+v", concern)
	}
	if chapter, ok := c.Chapter("intro"); !ok || chapter.URL != "https://example.org/intro" {
		t.Errorf("chapter: %+v", chapter)
	}
	if _, ok := c.Item("nobody"); ok {
		t.Error("an item that isn't there was found")
	}
	if n := len(c.Answerable()); n != 2 {
		t.Errorf("%d answerable items, want 2: the checklist is ticked", n)
	}
}

func TestVersion(t *testing.T) {
	base := parse(t, map[string]string{"course.yaml": small}).Version
	if !strings.HasPrefix(base, "small-") || len(base) != len("small-")+10 {
		t.Errorf("version %q isn't the course and ten digits", base)
	}
	head, items, _ := strings.Cut(small, "items:\n")
	entries := strings.SplitAfter(items, "Believes in B}]\n")
	for name, files := range map[string]map[string]string{
		"comments":        {"course.yaml": "# hello\n" + strings.ReplaceAll(small, "importance: 1\n", "importance: 1.0  # much\n")},
		"two files":       {"course.yaml": head, "items/a.yaml": "items:\n" + items},
		"names of files":  {"z.yaml": head, "a/b.yaml": "items:\n" + items},
		"order of items":  {"course.yaml": head + "items:\n" + entries[1] + entries[0]},
		"order of keys":   {"course.yaml": strings.Replace(small, "course: small\ntitle: Small\n", "title: Small\ncourse: small\n", 1)},
		"order of weight": {"course.yaml": strings.Replace(small, "{one: 0.25, two: 0.75}", "{two: .75, one: .25}", 1)},
		"outer spaces":    {"course.yaml": strings.Replace(small, "What is one?", "\"What is one? \"", 1)},
	} {
		if got := parse(t, files).Version; got != base {
			t.Errorf("%s changed the version from %s to %s", name, base, got)
		}
	}
	seen := map[string]string{base: "nothing"}
	for old, changed := range map[string]string{
		"course: small": "course: smaller", "title: Small": "title: Large", "title: One": "title: I", "What is one?": "What is 1?", "importance: 0.5": "importance: 0.6",
		"prerequisites: [one]": "prerequisites: []", "chapters: [intro]\nchapters": "chapters: []\nchapters", "title: Introduction": "title: Intro",
		"org/intro": "org/start", "title: Basics": "title: Basic", "placement: [why-one]": "placement: []", "kind: quickfire": "kind: judgment", "level_to: staff": "judged: true",
		"{one: 0.25, two: 0.75}": "{one: 0.3, two: 0.7}", "Why is there one?": "Why one?", "text: Because.": "text: So.", "id: because": "id: so", "text: Since., level: staff": "text: Since.",
		"Says nothing.": "Says no.", "text: A, right: true": "text: AA, right: true", "Believes in B": "Believes in b", "deeper: true": "deeper: false", "I can count.": "I can add.",
		"level: foundational": "level: staff",
	} {
		if !strings.Contains(small, old) {
			t.Fatalf("the course doesn't contain %q", old)
		}
		v := parse(t, map[string]string{"course.yaml": strings.Replace(small, old, changed, 1)}).Version
		if other, twice := seen[v]; twice {
			t.Errorf("%q has the same version as %q", changed, other)
		}
		seen[v] = changed
	}
}

func TestEncode(t *testing.T) {
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*catalog.Catalog{parse(t, map[string]string{"course.yaml": small}), guide} {
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := catalog.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back.Version != c.Version || !bytes.Equal(text, again) {
			t.Errorf("%s became %s by encoding and decoding", c.Version, back.Version)
		}
		forged := bytes.Replace(text, []byte(`"importance":1`), []byte(`"importance":0.9`), 1)
		if _, err := catalog.Decode(forged); err == nil || !strings.Contains(err.Error(), "but its content is that of") {
			t.Errorf("a changed document was decoded: %v", err)
		}
	}
}

// TestContract holds the document to the keys that others rely on.
func TestContract(t *testing.T) {
	text, err := parse(t, map[string]string{"course.yaml": small}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	has := func(what string, v any, keys ...string) {
		m, _ := v.(map[string]any)
		for _, k := range keys {
			if m[k] == nil {
				t.Errorf("%s has no %q: %v", what, k, m)
			}
		}
	}
	has("the catalog", doc, "version", "concerns", "chapters", "items")
	for _, v := range doc["concerns"].([]any) {
		has("a concern", v, "id", "title", "importance", "prerequisites", "chapters")
	}
	for _, v := range doc["chapters"].([]any) {
		has("a chapter", v, "id", "title", "url")
	}
	for _, v := range doc["items"].([]any) {
		has("an item", v, "id", "kind", "level", "concerns", "chapters")
	}
	if got := doc["items"].([]any)[0].(map[string]any)["concerns"]; !reflect.DeepEqual(got, map[string]any{"one": 0.25, "two": 0.75}) {
		t.Errorf("concerns of an item are %v", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON":    `{`,
		"unknown key": `{"course":"a","sheep":1}`,
		"two values":  `{} {}`,
		"empty":       `{}`,
		"null":        `null`,
		"list":        `[]`,
		"duplicate":   `{"course":"a","title":"A","concerns":[{"id":"b","title":"B","importance":1},{"id":"b","title":"B","importance":1}],"items":[{"id":"i","kind":"quickfire","level":"staff","prompt":"?","concerns":{"b":1}}]}`,
		"bad link":    `{"course":"a","title":"A","concerns":[{"id":"b","title":"B","importance":1}],"items":[{"id":"i","kind":"quickfire","level":"staff","prompt":"?","concerns":{"c":1}}]}`,
	} {
		if c, err := catalog.Decode([]byte(text)); err == nil {
			t.Errorf("%s was decoded to %+v", name, c)
		}
	}
}

func TestWrite(t *testing.T) {
	guide, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*catalog.Catalog{parse(t, map[string]string{"course.yaml": small}), guide} {
		dir := filepath.Join(t.TempDir(), "deep", "course")
		for range 2 { // the second one replaces the first
			if err := c.Write(dir); err != nil {
				t.Fatal(err)
			}
		}
		back, err := catalog.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if back.Version != c.Version {
			t.Errorf("%s became %s by writing and loading", c.Version, back.Version)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte("title: Mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := guide.Write(dir); err == nil || !strings.Contains(err.Error(), "mine.yaml") {
		t.Errorf("a folder with another course was written to: %v", err)
	}
}

func TestDerive(t *testing.T) {
	c, err := catalog.Derive("set", "A data set", map[string][]string{
		"7": {"6"}, "Q 1": {"6", "Año"}, "q-1": {"año", "6", "6"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Concerns) != 3 || len(c.Items) != 3 || len(c.Chapters) != 0 {
		t.Fatalf("derived %d concerns, %d items, %d chapters", len(c.Concerns), len(c.Items), len(c.Chapters))
	}
	it, ok := c.Item("7")
	if !ok || it.Prompt != "Item 7" || it.Kind != catalog.QuickFire || it.Level != catalog.Intermediate {
		t.Errorf("item 7: %+v", it)
	}
	if it, ok := c.Item(catalog.Slug("Q 1")); !ok || len(it.Concerns) != 2 || it.Concerns[0].Weight != 0.5 {
		t.Errorf("item Q 1: %+v", it)
	}
	if _, err := catalog.Derive("set", "A data set", map[string][]string{"7": nil}); err == nil || !strings.Contains(err.Error(), `"7" has no skills`) {
		t.Errorf("an item without skills: %v", err)
	}
}

// TestLarge writes and reads a course of the size of a public data set.
func TestLarge(t *testing.T) {
	items := make(map[string][]string, 12_000)
	for i := range 12_000 {
		items[strconv.Itoa(i)] = []string{strconv.Itoa(i % 120), strconv.Itoa(i % 7)}
	}
	c, err := catalog.Derive("large", "Large", items)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	back, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if back.Version != c.Version || len(back.Items) != 12_000 {
		t.Errorf("loaded %s with %d items, wrote %s", back.Version, len(back.Items), c.Version)
	}
}

func TestSlug(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a", "a-b", "A-b", "A B", "a_b", "a b", "-a", "año", "", "-", "日本", strings.Repeat("x", 300), strings.Repeat("x", 301), "7"} {
		slug := catalog.Slug(name)
		if other, twice := seen[slug]; twice {
			t.Errorf("%q and %q have the slug %q", name, other, slug)
		}
		if catalog.Slug(slug) != slug || len(slug) > 100 {
			t.Errorf("%q became %q, which is no slug", name, slug)
		}
		seen[slug] = name
	}
	if catalog.Slug("a-b") != "a-b" || catalog.Slug("7") != "7" {
		t.Error("a slug was changed")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("course: x\ntitle: &a {b: *a}\n")
	f.Add("items: [[[[{}]]]]\nconcerns: ~\n? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := catalog.Parse(folder(map[string]string{"course.yaml": text}))
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Errorf("an error with a catalog or without words: %v", err)
			}
			return
		}
		doc, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := catalog.Decode(doc)
		if err != nil || back.Version != c.Version {
			t.Errorf("what was parsed doesn't survive encoding: %v", err)
		}
		catalog.Lint(c, catalog.Options{Against: []io.Reader{strings.NewReader(text)}})
		for _, id := range []string{"", c.Concerns[0].ID, c.Items[0].ID} {
			if err := c.Show(io.Discard, id); err != nil {
				t.Error(err)
			}
		}
	})
}
