package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// counter counts how often it has seen each key.
type counter struct{ counts map[string]int }

func (c *counter) Restore(key string, value any) error {
	c.counts[key] = value.(int)
	return nil
}

func (c *counter) Record(tx *machine.Tx, rec *machine.Record) {
	word := rec.Account // AccountOf the record's key
	c.counts[word]++
	tx.Put(word, c.counts[word])
	tx.Emit(machine.Output{Topic: "counts", Account: word, Value: c.counts[word]})
}

func (c *counter) Result(*machine.Tx, *machine.Result) {}
func (c *counter) Draw(*machine.Tx)                    {}
func (c *counter) Pending() int                        { return 0 }

// numbers writes integers as text.
type numbers struct{}

func (numbers) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	return strconv.AppendInt(dst, int64(value.(int)), 10), nil
}

func (numbers) Decode(_ context.Context, _ string, data []byte) (any, error) {
	return strconv.Atoi(string(data))
}

// A word count, exactly once: it is stopped after two words and goes on from its state.
// Words are counted whatever their case.
func Example_wordCount() {
	kafka := startKafka("words", "counts", "state", "dead-letters")
	defer kafka.Close()
	options := stream.Options{
		Processor: "word-count", Prefix: "app.",
		Inputs: []string{"words"}, Outputs: []string{"counts"}, State: "state",
		AccountOf: func(key []byte) string { return strings.ToLower(string(key)) },
		New:       func(machine.Unit) machine.Machine { return &counter{counts: map[string]int{}} },
		Codec:     numbers{}, Client: []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)},
		Logger: slog.New(slog.DiscardHandler), // quiet for the example: leave it out in yours
	}

	say(kafka, "To", "be")
	run(options, func() { show(kafka, 2) })
	fmt.Println("stopped, and started again")
	say(kafka, "or", "not", "to", "be")
	run(options, func() { show(kafka, 6) })
	// Output:
	// to 1
	// be 1
	// stopped, and started again
	// to 1
	// be 1
	// or 1
	// not 1
	// to 2
	// be 2
}

// startKafka is a Kafka of one partition in this process; yours has more.
func startKafka(topics ...string) *kfake.Cluster {
	for i := range topics {
		topics[i] = "app." + topics[i]
	}
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	if err != nil {
		panic(err)
	}
	return kafka
}

// run runs a processor until during has returned.
func run(options stream.Options, during func()) {
	processor, err := stream.New(options)
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- processor.Run(ctx) }()
	during()
	stop()
	if err := <-ended; err != nil {
		panic(err)
	}
}

// say produces words as keys.
func say(kafka *kfake.Cluster, words ...string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.ListenAddrs()...))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	for _, word := range words {
		rec := &kgo.Record{Topic: "app.words", Key: []byte(word), Value: []byte("1")}
		if err := client.ProduceSync(context.Background(), rec).FirstErr(); err != nil {
			panic(err)
		}
	}
}

// show prints the first n records of the output.
func show(kafka *kfake.Cluster, n int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.ListenAddrs()...), kgo.ConsumeTopics("app.counts"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	for n > 0 {
		client.PollFetches(context.Background()).EachRecord(func(rec *kgo.Record) {
			fmt.Println(string(rec.Key), string(rec.Value))
			n--
		})
	}
}
