package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/process"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// maxResident is what `run` may take, whatever stands on its topics.
const maxResident = 400 << 20

// What stands on a topic that others write costs dead letters, and never the
// process or its memory (containment rules 1 and 2).
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a process for each of what it is fed")
	}
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LWA_CLIENT_SECRET", "secret")
	t.Setenv("ACME_EU_REFRESH_TOKEN", "token")
	t.Setenv("GOMEMLIMIT", "off")
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	slow := []string{
		"600,000 records of nothing", "300 values of 3 MB of zeros", "10 batches just below the bound in every partition",
		"300,000 records of nothing in every partition, not compressed", "300 keys of 500 KB",
	}
	for name, feed := range map[string]func(*feeder){
		"a batch of a gigabyte in every partition": func(f *feeder) {
			batch := rawbatch.Zeros("acme-eu", 1, 900)
			for p := range int32(schemas.DefaultPartitions) {
				f.raw(p, batch)
			}
		},
		"300 keys of 500 KB": func(f *feeder) {
			for n := range 300 {
				key := bytes.Clone(noise[:500_000])
				key[0], key[1] = byte(n), byte(n>>8)
				f.put(int32(n)%schemas.DefaultPartitions, &kgo.Record{Key: key, Value: []byte("v")})
			}
		},
		"300 values of 3 MB of zeros": func(f *feeder) {
			for n := range 300 {
				f.put(int32(n)%schemas.DefaultPartitions, &kgo.Record{Key: []byte("acme-eu"), Value: make([]byte, 3<<20)})
			}
		},
		"10 batches just below the bound in every partition": func(f *feeder) {
			for n := range 120 {
				f.put(int32(n)%schemas.DefaultPartitions, &kgo.Record{Key: []byte("acme-eu"), Value: make([]byte, 15<<20)})
			}
		},
		"300,000 records of nothing in every partition, not compressed": func(f *feeder) {
			// In batches that any topic takes.
			f.connect(kgo.ProducerBatchMaxBytes(1_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
			records := make([]*kgo.Record, 100_000)
			for i := range records {
				records[i] = &kgo.Record{}
			}
			for n := range int32(3 * schemas.DefaultPartitions) {
				f.put(n%schemas.DefaultPartitions, records...)
			}
		},
		"600,000 records of nothing": func(f *feeder) {
			records := make([]*kgo.Record, 200_000)
			for i := range records {
				records[i] = &kgo.Record{Key: []byte("k")}
			}
			for n := range int32(3) {
				f.put(n, records...)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(slow, name) {
				long.Only(t)
			}
			file, admin := embeddedConfig(t)
			cfg, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := process.Start(binary, file, t.TempDir(), "--roles", "orders,inventory,feeds,shipments,events", "--admin", "off")
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			f := &feeder{t: t, cfg: cfg, admin: admin, topic: cfg.Prefix + schemas.InventoryUpdates}
			f.connect(kgo.ProducerBatchMaxBytes(64<<20), kgo.ProducerBatchCompression(kgo.GzipCompression()))
			feed(f)
			f.await(p)
			usage, err := p.Usage()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("at most %d MiB", usage.MaxRSS>>20)
			if usage.MaxRSS > maxResident {
				t.Errorf("the process took %d MiB", usage.MaxRSS>>20)
			}
			if err := p.Stop(time.Minute); err != nil {
				t.Errorf("%v\n%s", err, p.Log())
			}
		})
	}
}

// feeder writes what nobody should to inventory-updates.
type feeder struct {
	t      *testing.T
	cfg    config.Config
	admin  *kadm.Client
	client *kgo.Client
	topic  string
}

func (f *feeder) connect(opts ...kgo.Opt) {
	f.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(f.cfg.Kafka.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedBytes(128<<20), kgo.MaxBufferedRecords(1_000_000), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	f.client = client
}

func (f *feeder) put(partition int32, records ...*kgo.Record) {
	f.t.Helper()
	batch := make([]*kgo.Record, len(records))
	for i, rec := range records {
		batch[i] = &kgo.Record{Topic: f.topic, Partition: partition, Key: rec.Key, Value: rec.Value}
	}
	if err := f.client.ProduceSync(f.t.Context(), batch...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// raw writes a batch as it is.
func (f *feeder) raw(partition int32, batch []byte) {
	f.t.Helper()
	f.put(partition, &kgo.Record{Key: []byte("acme-eu"), Value: []byte("v")}) // the topic is there then
	if _, err := rawbatch.Produce(f.t.Context(), f.client, f.topic, partition, batch); err != nil {
		f.t.Fatal(err)
	}
}

// await waits until the role is through with all of it.
func (f *feeder) await(p *process.Process) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 3*time.Minute)
	defer cancel()
	for {
		ends, err := f.admin.ListEndOffsets(ctx, f.topic)
		if err != nil {
			f.t.Fatal(err)
		}
		committed, err := f.admin.FetchOffsets(ctx, f.cfg.Prefix+"inventory")
		left := int64(0)
		ends.Each(func(end kadm.ListedOffset) {
			at, _ := committed.Lookup(f.topic, end.Partition)
			left += end.Offset - max(0, at.At)
		})
		if err == nil && left == 0 {
			return
		}
		select {
		case <-p.Exited:
			f.t.Fatalf("the process has ended:\n%s", p.Log())
		case <-ctx.Done():
			f.t.Fatalf("%d records are left: %v\n%s", left, err, p.Log())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
