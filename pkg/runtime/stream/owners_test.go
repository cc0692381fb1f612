package stream

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestEachAccountIsOneUnits: the one whose partition its records are in.
func TestEachAccountIsOneUnits(t *testing.T) {
	t.Parallel()
	units := make([]func(string) bool, testPartitions)
	for p := range units {
		units[p] = Mine(machine.Unit{Processor: "test", Partition: int32(p), Partitions: testPartitions})
	}
	for n := range 100 {
		account := fmt.Sprint("account-", n)
		for p, mine := range units {
			if want := int32(p) == partitionOf(account); mine(account) != want {
				t.Errorf("%s is unit %d's own: %t, want %t", account, p, !want, want)
			}
		}
	}
}

// Keys from outside take no more than so much memory, whatever they are.
func TestKeysThatAreRememberedAreBounded(t *testing.T) {
	t.Parallel()
	o := newOwners(0, testPartitions)
	for _, length := range []int{1, 20, 200, 256, 257, 100_000} {
		for n := range 20_000 / (1 + length/1000) {
			key := fmt.Appendf(make([]byte, 0, length), "%0*d", length, n)
			o.account(key)
			if _, again := o.account(key); again != (o.partitionOf(key) == 0) {
				t.Fatalf("key %d of %d bytes is remembered wrongly", n, length)
			}
			held := 0
			if n%1000 == 0 {
				for key := range o.known {
					held += len(key)
				}
			}
			if held > maxOwnerBytes {
				t.Fatalf("%d bytes of keys are remembered", held)
			}
		}
	}
}

// TestAccountOfTheKey: what a record is about can be a part of its key. Its dead letter
// has the whole key.
func TestAccountOfTheKey(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		for _, key := range []string{"a/1", "a/2", "/3"} {
			w.produceRaw(&kgo.Record{
				Topic: testPrefix + in1, Partition: partitionOf("a"), Key: []byte(key), Value: encoded(t, &payload{Account: "a", N: 1}),
			})
		}
		opts := w.options(newCounter)
		opts.AccountOf = func(key []byte) string {
			account, _, _ := strings.Cut(string(key), "/")
			return account
		}
		r := w.run(opts)
		for _, rec := range w.read(out, 2) {
			if string(rec.Key) != "a" {
				t.Errorf("an output has the key %s, want the account's", rec.Key)
			}
		}
		letter := decode[schemas.DeadLetter](t, w.read(schemas.DeadLetters, 1)[0])
		if letter.Reason != "no_account" || string(letter.Key) != "/3" || !strings.Contains(letter.Message, "names no account") {
			t.Errorf("the letter of a key without an account: %+v", letter)
		}
		r.shutdown()
	})
}
