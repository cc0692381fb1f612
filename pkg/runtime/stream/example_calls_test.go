package stream_test

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// caller asks somebody about each key, ten times a second at most. Its state has each
// question before it is asked: a new owner asks those that have no answer yet.
type caller struct {
	waiting map[string]bool
	asked   map[string]bool
	limit   *rate.Limiter
}

func (c *caller) Restore(key string, _ any) error {
	c.waiting[key] = true
	return nil
}

func (c *caller) Record(tx *machine.Tx, rec *machine.Record) {
	c.waiting[rec.Account] = true
	tx.Put(rec.Account, 0)
}

func (c *caller) Draw(tx *machine.Tx) {
	for key := range c.waiting {
		if c.asked[key] {
			continue
		}
		if !c.limit.AllowN(tx.Now, 1) {
			tx.WakeAt(tx.Now.Add(100 * time.Millisecond))
			return
		}
		c.asked[key] = true
		tx.Call(machine.Call{Account: key, Operation: "ask", Key: key})
	}
}

func (c *caller) Result(tx *machine.Tx, res *machine.Result) {
	key := res.Call.Key
	delete(c.asked, key)
	if done, ok := res.Outcome.(machine.Done); ok {
		delete(c.waiting, key)
		tx.Delete(key)
		tx.Emit(machine.Output{Topic: "counts", Account: key, Value: done.Response})
	}
}

func (c *caller) Pending() int { return len(c.waiting) }

// Calls of an API that start when it is certain that they are remembered: after the
// transaction with the intent has committed.
func Example_callAfterCommit() {
	kafka := startKafka("words", "counts", "state", "dead-letters")
	defer kafka.Close()
	say(kafka, "seven")
	run(stream.Options{
		Processor: "caller", Prefix: "app.",
		Inputs: []string{"words"}, Outputs: []string{"counts"}, State: "state",
		New: func(machine.Unit) machine.Machine {
			return &caller{waiting: map[string]bool{}, asked: map[string]bool{}, limit: rate.NewLimiter(10, 1)}
		},
		Execute: func(_ context.Context, call machine.Call) machine.Result {
			return machine.Result{Call: call, Outcome: machine.Done{Response: len(call.Key)}}
		},
		Codec: numbers{}, Client: []kgo.Opt{kgo.SeedBrokers(kafka.ListenAddrs()...)},
		Logger: slog.New(slog.DiscardHandler), // quiet for the example: leave it out in yours
	}, func() { show(kafka, 1) })
	// Output: seven 5
}
