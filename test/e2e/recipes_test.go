package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a piece of code on a page of docs.
type block struct {
	line     int    // on the page
	language string // diff, sh, go, sql, …
	file     string // that it is the whole of; empty for diffs and commands
	text     string
}

// newFile is how a page says where a block goes: at the end of the line before it.
var newFile = regexp.MustCompile("`([^`]+)`, a new file[^`]*:$")

// readRecipes returns the blocks of a page, by heading.
func readRecipes(t *testing.T, path string) map[string][]block {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	recipes := map[string][]block{}
	heading, before := "", "" // the last lines of text
	var open *block
	for i, line := range strings.Split(string(page), "\n") {
		switch language, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{line: i + 1, language: language}
			if named := newFile.FindStringSubmatch(before); named != nil {
				open.file = named[1]
			}
			if (open.file == "") != (language == "diff" || language == "sh") {
				t.Fatalf("%s:%d: write \"`path`, a new file:\" before a block that is one", path, i+1)
			}
		case fence:
			recipes[heading] = append(recipes[heading], *open)
			open, before = nil, ""
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "## "):
			heading = strings.TrimPrefix(line, "## ")
		case line != "":
			before = line
		}
	}
	return recipes
}

// copyTree copies the repository's files, those that are new and not ignored included.
func copyTree(t *testing.T, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v: this test copies what git knows of; run it in a clone", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err == nil {
			err = writeFile(filepath.Join(to, name), content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// follow does what a block says, in a copy of the tree.
func (b block) follow(t *testing.T, page, tree string) {
	t.Helper()
	if b.file != "" {
		path := filepath.Join(tree, b.file)
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("%s:%d: %s is there already", page, b.line, b.file)
		}
		if err := writeFile(path, []byte(b.text)); err != nil {
			t.Fatal(err)
		}
		return
	}
	args := []string{"bash", "-eu"}
	if b.language == "diff" {
		args = []string{"git", "apply"}
	}
	if out, err := command(t, tree, b.text, args...); err != nil {
		t.Fatalf("%s:%d: %s: %v\n%s", page, b.line, strings.Join(args, " "), err, out)
	}
}

// command runs a command in a folder and returns all that it printed.
func command(t *testing.T, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	// The copy is no repository, and is not to be taken for a part of one around it.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
