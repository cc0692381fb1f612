package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/parts"
)

const (
	partitions = 12
	accounts   = 125
)

// TestFaultsOnRealKafka is the full size: FAULTS_RECORDS changes it.
func TestFaultsOnRealKafka(t *testing.T) {
	records := 500_000
	if text := os.Getenv("FAULTS_RECORDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < accounts {
			t.Fatalf("FAULTS_RECORDS=%s is not a number of at least %d", text, accounts)
		}
		records = n
	}
	// Kafka's least session timeout is 6 s.
	soak(t, parts.Kafka(t), records, 3, 6*time.Second)
}

func TestFaultsOnEmbeddedKafka(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.New(t, kfake.DataDir(t.TempDir()), kfake.GroupMinSessionTimeout(time.Second))
	soak(t, cluster.ListenAddrs(), 12_000, 2, 1500*time.Millisecond)
}

// soak writes records while it inflicts faults, at least so many rounds of
// them, and checks what comes out.
func soak(t *testing.T, brokers []string, records, rounds int, session time.Duration) {
	set := settings{Brokers: brokers, Prefix: fmt.Sprintf("faults-%d.", time.Now().UnixNano()), Session: session}
	makeTopics(t, set)
	records -= records % accounts
	hurry := make(chan struct{}) // closed: the rest is written at once
	written := make(chan error, 1)
	// As long as the faults may take: a suspended process that has nothing to write when it
	// goes on is no zombie.
	span := time.Duration(mostRounds*rounds) * 5 * session
	go func() { written <- write(t.Context(), set, records, span, hurry) }()

	fleet := &fleet{t: t, set: set}
	defer func() {
		for len(fleet.workers) > 0 {
			fleet.kill(0)
		}
	}()
	inflict(fleet, rounds)
	close(hurry)
	if err := <-written; err != nil {
		t.Fatalf("write: %v", err)
	}

	result := read(t, set, records)
	t.Logf("%d records came out: %d lost, %d doubled, %d out of order; fenced %d times, expelled %d times",
		result.records, result.lost, result.doubled, result.disordered, fleet.logged("unit was fenced"), fleet.logged("has expelled this process"))
	if result.lost+result.doubled+result.disordered > 0 {
		t.Errorf("%d lost, %d doubled, %d out of order; want none", result.lost, result.doubled, result.disordered)
	}
	if fleet.zombies == 0 {
		t.Error("no suspended process was refused: the test did not see a zombie")
	}
	for len(fleet.workers) > 0 {
		fleet.stop(0)
	}
}

// mostRounds is how many times as many rounds are made until a zombie was seen.
const mostRounds = 4

// inflict runs three workers and does to them what happens to processes. It
// does so until a suspended one was refused, since one that has nothing to
// write when it goes on only learns that it is no member any more.
func inflict(f *fleet, rounds int) {
	session := f.set.Session
	for range 3 {
		f.start()
	}
	wait := func(sessions float64) { time.Sleep(time.Duration(sessions * float64(session))) }
	wait(1)
	for round := 0; round < rounds || f.zombies == 0 && round < mostRounds*rounds; round++ {
		f.kill(0)
		wait(0.5)
		f.start()
		wait(1)
		// Two that are suspended at the same time leave one to do all the work.
		first, second := f.suspend(0), f.suspend(1)
		wait(1.5)
		first.resume()
		second.resume()
		f.awaitZombie(first, second)
		f.start() // joins
		wait(0.5)
		f.stop(round % 3) // leaves
		wait(0.5)
	}
}

func makeTopics(t *testing.T, set settings) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(set.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(client)
	names := []string{set.Prefix + input, set.Prefix + output, set.Prefix + state, set.Prefix + "dead-letters"}
	for _, name := range names {
		configs := map[string]*string{}
		if name == set.Prefix+state {
			configs["cleanup.policy"] = kadm.StringPtr("compact")
		}
		if _, err := admin.CreateTopic(t.Context(), partitions, 1, configs, name); err != nil {
			t.Fatalf("create topic %s: %v", name, err)
		}
	}
	t.Cleanup(func() {
		defer client.Close()
		if _, err := admin.DeleteTopics(context.Background(), names...); err != nil {
			t.Logf("delete the topics: %v", err)
		}
	})
}

// write writes the numbers from 1 on for each account, evenly over span until
// hurry is closed.
func write(ctx context.Context, set settings, records int, span time.Duration, hurry <-chan struct{}) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(set.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	began := time.Now()
	for i := range records {
		due := time.Duration(float64(span) * float64(i) / float64(records))
		if wait := due - time.Since(began); wait > time.Millisecond {
			select {
			case <-hurry:
			case <-time.After(wait):
			}
		}
		client.Produce(ctx, &kgo.Record{
			Topic: set.Prefix + input, Key: fmt.Appendf(nil, "account-%d", i%accounts),
			Value: binary.BigEndian.AppendUint64(nil, uint64(i/accounts+1)),
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// result is what a reader of committed records found.
type result struct{ records, lost, doubled, disordered int }

// read reads the outputs until each account has its last, or nothing has come
// for a while.
func read(t *testing.T, set settings, records int) result {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(set.Brokers...), kgo.ConsumeTopics(set.Prefix+output), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const patience = 30 * time.Second
	var res result
	seen := make(map[string][]bool)
	last := make(map[string]uint64)
	perAccount := records / accounts
	missing := records
	for quiet := time.Now(); missing > 0 && time.Since(quiet) < patience || missing == 0 && time.Since(quiet) < time.Second; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		fetches.EachRecord(func(rec *kgo.Record) {
			quiet = time.Now()
			res.records++
			account, value := string(rec.Key), binary.BigEndian.Uint64(rec.Value)
			counted, n := value>>32, value&(1<<32-1)
			if seen[account] == nil {
				seen[account] = make([]bool, perAccount+1)
			}
			if n == 0 || n > uint64(perAccount) {
				t.Fatalf("account %s: number %d was never written", account, n)
			}
			if seen[account][n] {
				res.doubled++
			} else {
				seen[account][n] = true
				missing--
			}
			// The machine's own count tells a state that went back or ahead.
			if n != last[account]+1 || counted != n {
				res.disordered++
			}
			last[account] = n
		})
	}
	res.lost = missing
	return res
}
