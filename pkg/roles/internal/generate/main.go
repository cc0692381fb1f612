// Command generate writes what files say about the roles, from the roles' descriptions:
// the tables of documents, which stand between markers, and the lists of the Helm chart.
//
//	go run ./internal/generate -root ../..
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/roles"
)

func main() {
	root := flag.String("root", ".", "folder of the repository")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// documents are where the tables stand, by their name.
func documents() map[string][]string {
	return map[string][]string{
		"docs/ARCHITECTURE.md": {"roles"},
		"docs/OPERATING.md":    {"replays"},
		"docs/RUNBOOK.md":      {"reasons", "alerts"},
	}
}

// list is a place in a file that has all roles.
type list struct {
	file  string
	place *regexp.Regexp // finds the list and what stands around it
	write func(names []string) string
}

func lists() []list {
	return []list{
		{
			"README.md", regexp.MustCompile("The roles are `[^.]*`\\."),
			func(names []string) string {
				last := len(names) - 1
				return "The roles are `" + strings.Join(names[:last], "`, `") + "` and\n`" + names[last] + "`."
			},
		},
		{
			"deploy/helm/sellerstream/values.schema.json", regexp.MustCompile(`"role": \{"enum": \[[^\]]*\]\}`),
			func(names []string) string { return `"role": {"enum": ["` + strings.Join(names, `", "`) + `"]}` },
		},
		{
			"deploy/helm/sellerstream/templates/NOTES.txt", regexp.MustCompile(`range list( "\w+")+`),
			func(names []string) string { return `range list "` + strings.Join(names, `" "`) + `"` },
		},
		{
			"deploy/README.md", regexp.MustCompile(`--roles [\w,]+,operator,doctor`),
			func(names []string) string { return "--roles " + strings.Join(names, ",") + ",operator,doctor" },
		},
	}
}

// generate returns the files as the roles have them, by their path from the root.
func generate(root string) (map[string]string, error) {
	files := map[string]string{}
	for name, sections := range documents() {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		files[name] = string(text)
		for _, section := range sections {
			if files[name], err = between(files[name], section, tables()[section]()); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	var names []string
	for _, r := range roles.All() {
		names = append(names, r.Name)
	}
	for _, l := range lists() {
		text, err := os.ReadFile(filepath.Join(root, l.file))
		if err != nil {
			return nil, err
		}
		if n := len(l.place.FindAllIndex(text, -1)); n != 1 {
			return nil, fmt.Errorf("%s has %d lists of the roles, such as %s; want one", l.file, n, l.place)
		}
		files[l.file] = l.place.ReplaceAllLiteralString(string(text), l.write(names))
	}
	return files, nil
}

// between puts a table between the markers of a section.
func between(document, section, table string) (string, error) {
	begin, end := "<!-- generated: "+section+" -->\n", "<!-- end: "+section+" -->"
	before, rest, ok := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed || strings.Contains(after, begin) {
		return "", fmt.Errorf("it must have %s and %s once", strings.TrimSpace(begin), end)
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
