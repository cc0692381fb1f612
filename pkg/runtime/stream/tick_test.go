package stream

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// bytesCodec writes values of type []byte as they are.
type bytesCodec struct{}

func (bytesCodec) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	return append(dst, value.([]byte)...), nil
}

func (bytesCodec) Decode(_ context.Context, _ string, data []byte) (any, error) { return data, nil }

// TestRecordsOfATickShareChunks adds records of all sizes, some larger than a chunk.
// None overwrites another, and the chunks are about as large as the records.
func TestRecordsOfATickShareChunks(t *testing.T) {
	t.Parallel()
	u := &unit{p: &Processor{}, partition: 3}
	tick := newTick(&session{u: u, opts: &Options{Prefix: "p.", State: "state", Codec: bytesCodec{}}})
	for round := range 3 {
		total := 0
		var want [][]byte
		for i := range 2000 {
			value := bytes.Repeat([]byte{byte(i + round)}, i*7%3000)
			if i%500 == 499 {
				value = bytes.Repeat([]byte{byte(i)}, 2*chunkBytes)
			} else {
				total += len(value)
			}
			want = append(want, value)
			if err := tick.add("state", fmt.Sprint("key-", i), value); err != nil {
				t.Fatal(err)
			}
		}
		for i, rec := range tick.records {
			if key := fmt.Sprint("key-", i); string(rec.Key) != key || !bytes.Equal(rec.Value, want[i]) || rec.Topic != "p.state" || rec.Partition != 3 {
				t.Fatalf("round %d: record %d of topic %s, partition %d, has key %s and %d bytes, want %s and %d",
					round, i, rec.Topic, rec.Partition, rec.Key, len(rec.Value), key, len(want[i]))
			}
		}
		if got := len(tick.chunks) * chunkBytes; got > total*3/2 {
			t.Errorf("the chunks have %d bytes for %d", got, total)
		}
		tick.end()
		if tick.free != nil || len(tick.chunks) > 0 || len(tick.records) > 0 {
			t.Errorf("after its end the tick has %d chunks and %d records", len(tick.chunks), len(tick.records))
		}
	}
}
