package kclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/test/long"
)

func compressed(t *testing.T, codec kgo.CompressionCodec, data []byte) ([]byte, kgo.CompressionCodecType) {
	t.Helper()
	c, err := kgo.DefaultCompressor(codec)
	if err != nil {
		t.Fatal(err)
	}
	out, kind := c.Compress(new(bytes.Buffer), data)
	return out, kind
}

// What a batch decompresses to is bounded in every codec, and so is what all batches
// of one fetch do; what is no data is refused like what is too large.
func TestMeter(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		m, err := newMeter()
		if err != nil {
			t.Fatal(err)
		}
		fetch := func() { m.OnBrokerRead(kgo.BrokerMetadata{}, int16(kmsg.Fetch), 0, 0, 0, nil) }
		largest := record(MaxBatchBytes)
		good, kind := compressed(t, codec, largest)
		fetch()
		if data, err := m.Decompress(good, kind); err != nil || !bytes.Equal(data, largest) {
			t.Errorf("%s: the largest batch: %v", name, err)
		}
		if _, err := m.Decompress(good, kind); !errors.Is(err, errLater) || errors.Is(err, kgo.ErrMaxDecompress) {
			t.Errorf("%s: a second one in a fetch: %v", name, err)
		}
		fetch()
		if _, err := m.Decompress(good, kind); err != nil {
			t.Errorf("%s: in the next fetch: %v", name, err)
		}
		for what, data := range map[string][]byte{
			"a byte more": record(MaxBatchBytes + 1), "much more": make([]byte, long.Pick(t, 2, 8)*MaxBatchBytes),
			"too many records": bytes.Repeat([]byte{2, 0}, MaxBatchBytes/4),
		} {
			bomb, kind := compressed(t, codec, data)
			fetch()
			if _, err := m.Decompress(bomb, kind); !errors.Is(err, kgo.ErrMaxDecompress) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		broken := bytes.Clone(good[:len(good)/2])
		for i := range broken[len(broken)/2:] {
			broken[len(broken)/2+i] = byte(rand.Uint32())
		}
		fetch()
		if _, err := m.Decompress(broken, kind); !errors.Is(err, kgo.ErrMaxDecompress) {
			t.Errorf("%s: broken data: %v", name, err)
		}
		if m.refused.Load() != 4 {
			t.Errorf("%s: %d batches are counted as refused, want 4", name, m.refused.Load())
		}
	}
}

// record is one record of n bytes, its length included.
func record(n int) []byte {
	data := make([]byte, n)
	binary.PutVarint(data, int64(n-4))
	return data
}

// The records of batches, compressed or not, are let into memory a few at a time: a
// fetch as a whole, as soon as another lets go, and at the latest after gateIdle.
func TestRecordsWaitForMemory(t *testing.T) {
	t.Parallel()
	const large = 2 * largeCost / recordCost // records
	for name, test := range map[string]struct {
		before  int // records of the same fetch
		held    int64
		leaves  time.Duration // when what is held is let go; 0 for never
		records int
		want    time.Duration
	}{
		"nothing is held":           {records: large},
		"a small batch":             {held: maxLargeCost, records: 100},
		"another lets go":           {held: maxLargeCost, leaves: 3 * time.Second, records: large, want: 3 * time.Second},
		"none lets go":              {held: maxLargeCost, records: large, want: gateIdle},
		"its fetch is let in":       {before: large, held: maxLargeCost, records: large},
		"many small ones are large": {before: largeCost/recordCost - 100, held: maxLargeCost, records: 200, want: gateIdle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &meter{gate: newGate()}
				m.GetRecords(test.before)
				m.gate.add(test.held)
				if test.leaves > 0 {
					time.AfterFunc(test.leaves, func() { m.gate.leave(test.held) })
				}
				began := time.Now()
				if n := len(m.GetRecords(test.records)); n != test.records {
					t.Errorf("memory for %d records, want %d", n, test.records)
				}
				if waited := time.Since(began); waited < test.want || waited > test.want+2*gatePause {
					t.Errorf("it waited %s, want %s", waited, test.want)
				}
				synctest.Wait()
			})
		})
	}
}
