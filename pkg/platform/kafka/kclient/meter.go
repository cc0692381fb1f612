package kclient

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errLater is what the client gets instead of a batch when its fetch has brought
// enough. It then gives what it has, and fetches the rest again.
var errLater = errors.New("enough was fetched: the rest comes with the next fetch")

// meter decompresses batches for one client and gives it the memory for their
// records, as far as memory allows.
type meter struct {
	inner   kgo.Decompressor
	gate    *gate
	cost    atomic.Int64 // of the newest fetch so far: what was decompressed, and its records
	refused atomic.Int64
}

// newMeter borrows the decompressor of a client that is never connected, which is
// the one way to the library's own with a bound.
func newMeter() (*meter, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(MaxBatchBytes))
	if err != nil {
		return nil, fmt.Errorf("decompressor: %w", err)
	}
	defer client.Close()
	inner, ok := client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if !ok {
		return nil, errors.New("the Kafka client has no decompressor")
	}
	return &meter{inner: inner, gate: process}, nil
}

// OnBrokerRead is a kgo hook: an answer to a fetch begins.
func (m *meter) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key == int16(kmsg.Fetch) {
		m.cost.Store(0)
	}
}

// Decompress refuses what is too large or no data at all with the one error that
// makes the client stop the partition and name the batch's offsets. To
// fetch such a batch again can only fail in the same way.
func (m *meter) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	if m.cost.Load() >= maxFetchCost {
		return nil, errLater
	}
	decompress := func() ([]byte, error) { return m.inner.Decompress(src, codec) }
	data, err := m.gate.run(decompress)
	cost := int64(len(data))
	if err != nil || cost+recordCost*records(data) > maxBatchCost {
		m.refused.Add(1)
		return nil, errors.Join(kgo.ErrMaxDecompress, err)
	}
	before := m.cost.Add(cost) - cost
	if cost < largeCost {
		return data, nil
	}
	if !m.gate.enter(cost) {
		if before > 0 { // what this fetch has brought is to be read first
			return nil, errLater
		}
		return m.again(decompress, cost)
	}
	m.gate.hold(data, cost)
	return data, nil
}

// again decompresses a large batch once more when the gate lets it in: nothing of it
// is held while it waits.
func (m *meter) again(decompress func() ([]byte, error), cost int64) ([]byte, error) {
	m.gate.await(cost)
	data, err := m.gate.run(decompress)
	if err != nil {
		m.gate.leave(cost)
		return nil, err
	}
	m.gate.hold(data, cost)
	return data, nil
}

// GetRecords is a kgo pool of records, which never gets them back: the client asks
// it for the memory of each batch's records, compressed or not. Many small records
// take far more than their bytes. What a fetch has parsed waits for the rest of it,
// so that a fetch is let in as a whole, where it begins to be large.
func (m *meter) GetRecords(n int) []kgo.Record {
	cost := recordCost * int64(n)
	after := m.cost.Add(cost)
	switch before := after - cost; {
	case after < largeCost || n == 0:
		return make([]kgo.Record, n)
	case before < largeCost:
		m.gate.await(cost)
	default:
		m.gate.add(cost)
	}
	recs := make([]kgo.Record, n)
	runtime.AddCleanup(&recs[0], m.gate.leave, cost)
	return recs
}

// PutRecords leaves the records of a batch that the client did not keep to the
// garbage collector.
func (m *meter) PutRecords([]kgo.Record) {}

// records counts the records of a batch: each begins with its length as a varint.
func records(data []byte) (n int64) {
	for len(data) > 0 {
		length, size := binary.Varint(data)
		if size <= 0 || length < 0 || length > int64(len(data)-size) {
			return n + 1
		}
		data = data[size+int(length):]
		n++
	}
	return n
}
