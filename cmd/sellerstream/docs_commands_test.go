package main

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/roles"
)

// Nobody is told, at night or elsewhere, to use a command, a flag or a target of make
// that is not there: by documents, the files of deploy, the commands' own help, or the
// remedies of dead letters and of the runtime.
func TestDocsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	told := map[string][]string{"the remedies": remedies()}
	for _, doc := range documents(t) {
		if doc != "CHANGELOG.md" { // of its time
			told[doc] = codeOf(readDoc(t, doc))
		}
	}
	mark := regexp.MustCompile(`(?m)^\s*(?:#+|//|- )\s*`) // of a comment, or of a part of a list
	for _, file := range deployed(t) {
		told[file] = codeOf("```\n" + mark.ReplaceAllString(readDoc(t, file), "") + "\n```")
	}
	for _, command := range allCommands(newRootCommand()) {
		told[command.CommandPath()+" --help"] = codeOf("```\n" + command.Long + "\n" + command.Example + "\n```")
	}
	targets := map[string]bool{}
	for _, target := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(readDoc(t, "Makefile"), -1) {
		targets[target[1]] = true
	}
	atNight := []string{"docs/RUNBOOK.md", "docs/OPERATING.md", "deploy/README.md"}
	commands, made := 0, 0
	for place, codes := range told {
		for _, code := range codes {
			for _, words := range commandsIn(code) {
				commands++
				command, fault := commandOf(words)
				// At night nobody reads help first: the runbook's commands do something.
				if fault == "" && !command.Runnable() && (len(words) > 1 || slices.Contains(atNight, place)) {
					fault = "it does nothing by itself"
				}
				if fault != "" {
					t.Errorf("%s: sellerstream %s: %s", place, strings.Join(words, " "), fault)
				}
			}
			for _, words := range regexp.MustCompile(`(?m)(?:^|[;&] |then )make((?: [a-z][a-z0-9-]*)+)`).FindAllStringSubmatch(code, -1) {
				for _, target := range strings.Fields(words[1]) {
					made++
					if !targets[target] {
						t.Errorf("%s: there is no target of make %q", place, target)
					}
				}
			}
		}
	}
	if commands < 150 || made < 30 {
		t.Errorf("only %d commands and %d targets of make were found", commands, made)
	}
}

