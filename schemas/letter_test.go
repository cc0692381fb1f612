package schemas_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// batchSize is what a record batch with this letter alone has, uncompressed.
func batchSize(letter *schemas.DeadLetter) int {
	value := letter.AppendAvro([]byte{0, 0, 0, 0, 1})
	rec := kmsg.Record{Key: letter.RecordKey(), Value: value, Length: int32(len(value) + 100)}
	batch := kmsg.RecordBatch{Magic: 2, NumRecords: 1, Records: rec.AppendTo(nil)}
	return len(batch.AppendTo(nil))
}

// A letter of whatever came fits into its topic, and names what it left out and
// where the rest is.
func TestEveryLetterFits(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, property.FixedSeeds)), func(t *rapid.T) { checkLetter(t, rapid.Uint64().Draw(t, "seed")) })
	for seed := range uint64(long.Pick(t, 40, 200)) {
		checkLetter(t, seed)
	}
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkLetter(t failer, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	size := func(most int) int { // small ones as often as large ones
		return random.IntN(1 + most>>random.IntN(20))
	}
	text := func(most int) string {
		return strings.Repeat([]string{"a", "é", "\xff", "\x1b[2J", "日"}[random.IntN(5)], size(most))
	}
	partition, offset := int32(3), int64(17)
	letter := &schemas.DeadLetter{
		ID: "3f0c", Time: time.UnixMilli(1), Role: "inventory", Reason: text(3000), Message: text(100_000), Account: text(1 << 20),
		Source: text(3000), Partition: &partition, Offset: &offset,
		Key: bytes.Repeat([]byte{byte(seed)}, size(1<<20)), Value: make([]byte, size(4<<20)),
		Attributes: map[string][]byte{schemas.ReplayHeader: make([]byte, size(2000))},
	}
	for i := range size(2000) {
		letter.Attributes[fmt.Sprint(i, text(2000))] = make([]byte, size(1<<20))
	}
	key, value, attributes := len(letter.Key), len(letter.Value), len(letter.Attributes)
	limit := schemas.MaxDeadLetterBytes >> random.IntN(10)
	letter.Bound(limit)
	if got := batchSize(letter); got > max(limit, schemas.LeastDeadLetterBytes) {
		t.Fatalf("seed %d: a letter of %d bytes for a limit of %d", seed, got, limit)
	}
	switch {
	case len(letter.Key) != key && letter.Cut[schemas.CutKey] != int64(key),
		len(letter.Value) != value && letter.Cut[schemas.CutValue] != int64(value),
		len(letter.Attributes) != attributes && letter.Cut[schemas.CutAttributes] == 0:
		t.Fatalf("seed %d: the letter does not say what it left out: %v", seed, letter.Cut)
	case letter.Whole() != (len(letter.Key) == key && len(letter.Value) == value && letter.Cut[schemas.CutAttributes] == 0):
		t.Fatalf("seed %d: whole is %v", seed, letter.Whole())
	case *letter.Partition != 3 || *letter.Offset != 17:
		t.Fatalf("seed %d: the letter does not say where the record is", seed)
	case !utf8.ValidString(letter.Message) || !utf8.ValidString(letter.Account) || !utf8.ValidString(letter.Reason) || !utf8.ValidString(letter.Source):
		t.Fatalf("seed %d: a text is no UTF-8", seed)
	}
	before := batchSize(letter)
	letter.Bound(limit)
	if got := batchSize(letter); got != before {
		t.Fatalf("seed %d: cut twice it has %d bytes instead of %d", seed, got, before)
	}
}

// The largest record and message that our topics and SQS take are kept whole.
func TestALetterKeepsWhatFits(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 1 << 20, schemas.MaxRecordBytes} {
		letter := &schemas.DeadLetter{
			Account: "acme-eu", Key: []byte("acme-eu"), Value: make([]byte, size), Message: strings.Repeat("m", 2000),
			Attributes: map[string][]byte{"traceparent": make([]byte, 55)},
		}
		letter.Bound(schemas.MaxDeadLetterBytes)
		if !letter.Whole() || len(letter.Cut) != 0 || len(letter.Value) != size {
			t.Errorf("of a value of %d bytes %d are left: %v", size, len(letter.Value), letter.Cut)
		}
	}
}

func TestPrintableCannotSteer(t *testing.T) {
	t.Parallel()
	check := func(t failer, text string) {
		got := schemas.Printable(text)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(got) {
			t.Fatalf("%q is shown as %q", text, got)
		}
		if brief := schemas.Brief(text); len(brief) > 12*120 || strings.ContainsFunc(brief, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q is shown as %q", text, brief)
		}
	}
	for _, text := range []string{"", "acme-eu", "\x1b[2J", "a\tb\r\n", "\u202egpj.exe", "\u200b", "\xff\xfe", "\x9b31m", strings.Repeat("日", 100)} {
		check(t, text)
	}
	property.Check(t, func(t *rapid.T) { check(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))) })
	property.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "text")) })
	if got := schemas.Printable("Müller 日本 ok"); got != "Müller 日本 ok" {
		t.Errorf("plain text became %q", got)
	}
}
