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

// stamp orders a SKU's updates: by event time, then by offset. What is sent for an update can
// change: then the newest of its corrections counts.
type stamp struct {
	time        millis
	offset      int64
	corrections int32
}

// same reports whether both are of one record.
func (s stamp) same(other stamp) bool { return s.time == other.time && s.offset == other.offset }

func (s stamp) before(other stamp) bool {
	if s.time != other.time {
		return s.time < other.time
	}
	if s.offset != other.offset {
		return s.offset < other.offset
	}
	return s.corrections < other.corrections
}

// update is an inventory update whose outcome is not known yet. It does not
// change, except for speak: two places that hold the same one hold the same pointer.
type update struct {
	stamp
	received  millis
	seen      millis // orders placed until then are in quantity already
	id        string
	common    unique.Handle[common]
	quantity  int32 // that was asked for
	send      int32 // what is sent for it, as of when that was last decided
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
	correction    bool   // whether no outcome is due for it; see correct
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
	seen := u.SeenOrders
	if seen.IsZero() {
		seen = u.EventTime
	}
	return &update{
		stamp: stamp{time: millisOf(u.EventTime), offset: rec.Offset}, quantity: u.Quantity, send: u.Quantity, partition: rec.Partition,
		seen: min(millisOf(seen), millisOf(now)),
		id:   strings.Clone(u.UpdateID), common: commonOf(c, rec.ID, rec.Offset),
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
		Urgent: u.urgent, ReceivedTime: u.received.time(), Replay: c.replay, AllowFulfilledByAmazon: c.toAmazons,
		Correction: c.correction, Corrections: u.corrections, SentQuantity: u.differs(), SeenOrders: u.seen.time(),
	}
	return earlier
}

func restoredUpdate(s *schemas.PendingUpdate) *update {
	if s == nil {
		return nil
	}
	c := common{productType: s.ProductType, channel: s.FulfillmentChannelCode, replay: s.Replay, toAmazons: s.AllowFulfilledByAmazon, correction: s.Correction}
	seen, send := s.SeenOrders, s.Quantity
	if seen.IsZero() { // a version before this wrote it
		seen = s.EventTime
	}
	if s.SentQuantity != nil {
		send = *s.SentQuantity
	}
	return &update{
		stamp: stamp{millisOf(s.EventTime), s.SourceOffset, s.Corrections}, quantity: s.Quantity, send: send, seen: millisOf(seen), partition: s.SourcePartition,
		id: strings.Clone(s.UpdateID), common: commonOf(c, s.SourceID, s.SourceOffset),
		received: millisOf(s.ReceivedTime), urgent: s.Urgent,
	}
}
