package config

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

func TestExampleIsAFileThatWorks(t *testing.T) {
	t.Parallel()
	cfg, err := Parse("example.yaml", []byte(Example))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if cfg.Accounts[0].Application != "main" {
		t.Errorf("the only application is not taken as the account's: %q", cfg.Accounts[0].Application)
	}
	if !reflect.DeepEqual(cfg.Runtime, want.Runtime) || !reflect.DeepEqual(cfg.SPAPI, want.SPAPI) {
		t.Error("commented-out keys changed a default")
	}
}

// TestExampleDocumentsEveryDefault uncomments every key of the example: each
// must exist and have its default.
func TestExampleDocumentsEveryDefault(t *testing.T) {
	t.Parallel()
	commented := regexp.MustCompile(`(?m)^(\s*)# ( *[a-zA-Z_]+:( .*)?)$`)
	text := commented.ReplaceAllString(Example, "$1$2")
	text = strings.Replace(text, `access_key_id: ""`, "access_key_id: x", 1) // without it the secret key is a fault
	text = strings.Replace(text, `  url: "" `, `  url: https://x `, 1)       // so does exclusions.token
	// And these, without a username or a mechanism.
	text = regexp.MustCompile(`\{(env: (REGISTRY_PASSWORD|KAFKA_\w+)|file: /var/run/\S+)\}`).ReplaceAllString(text, "")
	cfg, err := Parse("example.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	cfg.Exclusions.URL, cfg.Exclusions.Token = "", Secret{}
	cfg.BuyerData.Keys = Secret{}
	cfg.Kafka.Brokers, cfg.Bridge.Queues = nil, nil // keys that a user must write
	cfg.AWS.Region, cfg.AWS.AccessKeyID, cfg.AWS.SecretAccessKey = "", "", Secret{}
	got := []any{cfg.Prefix, cfg.Log, cfg.Kafka, cfg.AWS, cfg.SPAPI, cfg.Exclusions, cfg.Bridge, cfg.Orders, cfg.BuyerData, cfg.Inventory, cfg.Feeds, cfg.Shipments, cfg.Cancellations, cfg.Events, cfg.Runtime, cfg.Admin}
	defaults := []any{want.Prefix, want.Log, want.Kafka, want.AWS, want.SPAPI, want.Exclusions, want.Bridge, want.Orders, want.BuyerData, want.Inventory, want.Feeds, want.Shipments, want.Cancellations, want.Events, want.Runtime, want.Admin}
	for i := range got {
		if !reflect.DeepEqual(got[i], defaults[i]) {
			t.Errorf("the example says %+v, the default is %+v", got[i], defaults[i])
		}
	}
	checkEveryKeyIsShown(t, reflect.TypeFor[Config](), text)
}

func checkEveryKeyIsShown(t *testing.T, of reflect.Type, text string) {
	t.Helper()
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[Secret]() {
		return
	}
	for i := range of.NumField() {
		key := of.Field(i).Tag.Get("yaml")
		if !strings.Contains(text, key+":") {
			t.Errorf("example.yaml does not show %s of %s", key, of.Name())
		}
		checkEveryKeyIsShown(t, of.Field(i).Type, text)
	}
}

func TestEveryFaultAtOnceWithItsLine(t *testing.T) {
	t.Parallel()
	const text = `kafka:
  brokers: localhost:9092
  partitions: many
registry: {url: "http://user:pw@127.0.0.1:8081"}
aws: {region: eu-west-1, role: sellerstream, access_key_id: x, secret_access_key: {aws: key}, secrets_ttl: 1s}
bridge:
  visibility_timeout: 30
  queue: []
applications:
  - {name: main, client_id: x, client_secret: amzn1.oa2-cs.v1.do-not-repeat-me, next_client_secret: {env: A, aws: B}}
accounts:
  - id: Acme EU
    seller_id: A3TH9S8BH6GOGM
    region: europe
    marketplaces: [ATVPDKIKX0DER]
    refresh_token: {env: TOKEN, key: token}
    role: arn:aws:iam::123456789012:user/seller
  - id: acme-us
    seller_id: A3TH9S8BH6GOGM
    region: na
    region: eu
    marketplaces: []
    refresh_token: {env: TOKEN, file: /token}
runtime: {heartbeat_interval: 9s}
spapi: {document_hosts: [files.example.com, "https://files.example.com/feeds"]}
`
	want := []string{
		`f:2: kafka.brokers: "localhost:9092" here: write a list`,
		`f:3: kafka.partitions: "many" is not a whole number`,
		`f:4: registry.url: credentials do not belong in a URL`,
		`f:5: aws.secret_access_key: AWS Secrets Manager cannot be read without this key`,
		`f:5: aws.role: "sellerstream" is not the ARN of a role`,
		`f:5: aws.secrets_ttl: 1s: write a duration from 10s to 24h`,
		`f:7: bridge.visibility_timeout: "30" is not a duration`,
		`f:8: bridge.queue: no such key; the keys here are max_pollers, queues, visibility_timeout`,
		`f:10: applications[0].client_secret: write where the secret is to be read`,
		`f:10: applications[0].next_client_secret: more than one source`,
		`f:12: accounts[0].id: "Acme EU" cannot name an account`,
		`f:14: accounts[0].region: "europe" is not a region: write na, eu or fe`,
		`f:16: accounts[0].refresh_token.key: a key belongs to a secret in AWS Secrets Manager`,
		`f:17: accounts[0].role: "arn:aws:iam::123456789012:user/seller" is not the ARN of a role`,
		`f:21: accounts[1].region: given twice, first on line 20`,
		`f:22: accounts[1].marketplaces: missing`,
		`f:23: accounts[1].refresh_token: more than one source`,
		`f:24: runtime.heartbeat_interval: 9s: write a duration from 50ms to 1s`,
		`f:24: runtime.heartbeat_interval: 9s: write at most a third`,
		`f:25: spapi.document_hosts[1]: this is no host: write a name`,
	}
	_, err := Parse("f", []byte(text))
	var faults *Faults
	if !errors.As(err, &faults) {
		t.Fatalf("not Faults: %v", err)
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("fault %d is\n  %s\nwant\n  %s…", i, got[i], want[i])
		}
	}
	if strings.Contains(err.Error(), "do-not-repeat-me") || strings.Contains(err.Error(), "user:pw") {
		t.Error("a secret is in the message")
	}
}

