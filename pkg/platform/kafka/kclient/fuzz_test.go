package kclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/schemas"
)

// fetchMemory is what one fetch of hostile batches may allocate in all: what a batch
// decompresses to, the buffers on the way there, and its records told apart.
const fetchMemory = 300 << 20

// FuzzBatches: whatever bytes a fetch brings as record batches, reading them takes
// bounded memory and gives records whose letters Kafka takes, errors of one line, or
// the offsets of a batch that is passed. The client reads them by the same function.
func FuzzBatches(f *testing.F) {
	shared, err := newMeter()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range batchSeeds(f) {
		f.Add(seed, int64(0))
		if len(seed) < 1<<10 { // of what is large, once is enough
			f.Add(append(bytes.Clone(seed), seed...), int64(1))
			f.Add(seed[:len(seed)/2], int64(0))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, offset int64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := &meter{inner: shared.inner, gate: newGate()}
		// Without its checksum a batch is what its producer says.
		opts := kgo.ProcessFetchPartitionOpts{
			Topic: "t", Partition: 3, Offset: max(0, offset), DisableCRCValidation: true, KeepControlRecords: true, IsolationLevel: kgo.ReadCommitted(),
		}
		fetched, _ := kgo.ProcessFetchPartition(opts, &kmsg.FetchResponseTopicPartition{Partition: 3, RecordBatches: data}, m, nil)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > fetchMemory {
			t.Errorf("%d bytes took %d MiB", len(data), took>>20)
		}
		for _, rec := range fetched.Records[:min(len(fetched.Records), 20)] {
			checkLetter(t, rec)
		}
		fetches := kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "t", Partitions: []kgo.FetchPartition{fetched}}}}}
		for _, e := range Errors(fetches) {
			checkError(t, e.Err, opts.Offset)
		}
	})
}

// checkLetter wants a letter of the record that the topic of letters takes.
func checkLetter(t *testing.T, rec *kgo.Record) {
	t.Helper()
	letter := &schemas.DeadLetter{
		Source: rec.Topic, Partition: &rec.Partition, Offset: &rec.Offset, SourceTime: rec.Timestamp.UTC(),
		Account: string(rec.Key), Key: rec.Key, Value: rec.Value, Attributes: make(map[string][]byte),
	}
	for _, h := range rec.Headers {
		letter.Attributes[h.Key] = h.Value
	}
	letter.Bound(schemas.LeastDeadLetterBytes)
	if n := len(letter.AppendAvro(nil)); n > schemas.LeastDeadLetterBytes {
		t.Errorf("the letter of offset %d has %d bytes", rec.Offset, n)
	}
}

// checkError wants one line and, of a batch that cannot be read, offsets behind which
// the client goes on: not before the batch, unless the broker, which gives batches
// their offsets, brings one from before what was asked for.
func checkError(t *testing.T, err error, offset int64) {
	t.Helper()
	if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\n\r") {
		t.Errorf("%.2000q", text)
	}
	var batch *UnreadableError
	if !errors.As(err, &batch) {
		return
	}
	first, last, ok := Span(batch.Record())
	if !ok || first != batch.First || last != batch.Last || batch.Record().Offset != last || last < min(first, offset) {
		t.Errorf("the batch spans %d to %d, asked for was %d", first, last, offset)
	}
}

// encodeRecord is a record of a batch, with a key and a header.
func encodeRecord(delta int64, value []byte) []byte {
	one := binary.AppendVarint([]byte{0, 0}, delta) // attributes and the timestamp's delta are 0
	one = append(binary.AppendVarint(one, 7), "account"...)
	one = append(binary.AppendVarint(one, int64(len(value))), value...)
	one = append(one, 2, 2, 'h', 2, 'x')
	return append(binary.AppendVarint(nil, int64(len(one))), one...)
}

// batchSeeds are batches of every codec: sound, broken and too large.
func batchSeeds(f *testing.F) (seeds [][]byte) {
	f.Helper()
	var records []byte
	for delta := range int64(3) {
		records = append(records, encodeRecord(delta, []byte("v"))...)
	}
	bomb := make([]byte, 4*MaxBatchBytes)
	many := bytes.Repeat([]byte{2, 0}, MaxBatchBytes/4)
	encode := func(first int64, data []byte, codec kgo.CompressionCodecType, count int32) []byte {
		batch := kmsg.NewRecordBatch()
		batch.FirstOffset, batch.Magic, batch.Attributes, batch.LastOffsetDelta, batch.NumRecords, batch.Records = first, 2, int16(codec), 2, count, data
		batch.Length = int32(len(batch.AppendTo(nil)) - 12)
		return batch.AppendTo(nil)
	}
	add := func(data []byte, codec kgo.CompressionCodecType, count int32) {
		seeds = append(seeds, encode(0, data, codec, count))
	}
	add(records, kgo.CodecNone, 3)
	add(records, kgo.CodecNone, -1)
	add(records, kgo.CodecNone, 1<<30)
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		compressor, err := kgo.DefaultCompressor(codec)
		if err != nil {
			f.Fatal(err)
		}
		for _, data := range [][]byte{records, bomb, many} {
			packed, kind := compressor.Compress(new(bytes.Buffer), data)
			for _, count := range []int32{3, MaxBatchBytes / 4} {
				add(bytes.Clone(packed), kind, count)
				add(packed[:len(packed)/2], kind, count)
			}
		}
	}
	add(records, kgo.CompressionCodecType(7), 3)
	compressor, err := kgo.DefaultCompressor(kgo.GzipCompression())
	if err != nil {
		f.Fatal(err)
	}
	ordinary, kind := compressor.Compress(new(bytes.Buffer), encodeRecord(0, make([]byte, largeCost/2)))
	var fetch []byte // many batches, each of an ordinary size
	for n := range int64(300) {
		fetch = append(fetch, encode(3*n, ordinary, kind, 1)...)
	}
	seeds = append(seeds, fetch)
	return seeds
}
