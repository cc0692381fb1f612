package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestAMoveThatIsKilledGoesOn: state move is killed at each of its steps and while it
// copies, and begun again each time. In the end there is what one move to its end makes.
func TestAMoveThatIsKilledGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a process for each kill")
	}
	t.Parallel()
	w, kills := newKillWorld(t)
	w.rememberMuch(long.Pick(t, 5_000, 50_000))
	dir := t.TempDir()
	move := func(prefix string) *exec.Cmd {
		return asProgramIn(t, dir, "state", "move", "--to-prefix", prefix, "--partitions", "5", "--yes", "--config", w.file)
	}
	if out, err := move("plain.").CombinedOutput(); err != nil {
		t.Fatalf("the move that is not killed: %v\n%s", err, out)
	}
	resumed := false
	for _, kill := range []struct {
		at     string // a line of its standard error
		commit int64  // or before this transaction of the import is committed; 0 for never
	}{
		{"step 1 ", 1}, {"step 2 ", 1}, {"step 3 ", 1}, {"exported", 1}, {"step 4 ", 1}, {"never", 1}, {"never", 3}, {"never", 3}, {"never", 3},
		{"step 5 ", 0}, {"step 6 ", 0},
	} {
		w.killAt(move("killed."), kill.at, func(process *os.Process) { kills.before("killed.tx-import", kill.commit, process) })
		mark := w.mark("killed.")
		t.Logf("killed at %q or transaction %d: the import says %+v", kill.at, kill.commit, mark)
		if mark != nil && mark.Lines > 0 && !mark.Finished {
			resumed = true
		}
	}
	if !resumed {
		t.Error("it was never killed in the middle of the copy: the test shows nothing")
	}
	kills.before("", 0, nil)
	if out, err := move("killed.").CombinedOutput(); err != nil || !strings.Contains(string(out), "step 6 of 6") {
		t.Fatalf("the last one: %v\n%s", err, out)
	}
	plain, killed := w.all("plain."), w.all("killed.")
	for place, want := range plain {
		if got := killed[place]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs where it was killed:\n%.2000v\n%.2000v", place, want, got)
		}
	}
	if len(plain) < 10 || len(killed) != len(plain) {
		t.Errorf("something is in %d partitions, and in %d where it was killed", len(plain), len(killed))
	}
	if mark := w.mark("killed."); mark == nil || !mark.Finished {
		t.Errorf("the import says %+v", mark)
	}
}

// asProgramIn is a command of ours in a process of its own.
func asProgramIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "--"+answersFlag+"=1m")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asProgram+"=1")
	return cmd
}

// killer ends a process before Kafka commits a transaction of it.
type killer struct {
	mu      sync.Mutex
	id      string
	left    int64 // 0 for never
	process *os.Process
}

// before names the transaction by its number from now on.
func (k *killer) before(id string, commit int64, process *os.Process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.id, k.left, k.process = id, commit, process
}

// ends is asked before a transaction ends.
func (k *killer) ends(id string) (killed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id != k.id || k.left == 0 {
		return false
	}
	if k.left > 1 {
		k.left--
		return false
	}
	_ = k.process.Kill() // fails only when it is gone already
	return true
}

// newKillWorld is a replayWorld without Amazon, on a Kafka that kills.
func newKillWorld(t *testing.T) (*replayWorld, *killer) {
	t.Helper()
	cluster, kills := fakekafka.New(t), &killer{}
	cluster.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if end, ok := req.(*kmsg.EndTxnRequest); ok && kills.ends(end.TransactionalID) {
			return nil, errors.New("the process is killed"), true
		}
		return nil, nil, false
	})
	subjects := srfake.New()
	t.Cleanup(subjects.Close)
	w := &replayWorld{t: t, file: filepath.Join(t.TempDir(), "sellerstream.yaml")}
	text := strings.NewReplacer("127.0.0.1:9092", cluster.ListenAddrs()[0], "http://127.0.0.1:8081", subjects.URL()).Replace(config.Example)
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", w.file); code != 0 {
		t.Fatal(stderr)
	}
	w.fillFrom()
	w.admin = kadm.NewClient(w.client)
	return w, kills
}

