// Package tail shows the records of a topic to a person, decoded, one after the other.
package tail

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// Decoder turns a value into JSON. What it encrypts stays so.
type Decoder interface {
	DecodeJSON(ctx context.Context, data []byte) ([]byte, error)
}

// Topic is a topic that is looked at. All fields are required.
type Topic struct {
	Name    string // on the wire
	Reader  topicread.Reader
	Decoder Decoder
}

// Record is a record as it is shown.
type Record struct {
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Time      time.Time       `json:"time"` // when Kafka took it
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value"`           // null for a deletion
	Error     string          `json:"error,omitempty"` // why the value cannot be decoded
	Bytes     []byte          `json:"bytes,omitempty"` // the value then
}

// Newest returns the newest records by time, n at most, and where each partition ended
// when it looked. account "" means all. It looks back as far as it must, and keeps no
// more than n records.
func (t Topic) Newest(ctx context.Context, account string, n int) (newest []Record, ends map[int32]int64, err error) {
	starts, err := t.Reader.Starts(ctx, t.Name, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	if ends, err = t.Reader.Ends(ctx, t.Name); err != nil {
		return nil, nil, err
	}
	// Offsets are no count of records: transactions and compaction take some.
	for back := int64(2 * n); ; back *= 8 {
		from, all := make(map[int32]int64), true
		for partition, end := range ends {
			from[partition] = max(starts[partition], end-back)
			all = all && from[partition] == starts[partition]
		}
		newest = newest[:0]
		err = t.Between(ctx, account, from, ends, func(r Record) error {
			if newest = append(newest, r); len(newest) >= 2*n {
				newest = last(newest, n)
			}
			return nil
		})
		if err != nil || all || len(newest) >= n {
			return last(newest, n), ends, err
		}
	}
}

// last sorts records by time and keeps n of them.
func last(records []Record, n int) []Record {
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records[max(0, len(records)-n):]
}

// Since gives show the records since a time, each partition in its order, and returns
// where each ended when it looked.
func (t Topic) Since(ctx context.Context, account string, since time.Time, show func(Record) error) (ends map[int32]int64, err error) {
	if ends, err = t.Reader.Ends(ctx, t.Name); err != nil {
		return nil, err
	}
	from, err := t.Reader.Starts(ctx, t.Name, since)
	if err != nil {
		return nil, err
	}
	return ends, t.Between(ctx, account, from, ends, show)
}

// followEvery is how often Follow asks Kafka for more.
const followEvery = time.Second

// Follow gives show what comes behind the offsets, until ctx ends.
func (t Topic) Follow(ctx context.Context, account string, from map[int32]int64, show func(Record) error) error {
	for {
		if err := clock.Sleep(ctx, clock.Real{}, followEvery); err != nil {
			return err
		}
		ends, err := t.Reader.Ends(ctx, t.Name)
		if err == nil && !maps.Equal(ends, from) {
			err = t.Between(ctx, account, from, ends, show)
		}
		if err != nil {
			return err
		}
		from = ends
	}
}

// Between gives show the committed records between offsets, each partition in its order.
func (t Topic) Between(ctx context.Context, account string, from, to map[int32]int64, show func(Record) error) error {
	return t.Reader.Committed(ctx, t.Name, from, to, func(rec *kgo.Record) error {
		shown, err := t.shown(ctx, rec)
		if err != nil || account != "" && !shown.of(account) {
			return err
		}
		return show(shown)
	})
}

// shown decodes a record. Its error says nothing about the record.
func (t Topic) shown(ctx context.Context, rec *kgo.Record) (Record, error) {
	shown := Record{
		Partition: rec.Partition, Offset: rec.Offset, Time: rec.Timestamp.UTC(), Key: strings.ToValidUTF8(string(rec.Key), "\uFFFD"), Value: json.RawMessage("null"),
	}
	if rec.Value == nil {
		return shown, nil
	}
	if bytes.HasPrefix(rec.Value, []byte("{")) && json.Valid(rec.Value) { // a switch that was written without the registry
		shown.Value = bytes.Clone(rec.Value)
		return shown, nil
	}
	text, err := t.Decoder.DecodeJSON(ctx, rec.Value)
	switch {
	case errors.Is(err, registry.ErrUnavailable):
		return shown, err
	case err != nil:
		shown.Error, shown.Bytes = err.Error(), bytes.Clone(rec.Value)
	default:
		shown.Value = text
	}
	return shown, nil
}

// of reports whether a record is about an account: its key is the account or has it
// between slashes, or its value names it.
func (r Record) of(account string) bool {
	if slices.Contains(strings.Split(r.Key, "/"), account) {
		return true
	}
	var named struct {
		Account string `json:"account"`
	}
	return json.Unmarshal(r.Value, &named) == nil && named.Account == account
}
