package stream

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// skip makes the intake go on behind a batch that cannot be read: the batch waits in
// the queue like a record, to become one dead letter (6).
func (in *intake) skip(batch *kclient.UnreadableError) {
	in.s.log.Error("a batch cannot be read and becomes one dead letter; the records behind it are read",
		"topic", batch.Topic, "offset", batch.First, "last_offset", batch.Last)
	in.add(batch.Record())
	in.fetchOn()
}

// fetchOn makes the client fetch at once behind what was fetched: it would not go on
// after an error by itself, and a resumed input would wait for the fetch that is under
// way for the others. It sets all positions, since setting one drops what the client has
// buffered of the others.
func (in *intake) fetchOn() {
	offsets := make(map[string]map[int32]kgo.EpochOffset, len(in.inputs))
	for _, i := range in.inputs {
		if i.reading() < 0 { // nothing of it was read yet
			in.restart(i)
			continue
		}
		offsets[i.topic] = map[int32]kgo.EpochOffset{in.s.u.partition: {Epoch: -1, Offset: i.reading()}}
	}
	in.s.client.SetOffsets(offsets)
}

// unreadable sets a batch aside.
func (in *intake) unreadable(i *input, r *machine.Record, first, last int64, reject func(machine.DeadLetter)) {
	r.Offset = max(first, i.next) // what is before it was applied
	reject(machine.DeadLetter{
		Record: r, LastOffset: &last, Reason: kclient.ReasonUnreadable, Message: kclient.UnreadableMessage(r.Offset, last),
	})
}
