package stream

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// A letter that was dealt with must not hide what fails again: in a replay, in
// another role, in a topic made anew, in another cluster or under another prefix.
func TestWhatFailsAgainIsAnotherLetter(t *testing.T) {
	t.Parallel()
	id := func(namespace, role, record string) string {
		tx := &machine.Tx{Namespace: namespace}
		return recordLetter(tx, role, "inventory-updates", &machine.DeadLetter{Record: &machine.Record{ID: record}}).ID
	}
	ids := map[string]bool{}
	for _, letter := range []string{
		id("c1/sellerstream.", "inventory", "T1/3/7"), id("c1/sellerstream.", "inventory", "T1/3/7/r-1"),
		id("c1/sellerstream.", "inventory", "T2/3/7"), id("c1/sellerstream.", "shipments", "T1/3/7"),
		id("c2/sellerstream.", "inventory", "T1/3/7"), id("c1/other.", "inventory", "T1/3/7"),
	} {
		if ids[letter] {
			t.Errorf("two letters have the id %s", letter)
		}
		ids[letter] = true
	}
	if !ids[id("c1/sellerstream.", "inventory", "T1/3/7")] {
		t.Error("the same letter has another id")
	}
}

// The IDs of records follow Kafka's topic id, or the name where there is none.
func TestARecordsIDIsOfItsTopicAndNotOfItsName(t *testing.T) {
	t.Parallel()
	first, second := [16]byte{1}, [16]byte{2}
	ids := map[string]bool{}
	for _, begin := range []string{
		recordIDs("c1/", "a", first, 0), recordIDs("c1/", "a", second, 0), recordIDs("c1/", "a", first, 1),
		recordIDs("c1/", "a", [16]byte{}, 0), recordIDs("c2/", "a", [16]byte{}, 0), recordIDs("c1/", "b", [16]byte{}, 0),
	} {
		if ids[begin] {
			t.Errorf("two topics have the ids %s", begin)
		}
		ids[begin] = true
	}
	if recordIDs("c1/", "a", first, 0) != recordIDs("c2/", "b", first, 0) {
		t.Error("a topic that was renamed or mirrored under its id has other ids")
	}
}
