package buyerview

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

const prefix = "p."

var owner = buyerdata.Owner{Account: "acme-eu", OrderID: "202-1234567-8901234"}

// world is a Kafka with the topic buyer-keys, a registry, and a Decoder on them.
type world struct {
	t      *testing.T
	client *kgo.Client
	codec  *registry.Codec
	keys   buyerdata.Keys
	view   *Decoder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster := fakekafka.New(t, kfake.SeedTopics(2, prefix+schemas.BuyerKeys))
	server := httptest.NewServer(srfake.NewRegistry().Handler())
	t.Cleanup(server.Close)
	w := &world{t: t, codec: fakekafka.Codec(t, server.URL, prefix)}
	kafka := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	w.client = fakekafka.Client(t, cluster)
	file, err := buyerdata.ParseKeyFile(buyerdata.GenerateKey(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.keys = buyerdata.NewKeys(file)
	decoder, err := registry.NewDecoder(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	w.view = New(decoder, w.keys, topicread.Reader{Admin: kadm.NewClient(w.client), Client: kafka}, prefix)
	return w
}

// put writes a record of buyer-keys; nil is a tombstone.
func (w *world) put(value any) {
	w.t.Helper()
	rec := &kgo.Record{Topic: prefix + schemas.BuyerKeys, Key: []byte(owner.Account + "/" + owner.OrderID)}
	if value != nil {
		rec.Value = w.encode(schemas.BuyerKeys, value)
	}
	if _, claim := value.(*schemas.Claim); claim {
		rec.Key = []byte("@claim")
	}
	if err := w.client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) encode(topic string, value any) []byte {
	w.t.Helper()
	data, err := w.codec.AppendEncode(nil, topic, value)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// sealed is an order's buyer data, and the record of its key.
func (w *world) sealed() (*schemas.BuyerData, *schemas.BuyerKey) {
	w.t.Helper()
	key, record, err := w.keys.New(w.t.Context(), owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return &schemas.BuyerData{KeyID: record.KeyID, Fields: map[string][]byte{"recipient.name": key.Seal("recipient.name", "Zoë <van> Dijk")}}, record
}

// shown is what is shown of an order with this buyer data.
func (w *world) shown(data *schemas.BuyerData) string {
	w.t.Helper()
	order := &schemas.Order{Account: owner.Account, OrderID: owner.OrderID, BuyerData: data, Origin: "NOTIFICATION"}
	text, err := w.view.DecodeJSON(w.t.Context(), w.encode(schemas.Orders, order))
	if err != nil {
		w.t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(text), `"origin":"NOTIFICATION"`)
	return shown
}

func TestWhatIsShownOfBuyerData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data, record := w.sealed()
	if got := w.shown(nil); got != "}" {
		t.Errorf("without buyer data: %s", got)
	}
	if got := w.shown(data); !strings.Contains(got, `"deleted":true`) {
		t.Errorf("without a key: %s", got)
	}
	w.put(&schemas.Claim{Owner: "somebody"})
	w.put(record) // after the first look: somebody watches
	if got, want := w.shown(data), `,"buyerData":{"keyId":"`+record.KeyID+`","fields":{"recipient.name":"Zoë <van> Dijk"}}}`; got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
	newer, replaced := w.sealed()
	w.put(replaced)
	if got := w.shown(newer); !strings.Contains(got, "Zoë") {
		t.Errorf("with another key: %s", got)
	}
	if got := w.shown(data); !strings.Contains(got, "the order has another key now") {
		t.Errorf("with the key before: %s", got)
	}
	replaced.Wrapped = nil
	w.put(replaced)
	w.view.records = map[string]*schemas.BuyerKey{} // a new run
	w.view.read = map[int32]int64{}
	if got := w.shown(newer); !strings.Contains(got, `"deleted":true`) || strings.Contains(got, "Zoë") {
		t.Errorf("deleted: %s", got)
	}
	w.put(nil)
	if got := w.shown(data); !strings.Contains(got, `"deleted":true`) {
		t.Errorf("deleted, and its entry too: %s", got)
	}
}

func TestOtherValuesAreShownAsEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, err := w.view.DecodeJSON(t.Context(), w.encode(schemas.Switches, &schemas.Switch{Subject: "acme-eu", Reason: `"buyerData":{`}))
	if err != nil || !strings.Contains(string(text), `"subject":"acme-eu"`) {
		t.Errorf("%s, %v", text, err)
	}
}
