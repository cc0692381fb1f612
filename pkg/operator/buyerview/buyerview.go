// Package buyerview shows records of orders with their buyer data decrypted, to
// an operator who has the key.
package buyerview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
)

// Decoder decodes values as registry.Codec does, and the buyer data of orders
// besides. It is used by one goroutine.
type Decoder struct {
	codec  *registry.Codec
	keys   buyerdata.Keys
	reader topicread.Reader
	topic  string // buyer-keys, by its name on the wire

	records map[string]*schemas.BuyerKey // by <account>/<order id>
	read    map[int32]int64              // up to where the topic was read
	unread  *kclient.UnreadableError     // a batch of the topic that cannot be read; nil for none
}

// New makes a Decoder that finds wrapped keys with reader, under a prefix of the
// topics. It reads nothing yet.
func New(codec *registry.Codec, keys buyerdata.Keys, reader topicread.Reader, prefix string) *Decoder {
	d := &Decoder{
		codec: codec, keys: keys, reader: reader, topic: prefix + schemas.BuyerKeys,
		records: make(map[string]*schemas.BuyerKey), read: make(map[int32]int64),
	}
	d.reader.Unreadable = func(batch *kclient.UnreadableError) { d.unread = batch }
	return d
}

// DecodeJSON implements kcat.Decoder. In place of encrypted fields an order has
// what they say or, where that cannot be known, why: buyerData.error.
func (d *Decoder) DecodeJSON(ctx context.Context, data []byte) ([]byte, error) {
	text, err := d.codec.DecodeJSON(ctx, data)
	if err != nil || !bytes.Contains(text, []byte(`"buyerData":{`)) {
		return text, err
	}
	value, err := d.codec.Decode(ctx, schemas.Orders, data)
	order, ok := value.(*schemas.Order)
	if err != nil || !ok || order.BuyerData == nil {
		return text, nil //nolint:nilerr // a value of another topic
	}
	shown, err := d.open(ctx, order)
	if err != nil {
		return nil, err
	}
	order.BuyerData = nil
	if text, err = schemas.AppendJSON(nil, order); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false) // as all else is shown
	if err := out.Encode(shown); err != nil {
		return nil, err
	}
	return fmt.Appendf(bytes.TrimSuffix(text, []byte("}")), `,"buyerData":%s}`, bytes.TrimSpace(b.Bytes())), nil
}

// view is what is shown of an order's buyer data.
type view struct {
	KeyID   string            `json:"keyId"`
	Fields  map[string]string `json:"fields,omitempty"`
	Deleted bool              `json:"deleted,omitempty"`
	Error   string            `json:"error,omitempty"`
}

// open decrypts an order's fields. Its error is one of Kafka or the registry.
func (d *Decoder) open(ctx context.Context, order *schemas.Order) (view, error) {
	shown := view{KeyID: order.BuyerData.KeyID}
	record, err := d.find(ctx, order)
	if err != nil {
		return shown, err
	}
	if record == nil {
		shown.Deleted = d.unread == nil
		if d.unread != nil {
			shown.Error = fmt.Sprintf("its key is not known; it may be in what cannot be read: %v", d.unread)
		}
		return shown, nil
	}
	shown.Fields, err = d.keys.Open(ctx, buyerdata.Owner{Account: order.Account, OrderID: order.OrderID}, order.BuyerData, record)
	switch {
	case errors.Is(err, buyerdata.ErrDeleted):
		shown.Deleted = true
	case err != nil:
		shown.Error = err.Error()
	}
	return shown, nil
}

// find is the record of an order's key, nil for none. The topic is read on when
// it is not among those that were read.
func (d *Decoder) find(ctx context.Context, order *schemas.Order) (*schemas.BuyerKey, error) {
	key := order.Account + "/" + order.OrderID
	if record := d.records[key]; record != nil && record.KeyID == order.BuyerData.KeyID {
		return record, nil
	}
	if err := d.readOn(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", registry.ErrUnavailable, err)
	}
	return d.records[key], nil
}

func (d *Decoder) readOn(ctx context.Context) error {
	ends, err := d.reader.Ends(ctx, d.topic)
	if err != nil || maps.Equal(ends, d.read) {
		return err
	}
	from := d.read
	if len(from) == 0 {
		if from, err = d.reader.Starts(ctx, d.topic, time.Time{}); err != nil {
			return err
		}
	}
	if err := d.reader.Committed(ctx, d.topic, from, ends, func(rec *kgo.Record) error { return d.take(ctx, rec) }); err != nil {
		return err
	}
	d.read = ends
	return nil
}

func (d *Decoder) take(ctx context.Context, rec *kgo.Record) error {
	if rec.Value == nil {
		delete(d.records, string(rec.Key))
		return nil
	}
	value, err := d.codec.Decode(ctx, schemas.BuyerKeys, rec.Value)
	if err != nil {
		return fmt.Errorf("topic %s, partition %d, offset %d: %w", d.topic, rec.Partition, rec.Offset, err)
	}
	if record, ok := value.(*schemas.BuyerKey); ok { // else a claim of the runtime
		d.records[string(rec.Key)] = record
	}
	return nil
}