// The page about the command line names each command that prints JSON, and each that
// watches, and no other.
func TestThePageOfCommandsNamesThemAll(t *testing.T) {
	t.Parallel()
	page := readDoc(t, "docs/COMMANDS.md")
	quoted := func(text string) (names []string) {
		for _, name := range regexp.MustCompile("`([a-z][^`]*)`").FindAllStringSubmatch(text, -1) {
			names = append(names, name[1])
		}
		return names
	}
	_, table, _ := strings.Cut(page, "## Output for programs")
	var printed []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \|`).FindAllStringSubmatch(strings.Split(table, "\n## ")[0], -1) {
		printed = append(printed, quoted(row[1])...)
	}
	_, watched, _ := strings.Cut(page, "## Watching")
	watched, _, _ = strings.Cut(watched, "take\n`--watch`")
	for flag, named := range map[string][]string{"json": printed, "watch": quoted(watched)} {
		var have []string
		for _, command := range allCommands(newRootCommand()) {
			if command.Runnable() && command.Flag(flag) != nil {
				have = append(have, strings.TrimPrefix(command.CommandPath(), "sellerstream "))
			}
		}
		slices.Sort(have)
		slices.Sort(named)
		if !slices.Equal(named, have) {
			t.Errorf("docs/COMMANDS.md names with --%s\n%q\nand there are\n%q", flag, named, have)
		}
	}
}

func TestCommandOf(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"doctor --config FILE --account A":           "",
		"topics":                                     "",
		"topics plan --config FILE --json":           "",
		"accounts --config FILE acme-eu":             "",
		"deadletters show":                           "", // names it
		"decode --config":                            "",
		"replay --topic --help":                      "",
		"docter":                                     `unknown command "docter"`,
		"topics aply":                                `unknown command "aply"`,
		"topics plan --yes":                          "unknown flag: --yes",
		"topics plan now":                            `unknown command "now"`,
		"replay --config=FILE --efects --topic X":    "unknown flag: --efects",
		"subscriptions --config FILE list --destroy": "unknown flag: --destroy",
		"accounts a b":                               "accepts at most 1 arg",
		"deadletters show --raw":                     "accepts 1 arg",
		"deadletters show ID --raw --json":           "raw",
		"pause --account":                            "",
		"tail orders --last many":                    `invalid argument "many"`,
	} {
		if _, got := commandOf(strings.Fields(line)); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	const text = "Run `sellerstream\ndoctor --config F`, then:\n\n```sh\nkcat -b x |\n  sellerstream decode --registry \\\n    R | jq .\nexec -- /sellerstream run --config F > out &\nkubectl -n sellerstream get pods\n```\nand `pause --writes`; `make test`"
	var got []string
	for _, code := range codeOf(text) {
		for _, words := range commandsIn(code) {
			got = append(got, strings.Join(words, " "))
		}
	}
	want := []string{"doctor --config F", "decode --registry R", "run --config F", "pause --writes"}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// commandOf finds the command of the words behind `sellerstream`, and what the program's
// own parser has against them; "" for nothing. A command's name alone may only name it, and
// so may a flag at the end.
func commandOf(words []string) (command *cobra.Command, fault string) {
	root := newRootCommand()
	root.InitDefaultHelpCmd()
	command, rest, err := root.Find(words)
	if err == nil {
		err = unknownSubcommand(root, words)
	}
	if err != nil {
		return command, err.Error()
	}
	if len(rest) == 0 {
		return command, ""
	}
	command.InitDefaultHelpFlag()
	err = command.ParseFlags(rest)
	switch help, _ := command.Flags().GetBool("help"); {
	case help, err != nil && strings.HasPrefix(err.Error(), "flag needs an argument: "+rest[len(rest)-1]):
		return command, ""
	case err == nil:
		err = errors.Join(command.ValidateArgs(command.Flags().Args()), command.ValidateRequiredFlags(), command.ValidateFlagGroups())
	}
	if err != nil {
		return command, err.Error()
	}
	return command, ""
}

// allCommands are a command and those below it.
func allCommands(command *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{command}
	for _, below := range command.Commands() {
		all = append(all, allCommands(below)...)
	}
	return all
}

// codeOf is the code of a document in Markdown: its blocks, with continued lines made
// one, and what stands in backticks, on one line.
func codeOf(text string) (codes []string) {
	block := regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	for _, found := range block.FindAllStringSubmatch(text, -1) {
		codes = append(codes, regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(found[1], " "))
	}
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		codes = append(codes, strings.ReplaceAll(strings.Join(strings.Fields(found[1]), " "), `\|`, "|")) // of a table
	}
	return codes
}

// commandsIn are the commands in code, each as the words behind `sellerstream`, up to a
// column of explanation. A line that begins with the name of a command and a flag, or of a
// group and what is below it, is one, too.
func commandsIn(code string) (commands [][]string) {
	begin := regexp.MustCompile("(?m)(?:^\\s*|[|`(] ?|&& |-- |exec )(?:\\S*/)?sellerstream +([a-z][^\n|;&<>#`]*)")
	for _, found := range begin.FindAllStringSubmatch(code, -1) {
		if strings.HasPrefix(found[1], "buyer ") {
			continue // a label of the encryption
		}
		line, _, _ := strings.Cut(strings.TrimSpace(found[1]), "  ")
		commands = append(commands, wordsOf(line))
	}
	if words := wordsOf(code); len(words) > 1 && !strings.Contains(code, "\n") {
		if group, known := topCommands()[words[0]]; known && (group || strings.HasPrefix(words[1], "--")) {
			commands = append(commands, words)
		}
	}
	return commands
}

// topCommands has the names of the first commands, and whether each is a group.
var topCommands = sync.OnceValue(func() map[string]bool {
	groups := map[string]bool{}
	for _, command := range newRootCommand().Commands() {
		groups[command.Name()] = command.HasSubCommands()
	}
	return groups
})

// wordsOf are the words of a command: letters, digits and what flags have. N is a number.
func wordsOf(command string) (words []string) {
	text := strings.NewReplacer("(", " ", ")", " ", "[", " ", "]", " ").Replace(command)
	for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(text, -1) {
		word = strings.Trim(word, `"',.:…`)
		switch word {
		case "":
		case "N":
			words = append(words, "3")
		default:
			words = append(words, word)
		}
	}
	return words
}

// remedies are what roles and the runtime tell people to do.
func remedies() (codes []string) {
	for _, r := range roles.All() {
		for _, reason := range r.Reasons {
			codes = append(codes, codeOf(reason.Remedy)...)
		}
	}
	remedies := roles.Remedies()
	for field, value := range reflect.ValueOf(remedies).Fields() {
		if field.Type.Kind() == reflect.String {
			codes = append(codes, codeOf(value.String())...)
		}
	}
	return append(codes, remedies.Reset("inventory", "orders", 3, "7"))
}

// deployed are the files of deploy that are no documents, by their path from the root.
func deployed(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), "deploy", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) < 20 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	return names
}
