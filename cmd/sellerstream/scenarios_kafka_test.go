package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/schemas"
)

// update has the warehouse send quantities.
func (s *site) update(account string, skus ...string) {
	s.t.Helper()
	var updates []any
	for _, sku := range skus {
		updates = append(updates, &schemas.InventoryUpdate{UpdateID: "u-" + sku, Account: account, SKU: sku, Quantity: 3, EventTime: time.Now().Add(-time.Minute)})
	}
	produced(s.t, s.file, schemas.InventoryUpdates, account, updates...)
}

// running waits until nothing runs but these roles, of a version.
func (s *site) running(version string, roles ...string) {
	s.t.Helper()
	slices.Sort(roles)
	s.await("all roles run", func() bool {
		said, _ := s.run("upgrade", "status", "--json")
		var now struct{ Members []level.Member }
		if json.Unmarshal([]byte(said), &now) != nil || len(now.Members) != len(roles) {
			return false
		}
		for i, m := range now.Members { // by role
			if m.Role != roles[i] || m.Version != version {
				return false
			}
		}
		return true
	})
}

// reading is about where the roles stand in the logs of Kafka.
func reading() []scenario {
	var all func() // stops the process of all other roles
	at := kadm.Offset{Topic: schemas.DefaultPrefix + schemas.InventoryUpdates}
	return []scenario{
		{
			name: "How far behind are the roles?",
			prepare: func(s *site) map[string]string {
				s.stop()
				all = s.start("v0.1.0", pipeline.Bridge, "orders", "feeds", "shipments", pipeline.Events, pipeline.Subscriptions)
				ends, err := s.kafka.ListEndOffsets(s.ctx, at.Topic)
				if err != nil {
					s.t.Fatal(err)
				}
				s.update(s.account(0), "SKU-00021", "SKU-00022")
				now, err := s.kafka.ListEndOffsets(s.ctx, at.Topic)
				if err != nil {
					s.t.Fatal(err)
				}
				now.Each(func(o kadm.ListedOffset) {
					if was, ok := ends.Lookup(o.Topic, o.Partition); ok && was.Offset != o.Offset {
						at.Partition, at.At = o.Partition, o.Offset-1
					}
				})
				return nil
			},
			says: [][]string{{"inventory inventory-updates 2 "}},
		},
		{
			name: "Nobody runs a role, or owns a partition",
			prepare: func(s *site) map[string]string {
				s.running("v0.1.0", "orders", "feeds", "shipments", "events", "subscriptions")
				return nil
			},
			says: [][]string{{"shipments"}, {"inventory-updates"}},
		},
		{
			name: "A unit stands still",
			prepare: func(s *site) map[string]string {
				all()
				if _, err := s.kafka.DeleteRecords(s.ctx, kadm.Offsets{at.Topic: {at.Partition: at}}); err != nil {
					s.t.Fatal(err)
				}
				s.stop = s.start("v0.1.0")
				s.shows("FAILED units", "doctor")
				return nil
			},
			says: [][]string{{"FAILED units"}, {"STOPPED"}},
		},
		{
			name: "A role's position is not in the log",
			prepare: func(*site) map[string]string {
				return map[string]string{"P:OFFSET": fmt.Sprintf("%d:%d", at.Partition, at.At)}
			},
			says: [][]string{{"is not in the log"}, {"Moved"}},
			after: func(s *site) {
				s.stop() // a unit that stands still tries again after minutes
				s.stop = s.start("v0.1.0")
				s.shows("SKU-00022", "tail", schemas.InventoryResults)
			},
		},
	}
}

// again is about what is done once more.
func again() []scenario {
	return []scenario{
		{
			name:    "A consumer has lost events",
			prepare: func(s *site) map[string]string { return map[string]string{"A": s.account(3)} },
			says:    [][]string{{"4 records of"}, {"4 events published now"}},
		},
		{
			name: "Fetch an order again",
			prepare: func(s *site) map[string]string {
				id := s.unshipped(s.account(3)).OrderID
				s.shows(id, "tail", schemas.Orders, "--since", "1d")
				return map[string]string{"ORDER": id}
			},
			says: [][]string{{"1 record copied"}},
		},
		{
			name:    "Send an account's quantities again",
			prepare: func(s *site) map[string]string { return map[string]string{"A": s.account(0)} },
			says:    [][]string{{"1 record of"}, {"1 record copied"}},
		},
		{
			name: "Read all orders of a new account",
			prepare: func(s *site) map[string]string {
				return map[string]string{"A": s.account(4)}
			},
			says:    [][]string{{"asked for"}, {"done in", "3 orders read"}},
			between: func(s *site) { s.shows("done in", "backfill", "--account", s.account(4)) },
		},
	}
}

// versions is about which version runs.
func versions() []scenario {
	old := func() {}
	return []scenario{
		{
			name: "Is everything on the new version?",
			prepare: func(s *site) map[string]string {
				s.running("v0.1.0", "orders", "inventory", "feeds", "shipments", "events", "subscriptions")
				return nil
			},
			says: [][]string{{"there is nothing to raise", "v0.1.0"}},
		},
		{
			name: "Go back to the version before",
			says: [][]string{nil, {"v0.0.9"}},
			between: func(s *site) {
				old = s.start("v0.0.9")
				s.stop()
				s.stop = old
				s.running("v0.0.9", "orders", "inventory", "feeds", "shipments", "events", "subscriptions")
			},
		},
	}
}

// moves are of what the pipeline remembers.
func moves() []scenario {
	words := func(s *site) map[string]string {
		named := map[string]string{}
		for word, name := range map[string]string{"BACKUP": "backup.gz", "MOVED": "moved.gz", "NEW": "new.yaml"} {
			named[word] = filepath.Join(s.dir, name)
		}
		named["N"] = "6"
		return named
	}
	return []scenario{
		{
			name:    "Back up what the pipeline remembers",
			prepare: words,
			says:    [][]string{{"exported"}},
		},
		{
			name:    "Another prefix, or another number of partitions",
			prepare: func(s *site) map[string]string { s.stop(); return words(s) },
			says:    [][]string{{"step 6"}, {"0 failed"}},
			between: func(s *site) { s.moved("new.yaml", "shop2.", 6) },
		},
		{
			name: "A state topic is lost",
			prepare: func(s *site) map[string]string {
				if _, err := s.kafka.DeleteTopic(s.ctx, schemas.DefaultPrefix+schemas.StateInventory); err != nil {
					s.t.Fatal(err)
				}
				return words(s)
			},
			says: [][]string{{"state.inventory create", "created"}, {"records 0", "positions"}},
		},
		{
			name:    "Kafka is lost",
			prepare: func(s *site) map[string]string { s.moved("new.yaml", "shop3.", 3); return words(s) },
			says:    [][]string{{"shop3"}, {"imported"}},
		},
		{
			name:    "The schema registry is lost, or does not answer",
			prepare: func(s *site) map[string]string { s.edit(s.cluster.RegistryURL(), "http://127.0.0.1:1"); return nil },
			says:    [][]string{{"registry", "does not answer"}},
		},
	}
}

// moved writes a configuration with another prefix.
func (s *site) moved(name, prefix string, partitions int) {
	text := strings.NewReplacer("  partitions: 3\n", fmt.Sprintf("  partitions: %d\n", partitions)).Replace(s.text())
	s.write(filepath.Join(s.dir, name), "prefix: "+prefix+"\n"+text)
}
