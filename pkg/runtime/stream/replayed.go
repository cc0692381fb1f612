package stream

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// rank orders inputs: those of a lower one are taken first.
type rank byte

const (
	rankAlways   rank = iota // taken however much is pending
	rankInput                // taken until Options.MaxPending
	rankReplayed             // taken until a replayShare of it
)

// replayShare is the part of Options.MaxPending, and of MaxTick, that records of
// Options.Replays may fill: what is new never waits for them.
const replayShare = 10

// again describes which records of an input were read before: those below until, of
// an input that Reset has set back.
type again struct {
	replay string
	until  int64
}

// settleReplays pauses and resumes the intake of replays.
func (in *intake) settleReplays(pending int) {
	most := max(1, in.s.opts.MaxPending/replayShare)
	switch {
	case pending > most:
		in.busy = true
	case pending <= most*3/4:
		in.busy = false
	}
}

// ample reports whether enough of an input was fetched: replays are taken in
// small portions, and what waits of them is not counted in room. After a pause half of
// it is enough: each resume costs the fetches that are under way (fetchOn).
func (in *intake) ample(i *input) bool {
	records, bytes := in.s.opts.MaxTick, maxTickBytes
	if i.paused {
		records, bytes = (records+1)/2, bytes/2
	}
	return i.rank == rankReplayed && (len(i.queue) >= records || i.bytes >= bytes)
}

// restart consumes an input from the start of the log.
func (in *intake) restart(i *input) {
	partition := map[string][]int32{i.topic: {in.s.u.partition}}
	in.s.client.RemoveConsumePartitions(partition)
	i.next, i.fetched, i.epoch, i.queue, i.bytes = -1, -1, -1, nil, 0
	in.s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{i.topic: {in.s.u.partition: kgo.NewOffset().AtStart()}})
}

// originate makes of a record of Options.Replays the one that it is a copy of.
func originate(r *machine.Record) error {
	at := slices.IndexFunc(r.Headers, func(h machine.Header) bool { return h.Key == schemas.ReplayHeader })
	var header []byte
	if at >= 0 {
		header = r.Headers[at].Value
	}
	origin, err := schemas.ParseOrigin(header)
	if err != nil {
		return err
	}
	if origin.Partition != r.Partition {
		return fmt.Errorf("its original is in partition %d, the copy in partition %d", origin.Partition, r.Partition)
	}
	r.Headers = slices.Delete(r.Headers, at, at+1)
	r.Topic, r.Offset, r.Time = origin.Topic, origin.Offset, time.UnixMilli(origin.Timestamp)
	r.Replay = &machine.Replay{ID: origin.Replay, Effects: origin.Effects}
	return nil
}

func (r *Remedies) noOrigin(topic string, err error) string {
	return fmt.Sprintf("the record of topic %s does not say what it is a copy of: %v; "+
		"only %s should write there", topic, err, r.Replay)
}
