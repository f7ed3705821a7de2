package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gapwise/gapwise"

// root is the repository's folder, seen from this package's.
var root = filepath.Join("..", "..")

// notOurs are folders that builds, runs and tools leave in the tree.
var notOurs = []string{".git", ".gapwise", ".engine", ".cache", "bin", "node_modules", "secrets"}

// files lists every file of the repository, by its slash-separated path.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(notOurs, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular():
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// read returns the content of one of files.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// source is one parsed Go file.
type source struct {
	name    string // path from the root
	content string
	ast     *ast.File
	set     *token.FileSet
}

// folder is the source's package by its folder; "." is the root.
func (s source) folder() string { return path.Dir(s.name) }

// test says whether only tests compile the source.
func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// line tells where a node is, as "file:line".
func (s source) line(n ast.Node) string {
	at := s.set.Position(n.Pos())
	return at.String()
}

// sources parses every Go file. Folders named testdata hold inputs, not code.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	set := token.NewFileSet()
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		content := read(t, name)
		file, err := parser.ParseFile(set, name, content, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, source{name, content, file, set})
	}
	if len(found) == 0 {
		t.Fatalf("no Go file below %s: does root still lead to the repository?", root)
	}
	return found
}
