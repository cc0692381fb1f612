// Command prose takes the texts of messages and help out of Go files, for the check of
// `make prose`: Vale reads comments and documents by itself. It writes them to a folder,
// each on the line that it has in its file.
package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// fewWords is how many words a text has at least: shorter ones are names and keys.
const fewWords = 5

func main() {
	for _, file := range os.Args[2:] {
		text, err := texts(file)
		to := filepath.Join(os.Args[1], file+".txt")
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o750), os.WriteFile(to, []byte(text), 0o600)); err != nil {
			log.Fatal(err)
		}
	}
}

// texts is a file with only its longer string literals left, one a paragraph.
func texts(file string) (string, error) {
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	verb := regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z]`)
	lines := make([]string, positions.File(parsed.Pos()).LineCount()+1)
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil || len(strings.Fields(text)) < fewWords {
			return true
		}
		if literal.Value[0] == '"' {
			text = strings.ReplaceAll(text, "\n", " ")
		}
		for i, line := range strings.Split(verb.ReplaceAllString(text, "N"), "\n") {
			lines[positions.Position(literal.Pos()).Line-1+i] += line + " "
		}
		return true
	})
	return strings.Join(lines, "\n"), nil
}
