package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// asProgram has the test binary be the program, for the shells of the documents' lines.
const asProgram = "SELLERSTREAM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// notRun are parts of lines that are not run here, with the reason. Commands of ours in them
// are parsed all the same (TestDocsNameCommandsThatExist).
func notRun() map[string]string {
	return map[string]string{
		"kubectl ":              "it needs a cluster",
		"aws events":            "it needs an account of AWS",
		"make ":                 "the targets are there (TestDocsNameCommandsThatExist), and make runs this test",
		"sellerstream run":      "it runs until it is stopped; test/process runs it",
		"sellerstream simulate": "it runs until it is stopped; its own tests run it",
		"sellerstream demo":     "its own tests run it",
		"_simulator/":           "it asks a simulator that runs",
		"venv/bin/":             "it needs packages of Python; test/integration runs the programs, with orders of its own",
		"--reset":               "what works is not moved; its own tests move what does not",
		"buyer-key ":            "it writes keys; its own tests do",
		"man DIR":               "it writes pages; its own test does",
		"decode --config":       "it wants keys of buyer data; its own tests have them",
		"--config OLD":          "it is of another installation",
		"--config NEW":          "it is of another installation",
		"export BACKUP":         "it writes a file; TestScenarios runs it",
		"import BACKUP":         "all that runs is stopped for it; TestScenarios runs it",
		"--file MOVED":          "all that runs is stopped for it; TestScenarios runs it",
	}
}

// docsSite is an installation that is well, for the lines of documents.
type docsSite struct {
	*site
	cfg    config.Config
	desk   string
	unused map[string]string // of notRun
	ran    int
	put    int // letters
	typed  map[string]bool
}

// Who pastes a line of a document gets no error, nor who types a command of its text, with
// words of their own in place of A, ROLE and the like.
func TestDocsLinesRun(t *testing.T) {
	t.Parallel()
	d := &docsSite{site: newSite(t), unused: notRun(), typed: map[string]bool{}}
	d.stop = d.start("v0.1.0")
	d.shows("all 4 are well", "doctor")
	if said, code := d.run("topics", "apply", "--yes"); code != 0 { // also those of roles that do not run
		t.Fatal(said)
	}
	var err error
	if d.cfg, err = config.Load(d.file); err != nil {
		t.Fatal(err)
	}
	d.desk = desk(t, d.cfg)
	for _, doc := range []string{
		"README.md", "docs/PRODUCING.md", "docs/CONSUMING.md", "docs/OPERATING.md", "docs/RUNBOOK.md", "deploy/examples/README.md",
	} {
		for _, line := range linesOf(readDoc(t, doc)) {
			d.paste(doc, line)
		}
	}
	if d.ran < 30 {
		t.Errorf("only %d lines were run", d.ran)
	}
	for _, doc := range documents(t) {
		if doc == "CHANGELOG.md" { // of its time
			continue
		}
		for _, code := range codeOf(readDoc(t, doc)) {
			if strings.HasPrefix(code, "sellerstream ") && !strings.Contains(code, "\n") {
				d.typeIn(doc, code)
			}
		}
	}
	if d.ran < 80 {
		t.Errorf("only %d lines and commands were run", d.ran)
	}
	for part := range d.unused {
		t.Errorf("no line has %q any more, which notRun leaves out", part)
	}
}

// paste runs a line in a shell.
func (d *docsSite) paste(doc, line string) {
	d.t.Helper()
	if d.leftOut(line) {
		return
	}
	d.ran++
	letter := ""
	if strings.Contains(line, "deadletters") {
		letter = d.letters()
	}
	text := strings.NewReplacer(
		"http://localhost:8081", d.cfg.Registry.URL, "localhost:9092", d.cfg.Kafka.Brokers[0], "localhost:9400", d.admin,
		"--config simulated.yaml", "--config "+d.file, "$R", d.cfg.Registry.URL, "$B", d.cfg.Kafka.Brokers[0],
		" ID ", " "+letter+" ", "--account A ", "--account "+d.account(0)+" ",
		"deadletters retry", "deadletters retry --yes", "deadletters discard", "deadletters discard --yes", // nobody sits there
	).Replace(line)
	command := exec.CommandContext(d.ctx, "bash", "-e", "-o", "pipefail", "-c", text)
	command.Dir = d.desk
	command.Env = append(os.Environ(), asProgram+"=1", "PATH="+d.desk+"/bin:"+os.Getenv("PATH"), "REGISTRY="+d.cfg.Registry.URL, configVariable+"="+d.file)
	if out, err := command.CombinedOutput(); err != nil {
		d.t.Errorf("%s: %s\n%v\n%s", doc, line, err, out)
	}
	if strings.Contains(line, "sellerstream pause") {
		d.goOn()
	}
}

// goOn undoes what a line about pausing has done, which others do not expect.
func (d *docsSite) goOn() {
	d.t.Helper()
	for _, what := range [][]string{{"--account", d.account(0)}, {"--writes"}} {
		if said, code := d.run(append([]string{"resume"}, what...)...); code != 0 {
			d.t.Fatal(said)
		}
	}
}

