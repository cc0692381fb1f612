// Package report is how the benchmarks print: first the conditions of the run, then a
// line for each number with a target, `name: value target PASS|FAIL`. Where
// BENCH_RESULTS names a folder, the numbers also go into a table there, one file a day.
// test/bench/results draws it.
package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Row is one number of a run. Its fields are the columns of the table.
type Row struct {
	Time      string // UTC
	Commit    string // with + where something had been changed since
	Benchmark string
	Name      string
	Value     float64
	Target    string // such as ">= 900"; "" for none
	Verdict   string // PASS, FAIL or ""
	Cores     int
	CPU       string
	MemoryGiB int
	Go        string
	Kafka     string
	Load      string // average over a minute when the run began
}

// columns are the names and values of a row, in the order of the table.
func (r *Row) columns() (names []string, values []any) {
	return []string{"time", "commit", "benchmark", "name", "value", "target", "verdict", "cores", "cpu", "memory_gib", "go", "kafka", "load"},
		[]any{&r.Time, &r.Commit, &r.Benchmark, &r.Name, &r.Value, &r.Target, &r.Verdict, &r.Cores, &r.CPU, &r.MemoryGiB, &r.Go, &r.Kafka, &r.Load}
}

// Report is that of one run of a benchmark.
type Report struct {
	conditions Row
	rows       []Row
	failed     []string
}

// Open prints the conditions of a run. brokers may be none.
func Open(ctx context.Context, benchmark string, brokers ...string) (*Report, error) {
	r := &Report{conditions: Row{
		Time: time.Now().UTC().Format(time.DateTime), Commit: commit(ctx), Benchmark: benchmark,
		Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"), Kafka: "none",
	}}
	c := &r.conditions
	load, err1 := os.ReadFile("/proc/loadavg")
	cpu, err2 := after("/proc/cpuinfo", "model name\t: ")
	memory, err3 := after("/proc/meminfo", "MemTotal:")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("read the machine's state, which Linux has in /proc: %w", err)
	}
	c.Load, _, _ = strings.Cut(string(load), " ")
	c.CPU = cpu
	kib, err := strconv.Atoi(strings.Fields(memory)[0])
	if err != nil {
		return nil, err
	}
	c.MemoryGiB = (kib + 1<<19) >> 20
	if len(brokers) > 0 {
		if c.Kafka, err = kafkaVersion(ctx, brokers); err != nil {
			return nil, err
		}
	}
	fmt.Printf("%s, commit %s: %d cores (%s), %d GiB, load average %s, Go %s, Kafka %s\n",
		c.Benchmark, c.Commit, c.Cores, c.CPU, c.MemoryGiB, c.Load, c.Go, c.Kafka)
	return r, nil
}

// AtLeast prints and keeps a number that must not be below its target.
func (r *Report) AtLeast(name string, value, target float64) {
	r.verdict(name, value, fmt.Sprintf(">= %g", target), value >= target)
}

// AtMost prints and keeps a number that must not be above its target.
func (r *Report) AtMost(name string, value, target float64) {
	r.verdict(name, value, fmt.Sprintf("<= %g", target), value <= target)
}

func (r *Report) verdict(name string, value float64, target string, pass bool) {
	verdict := "PASS"
	if !pass {
		verdict = "FAIL"
		r.failed = append(r.failed, name)
	}
	row := r.conditions
	row.Name, row.Value, row.Target, row.Verdict = name, value, target, verdict
	r.rows = append(r.rows, row)
	fmt.Printf("%s: %.4g %s %s\n", name, value, target, verdict)
}

// Value prints and keeps a number that has no target.
func (r *Report) Value(name string, value float64) {
	row := r.conditions
	row.Name, row.Value = name, value
	r.rows = append(r.rows, row)
	fmt.Printf("%s: %.4g\n", name, value)
}

// Close writes the numbers into the table, and fails where one missed its target.
func (r *Report) Close() error {
	if folder := os.Getenv("BENCH_RESULTS"); folder != "" {
		if err := r.record(folder); err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
	}
	if len(r.failed) > 0 {
		return fmt.Errorf("%d of %d targets missed: %s", len(r.failed), len(r.rows), strings.Join(r.failed, "; "))
	}
	return nil
}

// record appends the rows to the table of the day.
func (r *Report) record(folder string) error {
	date, _, _ := strings.Cut(r.conditions.Time, " ")
	name := filepath.Join(folder, date+".tsv")
	var text strings.Builder
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		names, _ := r.conditions.columns()
		text.WriteString(strings.Join(names, "\t") + "\n")
	}
	for _, row := range r.rows {
		_, values := row.columns()
		cells := make([]string, len(values))
		for i, value := range values {
			switch value := value.(type) {
			case *string:
				cells[i] = *value
			case *int:
				cells[i] = strconv.Itoa(*value)
			case *float64:
				cells[i] = strconv.FormatFloat(*value, 'g', 4, 64)
			}
		}
		text.WriteString(strings.Join(cells, "\t") + "\n")
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.String())
	return errors.Join(err, file.Close())
}

// Read returns the rows of the tables in a folder, oldest first.
func Read(folder string) (rows []Row, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tsv"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			row, cells := Row{}, strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			names, values := row.columns()
			switch {
			case cells[0] == names[0]:
				continue
			case len(cells) != len(values):
				return nil, fmt.Errorf("%s: a row of %d columns, want %d: %s", name, len(cells), len(values), line)
			}
			for i, value := range values {
				if text, is := value.(*string); is {
					*text = cells[i]
				} else if _, err := fmt.Sscan(cells[i], value); err != nil {
					return nil, fmt.Errorf("%s: %s %q: %w", name, names[i], cells[i], err)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
