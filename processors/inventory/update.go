package inventory

import (
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// millis is a time in Unix milliseconds; 0 is no time. A machine can hold a
// million SKUs: a time.Time is three times as large.
type millis int64

func millisOf(t time.Time) millis {
	if t.IsZero() {
		return 0
	}
	return millis(t.UnixMilli())
}

func (m millis) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

func (m millis) add(d time.Duration) millis { return m + millis(d.Milliseconds()) }

// stamp orders a SKU's updates: by event time, then by offset.
type stamp struct {
	time   millis
	offset int64
}

func (s stamp) before(other stamp) bool {
	if s.time != other.time {
		return s.time < other.time
	}
	return s.offset < other.offset
}

// update is an inventory update whose outcome is not known yet. It does not
// change: two places that hold the same one hold the same pointer.
type update struct {
	stamp
	quantity    int32
	partition   int32
	source      string // machine.Record.ID; "" where an earlier version took it in
	id          string
	productType string
	channel     string
	received    millis
	urgent      bool
	replay      string // the replay that had it processed again; "" for the first time
}

func newUpdate(u *schemas.InventoryUpdate, rec *machine.Record, now time.Time) *update {
	next := &update{
		stamp: stamp{millisOf(u.EventTime), rec.Offset}, quantity: u.Quantity, partition: rec.Partition, source: rec.ID,
		id: strings.Clone(u.UpdateID), productType: strings.Clone(u.ProductType), channel: strings.Clone(u.FulfillmentChannelCode),
		received: millisOf(now), urgent: u.Urgent,
	}
	if rec.Replay != nil { // nothing of a replay is urgent
		next.replay, next.urgent = rec.Replay.ID, false
	}
	return next
}

func (u *update) state() *schemas.PendingUpdate {
	if u == nil {
		return nil
	}
	return &schemas.PendingUpdate{
		Quantity: u.quantity, EventTime: u.time.time(), UpdateID: u.id,
		SourcePartition: u.partition, SourceOffset: u.offset, SourceID: u.source,
		ProductType: u.productType, FulfillmentChannelCode: u.channel,
		Urgent: u.urgent, ReceivedTime: u.received.time(), Replay: u.replay,
	}
}

func restoredUpdate(s *schemas.PendingUpdate) *update {
	if s == nil {
		return nil
	}
	return &update{
		stamp: stamp{millisOf(s.EventTime), s.SourceOffset}, quantity: s.Quantity, partition: s.SourcePartition, source: strings.Clone(s.SourceID),
		id: strings.Clone(s.UpdateID), productType: strings.Clone(s.ProductType), channel: strings.Clone(s.FulfillmentChannelCode),
		received: millisOf(s.ReceivedTime), urgent: s.Urgent, replay: strings.Clone(s.Replay),
	}
}
