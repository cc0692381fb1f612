package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// poisoner produces what no producer of ours would: batches as large as the broker
// takes compressed.
func (w *world) poisoner() *kgo.Client {
	return w.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(64<<20), kgo.MaxBufferedBytes(256<<20),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.MaxProduceRequestsInflightPerBroker(1))
}

// noise does not compress.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// A record that is too large in any way is one letter, and the next record is
// processed.
func TestOneLetterForWhateverIsTooLarge(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.setTopicConfig(schemas.DeadLetters, "max.message.bytes", strconv.Itoa(schemas.MaxDeadLetterBytes))
		ours := accountOf(func(name string) bool { return partitionOf(name) == 0 })
		header := func(n int) []kgo.RecordHeader { return []kgo.RecordHeader{{Key: "h", Value: noise(n)}} }
		poison := []*kgo.Record{
			{Key: noise(800_000), Value: []byte("v")},
			{Key: noise(800_000)},
			{Key: bytes.Repeat([]byte("k"), 1<<20), Value: make([]byte, 1<<20)},
			{Key: []byte(ours), Value: make([]byte, 3<<20)},
			{Key: []byte(ours), Value: noise(900_000)},
			{Key: []byte(ours), Value: []byte("v"), Headers: header(700_000)},
			{Key: []byte(ours), Value: noise(500_000), Headers: []kgo.RecordHeader{{Key: string(bytes.Repeat([]byte("h"), 3<<20))}}},
		}
		client := w.poisoner()
		defer client.Close()
		for _, rec := range poison {
			rec.Topic = testPrefix + in1
			if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		w.produce(in1, ours, 1)
		r := w.run(w.options(newCounter))
		checkCounts(t, w.read(out, 1), 1, 1)
		letters := w.read(schemas.DeadLetters, len(poison))
		for i, rec := range letters {
			letter := decode[schemas.DeadLetter](t, rec)
			if *letter.Offset != int64(i) || letter.Source != testPrefix+in1 || len(rec.Key) > 4<<10 {
				t.Errorf("letter %d is of %s@%d, with a key of %d bytes", i, letter.Source, *letter.Offset, len(rec.Key))
			}
			if whole := len(letter.Cut) == 0; whole != (i == 4) {
				t.Errorf("letter %d says that it was cut: %v", i, letter.Cut)
			}
		}
		r.shutdown()
	})
}

// A topic for letters that takes less than it should gets smaller letters.
func TestALetterFitsATopicThatTakesLittle(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.setTopicConfig(schemas.DeadLetters, "max.message.bytes", "20000")
		ours := accountOf(func(name string) bool { return partitionOf(name) == 0 })
		w.produceRaw(&kgo.Record{Topic: testPrefix + in1, Key: []byte(ours), Value: noise(200_000)})
		w.produceRaw(&kgo.Record{Topic: testPrefix + in1, Key: []byte(ours), Value: noise(300_000)})
		w.produce(in1, ours, 1)
		r := w.run(w.options(newCounter))
		checkCounts(t, w.read(out, 1), 1, 1)
		for i, rec := range w.read(schemas.DeadLetters, 2) {
			letter := decode[schemas.DeadLetter](t, rec)
			if want := int64(200_000 + 100_000*i); letter.Cut[schemas.CutValue] != want || len(letter.Value) == 0 {
				t.Errorf("letter %d keeps %d bytes and says %v, want %d", i, len(letter.Value), letter.Cut, want)
			}
		}
		r.shutdown()
	})
}

// A batch that cannot be read is one letter that names its offsets, and what is
// around it is processed, in every input and before and behind a restart.
func TestOneLetterForABatchThatCannotBeRead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		ours := accountOf(func(name string) bool { return partitionOf(name) == 0 })
		batch := rawbatch.Zeros(ours, 10, 4)
		bomb := func(topic string) {
			if _, err := rawbatch.Produce(t.Context(), w.client, testPrefix+topic, 0, batch); err != nil {
				t.Fatal(err)
			}
		}
		bomb(in1) // the first that there ever was: offsets 0 to 9
		w.produce(in1, ours, 1)
		bomb(in1)
		bomb(in1)
		w.produce(in1, ours, 2)
		w.produce(in2, ours, 3)
		bomb(in2)
		w.produce(in2, ours, 4)
		r := w.run(w.options(newCounter))
		w.read(out, 4)
		letters := w.read(schemas.DeadLetters, 4)
		r.shutdown()

		r = w.run(w.options(newCounter))
		bomb(in1)
		w.produce(in1, ours, 5)
		if got := w.read(out, 5); len(got) != 5 {
			t.Errorf("%d outputs, want 5", len(got))
		}
		letters = append(letters, w.read(schemas.DeadLetters, 5)[4])
		spans := make(map[string]bool)
		for _, rec := range letters {
			letter := decode[schemas.DeadLetter](t, rec)
			if letter.LastOffset == nil {
				t.Fatalf("a letter of offset %d alone: %s", *letter.Offset, letter.Reason)
			}
			spans[fmt.Sprintf("%s %d-%d", letter.Source, *letter.Offset, *letter.LastOffset)] = true
		}
		for _, span := range []string{in1 + " 0-9", in1 + " 11-20", in1 + " 21-30", in2 + " 1-10", in1 + " 32-41"} {
			if !spans[testPrefix+span] {
				t.Errorf("no letter of %s: %v", span, spans)
			}
		}
		r.shutdown()
	})
}
