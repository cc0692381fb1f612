package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
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
var notRun = map[string]string{
	"kubectl ":              "it needs a cluster",
	"aws events":            "it needs an account of AWS",
	"make ":                 "the targets are there (TestDocsNameCommandsThatExist), and make runs this test",
	"localhost:9400":        "it asks a process that runs",
	"sellerstream run":      "it runs until it is stopped; test/process runs it",
	"sellerstream simulate": "it runs until it is stopped; its own tests run it",
	"_simulator/":           "it asks a simulator that runs",
	"venv/bin/":             "it needs packages of Python; test/integration runs the programs, with orders of its own",
	"simulated.yaml":        "a simulator prints it",
	"sellerstream doctor":   "it finds faults in what is not there, as its own tests want",
	"config check":          "the example names secrets that are not there",
	"deadletters discard":   "it asks who sits at a terminal",
	"deadletters retry":     "of the fixture's letters not all can go back; its own tests do it",
}

// stands are what stands in lines for something of the reader's own.
func stands(cfg config.Config, file string) *strings.Replacer {
	return strings.NewReplacer(
		"http://localhost:8081", cfg.Registry.URL, "localhost:9092", cfg.Kafka.Brokers[0],
		"--config FILE", "--config "+file, "--config my.yaml", "--config "+file, "--config sellerstream.yaml", "--config "+file,
		"$C", file, "$R", cfg.Registry.URL, "$B", cfg.Kafka.Brokers[0],
		" ID ", " record ", "--account A ", "--account acme-eu ",
	)
}

// Who pastes a line of a document gets no error.
func TestDocsLinesRun(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	putLetters(t, file)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := desk(t, cfg)
	ran := 0
	for _, doc := range []string{
		"README.md", "docs/PRODUCING.md", "docs/CONSUMING.md", "docs/OPERATING.md", "docs/RUNBOOK.md", "deploy/examples/README.md",
	} {
		for _, line := range linesOf(readDoc(t, doc)) {
			if reason := whyNotRun(line); reason != "" {
				continue
			}
			ran++
			command := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", stands(cfg, file).Replace(line))
			command.Dir = dir
			command.Env = append(os.Environ(), asProgram+"=1", "PATH="+dir+"/bin:"+os.Getenv("PATH"), "REGISTRY="+cfg.Registry.URL)
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%s: %s\n%v\n%s", doc, line, err, out)
			}
		}
	}
	if ran < 15 {
		t.Errorf("only %d lines were run", ran)
	}
}

func whyNotRun(line string) string {
	for part, reason := range notRun {
		if strings.Contains(line, part) {
			return reason
		}
	}
	for _, program := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil && regexp.MustCompile(`\b`+program+` `).MatchString(line) {
			return program + " is not installed"
		}
	}
	return ""
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