// TestOneFaultIsReportedOnce spoils the example in one place at a time.
func TestOneFaultIsReportedOnce(t *testing.T) {
	t.Parallel()
	const brokers, refresh = "  brokers: [127.0.0.1:9092]", "    refresh_token: {env: ACME_EU_REFRESH_TOKEN}"
	const again = "  - {name: main, client_id: y, client_secret: {env: LWA_CLIENT_SECRET}}\naccounts:\n"
	for name, test := range map[string]struct{ old, spoilt, says string }{
		"a list that is text":       {brokers, "  brokers: 127.0.0.1:9092", "kafka.brokers: "},
		"a secret that is text":     {refresh, "    refresh_token: Atzr|x", "accounts[0].refresh_token: write where"},
		"a source misspelt":         {refresh, "    refresh_token: {envv: A}", "accounts[0].refresh_token: no such key here"},
		"half of a pair":            {"\nregistry:\n", "\nregistry:\n  username: u\n  password: x\n", "registry.password: write where"},
		"a block that is text":      {Example, Example + "orders: x\n", "orders: "},
		"accounts that are text":    {Example, Example[:strings.Index(Example, "accounts:\n")] + "accounts: x\nbridge: {queues: []}\nevents: {bus: b}\n", "accounts: "},
		"an account that is text":   {"accounts:\n", "accounts:\n  - x\n  - x\n", "accounts[0]: "},
		"no applications":           {Example, regexp.MustCompile(`(?s)\napplications:\n.*?\n\n`).ReplaceAllString(Example, "\napplications: []\n\n"), "applications: missing"},
		"an application without id": {"  - name: main\n", "  - name:\n", "applications[0].name: missing"},
		"a seller twice":            {"accounts:\n", "accounts:\n  - {id: again, seller_id: A3TH9S8BH6GOGM, region: eu, marketplaces: [A1F83G8C2ARO7P], refresh_token: {env: A}}\n", "accounts[1].seller_id: the same seller and region as account again"},
		"an application twice":      {"accounts:\n", again, `applications[1].name: "main" is given twice`},
		"a file that is a list":     {Example, "- a\n- b\n", "a list here: write a block of keys"},
		"what was renamed":          {refresh, refresh + "\n    keep_buyer_data: true", "accounts[0].keep_buyer_data: it is buyer_data now"},
		"buyer data without a key":  {refresh, refresh + "\n    buyer_data: true", "accounts[0].buyer_data: there is no key"},
		"buyer data, asked for":     {Example, Example + "orders: {included_data: [FULFILLMENT, BUYER]}\n", "orders.included_data[1]: BUYER is asked for by itself"},
		"a key that is no ARN":      {Example, Example + "buyer_data: {kms: alias/buyers}\n", `buyer_data.kms: "alias/buyers" is not the ARN`},
		"an earlier key, no ARN":    {Example, Example + "buyer_data: {kms_earlier: [\"arn:aws:kms:eu-west-1:123456789012:key/1\", \"1\"]}\n", `buyer_data.kms_earlier[1]: "1" is not the ARN`},
		"an external id alone":      {refresh, refresh + "\n    external_id: abc", "accounts[0].external_id: it is for the role under accounts[0].role"},
		"an external id of ours":    {"  region: eu-west-1", "  region: eu-west-1\n  external_id: abc", "aws.external_id: it is for the role under aws.role"},
		"an odd external id":        {refresh, refresh + "\n    role: arn:aws:iam::123456789012:role/r\n    external_id: a b", "accounts[0].external_id: write 2 to 1224 letters"},
		"a short external id":       {refresh, refresh + "\n    role: arn:aws:iam::123456789012:role/r\n    external_id: a", "accounts[0].external_id: write 2 to 1224 letters"},
		"a long external id":        {refresh, refresh + "\n    role: arn:aws:iam::123456789012:role/r\n    external_id: " + strings.Repeat("a", 1225), "accounts[0].external_id: write 2 to 1224 letters"},
		"a retention without end":   {Example, Example + "buyer_data: {retention: 100000h}\n", "buyer_data.retention: 100000h0m0s: write a duration from 1h0m0s"},
		"no limit to share":         {"  - name: main\n", "  - name: main\n    quotas: {getOrder: {rate: 1, burst: 1}}\n", "applications[0].quotas.getOrder: no operation with a limit for an application: the operations are patchListingsItem, getListingsItem"},
		"an operation misspelt":     {refresh, refresh + "\n    quotas: {getOrders: {rate: 1, burst: 1}}", "accounts[0].quotas.getOrders: no such operation: the operations are getOrder, "},
	} {
		_, err := Parse("f", []byte(strings.Replace(Example, test.old, test.spoilt, 1)))
		var faults *Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		want := 1
		if name == "an account that is text" {
			want = 2 // there are two
		}
		if len(faults.Found) != want {
			t.Errorf("%s: %d faults:\n%v", name, len(faults.Found), err)
		}
	}
}

func TestNotYAMLNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte("kafka:\n  brokers: [a\nregistry: {}\n"))
	if err == nil || !regexp.MustCompile(`^f:\d+: not YAML: `).MatchString(err.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestOverridingOneEndpointKeepsTheOthers(t *testing.T) {
	t.Parallel()
	cfg, err := Parse("f", []byte(Example+"\nspapi: {endpoints: {eu: \"http://127.0.0.1:1\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SPAPI.Endpoints["eu"] != "http://127.0.0.1:1" || cfg.SPAPI.Endpoints["na"] != Default().SPAPI.Endpoints["na"] {
		t.Errorf("got %v", cfg.SPAPI.Endpoints)
	}
}

func TestUnreadableSecretsAreAllReported(t *testing.T) {
	t.Setenv("LWA_CLIENT_SECRET", "here")
	text := strings.Replace(Example, "{env: ACME_EU_REFRESH_TOKEN}", "{file: /no/such/file}", 1)
	text += "\nregistry: {url: \"http://127.0.0.1:1\", username: u, password: {env: NO_SUCH_VARIABLE}}\n"
	text = strings.Replace(text, "registry:\n  url: http://127.0.0.1:8081\n", "", 1)
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	err = cfg.CheckSecrets(t.Context(), "f", nil)
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != 2 ||
		!strings.Contains(got[0], "accounts[0].refresh_token") || !strings.Contains(got[0], "no such file") ||
		!strings.Contains(got[1], "registry.password") || !strings.Contains(got[1], "NO_SUCH_VARIABLE") {
		t.Errorf("got\n%s", err)
	}
}

func TestSecretsOfAWS(t *testing.T) {
	t.Setenv("LWA_CLIENT_SECRET", "here")
	text := strings.NewReplacer(
		"{env: ACME_EU_REFRESH_TOKEN}", "{aws: prod/tokens, key: acme-eu}",
		"    # next_client_secret: {aws: sellerstream/lwa, key: next}", "    next_client_secret: {aws: prod/missing}",
	).Replace(Example)
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	store := secrets.NewStore(func(_ context.Context, name string) (secrets.Secret, error) {
		if name != "prod/tokens" {
			return secrets.Secret{}, fmt.Errorf("secret %s is not there", name)
		}
		return secrets.New(`{"acme-eu":"a token"}`), nil
	}, time.Minute)
	if got, err := cfg.Accounts[0].RefreshToken.Source(store).Secret(t.Context()); err != nil || got.Reveal() != "a token" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	err = cfg.CheckSecrets(t.Context(), "f", store)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "applications[0].next_client_secret: secret that is configured is not there") {
		t.Errorf("got %v", err)
	}
	if source := (Secret{}).Source(store); source != nil {
		t.Errorf("a secret that is not given has the source %v", source)
	}
}

func TestPrintingAConfigurationShowsNoSecret(t *testing.T) {
	t.Parallel()
	text := strings.Replace(Example, "{env: LWA_CLIENT_SECRET}", "{value: canary-7d1f}", 1)
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg); strings.Contains(got, "canary-7d1f") {
		t.Error("a printed configuration shows a secret")
	}
	secret, err := cfg.Applications[0].ClientSecret.Source(nil).Secret(t.Context())
	if err != nil || secret.Reveal() != "canary-7d1f" {
		t.Errorf("got %q, %v", secret.Reveal(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Example))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("- 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Parse("f", text); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		main := Default()
		if accounts, faults := parseAccounts("f", text, &main); (len(accounts) > 0) == (faults != nil) {
			t.Errorf("%d accounts and faults %v", len(accounts), faults)
		}
	})
}

