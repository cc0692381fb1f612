package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

const (
	input       = "in" // shared by the runs of a payload
	deadLetters = "dead-letters"
	state       = "state"
)

// job is what a side is told.
type job struct {
	Side    string
	Run     string // what its output and state topics and its group end in
	Brokers []string
	Prefix  string
	Records int
	Compact bool // whether bodies compress
	Profile string
}

func (j job) topic(logical string) string { return j.Prefix + logical }
func (j job) output() string              { return "out-" + j.Run }
func (j job) state() string               { return state + "-" + j.Run }

// outcome is what a side measured.
type outcome struct {
	Seconds float64 // from the first record, or takeover, to the last commit or restore
	CPU     float64 // seconds of the process meanwhile
	Records int
	Bytes   uint64 // restore: heap that the entries take
	Ticks   int64  // ours: transactions
}

// measure takes time and CPU from the first record on.
type measure struct {
	once    sync.Once
	began   time.Time
	cpu     float64
	seen    atomic.Int64
	records int64
	done    chan outcome
	ended   atomic.Bool
}

func newMeasure(records int) *measure {
	return &measure{records: int64(records), done: make(chan outcome, 1)}
}

func (m *measure) record() {
	m.once.Do(func() { m.began, m.cpu = time.Now(), stage.OwnCPU().Seconds() })
	m.seen.Add(1)
}

// committed is called after commits: the last of them ends the measurement.
func (m *measure) committed(n int64) {
	if n >= m.records && !m.ended.Swap(true) {
		m.done <- outcome{Seconds: time.Since(m.began).Seconds(), CPU: stage.OwnCPU().Seconds() - m.cpu, Records: int(n)}
	}
}

// bare is the baseline: consume, decode, encode, produce; once a poll's records
// are all written its offsets are marked for commit. At least once. Fetches,
// work and writes overlap: up to two polls are being written while the next is
// worked on.
func bare(ctx context.Context, j job) (outcome, error) {
	codec, err := newCodec()
	if err != nil {
		return outcome{}, err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(j.Brokers...), kgo.ConsumerGroup(j.topic(j.Run)), kgo.ConsumeTopics(j.topic(input)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.AutoCommitMarks())
	if err != nil {
		return outcome{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m := newMeasure(j.Records)
	// Buffers are used again, as ours are.
	written, free := make(chan *poll, 1), make(chan *poll, 3)
	for range cap(free) {
		free <- new(poll)
	}
	go func() {
		total := int64(0)
		for p := range written {
			p.open.Wait()
			client.MarkCommitRecords(p.read...)
			total += int64(len(p.read))
			m.committed(total)
			free <- p
		}
	}()
	defer close(written)
	for !m.ended.Load() && m.seen.Load() < m.records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return outcome{}, errors.Join(err, context.Cause(ctx))
		}
		p := <-free
		p.read = fetches.Records()
		if err := p.write(ctx, j, client, codec, m, cancel); err != nil {
			return outcome{}, err
		}
		written <- p
	}
	select {
	case result := <-m.done:
		return result, nil
	case <-ctx.Done():
		return outcome{}, context.Cause(ctx)
	}
}

// poll is the records of one poll, and those made of them.
type poll struct {
	read    []*kgo.Record
	records []kgo.Record
	arena   []byte
	open    sync.WaitGroup // those that are not written yet
}

func (p *poll) write(ctx context.Context, j job, client *kgo.Client, codec codec, m *measure, fail context.CancelCauseFunc) error {
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			fail(err)
		}
		p.open.Done()
	}
	topic := j.topic(j.output())
	p.arena = p.arena[:0]
	p.records = slices.Grow(p.records[:0], len(p.read))[:len(p.read)]
	for i, rec := range p.read {
		m.record()
		value, err := codec.Decode(ctx, input, rec.Value)
		if err != nil {
			return err
		}
		begin := len(p.arena)
		if p.arena, err = codec.AppendEncode(p.arena, input, value); err != nil {
			return err
		}
		p.open.Add(1)
		p.records[i] = kgo.Record{Topic: topic, Key: rec.Key, Value: p.arena[begin:len(p.arena):len(p.arena)]}
		client.Produce(ctx, &p.records[i], promise)
	}
	return nil
}

