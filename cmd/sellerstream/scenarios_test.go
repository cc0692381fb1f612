package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scenario is a row of the table of docs/OPERATING.md: how it comes about, and what its
// commands must say. The scenarios are played one after the other at one site.
type scenario struct {
	name    string // the row's first cell
	prepare func(s *site) (words map[string]string)
	// says has for each command what it must say.
	says [][]string
	// between is what a person does after the first command.
	between func(s *site)
	// after looks whether it helped, and clears up.
	after func(s *site)
}

const transcripts = "../../docs/TRANSCRIPTS.md"

// TestScenarios plays each row of the table in docs/OPERATING.md, with its commands:
// at most two, each within inTime. What they say is docs/TRANSCRIPTS.md;
// UPDATE_GOLDEN=1 writes it.
func TestScenarios(t *testing.T) {
	t.Parallel()
	rows := scenarioRows(t)
	s := newSite(t)
	all := scenarios()
	var out strings.Builder
	out.WriteString(transcriptsHead)
	for i, row := range rows {
		if i >= len(all) || all[i].name != row.name {
			t.Fatalf("row %d of the table is %q, which the test does not play there", i+1, row.name)
		}
		if n := len(row.commands); n < 1 || n > 2 || n != len(all[i].says) {
			t.Fatalf("%s: %d commands, and the test knows %d", row.name, n, len(all[i].says))
		}
		out.WriteString(all[i].play(s, row.commands))
		if t.Failed() {
			t.Fatalf("%s\n%s", row.name, s.log.String())
		}
	}
	if len(rows) != len(all) {
		t.Errorf("the table has %d rows, the test %d", len(rows), len(all))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(transcripts, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(transcripts)
	if err != nil {
		t.Fatal(err)
	}
	if line, has, wants := firstDifference(string(was), out.String()); line > 0 {
		t.Errorf("docs/TRANSCRIPTS.md is not what the commands say; UPDATE_GOLDEN=1 writes it. Line %d has\n%s\nin place of\n%s", line, has, wants)
	}
}

const transcriptsHead = `# What the commands of each scenario say

One section for each row of the table in [OPERATING.md](OPERATING.md#what-to-do-when). A test plays
the scenarios and writes this page. In place of what differs each time stand TIME, AGE, ORDER, ID,
N, PORT and ` + "`…`" + `. Of ` + "`doctor`" + ` the rows that are ok are left out, lines are not broken, and cut after 220
characters. ` + "`--config`" + ` is left out.
`

func firstDifference(was, now string) (line int, has, wants string) {
	a, b := strings.Split(was, "\n"), strings.Split(now, "\n")
	for i := range max(len(a), len(b)) {
		has, wants = at(a, i), at(b, i)
		if has != wants {
			return i + 1, has, wants
		}
	}
	return 0, "", ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(the end)"
}

type scenarioRow struct {
	name     string
	commands []string
}

// scenarioRows are those of the table under "What to do when".
func scenarioRows(t *testing.T) (rows []scenarioRow) {
	t.Helper()
	_, section, found := strings.Cut(readDoc(t, "docs/OPERATING.md"), "\n## What to do when\n")
	if !found {
		t.Fatal(`docs/OPERATING.md has no section "What to do when"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	const pipe = "\x00"
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, pipe), " | ")
		if len(cells) != 3 || !strings.Contains(cells[1], "`") {
			continue
		}
		row := scenarioRow{name: strings.TrimPrefix(cells[0], "| ")}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			row.commands = append(row.commands, strings.ReplaceAll(code[1], pipe, "|"))
		}
		rows = append(rows, row)
	}
	return rows
}

// play brings it about, gives the commands, and returns its section of the transcripts.
func (sc scenario) play(s *site, commands []string) string {
	words := map[string]string{}
	if sc.prepare != nil {
		words = sc.prepare(s)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n## %s\n", sc.name)
	for i, command := range commands {
		said, code := s.typed(command, words)
		squeezed := strings.Join(strings.Fields(said), " ")
		for _, part := range sc.says[i] {
			if !strings.Contains(squeezed, part) {
				s.t.Errorf("%s: `%s` ended with %d and does not say %q:\n%s", sc.name, command, code, part, said)
			}
		}
		status := ""
		if code != 0 {
			status = fmt.Sprintf("(exit status %d)\n", code)
		}
		fmt.Fprintf(&out, "\n```text\n$ %s\n%s%s```\n", command, s.normal(said), status)
		if i == 0 && sc.between != nil {
			sc.between(s)
		}
	}
	if sc.after != nil {
		sc.after(s)
	}
	return out.String()
}

// typed runs a command of the table, with what stands for its words in capitals.
func (s *site) typed(command string, words map[string]string) (said string, code int) {
	command, filter, _ := strings.Cut(command, " | grep ")
	args := strings.Fields(command)
	for i, arg := range args {
		args[i] = cmp.Or(words[arg], arg)
	}
	if args[0] == "kubectl" {
		return "", 0 // what it would do is done by the scenario
	}
	if args[1] == "state" && args[2] != "export" {
		args = append(args, "--yes") // nobody sits there
	}
	said, code = s.run(args[1:]...)
	if filter == "" {
		return said, code
	}
	var kept strings.Builder
	for line := range strings.Lines(said) {
		if strings.Contains(line, cmp.Or(words[filter], filter)) {
			kept.WriteString(line)
		}
	}
	return kept.String(), code
}

// maskings put words in place of what differs each time.
var maskings = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\d\d:\d\d UTC`), "TIME UTC"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b[0-9a-f]{12,}…|\b[0-9a-f]{8}-[0-9a-f-]*…`), "ID"},
	{regexp.MustCompile(`\b\d{3}-\d{7}-\d{7}\b`), "ORDER"},
	{regexp.MustCompile(`\b(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?m?s\b|\b\d+[dhm]\d+[hm]\b`), "AGE"},
	{regexp.MustCompile(`tried again now`), "tried again in AGE"}, // its time has come
	{regexp.MustCompile(`slowed down by Amazon: (\w+) at \S+/s`), "slowed down by Amazon: $1 at N/s"},
	// The quotas of `accounts`: of one that Amazon throttles, what is left of the plan.
	{regexp.MustCompile(`(?m)^(\w+) +\S+ +(\d+) +\S+ (\(plan \S+\)) +`), "$1\x00  …  $2  N $3  "},
	{regexp.MustCompile(`(?m)^((?:get|search|patch|create|confirm)[A-Z]\w+)  .*$`), "$1  …"},
	{regexp.MustCompile("\x00"), ""},
	{regexp.MustCompile(`(?m)^of orders  .*$`), "of orders  …"},
	{regexp.MustCompile(`"(partition|offset|sourcePartition|sourceOffset|messages\w*|bytes)":\d+`), `"$1":N`},
	{regexp.MustCompile(`"feedId":"\d+"`), `"feedId":"FEED"`},
	{regexp.MustCompile(`"amzn1\.tortuga[^"]*"|"sha256":"[^"]*"|"shown":\[[^]]*\]`), "…"},
	{regexp.MustCompile(`(?m)^Urgent orders, .*\n\n?`), ""}, // chance says who ships an order
	{regexp.MustCompile(`(?m)^\d+ ok, (.*) \d+ skipped`), "N ok, $1 N skipped"},
	{regexp.MustCompile(`\n {12,}`), " "}, // doctor breaks lines by its longest row
	{regexp.MustCompile(`(\S) {2,}`), "$1  "},
	// Of `lag`, where nothing waits.
	{regexp.MustCompile(`(?m)^([a-z]+  [a-z.-]+  (?:\d+  )?)(?:\d+|-)  (?:\d+  )*-$`), "$1…"},
	// What `state` tells once a second, and counts; what `topics apply` sets.
	{regexp.MustCompile(`(?m)^\d+ (?:of \d+ topics of state|lines of the file), .*\n`), ""},
	{regexp.MustCompile(`\b(entries|positions|records|records that not every role has read) \d+\b`), "$1 N"},
	{regexp.MustCompile(`(?m)  cleanup\.policy=.*$`), "  …"},
	{regexp.MustCompile(`(?m)^time=.* level=.*\n`), ""}, // the log: a busy machine retries
	{regexp.MustCompile(`(?m) +$`), ""},
}

// normal is what a command said without what differs each time.
func (s *site) normal(said string) string {
	said = withoutOK(strings.ReplaceAll(said, s.dir, "/etc/sellerstream"))
	for _, m := range maskings {
		said = m.what.ReplaceAllString(said, m.with)
	}
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(said))
	for lines.Scan() {
		line := []rune(lines.Text())
		most := 220
		if strings.HasPrefix(lines.Text(), "{") { // a record, whose outcome comes late
			most = 420
		}
		if len(line) > most {
			line = append(slices.Clone(line[:most]), '…')
		}
		out.WriteString(string(line) + "\n")
	}
	return out.String()
}

// withoutOK leaves out the rows of doctor that are ok, and headings with nothing below.
func withoutOK(said string) string {
	said = regexp.MustCompile(`(?m)^  ok .*\n(?: {12,}.*\n)*`).ReplaceAllString(said, "")
	return regexp.MustCompile(`(?m)^(?:configuration|kafka|registry|aws|clocks|queue .*|events .*|application .*)\n\n`).ReplaceAllString(said, "")
}