// typeIn runs the commands in a document's text.
func (d *docsSite) typeIn(doc, code string) {
	d.t.Helper()
	if d.leftOut(code) || d.typed[code] {
		return
	}
	d.typed[code] = true
	mine := map[string]string{
		"A": d.account(0), "ACCOUNT": d.account(0), "ROLE": "orders", "T": "order-changes", "TOPIC": "order-changes", "P:O": "0:0", "O": "202-1234567-8901234",
		"TIME": "1h", "NAME": "DHL", "TEXT": "DHL", "FILE": d.file,
	}
	for _, words := range commandsIn(code) {
		command, _ := commandOf(words)
		bare := len(words) < strings.Count(command.CommandPath(), " ")+1 // which may only name it
		var args []string
		for _, word := range words {
			if word == "ID" {
				word = d.letters()
			}
			args = append(args, cmp.Or(mine[word], word))
		}
		if command.Flags().Lookup("yes") != nil && !slices.Contains(args, "--yes") {
			args = append(args, "--yes")
		}
		if command.Name() == "check" && bare {
			args = append(args, d.file)
		}
		if words[0] == "deadletters" {
			d.letters()
		}
		d.ran++
		if said, code := d.run(args...); code != 0 && !(code == exitUsage && bare) {
			d.t.Errorf("%s: sellerstream %s: exit %d\n%s", doc, strings.Join(words, " "), code, said)
		}
		if words[0] == "pause" {
			d.goOn()
		}
	}
}

// letters puts dead letters that can go back, and returns the id of one.
func (d *docsSite) letters() (id string) {
	d.t.Helper()
	d.put++
	id = fmt.Sprintf("%04d", d.put)
	account, offset := d.account(0), int64(d.put)
	change, err := fakekafka.Codec(d.t, d.cfg.Registry.URL, d.cfg.Prefix, schemas.OrderChanges).
		AppendEncode(nil, schemas.OrderChanges, &schemas.OrderChange{Account: account, OrderID: "202-1234567-8901234"})
	if err != nil {
		d.t.Fatal(err)
	}
	produced(d.t, d.file, schemas.DeadLetters, account,
		&schemas.DeadLetter{
			ID: id, Time: time.Now(), Role: "orders", Reason: "unknown_account", Account: account, Source: d.cfg.Prefix + schemas.OrderChanges,
			Partition: new(int32), Offset: &offset, SourceTime: time.Now(), Key: []byte(account), Value: change,
		},
		&schemas.DeadLetter{
			ID: id + "-order", Time: time.Now(), Role: "orders", Reason: "order_refused", Account: account, Source: d.cfg.Prefix + schemas.StateOrders,
			Key: []byte("order/" + account + "/202-1234567-8901234"),
		})
	return id
}

// leftOut reports whether a line is not run here.
func (d *docsSite) leftOut(line string) bool {
	for part := range notRun() {
		if strings.Contains(line, part) {
			delete(d.unused, part)
			return true
		}
	}
	for _, program := range []string{"curl", "jq"} {
		if regexp.MustCompile(`\b`+program+` `).MatchString(line) && !hasTool(d.t, program) {
			return true
		}
	}
	return false
}

// hasTool reports whether a program is there that lines need; with CI it must be.
func hasTool(t *testing.T, program string) bool {
	t.Helper()
	_, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	return err == nil
}

// desk is a folder in which lines are run: the program, a kcat that swallows what it is
// given and shows an order, and the files that lines name.
func desk(t *testing.T, cfg config.Config) (dir string) {
	t.Helper()
	dir = t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(program, "bin/sellerstream")
	link(absolute(t, "schemas"), "schemas")
	for _, name := range []string{"kcat.sh", "updates.jsonl", "shipments.jsonl"} {
		link(absolute(t, "deploy/examples/"+name), name)
	}
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	encode := exec.CommandContext(t.Context(), program, "encode", "--registry", cfg.Registry.URL, "--topic", "inventory-updates", "--raw")
	encode.Env, encode.Stdin = append(os.Environ(), asProgram+"=1"), strings.NewReader(`{"updateId":"u","account":"acme-eu","sku":"s","quantity":3}`)
	value, err := encode.Output()
	if err != nil {
		t.Fatal(err)
	}
	write("raw", string(value), 0o600)
	write("framed", string(binary.BigEndian.AppendUint32(nil, uint32(len(value))))+string(value), 0o600)
	write("bin/kcat", `#!/bin/bash
for word; do
  case $word in
    -P) grep -qa '<<end>>'; exit ;;
    %R%s) exec cat "`+dir+`/framed" ;;
    %s) exec cat "`+dir+`/raw" ;;
  esac
done
`, 0o700)
	return dir
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// linesOf are the commands of a document's blocks for the shell, each with its pipe and
// with what stands in quotes over several lines.
func linesOf(text string) (lines []string) {
	for _, block := range regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```").FindAllStringSubmatch(text, -1) {
		line := ""
		for part := range strings.Lines(block[1]) {
			line += part
			code := strings.TrimSpace(regexp.MustCompile(`(?m)\s#\s.*$`).ReplaceAllString(line, ""))
			if code == "" || strings.HasSuffix(code, "|") || strings.HasSuffix(code, `\`) || strings.Count(code, "'")%2 == 1 {
				continue
			}
			lines = append(lines, line)
			line = ""
		}
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
