package faults

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// workerVariable makes the test binary a worker; it holds the worker's settings.
const workerVariable = "FAULTS_WORKER"

// settings are what a worker is told.
type settings struct {
	Brokers []string
	Prefix  string
	Session time.Duration
}

const (
	input  = "in"
	output = "out"
	state  = "state"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(workerVariable); text != "" {
		if err := work(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// work runs the processor until SIGTERM.
func work(text string) error {
	var set settings
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return err
	}
	processor, err := stream.New(stream.Options{
		Processor: "faults", Prefix: set.Prefix, TransactionalPrefix: set.Prefix,
		Inputs: []string{input}, Outputs: []string{output}, State: state,
		New:            func(machine.Unit) machine.Machine { return &numberer{counts: make(map[string]uint64)} },
		Codec:          codec{},
		Client:         []kgo.Opt{kgo.SeedBrokers(set.Brokers...)},
		SessionTimeout: set.Session, HeartbeatInterval: set.Session / 6,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	intake, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return processor.Run(intake)
}

// number is the value of inputs, outputs and state entries.
type number struct{ n uint64 }

// numberer counts the records of each account in its state, and emits each
// with its count in the upper half and the record's own number in the lower.
type numberer struct {
	machinetest.NoCalls
	counts map[string]uint64
}

func (m *numberer) Restore(key string, value any) error {
	m.counts[key] = value.(*number).n
	return nil
}

func (m *numberer) Record(tx *machine.Tx, rec *machine.Record) {
	m.counts[rec.Account]++
	n := m.counts[rec.Account]
	tx.Put(rec.Account, &number{n})
	tx.Emit(machine.Output{Topic: output, Account: rec.Account, Value: &number{n<<32 | rec.Value.(*number).n}})
}

// codec stands in for Avro, so that the runtime is what is measured: eight bytes for a
// number.
type codec struct{}

func (codec) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, value.(*number).n), nil
}

func (codec) Decode(_ context.Context, _ string, data []byte) (any, error) {
	if len(data) != 8 {
		return nil, fmt.Errorf("a value that nobody wrote: %q", data)
	}
	return &number{binary.BigEndian.Uint64(data)}, nil
}
