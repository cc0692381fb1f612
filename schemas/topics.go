package schemas

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The topics' logical names. On the wire each has the configured prefix.
const (
	OrderChanges          = "order-changes"
	FeedNotifications     = "feed-notifications"
	ListingChanges        = "listing-changes"
	Orders                = "orders"
	OrderLooks            = "order-looks"
	OrderLooksAnswered    = "order-looks.answered"
	InventoryUpdates      = "inventory-updates"
	FeedSubmissions       = "feed-submissions"
	FeedResults           = "feed-results"
	InventoryResults      = "inventory-results"
	StockAudits           = "stock-audits"
	Shipments             = "shipments"
	ShipmentConfirmations = "shipment-confirmations"
	Cancellations         = "cancellations"
	CancellationResults   = "cancellation-results"
	Alerts                = "alerts"
	DeadLetters           = "dead-letters"
	Replays               = "replays"
	DeadLettersResolved   = "dead-letters.resolved"
	Switches              = "switches"
	OrderBackfills        = "order-backfills"
	BuyerKeys             = "buyer-keys"
	StatePrefix           = "state." // begins the names of the processors' state
	StateOrders           = "state.orders"
	StateInventory        = "state.inventory"
	StateInventoryShares  = "state.inventory-shares"
	StateFeeds            = "state.feeds"
	StateShipments        = "state.shipments"
	StateCancellations    = "state.cancellations"
)

// AllWrites is the subject of the switch for the writing calls of all accounts.
// No account can be called so.
const AllWrites = "*writes*"

// FeatureLevel is the subject of the record on switches that has the installation's
// feature level (pkg/platform/level). It pauses nothing: versions that do not know it read
// it as a switch that is off.
const FeatureLevel = "*level*"

// RetryPrefix begins the subject of a record of switches that asks for an account to be
// tried now: *retry*/<account>. It pauses nothing, and a version that does not know it
// passes it over.
const RetryPrefix = "*retry*/"

const (
	// DefaultPrefix stands before every logical name on the wire.
	DefaultPrefix = "sellerstream."
	// DefaultPartitions is the partition count of every topic: they must be
	// equal, because whoever owns a partition number owns its accounts.
	DefaultPartitions = 12

	// MaxRecordBytes is max.message.bytes of every topic but dead-letters:
	// Kafka's own default.
	MaxRecordBytes = 1048588
	// MaxDeadLetterBytes is max.message.bytes of dead-letters: a value of
	// MaxRecordBytes or an SQS message of 1 MiB must fit with its attributes
	// and the reason around it.
	MaxDeadLetterBytes = 2 << 20
	// MaxUpstreamBytes bounds the value of a record that upstream services write, when
	// it is decompressed: what becomes of it (state, outcome, event) must fit too.
	MaxUpstreamBytes = 256 << 10
	// MaxReplayBytes is max.message.bytes of replays: any record of an input topic
	// must fit with the header that says where it comes from.
	MaxReplayBytes = MaxRecordBytes + 16<<10
)

const (
	day = 24 * time.Hour

	stateSegmentBytes = 64 << 20
	stateSegmentTime  = time.Hour
	// How long a tombstone stays. A restore or a console that reads the topic
	// from its start must end within it, or it could see a value and miss its
	// deletion.
	stateTombstones = 24 * time.Hour
)

// Topic is one row of the topic table. Every topic is keyed by the account id
// (plain UTF-8), except state topics, whose keys belong to their processor and
// whose partition is the unit's, buyer-keys, where they are <account>/<order id>
// on the account's partition, switches, where AllWrites, FeatureLevel and RetryPrefix make keys too, and
// dead-letters.resolved, which is keyed by the dead letter's id.
type Topic struct {
	Name      string        // logical name, without the prefix
	Records   []string      // names of the records that may stand on it
	Writers   []string      // roles that write it
	Readers   []string      // roles that read it
	Retention time.Duration // how long records stay; 0 for a compacted topic
	MaxLag    time.Duration // of a compacted topic: how long a closed segment waits for its compaction; 0 for no bound
	MaxBytes  int           // max.message.bytes
}

