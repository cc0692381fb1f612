package sqs_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const prefix = "test."

var application = simulator.Application{Name: "shop", ClientID: "amzn1.application-oa2-client.1", ClientSecrets: []string{"secret"}}

// world is a queue of the simulator, reached by Amazon's own SDK without a
// network so that it also runs in virtual time, and a Kafka that can be down.
type world struct {
	*simulator.Simulator
	t        *testing.T
	codec    *registry.Codec
	kafka    *kafka
	accounts *account.Directory
}

func newCodec(t *testing.T) *registry.Codec {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return fakekafka.Codec(t, fake.URL(), prefix, schemas.OrderChanges, schemas.FeedNotifications, schemas.DeadLetters)
}

func newWorld(t *testing.T, codec *registry.Codec) *world {
	t.Helper()
	sellers := simulator.Sellers(3, "shop")
	s, err := simulator.New(simulator.Config{Applications: []simulator.Application{application}, Accounts: sellers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var list []account.Account
	for _, seller := range sellers {
		list = append(list, seller.Account)
	}
	accounts, err := account.NewDirectory(list)
	if err != nil {
		t.Fatal(err)
	}
	return &world{Simulator: s, t: t, codec: codec, kafka: &kafka{}, accounts: accounts}
}

// options are a bridge's for the world's queue.
func (w *world) options() sqs.Options {
	client := awssqs.New(awssqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sqs.test"),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient:  simulatortest.InProcess{Server: w.SQS()},
	})
	return sqs.Options{
		Queue:     "http://sqs.test/000000000000/" + simulator.DefaultQueue,
		Client:    client,
		Producer:  w.kafka,
		Encoder:   w.codec,
		Prefix:    prefix,
		Directory: func() *account.Directory { return w.accounts },
		Logger:    slog.New(slog.DiscardHandler),
	}
}

// run starts a bridge; the function that it returns stops it and gives Run's error.
func (w *world) run(opts sqs.Options) (*sqs.Bridge, func() error) {
	w.t.Helper()
	b, err := sqs.New(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	w.t.Cleanup(func() { _ = stop() })
	return b, stop
}

// send puts n order changes into the queue and returns their order ids.
func (w *world) send(n int) (orders []string) {
	w.t.Helper()
	for i := range n {
		order := fmt.Sprintf("903-%07d-%07d", i, i)
		orders = append(orders, order)
		w.put(orderChange(w.Accounts()[i%3], order))
	}
	return orders
}

func (w *world) put(body string) {
	w.t.Helper()
	if err := w.Send(simulator.DefaultQueue, body); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) queue() simulator.QueueStats {
	w.t.Helper()
	stats, err := w.Queue(simulator.DefaultQueue)
	if err != nil {
		w.t.Fatal(err)
	}
	return stats
}

// orders lists the order ids on order-changes, sorted, repeats included.
func (w *world) orders() (ids []string) {
	for _, value := range w.values(schemas.OrderChanges) {
		ids = append(ids, value.(*schemas.OrderChange).OrderID)
	}
	slices.Sort(ids)
	return ids
}

// values decodes what stands on a topic.
func (w *world) values(topic string) (values []any) {
	w.t.Helper()
	for _, rec := range w.kafka.on(prefix + topic) {
		value, err := w.codec.Decode(context.Background(), topic, rec.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		values = append(values, value)
	}
	return values
}

// orderChange is a notification as Amazon writes it.
func orderChange(seller simulator.Account, order string) string {
	return fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0",
		"EventTime":"2026-11-23T10:00:00.123Z","Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel",
		"SellerId":%q,"AmazonOrderId":%q,"OrderChangeType":"OrderStatusChange",
		"OrderChangeTrigger":{"TimeOfOrderChange":"2026-11-23T09:59:59Z","ChangeReason":"Order shipped"},
		"Summary":{"MarketplaceId":%q,"OrderStatus":"Unshipped","PurchaseDate":"2026-11-23T09:00:00Z",
		"DestinationPostalCode":"48110","FulfillmentType":"MFN","OrderType":"StandardOrder",
		"NumberOfItemsShipped":0,"NumberOfItemsUnshipped":2,"OrderPrograms":["Prime"],
		"OrderItems":[{"OrderItemId":"1","SellerSKU":"SKU 1","SupplySourceId":null,"OrderItemStatus":"Unshipped","Quantity":2}]}}},
		"NotificationMetadata":{"ApplicationId":"app","SubscriptionId":"sub","PublishTime":"2026-11-23T10:00:01Z","NotificationId":"n-%s"}}`,
		seller.SellerID, order, seller.Marketplaces[0], order)
}

// kafka is a topic store that can be down.
type kafka struct {
	mu      sync.Mutex
	records []*kgo.Record
	down    chan struct{} // closed when it is up again; nil while it is up
	refuse  func(*kgo.Record) error
}

// Produce implements sqs.Producer.
func (k *kafka) Produce(ctx context.Context, rec *kgo.Record, promise func(*kgo.Record, error)) {
	k.mu.Lock()
	down := k.down
	k.mu.Unlock()
	go func() {
		if down != nil {
			select {
			case <-down:
			case <-ctx.Done():
				promise(rec, ctx.Err())
				return
			}
		}
		promise(rec, k.take(rec))
	}()
}

func (k *kafka) take(rec *kgo.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		if err := k.refuse(rec); err != nil {
			return err
		}
	}
	k.records = append(k.records, rec)
	return nil
}

func (k *kafka) goDown() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = make(chan struct{})
}

func (k *kafka) comeUp() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.down)
	k.down = nil
}

func (k *kafka) on(topic string) []*kgo.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(func(yield func(*kgo.Record) bool) {
		for _, rec := range k.records {
			if rec.Topic == topic && !yield(rec) {
				return
			}
		}
	})
}
