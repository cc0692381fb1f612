package topics

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
)

// Settings of a Difference that are no topic configurations.
const (
	Partitions  = "partitions"  // how many the topic has
	Replication = "replication" // how many replicas a partition has
)

// Difference is a setting that is not as the table says.
type Difference struct {
	Topic   string `json:"topic"`   // name on the wire
	Setting string `json:"setting"` // Partitions, Replication or the name of a topic configuration
	Have    string `json:"have"`
	Want    string `json:"want"`
}

func (d Difference) String() string {
	return fmt.Sprintf("topic %s: %s is %s, the table says %s", d.Topic, d.Setting, d.Have, d.Want)
}

// Alterable reports whether Apply changes it.
func (d Difference) Alterable() bool { return d.Setting != Partitions && d.Setting != Replication }

// Loss returns what is lost when the setting becomes what the table says; "" for nothing.
func (d Difference) Loss() string {
	switch {
	case d.Setting == "cleanup.policy" && d.Want == "compact":
		return "all but the newest record of each key are removed"
	case d.Setting == "cleanup.policy":
		return "records older than the topic's retention are deleted, the newest of a key too"
	case d.Setting == "retention.ms" && limit(d.Want) < limit(d.Have):
		return "older records are deleted"
	}
	return ""
}

// limit reads a setting; -1 means no limit.
func limit(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return math.MaxInt64
	}
	return n
}

// Report is what Ensure or Apply found and did, or Check found.
type Report struct {
	Created     []string // names on the wire
	Missing     []string // what Ensure would have created; only from Check
	Altered     []Difference
	Differences []Difference
}

// Log writes the report: what was created for information, differences as
// warnings with what they need.
func (r Report) Log(log *slog.Logger) {
	for _, name := range r.Created {
		log.Info("created topic", "topic", name)
	}
	for _, d := range r.Differences {
		remedy := "`sellerstream topics apply` sets it; leave it if it is meant"
		switch d.Setting {
		case Partitions:
			remedy = "set kafka.partitions to the topics' number; never add partitions to them: accounts would move away from their state"
		case Replication:
			remedy = "change it with kafka-reassign-partitions, or set kafka.replication to what the topics have"
		}
		log.Warn("topic differs from the table", "topic", d.Topic, "setting", d.Setting, "have", d.Have, "want", d.Want, "remedy", remedy)
	}
}
