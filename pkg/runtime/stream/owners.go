package stream

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

const (
	// maxOwnerBytes bounds the memory for the keys that were found to belong here: some
	// 20,000 accounts. Each unit has one.
	maxOwnerBytes = 2 << 20
	// maxOwnerKey is the longest key that is remembered: longer ones are no account's.
	maxOwnerKey = 256
	// ownerOverhead is what a remembered key takes besides its bytes.
	ownerOverhead = 64
)

// owners describes which accounts belong to a unit's partition, by the partitioner
// that every producer must use: Kafka's default, murmur2 of the account.
type owners struct {
	partition, partitions int32
	partitioner           kgo.TopicPartitioner
	accountOf             func(key []byte) string // nil: the key is the account
	known                 map[string]owner        // by key
	bytes                 int                     // that known takes
}

type owner struct {
	account string
	ours    bool
}

func newOwners(partition, partitions int32) owners {
	return owners{
		partition: partition, partitions: partitions,
		partitioner: kgo.StickyKeyPartitioner(nil).ForTopic(""),
		known:       make(map[string]owner),
	}
}

// account returns the account of a record's key, and whether it belongs here. An empty
// account belongs nowhere.
func (o *owners) account(key []byte) (string, bool) {
	if known, ok := o.known[string(key)]; ok {
		return known.account, known.ours
	}
	name := string(key)
	account, size := name, len(name)
	if o.accountOf != nil {
		account = o.accountOf(key)
		size += len(account)
	}
	found := owner{account, o.holds(account)}
	if size > maxOwnerKey {
		return account, found.ours
	}
	if o.bytes += ownerOverhead + size; o.bytes > maxOwnerBytes {
		clear(o.known)
		o.bytes = ownerOverhead + size
	}
	o.known[name] = found
	return found.account, found.ours
}

// Mine returns a function that reports whether an account is the unit's, for work that
// begins without a record. The function is for one goroutine.
func Mine(u machine.Unit) func(account string) bool {
	o := newOwners(u.Partition, u.Partitions)
	return o.ours
}

// ours reports whether an account belongs here.
func (o *owners) ours(account string) bool {
	if o.accountOf != nil { // known has keys, not accounts
		return o.holds(account)
	}
	if known, ok := o.known[account]; ok {
		return known.ours
	}
	_, ours := o.account([]byte(account))
	return ours
}

// holds is like ours, but remembers nothing.
func (o *owners) holds(account string) bool {
	return account != "" && o.partitionOf([]byte(account)) == o.partition
}

func (o *owners) partitionOf(key []byte) int32 {
	return int32(o.partitioner.Partition(&kgo.Record{Key: key}, int(o.partitions)))
}
