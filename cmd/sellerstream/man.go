package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual's pages, one for each command",
		Long: `Man writes a page of the manual for each command into a folder, which it makes. The
date on them is that of SOURCE_DATE_EPOCH, in seconds since 1970, or today.`,
		Example: `  sellerstream man ~/.local/share/man/man1 && man sellerstream-accounts`,
		Args:    cobra.ExactArgs(1), ValidArgsFunction: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := newRootCommand() // a copy, whose texts are changed
			asMarkdown(root)
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "sellerstream " + version}, args[0]); err != nil {
				return err
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "sellerstream*.1"))
			fmt.Fprintf(cmd.ErrOrStderr(), "%d pages are in %s\n", len(pages), args[0])
			return err
		},
	}
}

// asMarkdown makes the help of a command and of those below it what the generator takes:
// lists and examples, which help indents by two, are code there, which keeps its lines.
func asMarkdown(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true
	var text strings.Builder
	before := ""
	for line := range strings.SplitSeq(cmd.Long, "\n") {
		indented := strings.HasPrefix(line, "  ")
		if before != "" && line != "" && indented != strings.HasPrefix(before, "  ") {
			text.WriteString("\n")
		}
		if indented {
			text.WriteString("  ")
		}
		text.WriteString(line + "\n")
		before = line
	}
	cmd.Long = text.String()
	for _, below := range cmd.Commands() {
		asMarkdown(below)
	}
}