// killAt runs a command and kills it at a line of its standard error that begins with the
// text. It may be killed before, by what started has arranged.
func (w *replayWorld) killAt(cmd *exec.Cmd, text string, started func(*os.Process)) {
	w.t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	started(cmd.Process)
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(out, &said))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), text) {
			break
		}
	}
	_ = cmd.Process.Kill() // fails only when it is gone already
	_, _ = io.Copy(&said, out)
	if err, state := cmd.Wait(), cmd.ProcessState; state.Exited() && !state.Success() {
		w.t.Fatalf("it failed by itself: %v\n%s", err, said.String())
	}
}

// rememberMuch has the role inventory remember so many SKUs, and 4,000 records not read.
func (w *replayWorld) rememberMuch(skus int) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("../../schemas/testdata/golden", "inventory_state.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var state schemas.InventoryState
	if err := json.Unmarshal(text, &state); err != nil {
		w.t.Fatal(err)
	}
	var recs []*kgo.Record
	add := func(topic, key string, value any) {
		data, err := w.codec.AppendEncode(nil, topic, value)
		if err != nil {
			w.t.Fatal(err)
		}
		recs = append(recs, &kgo.Record{Topic: "sellerstream." + topic, Key: []byte(key), Value: data})
	}
	for n := range skus {
		state.Account, state.SKU, state.NewestOffset = fmt.Sprint("account-", n%40), fmt.Sprint("sku-", n), int64(n)
		add(schemas.StateInventory, "sku/"+state.Account+"//"+state.SKU, &state)
	}
	add(schemas.StateInventory, stream.ClaimKey, &schemas.Claim{Owner: "o"})
	for n := range 4_000 {
		account := fmt.Sprint("account-", n%40)
		add(schemas.InventoryUpdates, account, &schemas.InventoryUpdate{UpdateID: fmt.Sprint(n), Account: account, SKU: "s", EventTime: time.Now()})
	}
	if err := w.client.ProduceSync(w.t.Context(), recs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *replayWorld) reader() topicread.Reader {
	return topicread.Reader{Admin: w.admin, Client: []kgo.Opt{kgo.SeedBrokers(w.brokers...)}, Patient: true}
}

// all is what stands on the topics of a prefix, by topic and partition: the newest entries
// of compacted ones, the records of others. Marks of the import are left out.
func (w *replayWorld) all(prefix string) map[string]any {
	w.t.Helper()
	all := make(map[string]any)
	for _, topic := range schemas.Topics() {
		ends, err := w.reader().Ends(w.t.Context(), prefix+topic.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		for partition, end := range ends {
			place := fmt.Sprint(topic.Name, " ", partition)
			if topic.Compacted() {
				entries, err := w.reader().Newest(w.t.Context(), prefix+topic.Name, partition, end)
				if err != nil {
					w.t.Fatal(err)
				}
				if delete(entries, stream.ImportedKey); len(entries) > 0 {
					all[place] = entries
				}
				continue
			}
			var recs []string
			err := w.reader().Committed(w.t.Context(), prefix+topic.Name, nil, map[int32]int64{partition: end}, func(rec *kgo.Record) error {
				recs = append(recs, fmt.Sprintf("%q %q %q", rec.Key, rec.Value, rec.Headers))
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			if len(recs) > 0 {
				all[place] = recs
			}
		}
	}
	return all
}

// mark is what an import into a prefix says of itself; nil where there is none.
func (w *replayWorld) mark(prefix string) *schemas.Imported {
	w.t.Helper()
	ends, err := w.reader().Ends(w.t.Context(), prefix+schemas.StateOrders)
	if err != nil {
		return nil // step 1 was not over
	}
	entries, err := w.reader().Newest(w.t.Context(), prefix+schemas.StateOrders, 0, ends[0])
	if err != nil {
		w.t.Fatal(err)
	}
	if entries[stream.ImportedKey] == nil {
		return nil
	}
	value, err := w.codec.Decode(w.t.Context(), schemas.StateOrders, entries[stream.ImportedKey])
	if err != nil {
		w.t.Fatal(err)
	}
	return value.(*schemas.Imported)
}