// copier is our side: it emits each record, and keeps an entry per account and
// number's last digits where it has state.
type copier struct {
	output   string
	m        *measure
	stateful bool
	seen     int64 // by this unit
	told     int64
	total    *atomic.Int64
}

func (c *copier) Restore(string, any) error { return nil }

func (c *copier) Record(tx *machine.Tx, rec *machine.Record) {
	c.m.record()
	c.seen++
	it := rec.Value.(*item)
	tx.Emit(machine.Output{Topic: c.output, Account: rec.Account, Value: it})
	if c.stateful {
		entry := &item{Account: it.Account, Number: it.Number, Body: it.Body[:stateSize]}
		tx.Put(entryKey(it.Account, it.Number%keyed), entry)
	}
}

func (c *copier) Result(*machine.Tx, *machine.Result) {}
func (c *copier) Draw(*machine.Tx)                    {}

// Pending is asked after each commit.
func (c *copier) Pending() int {
	c.m.committed(c.total.Add(c.seen - c.told))
	c.told = c.seen
	return 0
}

// ours runs the processor on the whole input.
func ours(ctx context.Context, j job, stateful bool) (outcome, error) {
	m := newMeasure(j.Records)
	total, ticks := new(atomic.Int64), new(ticks)
	stop, err := start(ctx, j, ticks, func(machine.Unit) machine.Machine {
		return &copier{output: j.output(), m: m, stateful: stateful, total: total}
	})
	if err != nil {
		return outcome{}, err
	}
	result := <-m.done
	result.Ticks = ticks.committed.Load()
	return result, stop()
}

// ticks counts transactions.
type ticks struct{ committed atomic.Int64 }

func (t *ticks) Restored(time.Duration)               {}
func (t *ticks) Committed(*machine.Tx, time.Duration) { t.committed.Add(1) }
func (t *ticks) Failed(bool)                          {}

// start runs a processor; the returned function stops it.
func start(ctx context.Context, j job, observer stream.Observer, newMachine func(machine.Unit) machine.Machine) (func() error, error) {
	processor, err := newProcessor(j, observer, newMachine)
	if err != nil {
		return nil, err
	}
	intake, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- processor.Run(intake) }()
	return func() error {
		cancel()
		return <-done
	}, nil
}

func newProcessor(j job, observer stream.Observer, newMachine func(machine.Unit) machine.Machine) (*stream.Processor, error) {
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	return stream.New(stream.Options{
		Processor: "bench-" + j.Run, Prefix: j.Prefix, TransactionalPrefix: j.Prefix,
		Inputs: []string{input}, Outputs: []string{j.output()}, State: j.state(),
		New: newMachine, Codec: codec, Own: codec, Client: []kgo.Opt{kgo.SeedBrokers(j.Brokers...)},
		MaxPending: 1 << 40, Observer: observer,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// keeper holds what was restored.
type keeper struct {
	entries map[string]*item
}

func (k *keeper) Restore(key string, value any) error {
	k.entries[key] = value.(*item)
	return nil
}

func (k *keeper) Record(*machine.Tx, *machine.Record) {}
func (k *keeper) Result(*machine.Tx, *machine.Result) {}
func (k *keeper) Draw(*machine.Tx)                    {}
func (k *keeper) Pending() int                        { return len(k.entries) }

// restore measures how long a process needs to take all units over, and what
// memory an entry needs then.
func restore(ctx context.Context, j job) (outcome, error) {
	before := heap()
	var once sync.Once
	var mu sync.Mutex
	var machines []*keeper
	var first time.Time
	processor, err := newProcessor(j, nil, func(machine.Unit) machine.Machine {
		mu.Lock()
		defer mu.Unlock()
		once.Do(func() { first = time.Now() })
		k := &keeper{entries: make(map[string]*item)}
		machines = append(machines, k)
		return k
	})
	if err != nil {
		return outcome{}, err
	}
	intake, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- processor.Run(intake) }()
	for !processor.Ready() {
		select {
		case err := <-done:
			cancel()
			return outcome{}, err
		case <-time.After(5 * time.Millisecond):
		}
	}
	result := outcome{Seconds: time.Since(first).Seconds(), CPU: stage.OwnCPU().Seconds()}
	result.Bytes = heap() - before
	for _, k := range machines {
		result.Records += len(k.entries)
	}
	cancel()
	return result, <-done
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
