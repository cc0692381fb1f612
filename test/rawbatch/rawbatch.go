// Package rawbatch writes record batches that no producer's library would make.
package rawbatch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Zeros is a batch of records whose values are so many MiB of zeros, a thousandth of
// that on the wire: with 900 in all it is below every broker's message.max.bytes. To
// make it costs little.
func Zeros(key string, records, mebibytes int) []byte {
	size := int64(mebibytes) << 20
	zeros := bytes.Repeat(zip(make([]byte, 1<<20)), mebibytes)
	var zipped []byte // what is zipped apart may stand one behind the other
	for i := range records {
		head := binary.AppendVarint([]byte{0, 0}, int64(i)) // attributes, deltas
		head = binary.AppendVarint(head, int64(len(key)))
		head = binary.AppendVarint(append(head, key...), size)
		headers := zip([]byte{0})
		zipped = slices.Concat(zipped, zip(append(binary.AppendVarint(nil, int64(len(head))+size+1), head...)), zeros, headers)
	}
	return gzipped(records, zipped)
}

func zip(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out) // a bytes.Buffer takes all that is written
	w.Write(data)
	w.Close()
	return out.Bytes()
}

// Broken is a batch of one record that says that it is gzipped, and is not.
func Broken() []byte { return gzipped(1, []byte("no gzip")) }

func gzipped(n int, records []byte) []byte {
	const codec = 1 // Kafka's number of gzip, in the batch's attributes
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: codec, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		FirstTimestamp: now, MaxTimestamp: now, LastOffsetDelta: int32(n - 1), NumRecords: int32(n), Records: records,
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12)) // the length counts what follows it
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// Produce writes a batch as it is to a topic that is there, and returns the offset
// of its first record.
func Produce(ctx context.Context, client *kgo.Client, topic string, partition int32, batch []byte) (int64, error) {
	metadata := kmsg.NewPtrMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = &topic
	metadata.Topics = append(metadata.Topics, wanted)
	known, err := metadata.RequestWith(ctx, client)
	if err != nil {
		return 0, fmt.Errorf("metadata of %s: %w", topic, err)
	}
	of := kmsg.NewProduceRequestTopic()
	of.Topic, of.TopicID = topic, known.Topics[0].TopicID // by name before Kafka 4.0, by id since
	to := kmsg.NewProduceRequestTopicPartition()
	to.Partition, to.Records = partition, batch
	of.Partitions = append(of.Partitions, to)
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 60_000
	request.Topics = append(request.Topics, of)
	leader, err := leaderOf(known.Topics[0], partition)
	if err != nil {
		return 0, err
	}
	response, err := request.RequestWith(ctx, client.Broker(int(leader)))
	if err != nil {
		return 0, fmt.Errorf("produce to %s: %w", topic, err)
	}
	answer := response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return 0, fmt.Errorf("produce to %s, partition %d: %w", topic, partition, err)
	}
	return answer.BaseOffset, nil
}

func leaderOf(topic kmsg.MetadataResponseTopic, partition int32) (int32, error) {
	for _, p := range topic.Partitions {
		if p.Partition == partition {
			return p.Leader, nil
		}
	}
	return 0, fmt.Errorf("the topic has no partition %d", partition)
}
