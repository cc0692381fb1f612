package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestTheProcessNamesOurCommands: the runtime knows no command of ours, and what it
// tells operators of our process has them all the same.
func TestTheProcessNamesOurCommands(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1, "", clock.Real{})
	account := e.sim.Accounts()[0].ID
	e.configure(account)
	e.run(nil)
	client, codec := e.kafka()
	defer client.Close()
	orphan := &kgo.Record{Topic: schemas.DefaultPrefix + schemas.Replays, Key: []byte(account), Value: []byte("{}")}
	if err := client.ProduceSync(e.ctx, orphan).FirstErr(); err != nil {
		t.Fatal(err)
	}
	records := readUntil(e.ctx, t, e.settings().Config, map[string]int{schemas.DeadLetters: 1})
	at := slices.IndexFunc(records, func(rec *kgo.Record) bool { return rec.Topic == schemas.DefaultPrefix+schemas.DeadLetters })
	value, err := codec.Decode(e.ctx, schemas.DeadLetters, records[at].Value)
	if err != nil {
		t.Fatal(err)
	}
	letter, ok := value.(*schemas.DeadLetter)
	if !ok || !strings.Contains(letter.Message, "only `sellerstream replay` should write there") {
		t.Errorf("the dead letter %+v does not name the command", value)
	}
}
