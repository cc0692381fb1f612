package topics

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/schemas"
)

// A topic whose partitions have different numbers of replicas, as a reassignment that
// stopped halfway leaves it, differs from the table, whichever partition is short; and
// the one with the fewest decides how many must be in sync, else its writers stop.
func TestPartitionsWithDifferentReplicasAreSeen(t *testing.T) {
	t.Parallel()
	orders, _ := schemas.TopicOf(schemas.Orders)
	for _, test := range []struct {
		replicas []int
		have     string // "" where it is as wanted
		minimum  string // the min.insync.replicas that is wanted
	}{
		{[]int{3, 3, 3}, "", "2"},
		{[]int{3, 3, 1}, "1 to 3", "1"},
		{[]int{3, 1, 3}, "1 to 3", "1"},
		{[]int{1, 3, 3}, "1 to 3", "1"},
		{[]int{2, 3, 3}, "2 to 3", "1"},
		{[]int{3, 3, 4}, "3 to 4", "2"},
		{[]int{4, 3, 3}, "3 to 4", "2"},
		{[]int{3, 1, 4}, "1 to 4", "1"},
		{[]int{2, 2, 2}, "2", "1"},
	} {
		detail := kadm.TopicDetail{Topic: "t", Partitions: kadm.PartitionDetails{}}
		for p, n := range test.replicas {
			detail.Partitions[int32(p)] = kadm.PartitionDetail{Topic: "t", Partition: int32(p), Replicas: make([]int32, n)}
		}
		have := map[string]string{minISR: "another"}
		got := differ(Options{Partitions: 3, Replication: 3}, orders, detail, have)
		at := slices.IndexFunc(got, func(d Difference) bool { return d.Setting == Replication })
		if (at >= 0) != (test.have != "") || at >= 0 && (got[at].Have != test.have || got[at].Want != "3") {
			t.Errorf("%v: %+v, want replication %q instead of 3", test.replicas, got, test.have)
		}
		unsaid := differ(Options{Partitions: 3}, orders, detail, nil)
		if slices.ContainsFunc(unsaid, func(d Difference) bool { return d.Setting == Replication }) {
			t.Errorf("%v: %+v, though the broker chooses the replication", test.replicas, unsaid)
		}
		at = slices.IndexFunc(got, func(d Difference) bool { return d.Setting == minISR })
		if at < 0 || got[at].Want != test.minimum {
			t.Errorf("%v: %+v, want %s = %s", test.replicas, got, minISR, test.minimum)
		}
	}
}