func TestQueuesThatAccountsAreSubscribedTo(t *testing.T) {
	t.Parallel()
	const queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
	with := func(queues string) (Config, error) {
		before, after, _ := strings.Cut(Example, "  queues:\n")
		_, after, _ = strings.Cut(after, "  # max_pollers")
		return Parse("f", []byte(before+"  queues:\n"+queues+"  # max_pollers"+after))
	}
	before, _, _ := strings.Cut(Example, "  queues:\n")
	line := strings.Count(before, "\n") + 2
	lines := strings.NewReplacer("FIRST", fmt.Sprintf("f:%d", line), "SECOND", fmt.Sprintf("f:%d", line+1))
	const arn = "arn:aws:sqs:eu-west-1:123456789012:"
	for name, test := range map[string]struct{ queues, says string }{
		"one":                {"    - {url: " + queue + "a, arn: " + arn + "a}\n", ""},
		"one of two":         {"    - {url: " + queue + "a, arn: " + arn + "a}\n    - {url: " + queue + "b}\n", ""},
		"one a region":       {"    - {url: " + queue + "a, arn: " + arn + "a, region: eu}\n    - {url: " + queue + "b, arn: " + arn + "b, region: na}\n", ""},
		"two":                {"    - {url: " + queue + "a, arn: " + arn + "a}\n    - {url: " + queue + "b, arn: " + arn + "b, region: eu}\n", "SECOND: bridge.queues[1].arn: account acme-eu would be subscribed to 2 queues"},
		"no ARN":             {"    - {url: " + queue + "a, arn: a}\n", `FIRST: bridge.queues[0].arn: "a" is not the ARN`},
		"another queue":      {"    - {url: " + queue + "a, arn: " + arn + "ba}\n", "FIRST: bridge.queues[0].arn: it names another queue"},
		"no application":     {"    - {url: " + queue + "a, arn: " + arn + "a, application: other}\n", `FIRST: bridge.queues[0].application: "other" is not configured`},
		"a FIFO queue's ARN": {"    - {url: " + queue + "a, arn: " + arn + "a.fifo}\n", "standard queue"},
	} {
		cfg, err := with(test.queues)
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.says == "":
			if q := cfg.Bridge.QueuesFor("main", "eu"); len(q) != 1 || q[0].ARN != arn+"a" {
				t.Errorf("%s: %+v", name, q)
			}
		case err == nil || !strings.Contains(err.Error(), lines.Replace(test.says)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExternalIDsOfAWSsOwnForm(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"ab", "12345", "_+=,.@:/-", strings.Repeat("a", 1224)} {
		if _, err := Parse("f", []byte(strings.Replace(Example, "    # role: \"\" ", "    role: arn:aws:iam::123456789012:role/r\n    external_id: \""+id+"\"\n#", 1))); err != nil {
			t.Errorf("%.20s: %v", id, err)
		}
	}
}
