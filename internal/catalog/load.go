package catalog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed guide
var guide embed.FS

// Builtin returns the guide that ships with Gapwise.
func Builtin() (*Catalog, error) {
	folder, err := fs.Sub(guide, "guide")
	if err != nil {
		return nil, fmt.Errorf("open built-in guide: %w", err)
	}
	c, err := Parse(folder)
	if err != nil {
		return nil, fmt.Errorf("read built-in guide: %w", err)
	}
	return c, nil
}

// Load reads the course in the folder dir.
func Load(dir string) (*Catalog, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("course folder %s does not exist: name a folder that holds a course.yaml", dir)
	case err != nil:
		return nil, fmt.Errorf("open course: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file: a course is a folder that holds a course.yaml, so name the folder", dir)
	}
	c, err := Parse(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("course %s:\n%w", dir, err)
	}
	return c, nil
}

// Parse reads the course in the folder fsys: every .yaml file in it and in the
// folders directly below it, in the order of their names. Each file may hold
// any part of the course; lists are joined. Hidden files are left alone.
//
// What is wrong with the course is returned as Problems, all at once.
func Parse(fsys fs.FS) (*Catalog, error) {
	names, err := courseFiles(fsys)
	if err != nil {
		return nil, err
	}
	d := &decoder{catalog: &Catalog{source: make(map[string]position)}}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read course: %w", err)
		}
		d.file(name, text)
	}
	if len(names) == 0 {
		d.errorf(position{}, "no .yaml file here: a course is a folder with at least a course.yaml")
	}
	if err := d.err(); err != nil {
		return nil, err // links can't be judged before every entry is readable
	}
	return finish(d.catalog)
}

func courseFiles(fsys fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.yaml", "*/*.yaml", "*.yml", "*/*.yml"} {
		found, err := fs.Glob(fsys, pattern)
		if err != nil {
			return nil, fmt.Errorf("list course files: %w", err)
		}
		names = append(names, found...)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
	})
	slices.Sort(names)
	return names, nil
}

// file adds the content of one file to the catalog.
func (d *decoder) file(name string, text []byte) {
	d.name = name
	if path.Ext(name) == ".yml" {
		d.errorf(position{file: name}, "course files end in .yaml: rename it to %s.yaml", strings.TrimSuffix(name, ".yml"))
		return
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	err := documents.Decode(&root)
	if errors.Is(err, io.EOF) {
		return // empty, or comments only
	}
	if err != nil {
		d.syntax(err)
		return
	}
	d.course(root.Content[0])
	switch err := documents.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
	default:
		d.errorf(d.at(&second), "a second document starts here (---), and it would be ignored: remove that line, or move the rest to a file of its own")
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax reports text that isn't YAML.
func (d *decoder) syntax(err error) {
	at := position{file: d.name}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1]) // absent for some errors: then the file alone is named
		text = text[len(m[0]):]
	}
	d.errorf(at, "not valid YAML: %s (check indentation, and quote text that holds a colon or starts with a symbol)", text)
}
