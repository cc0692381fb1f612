// Package topicplan compares Kafka's topics with the table of topics, and the schema
// registry's subjects with what protects them, and shows what applying the table would
// change.
package topicplan

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// Plan is what the cluster has against what the configuration wants.
type Plan struct {
	admin   *kadm.Client
	brokers []string
	options topics.Options
	report  topics.Report
	unknown []string
	// Unprotected are subjects that others write and where the registry takes any schema.
	Unprotected []registry.Compatibility
}

// Compare makes the plan of a configuration, and changes nothing. What the schema
// registry has is left to the caller.
func Compare(ctx context.Context, admin *kadm.Client, cfg config.Config) (Plan, error) {
	p := Plan{admin: admin, brokers: cfg.Kafka.Brokers, options: topics.Options{
		Prefix: cfg.Prefix, Partitions: cfg.Kafka.Partitions, Replication: cfg.Kafka.Replication,
	}}
	var err error
	if p.report, err = topics.Check(ctx, admin, p.options); err != nil {
		return p, fmt.Errorf("topics on %v: %w", cfg.Kafka.Brokers, err)
	}
	p.unknown, err = topics.Unknown(ctx, admin, p.options, cfg.Exclusions.Topic)
	return p, err
}

// Apply creates the topics that are missing and sets the settings that differ. It
// returns what it did even if some of it failed.
func (p Plan) Apply(ctx context.Context) (topics.Report, error) {
	return topics.Apply(ctx, p.admin, p.options, p.report)
}

// Same reports whether nothing differs.
func (p Plan) Same() bool { return len(p.report.Missing)+len(p.report.Differences) == 0 }

// Creations are the topics that Apply creates, by their names on the wire.
func (p Plan) Creations() []string { return p.report.Missing }

// Changes are the differences that Apply mends.
func (p Plan) Changes() []topics.Difference {
	return slices.DeleteFunc(slices.Clone(p.report.Differences), func(d topics.Difference) bool { return !d.Alterable() })
}

// Refusals are the differences that Apply leaves as they are.
func (p Plan) Refusals() []topics.Difference {
	return slices.DeleteFunc(slices.Clone(p.report.Differences), topics.Difference.Alterable)
}

// The words for what apply does not do.
const (
	howPartitions = `Partitions are never changed: whoever owns a partition number owns its accounts, and
with another number Kafka's partitioner would send accounts to other owners while
their state stays behind. If the topics are right, write their number at
kafka.partitions. If the configuration is right, move to a new prefix: the section
"Another number of partitions" in schemas/README.md says how.`
	howReplication = `Replicas are not moved here: kafka-reassign-partitions.sh does it while everything
runs. Or write what the topics have at kafka.replication. Run apply again after it,
since min.insync.replicas follows the replicas.`
)

// Text shows the plan to a person.
func (p Plan) Text(w io.Writer) error {
	replication := "the cluster's default replication"
	if p.options.Replication > 0 {
		replication = fmt.Sprint("replication ", p.options.Replication)
	}
	fmt.Fprintf(w, "topics %s* on %s against the table with %d partitions, %s\n\n",
		p.options.Prefix, strings.Join(p.brokers, ","), p.options.Partitions, replication)
	table := columns.New(w)
	for _, name := range p.report.Missing {
		table.Printf("+ %s\tcreate\t%s\n", name, strings.Join(p.settings(name), " "))
	}
	for _, d := range p.Changes() {
		table.Printf("~ %s\t%s\t%s → %s\n", d.Topic, d.Setting, readable(d.Setting, d.Have), readable(d.Setting, d.Want))
		if loss := d.Loss(); loss != "" {
			table.Printf("\t\t%s\n", loss)
		}
	}
	for _, d := range p.Refusals() {
		table.Printf("! %s\t%s\t%s, not %s\n", d.Topic, d.Setting, d.Have, d.Want)
	}
	for _, name := range p.unknown {
		table.Printf("? %s\tnot in the table\tleft alone\n", name)
	}
	for _, s := range p.Unprotected {
		level := s.Level
		if s.Err != nil {
			level = fmt.Sprintf("%.100s", s.Err)
		}
		table.Printf("! %s\tcompatibility\t%s, not %s: set it at the schema registry\n", s.Subject, level, registry.WantedCompatibility)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if p.Same() {
		_, err := fmt.Fprintln(w, "nothing differs")
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d to create, %d to change, %d that apply does not change\n%s", len(p.report.Missing), len(p.Changes()), len(p.Refusals()), p.advice())
	return err
}

// settings are what a missing topic is created with.
func (p Plan) settings(name string) []string {
	t, _ := schemas.TopicOf(strings.TrimPrefix(name, p.options.Prefix))
	var list []string
	for key, value := range t.Config(p.options.Replication) {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	return list
}

// advice returns how to change what apply does not.
func (p Plan) advice() string {
	text := ""
	for _, kind := range []struct{ setting, how string }{{topics.Partitions, howPartitions}, {topics.Replication, howReplication}} {
		if slices.ContainsFunc(p.report.Differences, func(d topics.Difference) bool { return d.Setting == kind.setting }) {
			text += "\n" + kind.how + "\n"
		}
	}
	return text
}

// readable is a value with what it means.
func readable(setting, value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !strings.HasSuffix(setting, ".ms") {
		return value
	}
	if n < 0 {
		return value + " (for ever)"
	}
	d := time.Duration(n) * time.Millisecond
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%s (%s)", value, columns.Counted(int(days), "day"))
	}
	return fmt.Sprintf("%s (%s)", value, d)
}

// Form is the plan as JSON.
type Form struct {
	Same    bool       `json:"same"`
	Create  []Creation `json:"create"`
	Change  []Change   `json:"change"`
	Refused []Change   `json:"refused"` // partitions and replicas, which apply leaves as they are
	Unknown []string   `json:"unknown"` // topics under the prefix that the table does not have
	// Unprotected are the schema registry's subjects that others write, with their
	// compatibility level, where a schema could be registered that cannot be read.
	Unprotected map[string]string `json:"unprotected"`
}

// Creation is a topic that would be created.
type Creation struct {
	Topic       string            `json:"topic"`
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication"` // -1 for the cluster's default
	Config      map[string]string `json:"config"`
}

// Change is a setting that differs, and what is lost when it becomes what the table says.
type Change struct {
	topics.Difference
	Loss string `json:"loss,omitempty"`
}

// JSON shows the plan to a program.
func (p Plan) JSON(w io.Writer) error {
	out := Form{
		Same: p.Same(), Create: []Creation{}, Change: losses(p.Changes()), Refused: losses(p.Refusals()),
		Unknown: append([]string{}, p.unknown...), Unprotected: map[string]string{},
	}
	for _, s := range p.Unprotected {
		out.Unprotected[s.Subject] = s.Level
	}
	for _, name := range p.report.Missing {
		t, _ := schemas.TopicOf(strings.TrimPrefix(name, p.options.Prefix))
		out.Create = append(out.Create, Creation{name, p.options.Partitions, p.options.Replication, t.Config(p.options.Replication)})
	}
	return columns.JSON(w, out)
}

func losses(differences []topics.Difference) []Change {
	list := []Change{}
	for _, d := range differences {
		list = append(list, Change{d, d.Loss()})
	}
	return list
}
