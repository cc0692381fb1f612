package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The links of every document lead to files and headings that exist.
func TestDocsLeadSomewhere(t *testing.T) {
	t.Parallel()
	links, headings := 0, make(map[string]map[string]bool)
	for _, doc := range documents(t) {
		text := readDoc(t, doc)
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			file := doc
			if target != "" {
				file = path.Join(path.Dir(doc), target)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", doc, link[1], err)
				continue
			}
			if anchor != "" && headings[file] == nil {
				headings[file] = anchors(readDoc(t, file))
			}
			if anchor != "" && !headings[file][anchor] {
				t.Errorf("%s: %s has no heading for #%s", doc, file, anchor)
			}
		}
	}
	if links < 60 {
		t.Errorf("only %d links were found", links)
	}
}

// Files, folders and functions that documents name exist: a file by its path from the
// root, and behind it the functions in parentheses.
func TestDocsNameWhatExists(t *testing.T) {
	t.Parallel()
	named := 0
	file := regexp.MustCompile("`((?:bridge|cmd|deploy|docs|pkg|processors|schemas|test|\\.ci)/[\\w./*-]*)`(?:\\s+\\(((?:`\\w+`[,\\s]*)+))?")
	for _, doc := range documents(t) {
		if doc == "CHANGELOG.md" {
			continue // of its time
		}
		for _, name := range file.FindAllStringSubmatch(readDoc(t, doc), -1) {
			named++
			if found, err := filepath.Glob(filepath.Join(root, name[1])); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", doc, name[1])
				continue
			}
			for _, function := range regexp.MustCompile(`\w+`).FindAllString(name[2], -1) {
				if !regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?` + function + `[\[(]`).MatchString(readDoc(t, name[1])) {
					t.Errorf("%s: %s has no function %s", doc, name[1], function)
				}
			}
		}
	}
	if named < 80 {
		t.Errorf("only %d files were found", named)
	}
}

// documents are the Markdown files, by their path from the root.
func documents(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (name == ".git" || name == ".cache" || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchors are those of a document's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	heading, odd := regexp.MustCompile(`^#+ (.+)$`), regexp.MustCompile(`[^\p{L}\p{N}_-]`)
	found := make(map[string]bool)
	for line := range strings.Lines(text) {
		if of := heading.FindStringSubmatch(strings.TrimSpace(line)); of != nil {
			found[odd.ReplaceAllString(strings.ToLower(strings.ReplaceAll(of[1], " ", "-")), "")] = true
		}
	}
	return found
}
