package doctor_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// put writes an entry of a state topic.
func (w *world) put(t *testing.T, topic, key string, value any) {
	t.Helper()
	encoded, err := fakekafka.Codec(t, w.config.Registry.URL, w.config.Prefix).AppendEncode(nil, topic, value)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: w.config.Prefix + topic, Key: []byte(key), Value: encoded}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// What was given up is a red row that names the account, how much, the cause and the
// command that sends it again; of accounts whose work went well there is none.
func TestWorkThatFailedIsARedRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	partition, offset := int32(3), int64(1500)
	failed := func(code string) *schemas.Failure {
		return &schemas.Failure{Time: time.Now(), Code: code, Message: "words of " + code, SourcePartition: &partition, SourceOffset: &offset}
	}
	for _, sku := range []string{"A", "B"} {
		w.put(t, schemas.StateInventory, "sku/"+german+"//"+sku, &schemas.InventoryState{Account: german, SKU: sku, Tried: []string{}, Failure: failed("InvalidInput")})
	}
	w.put(t, schemas.StateOrders, "order/"+british+"/202-1", &schemas.OrderState{Account: british, OrderID: "202-1", Seen: []string{}, Failure: failed("order_refused")})
	w.put(t, schemas.StateOrders, "order/"+american+"/202-2", &schemas.OrderState{Account: american, OrderID: "202-2", Seen: []string{}})
	report := w.examine(t)
	rows := map[string]doctor.Result{}
	for _, r := range report.Results {
		if r.Part == "account" && r.Check == "work" {
			rows[r.Name] = r
		}
	}
	for account, says := range map[string][]string{
		german:  {"2 SKUs (InvalidInput)", "words of InvalidInput", "`sellerstream replay --topic inventory-updates --account " + german + " --from-offset 3:1500 --effects`"},
		british: {"1 order (order_refused)", "words of order_refused", "`sellerstream deadletters retry --reason order_refused --account " + british + "`"},
	} {
		for _, part := range says {
			if got := rows[account]; got.Status != doctor.Failed || !strings.Contains(got.Found+got.Cause+got.Fix, part) {
				t.Errorf("%s: %+v does not say %q", account, got, part)
			}
		}
	}
	if got := rows[american]; got.Status != doctor.OK {
		t.Errorf("%s: %+v", american, got)
	}
}

// A part of the orders that is asked for and never comes is a warning that names the
// account, the part, how many answers were looked at, the role and what to do. There is
// no warning about a part that is not asked for, or that few answers lacked so far.
func TestAPartThatNeverComesIsAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	w.config.Orders.IncludedData = []string{"FULFILLMENT", "PROCEEDS", "PACKAGES", "TAX"}
	w.config.Accounts[0].BuyerData = true
	absent := func(account string, parts ...schemas.AbsentPart) {
		w.put(t, schemas.StateOrders, "search/"+account, &schemas.SearchState{Account: account, CursorTime: time.Now(), AbsentParts: parts})
	}
	first, second, third := w.config.Accounts[0], w.config.Accounts[1], w.config.Accounts[2]
	absent(first.ID, schemas.AbsentPart{Part: "TAX", Answers: 512}, schemas.AbsentPart{Part: "RECIPIENT", Answers: 57})
	absent(second.ID, schemas.AbsentPart{Part: "TAX", Answers: 499}, schemas.AbsentPart{Part: "RECIPIENT", Answers: 57}, schemas.AbsentPart{Part: "PAYMENT", Answers: 5000})
	absent(third.ID, schemas.AbsentPart{Part: "PROCEEDS", Answers: 50})
	rows := map[string][]doctor.Result{}
	for _, r := range w.examine(t).Results {
		if r.Part == "account" && r.Check == "included data" {
			rows[r.Name] = append(rows[r.Name], r)
		}
	}
	for account, want := range map[string][][]string{
		first.ID: {
			{"none of the last 512 answers about paid orders has it", "TAX needs Tax Remittance or Tax Invoicing (both restricted). Or no order of the account has it", "take TAX out of orders.included_data", "application main"},
			{"none of the last 57 answers about orders that the merchant has to ship", "RECIPIENT needs Direct-to-Consumer Delivery (restricted)", "buyer_data: false"},
		},
		third.ID: {{"none of the last 50 answers about paid orders has it", "PROCEEDS needs a role that may read orders", "take PROCEEDS out"}},
	} {
		if len(rows[account]) != len(want) {
			t.Errorf("%s: %+v", account, rows[account])
			continue
		}
		for i, says := range want {
			for _, part := range says {
				if got := rows[account][i]; got.Status != doctor.Warning || !strings.Contains(got.Found+got.Cause+got.Fix, part) {
					t.Errorf("%s: %+v does not say %q", account, got, part)
				}
			}
		}
	}
	if got := rows[second.ID]; len(got) != 1 || got[0].Status != doctor.OK {
		t.Errorf("%s: %+v", second.ID, got)
	}
}

// Without searches nobody counts what comes, so that there is nothing to say of parts.
func TestPartsThatNobodyLooksForAreNoRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	w.config.Orders.Reconcile.Every = 0
	for _, r := range w.examine(t).Results {
		if r.Part == "account" && r.Check == "included data" {
			t.Errorf("%+v", r)
		}
	}
}

// Where the state may not be read doctor says so, and judges no account by it.
func TestAStateThatMayNotBeReadIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	w.options = func(o *doctor.Options) {
		o.Parts.Standings = func(context.Context, string) (*accountstatus.Fold, error) { return nil, kerr.TopicAuthorizationFailed }
	}
	report := w.examine(t)
	if r, ok := find(report, "kafka", "work"); !ok || r.Status != doctor.Warning || !strings.Contains(r.Fix, "topics acls --roles doctor") {
		t.Errorf("%+v", r)
	}
	if r, ok := find(report, "account", "work"); ok {
		t.Errorf("%+v", r)
	}
}
