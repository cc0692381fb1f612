// Package config owns the configuration file: its form, its defaults, and
// saying what is wrong with it, every fault at once and each with its line.
package config

import (
	"io"
	"log/slog"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Config is the whole file. example.yaml documents each key and its default. The
// tag path:"relative" says that a relative path starts at the file's folder.
type Config struct {
	Prefix       string        `yaml:"prefix"`
	Log          Log           `yaml:"log"`
	Kafka        Kafka         `yaml:"kafka"`
	Registry     Registry      `yaml:"registry"`
	AWS          AWS           `yaml:"aws"`
	SPAPI        SPAPI         `yaml:"spapi"`
	Applications []Application `yaml:"applications"`
	Accounts     []Account     `yaml:"accounts"`
	// AccountsDir is a folder of files that hold more accounts. Once loaded, they
	// are among Accounts, behind those of the file itself.
	AccountsDir   string        `yaml:"accounts_dir" path:"relative"`
	Exclusions    Exclusions    `yaml:"exclusions"`
	Bridge        Bridge        `yaml:"bridge"`
	Orders        Orders        `yaml:"orders"`
	BuyerData     BuyerData     `yaml:"buyer_data"`
	Inventory     Inventory     `yaml:"inventory"`
	Feeds         Feeds         `yaml:"feeds"`
	Shipments     Shipments     `yaml:"shipments"`
	Cancellations Cancellations `yaml:"cancellations"`
	Events        Events        `yaml:"events"`
	Runtime       Runtime       `yaml:"runtime"`
	Admin         Admin         `yaml:"admin"`
	Clock         Clock         `yaml:"clock"`
}

// Log is how much is logged and in which form.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// New makes the logger. A level that is unknown, which no configuration may have, is info.
func (l Log) New(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	var level slog.Level
	if level.UnmarshalText([]byte(l.Level)) == nil {
		options.Level = level
	}
	if l.Format == "json" {
		options.ReplaceAttr = durationAsText
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// durationAsText has a duration logged as 1.5s, which JSON would show in nanoseconds.
func durationAsText(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindDuration {
		attr.Value = slog.StringValue(attr.Value.Duration().String())
	}
	return attr
}

// Registry is the Confluent-compatible schema registry.
type Registry struct {
	URL      string `yaml:"url"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	Register bool   `yaml:"register"`
	// SharedSchemas accepts values whose schema is of another subject than their
	// topic's.
	SharedSchemas bool `yaml:"shared_schemas"`
	// SchemaPatience is how long a schema is waited for that the registry does not
	// give while it gives others, in real time.
	SchemaPatience time.Duration `yaml:"schema_patience"`
	// Insecure allows to send the password without TLS to another machine.
	Insecure bool        `yaml:"insecure"`
	TLS      RegistryTLS `yaml:"tls"`
}

// AWS is our own AWS account: the queue, the bus, the secrets, and how to get
// in. Without a key the SDK's usual chain of credentials is used.
type AWS struct {
	Region              string `yaml:"region"`
	AccessKeyID         string `yaml:"access_key_id"`
	SecretAccessKey     Secret `yaml:"secret_access_key"`
	Role                string `yaml:"role"`
	ExternalID          string `yaml:"external_id"` // that Role's trust policy wants
	SQSEndpoint         string `yaml:"sqs_endpoint"`
	EventBridgeEndpoint string `yaml:"eventbridge_endpoint"`
	STSEndpoint         string `yaml:"sts_endpoint"`
	KMSEndpoint         string `yaml:"kms_endpoint"`
	// SecretsManagerEndpoint is where secrets of source aws are read, and
	// SecretsTTL how long they are kept.
	SecretsManagerEndpoint string        `yaml:"secretsmanager_endpoint"`
	SecretsTTL             time.Duration `yaml:"secrets_ttl"`
	// Insecure allows endpoints and queues without TLS on other machines.
	Insecure bool `yaml:"insecure"`
}

// SPAPI is where Amazon is and who we are to it.
type SPAPI struct {
	LWAEndpoint string                  `yaml:"lwa_endpoint"`
	Endpoints   map[model.Region]string `yaml:"endpoints"`
	UserAgent   string                  `yaml:"user_agent"`
	Timeout     time.Duration           `yaml:"timeout"`
	// DocumentHosts are where feed documents may be in place of Amazon S3.
	DocumentHosts []string `yaml:"document_hosts"`
	// Insecure allows endpoints and document hosts without TLS on other machines.
	Insecure bool `yaml:"insecure"`
}

// Application is one SP-API application (LWA client).
type Application struct {
	Name         string `yaml:"name"`
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
	// NextClientSecret is tried too while the secret is being rotated.
	NextClientSecret Secret `yaml:"next_client_secret"`
	// Quotas are limits that its accounts share, of operations that have one at Amazon.
	Quotas map[string]Quota `yaml:"quotas"`
}

// Account is one seller in one region.
type Account struct {
	ID              string           `yaml:"id"`
	SellerID        string           `yaml:"seller_id"`
	AmazonAccountID string           `yaml:"amazon_account_id"`
	Region          model.Region     `yaml:"region"`
	Marketplaces    []string         `yaml:"marketplaces"`
	Application     string           `yaml:"application"`
	RefreshToken    Secret           `yaml:"refresh_token"`
	Role            string           `yaml:"role"` // ARN whose credentials sign requests; "" leaves them unsigned
	ExternalID      string           `yaml:"external_id"`
	BuyerData       bool             `yaml:"buyer_data"` // whether its orders carry buyer data, encrypted
	Inventory       Listings         `yaml:"inventory"`
	Orders          Wanted           `yaml:"orders"`
	Quotas          map[string]Quota `yaml:"quotas"`

	at place // for a fault found when files are held against each other
}

// Place is the file in which the account stands, and its path there, such as
// "accounts[2]"; both are empty for one that was not read.
func (a Account) Place() (file, path string) { return a.at.file, a.at.path }

// Quota overrides Amazon's default for one operation of one account, or of all accounts of
// an application in each region.
type Quota struct {
	Rate  float64 `yaml:"rate"` // requests per second
	Burst int     `yaml:"burst"`
}

// Bridge is the way from SQS into Kafka.
type Bridge struct {
	Queues            []Queue       `yaml:"queues"`
	MaxPollers        int           `yaml:"max_pollers"`
	VisibilityTimeout time.Duration `yaml:"visibility_timeout"`
}

// Queue is one SQS queue that receives SP-API notifications.
type Queue struct {
	URL string `yaml:"url"`
	// Region is the selling region of notifications that name no marketplace, and
	// of the accounts that are subscribed; empty means all.
	Region model.Region `yaml:"region"`
	// ARN makes accounts be subscribed to the queue; empty leaves it to others.
	ARN string `yaml:"arn"`
	// ListingChanges subscribes the accounts to what changes of their listings too, by way of
	// EventBridge in the queue's AWS account and region.
	ListingChanges bool `yaml:"listing_changes"`
	// Application is the one whose accounts are subscribed; empty means all.
	Application string `yaml:"application"`
}

// QueuesFor are the queues to which the accounts of an application and region
// are subscribed. A checked configuration has at most one.
func (b Bridge) QueuesFor(application string, region model.Region) []Queue {
	var queues []Queue
	for _, q := range b.Queues {
		if q.ARN != "" && (q.Region == "" || q.Region == region) && (q.Application == "" || q.Application == application) {
			queues = append(queues, q)
		}
	}
	return queues
}

// Wanted is which orders and notifications of orders an account wants.
type Wanted struct {
	// FulfilledBy is who ships the orders that are wanted: model.FulfilledByMerchant,
	// model.FulfilledByAmazon; empty for both.
	FulfilledBy []string `yaml:"fulfilled_by"`
	// ChangeTypes are the types of order changes that Amazon is to notify; empty for all.
	ChangeTypes []string `yaml:"change_types"`
	// FilterExpression asks Amazon to leave out by FulfilledBy too.
	FilterExpression bool `yaml:"filter_expression"`
}

// Orders is the orders processor.
type Orders struct {
	// API is the version that orders are read with: Orders2026 or OrdersV0.
	API          string   `yaml:"api"`
	IncludedData []string `yaml:"included_data"`
	// Reconcile is the search for what no notification brought.
	Reconcile Reconcile `yaml:"reconcile"`
	// Backfill is how far back all orders of an account that is new are read; 0 for none.
	Backfill time.Duration `yaml:"backfill"`
	// Silence is how many minutes with a notification were to be expected in a
	// silence that is reported, at least; 0 for no alerts.
	Silence int `yaml:"silence"`
	// Patience is for how long an order that Amazon refuses is tried again.
	Patience time.Duration `yaml:"patience"`
}

// Reconcile is how each account's orders are searched.
type Reconcile struct {
	Every    time.Duration `yaml:"every"`    // 0 for never
	Lookback time.Duration `yaml:"lookback"` // of an account's first search
}

// Events is the way from Kafka to EventBridge.
type Events struct {
	Bus           string  `yaml:"bus"`
	Source        string  `yaml:"source"`
	MaxEntryBytes int     `yaml:"max_entry_bytes"`
	MaxInFlight   int     `yaml:"max_in_flight"` // requests of a process at once
	MaxRate       float64 `yaml:"max_rate"`      // events of a second and process; 0 for any number
}

// Runtime tunes pkg/runtime/stream. All durations are real time.
type Runtime struct {
	SessionTimeout    time.Duration `yaml:"session_timeout"`
	HeartbeatInterval time.Duration `yaml:"heartbeat_interval"`
	RebalanceTimeout  time.Duration `yaml:"rebalance_timeout"`
	DrainTimeout      time.Duration `yaml:"drain_timeout"`
	MaxPending        int           `yaml:"max_pending"`
	MaxProcess        int           `yaml:"max_process_pending"`
	MaxProcessBytes   int           `yaml:"max_process_bytes"` // 0: by GOMEMLIMIT
	// Roles are those that the processes of this configuration run together; none means
	// all that it has work for.
	Roles []string `yaml:"roles"`
}

// Clock is the clock of quotas, timers and token lifetimes. Against Amazon it
// is the real one; a simulator that runs faster prints its own.
type Clock struct {
	Speed float64   `yaml:"speed"`
	Epoch time.Time `yaml:"epoch"`
}

// New makes the clock.
func (c Clock) New() clock.Clock {
	if c.Speed == 1 {
		return clock.Real{}
	}
	return clock.NewScaled(c.Epoch, c.Speed)
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Prefix:   "sellerstream.",
		Log:      Log{Level: "info", Format: "text"},
		Kafka:    Kafka{Partitions: 12, Replication: -1, Compression: Gzip, SASL: SASL{Scopes: []string{}}},
		Registry: Registry{Register: true, SchemaPatience: 15 * time.Minute},
		AWS:      AWS{SecretsTTL: 5 * time.Minute},
		SPAPI: SPAPI{
			LWAEndpoint: "https://api.amazon.com", DocumentHosts: []string{}, // Amazon S3
			Endpoints: map[model.Region]string{
				model.NorthAmerica: model.NorthAmerica.Endpoint(),
				model.Europe:       model.Europe.Endpoint(),
				model.FarEast:      model.FarEast.Endpoint(),
			},
			Timeout: 30 * time.Second,
		},
		Exclusions:    Exclusions{TTL: 15 * time.Minute, OrdersWait: time.Minute},
		Bridge:        Bridge{MaxPollers: 32, VisibilityTimeout: 30 * time.Second},
		Orders:        defaultOrders(),
		BuyerData:     BuyerData{KMSEarlier: []string{}, Retention: 30 * 24 * time.Hour},
		Inventory:     defaultInventory(),
		Feeds:         Feeds{StuckAfter: 2 * time.Hour, Patience: 6 * time.Hour},
		Shipments:     defaultShipments(),
		Cancellations: defaultCancellations(),
		Events:        Events{Bus: "default", Source: "sellerstream", MaxEntryBytes: 1 << 20, MaxInFlight: 64},
		Runtime: Runtime{Roles: []string{},
			SessionTimeout:    10 * time.Second,
			HeartbeatInterval: time.Second,
			RebalanceTimeout:  30 * time.Second,
			DrainTimeout:      20 * time.Second,
			MaxPending:        200_000,
			MaxProcess:        2_000_000,
		},
		Admin: Admin{Listen: "127.0.0.1:9400", AccountMetrics: []string{}},
		Clock: Clock{Speed: 1},
	}
}
