package eventbridge

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// An entry that may go only with few others comes into a request of its own, however many
// partitions fill theirs: its partition would else stand for as long as they do.
func TestAnEntryThatGoesAloneGetsItsTurn(t *testing.T) {
	t.Parallel()
	for partitions := 2; partitions <= 24; partitions++ {
		p := &Publisher{opts: Options{MaxEntryBytes: 1 << 20}}
		for n := range partitions {
			c := newCursor(partition{"orders", int32(n)})
			for offset := range int64(400) {
				c.add(&kgo.Record{Offset: offset})
				it := c.look()
				c.made(it, &entry{size: 100}, string(rune('a'+offset)))
			}
			p.ring = append(p.ring, c)
		}
		alone := p.ring[partitions/2].ready[0]
		alone.most = 1
		requests, sent := 0, false
		for ; !sent && requests < 2*partitions; requests++ {
			request := p.gather(t.Context(), time.Now())
			sent = request[0] == alone
			if sent && len(request) != 1 {
				t.Errorf("it went with %d others", len(request)-1)
			}
		}
		if !sent {
			t.Errorf("with %d partitions it had not gone after %d requests", partitions, requests)
		}
	}
}
