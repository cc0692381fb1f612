package eventbridge

import (
	"encoding/base64"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

// Whatever happens to a partition's records: each is sent once and those of an entity in
// their order; and at any moment, what would be committed names exactly those that
// are settled, so that the next owner does the rest and nothing twice.
func TestAnyCourseOfAPartition(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "records")
		entities := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", ""}), n, n).Draw(t, "entities") // "" is no event
		settled := make(map[int64]bool)
		last := make(map[string]int64)
		c := own(t, progress{}, 0, n)
		for len(settled) < n {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				it := c.look()
				switch {
				case it == nil:
				case entities[it.rec.Offset] == "":
					settled[it.rec.Offset] = true
					c.settle(it)
				default:
					c.made(it, &entry{}, entities[it.rec.Offset])
				}
			case 1, 2:
				if len(c.ready) == 0 {
					break
				}
				at := rapid.IntRange(0, len(c.ready)-1).Draw(t, "which")
				it := c.ready[at]
				c.ready = slices.Delete(c.ready, at, at+1)
				if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
					c.back(it)
					break
				}
				offset, entity := it.rec.Offset, it.entity
				if before, ok := last[entity]; ok && before > offset || settled[offset] {
					t.Fatalf("record %d of %s after %d, or twice", offset, entity, before)
				}
				last[entity], settled[offset] = offset, true
				c.settle(it)
			case 3: // another process takes over
				p := c.progress()
				checkProgress(t, p, settled, n)
				c = own(t, readProgress(p.from, p.text()), p.from, n)
			}
		}
		if c.position() != int64(n) || c.bytes != 0 || c.waiting() != 0 {
			t.Fatalf("all is settled, and the position is %d, %d bytes and %d records wait", c.position(), c.bytes, c.waiting())
		}
	})
}

// own is a cursor that has polled the records from an offset to n.
func own(t *rapid.T, before progress, from int64, n int) *cursor {
	c := newCursor(partition{})
	c.before, c.next = before, from
	for from < int64(n) {
		some := rapid.Int64Range(1, int64(n)-from).Draw(t, "polled")
		for range some {
			c.add(&kgo.Record{Offset: from})
			from++
		}
		c.next = from
	}
	return c
}

func checkProgress(t *rapid.T, p progress, settled map[int64]bool, n int) {
	for offset := range int64(n) {
		if done := offset < p.from || p.has(offset, 0); done != settled[offset] {
			t.Fatalf("record %d is settled: %v, and %+v says %v", offset, settled[offset], p, done)
		}
	}
}

// A progress with more open records than Kafka takes says less, and nothing false.
func TestProgressOfMany(t *testing.T) {
	t.Parallel()
	p := progress{from: 7, through: 1 << 40}
	for i := range int64(5000) {
		p.open = append(p.open, 7+i*1000)
	}
	text := p.text()
	read := readProgress(7, text)
	if len(text) > maxProgress || len(read.open) < 500 {
		t.Fatalf("a text of %d bytes names %d open records", len(text), len(read.open))
	}
	for offset := range int64(6_000_000) {
		if read.has(offset, 0) && !p.has(offset, 0) {
			t.Fatalf("record %d is open, and the text says that it is not", offset)
		}
	}
}

// What another leader wrote is not what was answered, though it has the same offsets.
func TestProgressIsOfOneLog(t *testing.T) {
	t.Parallel()
	p := progress{from: 5, through: 10, open: []int64{5, 7}, epoch: 3}
	read := readProgress(5, p.text())
	for offset, done := range map[int64]bool{4: false, 5: false, 6: true, 7: false, 9: true, 10: false} {
		if read.has(offset, 3) != done || read.has(offset, 4) {
			t.Errorf("record %d: %v of its own log, %v of a later one", offset, read.has(offset, 3), read.has(offset, 4))
		}
	}
	c := newCursor(partition{})
	c.next, c.highest = 5001, 5000 // all are settled, and the log is cut
	c.check(4000)
	c.add(&kgo.Record{Offset: 4000})
	if c.next = 4001; c.progress().has(4500, 0) {
		t.Errorf("%+v speaks of what was cut off", c.progress())
	}
}

func FuzzProgress(f *testing.F) {
	f.Add(int64(5), (progress{from: 5, through: 30, open: []int64{5, 9, 20}}).text())
	f.Add(int64(0), base64.RawURLEncoding.EncodeToString([]byte{0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}))
	f.Add(int64(1<<62), "____")
	f.Fuzz(func(t *testing.T, from int64, text string) {
		from = max(from, 0) // Kafka has no others
		p := readProgress(from, text)
		if !slices.IsSorted(p.open) || len(p.open) > 0 && (p.open[0] < p.from || p.open[len(p.open)-1] > p.through) {
			t.Fatalf("%+v", p)
		}
		if again := readProgress(p.from, p.text()); p.through > p.from && again.through > p.through {
			t.Fatalf("%+v became %+v", p, again)
		}
		_ = readNote(from, text)
	})
}
