package architecture

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageHasOneComment(t *testing.T) {
	commented := map[string][]string{}
	for _, s := range sources(t) {
		if _, seen := commented[s.folder()]; !seen {
			commented[s.folder()] = nil
		}
		if s.ast.Doc != nil && !s.test() {
			commented[s.folder()] = append(commented[s.folder()], path.Base(s.name))
		}
	}
	for folder, in := range commented {
		if !slices.Equal(in, []string{"doc.go"}) {
			t.Errorf("%s: package comments in %v: write one, in doc.go, that tells what the package holds, "+
				"what it guarantees and how it meets failures", folder, in)
		}
	}
}

// A file that one can't read in one sitting hides a second subject.
func TestFilesAreShort(t *testing.T) {
	const limit = 400
	longer := map[string]string{} // path: why it can't be split
	for _, s := range sources(t) {
		lines := strings.Count(s.content, "\n")
		if s.test() || ast.IsGenerated(s.ast) || longer[s.name] != "" {
			continue
		}
		if lines > limit {
			t.Errorf("%s: %d lines, the limit is %d: split it by subject", s.name, lines, limit)
		}
	}
}

func TestNoTestSkips(t *testing.T) {
	const mend = "a test that can't run fails and says what is missing; take the skip out"
	for _, s := range sources(t) {
		if !s.test() {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, _ := method.X.(*ast.Ident)
			skips := slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name)
			if on != nil && skips && slices.Contains([]string{"t", "b", "f", "tb"}, on.Name) {
				t.Errorf("%s: %s.%s: %s", s.line(call), on.Name, method.Sel.Name, mend)
			}
			return true
		})
	}

	// The same in scripts for the command line and in the pages' tests.
	skip := regexp.MustCompile(`(?m)^(\[[^\]]+\] )?skip( |$)|\b(test|it|describe)\.skip\(`)
	for _, name := range files(t) {
		if ext := path.Ext(name); !slices.Contains([]string{".txtar", ".mjs", ".js", ".ts"}, ext) {
			continue
		}
		if found := skip.FindString(read(t, name)); found != "" {
			t.Errorf("%s: %q: %s", name, found, mend)
		}
	}
}

func TestNoFileNamesThisMachine(t *testing.T) {
	machine := regexp.MustCompile("(?m)(^|[\\s\"'`=:(])" + `(/(home|root|Users|work)/|\.\./shared\b)[^\s"')]*`)
	for _, name := range files(t) {
		content := read(t, name)
		if strings.ContainsRune(content, 0) {
			continue // no text
		}
		for i, line := range strings.Split(content, "\n") {
			if found := machine.FindString(line); found != "" {
				t.Errorf("%s:%d: %q is a path of one machine: make it relative to the repository, "+
					"or take it from the environment", name, i+1, strings.TrimSpace(found))
			}
		}
	}
}
