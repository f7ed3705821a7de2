package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// The files of a written course. Only the struct tags here decide how a course
// looks on disk; decode.go reads it.
type (
	courseFile struct {
		Course    string        `yaml:"course"`
		Title     string        `yaml:"title"`
		Promises  *promisesYAML `yaml:"promises,omitempty"`
		Sections  []sectionYAML `yaml:"sections,omitempty"`
		Placement []string      `yaml:"placement,omitempty"`
	}
	concernsFile struct {
		Concerns []concernYAML `yaml:"concerns"`
	}
	chaptersFile struct {
		Chapters []chapterYAML `yaml:"chapters"`
	}
	itemsFile struct {
		Items []itemYAML `yaml:"items"`
	}

	promisesYAML struct {
		ItemsPerConcern int            `yaml:"items_per_concern,omitempty"`
		ItemsPerChapter int            `yaml:"items_per_chapter,omitempty"`
		Choices         int            `yaml:"choices,omitempty"`
		Rubrics         bool           `yaml:"rubrics,omitempty"`
		Counts          map[string]int `yaml:"counts,omitempty"`
	}
	sectionYAML struct {
		ID    string `yaml:"id"`
		Title string `yaml:"title"`
	}
	concernYAML struct {
		ID            string   `yaml:"id"`
		Title         string   `yaml:"title"`
		Summary       string   `yaml:"summary,omitempty"`
		Importance    float64  `yaml:"importance"`
		Prerequisites []string `yaml:"prerequisites,omitempty,flow"`
		Chapters      []string `yaml:"chapters,omitempty,flow"`
		Origin        string   `yaml:"origin,omitempty"`
	}
	chapterYAML struct {
		ID            string   `yaml:"id"`
		Title         string   `yaml:"title"`
		URL           string   `yaml:"url,omitempty"`
		Note          string   `yaml:"note,omitempty"`
		Prerequisites []string `yaml:"prerequisites,omitempty,flow"`
		Origin        string   `yaml:"origin,omitempty"`
	}
	itemYAML struct {
		ID       string       `yaml:"id"`
		Kind     Kind         `yaml:"kind"`
		Level    Level        `yaml:"level"`
		LevelTo  Level        `yaml:"level_to,omitempty"`
		Judged   bool         `yaml:"judged,omitempty"`
		Origin   string       `yaml:"origin,omitempty"`
		Section  string       `yaml:"section,omitempty"`
		Parent   string       `yaml:"parent,omitempty"`
		Deeper   bool         `yaml:"deeper,omitempty"`
		Concerns Weights      `yaml:"concerns"`
		Chapters []string     `yaml:"chapters,omitempty,flow"`
		Prompt   string       `yaml:"prompt"`
		Tests    string       `yaml:"tests,omitempty"`
		Points   []pointYAML  `yaml:"points,omitempty"`
		Pitfalls []string     `yaml:"pitfalls,omitempty"`
		Choices  []choiceYAML `yaml:"choices,omitempty"`
	}
	pointYAML struct {
		ID    string `yaml:"id"`
		Level Level  `yaml:"level,omitempty"`
		Text  string `yaml:"text"`
	}
	choiceYAML struct {
		ID            string `yaml:"id"`
		Right         bool   `yaml:"right,omitempty"`
		Text          string `yaml:"text"`
		Misconception string `yaml:"misconception,omitempty"`
	}
)

// MarshalYAML writes {concern: weight, …} on one line, heaviest first.
func (ws Weights) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, w := range ws {
		key := &yaml.Node{}
		key.SetString(w.ID)
		value := &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(w.Weight, 'g', -1, 64)}
		n.Content = append(n.Content, key, value)
	}
	return n, nil
}

// Write writes the course into the folder dir, which it creates: course.yaml,
// concerns.yaml, chapters.yaml, and the items in a file a kind. Files that an
// earlier Write left there are replaced; a folder with other course files is
// refused, since they would become part of this course.
func (c *Catalog) Write(dir string) error {
	files := c.files()
	there, err := courseFiles(os.DirFS(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write course: %w", err)
	}
	for _, name := range there {
		if _, ours := files[name]; !ours {
			return fmt.Errorf("write course: %s holds %s, which would become part of this course: name an empty folder", dir, name)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "items"), 0o755); err != nil {
		return fmt.Errorf("write course: %w", err)
	}
	for name, content := range files {
		text, err := yaml.Marshal(content)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := replace(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return fmt.Errorf("write course: %w", err)
		}
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(name string, text []byte) error {
	if err := os.WriteFile(name+".part", text, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}

// files lays the course out in files, by name.
func (c *Catalog) files() map[string]any {
	head := courseFile{Course: c.Course, Title: c.Title, Placement: c.Placement}
	if p := promisesYAML(c.Promises); p.Rubrics || p.ItemsPerConcern+p.ItemsPerChapter+p.Choices+len(p.Counts) > 0 {
		head.Promises = &p
	}
	for _, s := range c.Sections {
		head.Sections = append(head.Sections, sectionYAML(s))
	}
	var concerns concernsFile
	for _, v := range c.Concerns {
		concerns.Concerns = append(concerns.Concerns, concernYAML(v))
	}
	files := map[string]any{"course.yaml": head, "concerns.yaml": concerns}
	if len(c.Chapters) > 0 {
		var chapters chaptersFile
		for _, v := range c.Chapters {
			chapters.Chapters = append(chapters.Chapters, chapterYAML(v))
		}
		files["chapters.yaml"] = chapters
	}
	for _, k := range Kinds() {
		var items itemsFile
		for i := range c.Items {
			if c.Items[i].Kind == k {
				items.Items = append(items.Items, forYAML(&c.Items[i]))
			}
		}
		if len(items.Items) > 0 {
			files["items/"+string(k)+".yaml"] = items
		}
	}
	return files
}

func forYAML(it *Item) itemYAML {
	y := itemYAML{
		ID: it.ID, Kind: it.Kind, Level: it.Level, LevelTo: it.LevelTo, Judged: it.Judged, Origin: it.Origin,
		Section: it.Section, Parent: it.Parent, Deeper: it.Deeper, Concerns: it.Concerns, Chapters: slices.Clone(it.Chapters),
		Prompt: it.Prompt, Tests: it.Tests, Pitfalls: it.Pitfalls,
	}
	for _, p := range it.Points {
		y.Points = append(y.Points, pointYAML{ID: p.ID, Level: p.Level, Text: p.Text})
	}
	for _, ch := range it.Choices {
		y.Choices = append(y.Choices, choiceYAML{ID: ch.ID, Right: ch.Right, Text: ch.Text, Misconception: ch.Misconception})
	}
	return y
}
