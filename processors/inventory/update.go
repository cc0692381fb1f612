package inventory

import (
	"strconv"
	"strings"
	"time"
	"unique"

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
	received  millis
	id        string
	common    unique.Handle[common]
	quantity  int32
	partition int32
	urgent    bool
}

// common is what many updates have alike, and keep once.
type common struct {
	before, after string // what stands before and behind the offset in machine.Record.ID
	split         bool   // whether the offset is in it; before is all of it else
	productType   string
	channel       string
	replay        string // the replay that had it processed again; "" for the first time
	toAmazons     bool   // whether it is sent even to a SKU that Amazon fulfils
	correction    bool   // whether it is no record's, but sends what was accepted once more
}

// commonOf is what an update shares with others.
func commonOf(c common, source string, offset int64) unique.Handle[common] {
	c.before, c.after, c.split = strings.Cut(source, "/"+strconv.FormatInt(offset, 10))
	return unique.Make(c) // of copies of the texts
}

// source is the machine.Record.ID; "" where an earlier version took it in.
func (u *update) source() string {
	c := u.common.Value()
	if !c.split {
		return c.before
	}
	return c.before + "/" + strconv.FormatInt(u.offset, 10) + c.after
}

// replay is the replay that had it processed again; "" for the first time.
func (u *update) replay() string { return u.common.Value().replay }

func newUpdate(u *schemas.InventoryUpdate, rec *machine.Record, now time.Time) *update {
	c := common{productType: u.ProductType, channel: u.FulfillmentChannelCode, toAmazons: u.AllowFulfilledByAmazon}
	if rec.Replay != nil {
		c.replay = rec.Replay.ID
	}
	return &update{
		stamp: stamp{millisOf(u.EventTime), rec.Offset}, quantity: u.Quantity, partition: rec.Partition,
		id: strings.Clone(u.UpdateID), common: commonOf(c, rec.ID, rec.Offset),
		received: millisOf(now), urgent: u.Urgent && rec.Replay == nil, // nothing of a replay is urgent
	}
}

// state is what an entry says of it, in the memory of an earlier one where there is one.
func (u *update) state(earlier *schemas.PendingUpdate) *schemas.PendingUpdate {
	if u == nil {
		return nil
	}
	if earlier == nil {
		earlier = new(schemas.PendingUpdate)
	}
	c := u.common.Value()
	*earlier = schemas.PendingUpdate{
		Quantity: u.quantity, EventTime: u.time.time(), UpdateID: u.id,
		SourcePartition: u.partition, SourceOffset: u.offset, SourceID: u.source(),
		ProductType: c.productType, FulfillmentChannelCode: c.channel,
		Urgent: u.urgent, ReceivedTime: u.received.time(), Replay: c.replay, AllowFulfilledByAmazon: c.toAmazons, Correction: c.correction,
	}
	return earlier
}

func restoredUpdate(s *schemas.PendingUpdate) *update {
	if s == nil {
		return nil
	}
	c := common{productType: s.ProductType, channel: s.FulfillmentChannelCode, replay: s.Replay, toAmazons: s.AllowFulfilledByAmazon, correction: s.Correction}
	return &update{
		stamp: stamp{millisOf(s.EventTime), s.SourceOffset}, quantity: s.Quantity, partition: s.SourcePartition,
		id: strings.Clone(s.UpdateID), common: commonOf(c, s.SourceID, s.SourceOffset),
		received: millisOf(s.ReceivedTime), urgent: s.Urgent,
	}
}