// Topics is the table of topics: the one place that says what is on Kafka.
func Topics() []Topic {
	return []Topic{
		logTopic(OrderChanges, "OrderChange", 7*day, roles("bridge"), roles("orders")),
		logTopic(OrderBackfills, "Backfill", 7*day, roles("operator"), roles("orders")),
		logTopic(FeedNotifications, "FeedNotification", 7*day, roles("bridge"), roles("feeds")),
		logTopic(ListingChanges, "ListingChange", 7*day, roles("bridge"), roles("inventory", "downstream")),
		logTopic(Orders, "Order", 7*day, roles("orders"), roles("inventory", "shipments", "cancellations", "events", "downstream")),
		logTopic(OrderLooks, "OrderLook", 7*day, roles("shipments"), roles("orders")),
		logTopic(OrderLooksAnswered, "OrderLooked", 7*day, roles("orders"), roles("shipments")),
		logTopic(InventoryUpdates, "InventoryUpdate", 7*day, roles("upstream-stock"), roles("inventory")),
		logTopic(FeedSubmissions, "FeedSubmission", 30*day, roles("inventory", "shipments", "cancellations"), roles("feeds", "events")),
		{
			Name: FeedResults, Records: []string{"FeedResult", "FeedIssues"}, Retention: 30 * day, MaxBytes: MaxRecordBytes,
			Writers: roles("feeds"), Readers: roles("inventory", "shipments", "cancellations", "events"),
		},
		logTopic(InventoryResults, "InventoryResult", 7*day, roles("inventory"), roles("events", "upstream-stock")),
		logTopic(StockAudits, "StockAudit", 30*day, roles("inventory"), roles("events", "downstream")),
		logTopic(Shipments, "Shipment", 30*day, roles("upstream-shipments"), roles("shipments")),
		logTopic(ShipmentConfirmations, "ShipmentConfirmation", 30*day, roles("shipments"), roles("cancellations", "events", "upstream-shipments", "downstream")),
		logTopic(Cancellations, "Cancellation", 30*day, roles("upstream-cancellations"), roles("cancellations")),
		logTopic(CancellationResults, "CancellationResult", 30*day, roles("cancellations"), roles("events", "upstream-cancellations", "downstream")),
		logTopic(Alerts, "Alert", 30*day, roles("orders", "inventory", "feeds", "shipments", "cancellations"), roles("events")),
		{
			Name: DeadLetters, Records: []string{"DeadLetter"}, Retention: 14 * day, MaxBytes: MaxDeadLetterBytes,
			Writers: roles("bridge", "orders", "inventory", "feeds", "shipments", "cancellations", "events"), Readers: roles("operator"),
		},
		// Kept for as long as the letters and their segment can be, and more: a letter
		// must not outlive what was done about it.
		logTopic(DeadLettersResolved, "DeadLetterResolution", 30*day, roles("operator"), roles("operator")),
		{
			Name: Replays, Records: []string{"OrderChange", "InventoryUpdate", "Shipment", "Cancellation"}, Retention: 7 * day, MaxBytes: MaxReplayBytes,
			Writers: roles("operator"), Readers: roles("orders", "inventory", "shipments", "cancellations"),
		},
		{
			Name: Switches, Records: []string{"Switch"}, MaxBytes: MaxRecordBytes,
			Writers: roles("operator"), Readers: roles("orders", "inventory", "feeds", "shipments", "cancellations", "events", "subscriptions", "operator"),
		},
		{
			Name: BuyerKeys, Records: []string{"Claim", "BuyerKey"}, MaxBytes: MaxRecordBytes, MaxLag: time.Hour,
			Writers: roles("orders"), Readers: roles("orders", "downstream-buyers"),
		},
		stateTopic(StateOrders, "orders", "OrderState", "SearchState", "BackfillState", "NotificationPace"),
		stateTopic(StateInventory, "inventory", "InventoryState", "FeedLaneState", "SaleState", "CatalogueState"),
		besideState(stateTopic(StateInventoryShares, "inventory", "ShareState")),
		stateTopic(StateFeeds, "feeds", "FeedState", "FeedPace"),
		stateTopic(StateShipments, "shipments", "ShipmentState", "FeedLaneState"),
		stateTopic(StateCancellations, "cancellations", "CancellationState", "FeedLaneState"),
	}
}

