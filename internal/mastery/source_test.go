package mastery

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// allowedMath are the functions of package math that are exact, or exactly
// rounded, on every processor.
var allowedMath = map[string]bool{
	"Sqrt": true, "Abs": true, "Inf": true, "NaN": true,
	"Float64bits": true, "Float64frombits": true,
}

// TestArithmeticIsPortable holds the source to the rules that make results equal
// on every processor: a product of floats must be rounded by a conversion unless
// it goes straight into another product or a quotient, since the compiler may
// fuse it with an addition anywhere else (across statements too); and of package
// math only exact functions are used.
func TestArithmeticIsPortable(t *testing.T) {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	// Built with -trimpath, this test doesn't know where Go is.
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	build.Default.GOROOT = strings.TrimSpace(string(root))
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := config.Check("mastery", fset, files, info); err != nil {
		t.Fatal(err)
	}

	for id, obj := range info.Uses {
		if f, ok := obj.(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == "math" && !allowedMath[f.Name()] {
			t.Errorf("%s: math.%s may differ between processors", fset.Position(id.Pos()), f.Name())
		}
	}
	for _, f := range files {
		var parents []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				parents = parents[:len(parents)-1]
				return true
			}
			if isUnroundedProduct(n, parents, info) {
				t.Errorf("%s: round this product with float64(…): it may be fused with an addition", fset.Position(n.Pos()))
			}
			parents = append(parents, n)
			return true
		})
	}
}

// isUnroundedProduct reports whether n is a product of floats, not constant,
// that is neither converted nor part of a larger product or a quotient.
func isUnroundedProduct(n ast.Node, parents []ast.Node, info *types.Info) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		return n.Tok == token.MUL_ASSIGN && isFloat(info.TypeOf(n.Lhs[0]))
	case *ast.BinaryExpr:
		if n.Op != token.MUL || !isFloat(info.TypeOf(n)) || info.Types[n].Value != nil {
			return false
		}
	default:
		return false
	}
	for i := len(parents) - 1; i >= 0; i-- {
		switch p := parents[i].(type) {
		case *ast.ParenExpr:
			continue
		case *ast.BinaryExpr:
			return p.Op != token.MUL && p.Op != token.QUO
		case *ast.CallExpr: // a conversion?
			return !info.Types[p.Fun].IsType()
		default:
			return true
		}
	}
	return true
}

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsFloat != 0
}
