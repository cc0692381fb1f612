package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheRuntimeNamesNoCommand: pkg/runtime is a library, and other programs have other
// commands. Ours come to it as options (pkg/roles, pkg/platform/commands).
func TestTheRuntimeNamesNoCommand(t *testing.T) {
	t.Parallel()
	var names []string
	for _, command := range newRootCommand().Commands() {
		names = append(names, regexp.QuoteMeta(command.Name()))
	}
	named := regexp.MustCompile(`sellerstream (` + strings.Join(names, "|") + `)\b`)
	literals := 0
	err := filepath.WalkDir("../../pkg/runtime", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if ok && literal.Kind == token.STRING {
				literals++
				if found := named.FindString(literal.Value); found != "" {
					t.Errorf("%s: a text has %q: take it from an option", path, found)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || literals < 500 || len(names) < 10 {
		t.Fatalf("%d texts and %d commands were found: %v", literals, len(names), err)
	}
}