// TopicOf finds a topic by its logical name.
func TopicOf(name string) (Topic, bool) {
	for _, t := range Topics() {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// MaxValueBytes is how large a value of the topic may be, decompressed, for a role to
// read it.
func (t Topic) MaxValueBytes() int {
	if t.FromOthers() {
		return MaxUpstreamBytes
	}
	return t.MaxBytes
}

// Compacted reports whether the topic keeps the newest value of each key instead
// of the records of the last days.
func (t Topic) Compacted() bool { return t.Retention == 0 }

// FromOthers reports whether services that are not Sellerstream's write the topic.
func (t Topic) FromOthers() bool {
	return slices.ContainsFunc(t.Writers, func(writer string) bool { return strings.HasPrefix(writer, "upstream") })
}

// Subject is the schema registry's subject for one of the topic's records,
// under the topic's name on the wire: Confluent's TopicNameStrategy where the
// topic holds one kind of record, so that any standard tool finds it, and
// TopicRecordNameStrategy where it holds several.
func (t Topic) Subject(prefix string, record Record) string {
	if len(t.Records) == 1 {
		return prefix + t.Name + "-value"
	}
	return prefix + t.Name + "-" + record.FullName()
}

// Config is the topic's configuration in Kafka for a replication factor; 0 or
// less means the broker's default, whose min.insync.replicas then holds too.
//
// Timestamps are the broker's: retention, replay by time and the age of quota
// checkpoints then do not hang on the clocks of upstream services.
func (t Topic) Config(replication int) map[string]string {
	config := map[string]string{
		"cleanup.policy":         "delete",
		"max.message.bytes":      strconv.Itoa(t.MaxBytes),
		"message.timestamp.type": "LogAppendTime",
	}
	if replication > 0 {
		// One replica may be down without stopping the writers, where there are three.
		config["min.insync.replicas"] = strconv.Itoa(max(1, min(2, replication-1)))
	}
	if !t.Compacted() {
		config["retention.ms"] = milliseconds(t.Retention)
		return config
	}
	config["cleanup.policy"] = "compact"
	// The active segment is never compacted, and what is not compacted is read
	// at every takeover: small segments, cleaned early.
	config["segment.bytes"] = strconv.Itoa(stateSegmentBytes)
	config["segment.ms"] = milliseconds(stateSegmentTime)
	config["min.cleanable.dirty.ratio"] = "0.2"
	config["delete.retention.ms"] = milliseconds(stateTombstones)
	if t.MaxLag > 0 {
		config["max.compaction.lag.ms"] = milliseconds(t.MaxLag)
	}
	return config
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func roles(names ...string) []string { return names }

// logTopic is a topic of one kind of record, kept for some days.
func logTopic(name, record string, retention time.Duration, writers, readers []string) Topic {
	return Topic{
		Name: name, Records: []string{record}, Retention: retention, MaxBytes: MaxRecordBytes,
		Writers: writers, Readers: readers,
	}
}

// stateTopic is a processor's state: what the runtime keeps there for every
// processor, and the processor's own records.
func stateTopic(name, processor string, own ...string) Topic {
	return Topic{
		Name: name, Records: append([]string{"Claim", "Position", "Imported", "QuotaState", "LaneState"}, own...), MaxBytes: MaxRecordBytes,
		Writers: roles(processor), Readers: roles(processor, "console"),
	}
}

// besideState is a further topic of a processor's state, which only that reads and no
// import writes.
func besideState(t Topic) Topic {
	t.Readers = t.Writers
	t.Records = slices.DeleteFunc(t.Records, func(record string) bool { return record == "Imported" })
	return t
}
