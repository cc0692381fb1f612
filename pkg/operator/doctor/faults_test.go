package doctor_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func literal(text string) config.Secret { return config.Secret{Value: secrets.New(text)} }

// seeded is one fault in a healthy world, and what must be said of it.
type seeded struct {
	name   string
	breaks func(t *testing.T, w *world)
	part   string
	check  string
	of     string        // the part's name, if it matters
	status doctor.Status // Failed where it is empty
	found  string        // what it is, exactly; "" for whatever it is
	cause  string
	fix    string
	key    string
	skips  []string // checks that cannot be made then
}

func (s seeded) test(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s.breaks(t, w)
	report := w.examine(t)
	got, ok := find(report, s.part, s.check)
	if !ok || got.Status != cmp.Or(s.status, doctor.Failed) {
		t.Fatalf("%s, %s has not failed as it should\n%s", s.part, s.check, table(report, false))
	}
	if s.found != "" && got.Found != s.found {
		t.Errorf("found %q, want %q", got.Found, s.found)
	}
	if !strings.Contains(got.Cause, s.cause) || !strings.Contains(got.Fix, s.fix) || !strings.Contains(got.Name, s.of) || got.Key != s.key {
		t.Errorf("got %+v\nwant a cause with %q, a fix with %q, at %q", got, s.cause, s.fix, s.key)
	}
	skipped := map[string]bool{}
	for _, r := range report.Results {
		skipped[r.Check] = skipped[r.Check] || r.Status == doctor.Skipped
	}
	for _, check := range s.skips {
		if !skipped[check] {
			t.Errorf("%q was not skipped\n%s", check, table(report, false))
		}
	}
	if report.Healthy() != (got.Status == doctor.Warning) {
		t.Errorf("healthy: %v", report.Healthy())
	}
}

func TestSeededFaultsOfSecrets(t *testing.T) {
	t.Parallel()
	for _, s := range []seeded{
		{
			name: "a secret cannot be read", part: "configuration", check: "secrets",
			breaks: func(_ *testing.T, w *world) {
				w.config.Accounts[0].RefreshToken = config.Secret{Env: "SELLERSTREAM_TEST_UNSET"}
			},
			cause: "the environment variable SELLERSTREAM_TEST_UNSET is not set", fix: "make the secret readable",
		},
		{
			name: "an account's secret cannot be read", part: "account", check: "refresh token", of: german,
			breaks: func(_ *testing.T, w *world) {
				w.config.Accounts[0].RefreshToken = config.Secret{File: "/does/not/exist"}
			},
			cause: "refresh token cannot be read", fix: "make it readable", key: "accounts[0].refresh_token",
		},
		{
			name: "the client secret has expired", part: "application", check: "client secret", of: "main",
			breaks: func(_ *testing.T, w *world) { w.config.Applications[0].ClientSecret = literal(canary + "-old") },
			cause:  "the secret was rotated or has expired", fix: "LWA credentials", key: "applications[0].client_secret",
			skips: []string{"grantless call eu", "destination eu", "refresh token"},
		},
		{
			name: "a rotation is over", part: "application", check: "client secret", status: doctor.Warning,
			breaks: func(_ *testing.T, w *world) {
				w.config.Applications[0].NextClientSecret = w.config.Applications[0].ClientSecret
				w.config.Applications[0].ClientSecret = literal(canary + "-old")
			},
			cause: "knows only next_client_secret", fix: "write it as client_secret", key: "applications[0].client_secret",
		},
		{
			name: "the next secret is wrong", part: "application", check: "next client secret", status: doctor.Warning,
			breaks: func(_ *testing.T, w *world) { w.config.Applications[0].NextClientSecret = literal(canary + "-next") },
			cause:  "does not know next_client_secret", fix: "correct it before", key: "applications[0].next_client_secret",
		},
		{
			name: "Login with Amazon does not answer", part: "application", check: "client secret",
			breaks: func(_ *testing.T, w *world) { w.config.SPAPI.LWAEndpoint = "http://127.0.0.1:1" },
			cause:  "does not answer at http://127.0.0.1:1", fix: "spapi.lwa_endpoint", key: "applications[0].client_secret",
		},
		{
			name: "Login with Amazon answers 503", part: "application", check: "client secret",
			breaks: func(t *testing.T, w *world) {
				simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.LWA, Action: simulator.Action{Status: 503}})
			},
			cause: "Login with Amazon answers 503 at ", fix: "wait: it goes on by itself", key: "applications[0].client_secret",
		},
		{
			name: "a seller withdrew", part: "account", check: "refresh token", of: british,
			breaks: func(_ *testing.T, w *world) {
				w.config.Accounts[2].RefreshToken = literal("Atzr|" + canary + "-withdrawn")
			},
			cause: "the seller withdrew the authorization", fix: "authorize application main again", key: "accounts[2].refresh_token",
			skips: []string{"seller call", "ORDER_CHANGE"},
		},
		{
			name: "a token of another application", part: "account", check: "refresh token", of: german,
			breaks: func(_ *testing.T, w *world) { w.config.Accounts[0].Application = "other" },
			cause:  "given to another application than other", fix: "accounts[].application", key: "accounts[0].refresh_token",
		},
	} {
		t.Run(s.name, s.test)
	}
}

func TestSeededFaultsOfAccounts(t *testing.T) {
	t.Parallel()
	ours, other := simulator.QueueARN(simulator.DefaultQueue), simulator.QueueARN("other")
	forbid := func(account string) simulator.Rule {
		return simulator.Rule{Part: simulator.SPAPI, Account: account, Action: simulator.Action{Status: http.StatusForbidden}}
	}
	for _, s := range []seeded{
		{
			name: "the region is wrong", part: "account", check: "seller call", of: american,
			breaks: func(_ *testing.T, w *world) { w.config.Accounts[1].Region = model.Europe },
			cause:  "the seller is of region na, not eu", fix: "write region na", key: "accounts[1].region",
		},
		{
			name: "one seller's authorization is old", part: "account", check: "seller call", of: british,
			breaks: func(t *testing.T, w *world) { simulatortest.Fault(t, w.Simulator, forbid(british)) },
			cause:  "is let in for other sellers of region eu", fix: "authorize application main again", key: "accounts[2].refresh_token",
		},
		{
			name: "the application lacks a role", part: "account", check: "seller call", of: german,
			breaks: func(t *testing.T, w *world) {
				for _, a := range w.Accounts() {
					simulatortest.Fault(t, w.Simulator, forbid(a.ID))
				}
			},
			cause: "the application lacks the roles", fix: "give application main the roles", key: "accounts[0].application",
		},
		{
			name: "Amazon does not know the application in the region", part: "application", check: "grantless call eu",
			breaks: func(t *testing.T, w *world) {
				simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: model.GetDestinations, Times: 1, Action: simulator.Action{Status: http.StatusForbidden}})
			},
			cause: "refuses calls of application main that need no seller, in region eu", fix: "developer console",
			skips: []string{"destination eu", "ORDER_CHANGE"},
		},
		{
			name: "a subscription is missing", part: "account", check: "ORDER_CHANGE", of: german,
			breaks: func(_ *testing.T, w *world) { w.DropSubscriptions(german, model.OrderChangeNotification) },
			cause:  "no subscription to ORDER_CHANGE", fix: "sellerstream subscriptions ensure",
		},
		{
			name: "the other subscription is missing", part: "account", check: "FEED_PROCESSING_FINISHED", of: german,
			breaks: func(_ *testing.T, w *world) { w.DropSubscriptions(german, model.FeedProcessingFinishedNotification) },
			cause:  "no subscription to FEED_PROCESSING_FINISHED", fix: "sellerstream subscriptions ensure",
		},
		{
			name: "a subscription leads elsewhere", part: "account", check: "ORDER_CHANGE", of: german,
			breaks: func(t *testing.T, w *world) {
				w.DropSubscriptions(german, model.OrderChangeNotification)
				simulatortest.Subscribe(t, w.Simulator, german, model.OrderChangeNotification, other)
			},
			cause: "goes to " + other + ", not to " + ours, fix: "sellerstream subscriptions prune",
		},
		{
			name: "a subscription is doubled", part: "account", check: "ORDER_CHANGE", of: german, status: doctor.Warning,
			breaks: func(t *testing.T, w *world) {
				simulatortest.Subscribe(t, w.Simulator, german, model.OrderChangeNotification, other)
			},
			cause: "more subscriptions to ORDER_CHANGE", fix: "sellerstream subscriptions prune",
		},
		{
			name: "a subscription is narrowed", part: "account", check: "ORDER_CHANGE", of: german,
			breaks: func(t *testing.T, w *world) {
				w.answer(t, "", model.GetDestinations, `[{"destinationId":"d","name":"ours","resource":{"sqs":{"arn":"`+ours+`"}}}]`)
				w.answer(t, german, model.GetSubscriptions, `{"subscriptions":[{"subscriptionId":"s","payloadVersion":"1.0","destinationId":"d",
					"processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE","marketplaceIds":["A1PA6795UKMFR9"]}}}]}`)
			},
			cause: "its filter is marketplaces A1PA6795UKMFR9, so it may leave notifications out; configured is everything", fix: "sellerstream subscriptions ensure",
		},
		{
			name: "no destination leads to the queue", part: "application", check: "destination eu",
			breaks: func(_ *testing.T, w *world) { w.config.Bridge.Queues[0].ARN = other },
			cause:  "no destination of application main in region eu leads to " + other, fix: "sellerstream subscriptions ensure",
		},
		{
			name: "no destination brings changes of listings", part: "application", check: "destination eu",
			breaks: func(_ *testing.T, w *world) { w.config.Bridge.Queues[0].ListingChanges = true },
			cause:  "leads to EventBridge in the queue's AWS account and region", fix: "sellerstream subscriptions ensure",
		},
	} {
		t.Run(s.name, s.test)
	}
}

// answer makes Amazon answer an operation of an account.
func (w *world) answer(t *testing.T, account, operation, payload string) {
	t.Helper()
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Account: account, Operation: operation, Action: simulator.Action{Status: http.StatusOK, Body: `{"payload":` + payload + `}`}})
}

func TestSeededFaultsOfKafkaAndTheRegistry(t *testing.T) {
	t.Parallel()
	for _, s := range []seeded{
		{
			name: "Kafka is not there", part: "kafka", check: "reachable",
			breaks: func(_ *testing.T, w *world) { w.config.Kafka.Brokers = []string{"127.0.0.1:1"} },
			cause:  "no broker of [127.0.0.1:1] answers", fix: "start Kafka", key: "kafka.brokers",
			skips: []string{"version", "topics", "partitions", "transactions"},
		},
		{
			name: "nothing has run here", part: "kafka", check: "topics", status: doctor.Warning,
			breaks: func(*testing.T, *world) {},
			cause:  "no pipeline has run here with the prefix sellerstream.", fix: "creates them", key: "prefix",
		},
		{ // of those that are missing, one is created by the command that needs it, two are of a role that is off
			name: "a topic was deleted", part: "kafka", check: "topics", status: doctor.Warning,
			breaks: func(t *testing.T, w *world) {
				w.settle(t)
				w.options = func(o *doctor.Options) {
					o.Enabled = slices.DeleteFunc(acls.Roles(), func(role string) bool { return role == "cancellations" })
				}
				w.kafka(t, func(admin *kadm.Client) error {
					var names []string
					for _, topic := range []string{"orders", "dead-letters.resolved", "cancellations", "state.cancellations", "cancellation-results"} {
						names = append(names, w.config.Prefix+topic)
					}
					_, err := admin.DeleteTopics(t.Context(), names...)
					return err
				})
			},
			found: "missing: sellerstream.orders, sellerstream.cancellation-results", cause: "they were deleted", fix: "creates them",
		},
		{
			name: "partition counts differ", part: "kafka", check: "partitions",
			breaks: func(t *testing.T, w *world) {
				w.kafka(t, func(admin *kadm.Client) error {
					_, err := admin.CreateTopic(t.Context(), 3, 1, nil, w.config.Prefix+"orders")
					return err
				})
				w.settle(t)
			},
			cause: "unequal partition counts", fix: "never add partitions",
		},
		{
			name: "the configuration names another number", part: "kafka", check: "partitions", status: doctor.Warning,
			breaks: func(t *testing.T, w *world) {
				w.settle(t)
				w.config.Kafka.Partitions = 5
			},
			cause: "another number than the topics have", fix: "write kafka.partitions: 2", key: "kafka.partitions",
		},
		{
			name: "a topic is deleted, not compacted", part: "kafka", check: "settings", status: doctor.Warning,
			breaks: func(t *testing.T, w *world) {
				w.kafka(t, func(admin *kadm.Client) error {
					_, err := admin.CreateTopic(t.Context(), 2, 1, nil, w.config.Prefix+"state.orders")
					return err
				})
				w.settle(t)
			},
			cause: "otherwise than the table", fix: "sellerstream topics apply",
		},
		{
			name: "the registry is not there", part: "registry", check: "reachable",
			breaks: func(_ *testing.T, w *world) { w.config.Registry.URL = "http://127.0.0.1:1" },
			cause:  "http://127.0.0.1:1 does not answer", fix: "start it", key: "registry.url",
			skips: []string{"schemas", "compatibility", "latest versions"},
		},
		{
			name: "something else answers", part: "registry", check: "reachable",
			breaks: func(_ *testing.T, w *world) { w.config.Registry.URL = w.urls.LWA },
			cause:  "no schema registry with Confluent's API", fix: "path included", key: "registry.url",
		},
		{
			name: "the registry wants a password", part: "registry", check: "reachable",
			breaks: func(t *testing.T, w *world) {
				w.config.Registry.URL = serve(t, func(rw http.ResponseWriter, _ *http.Request) {
					rw.WriteHeader(http.StatusUnauthorized)
				})
			},
			cause: "refuses our credentials", fix: "registry.username", key: "registry",
		},
		{
			name: "schemas are not registered and may not be", part: "registry", check: "schemas",
			breaks: func(_ *testing.T, w *world) { w.config.Registry.Register = false },
			cause:  "registry.register is false", fix: "--schema", key: "registry.register",
		},
		{
			name: "the registry takes any schema from others", part: "registry", check: "compatibility",
			breaks: func(t *testing.T, w *world) {
				client, err := sr.NewClient(sr.URLs(w.config.Registry.URL))
				if err != nil {
					t.Fatal(err)
				}
				record, _ := schemas.Of("Shipment")
				subject := w.config.Prefix + "shipments-value"
				if _, err := client.RegisterSchema(t.Context(), subject, sr.Schema{Schema: record.Schema()}, -1, -1); err != nil {
					t.Fatal(err)
				}
				client.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatNone}, subject)
			},
			status: doctor.Warning, found: "sellerstream.shipments-value (NONE)", cause: "cannot be read", fix: "FORWARD_TRANSITIVE", key: "registry",
		},
		{
			name: "a producer has registered a smaller schema", part: "registry", check: "latest versions",
			breaks: func(t *testing.T, w *world) {
				client, err := sr.NewClient(sr.URLs(w.config.Registry.URL))
				if err != nil {
					t.Fatal(err)
				}
				record, _ := schemas.Of("Cancellation")
				small := sr.Schema{Schema: strings.Replace(record.Schema(), `"source"`, `"sender"`, 1)}
				if _, err := client.RegisterSchema(t.Context(), w.config.Prefix+"cancellations-value", small, -1, -1); err != nil {
					t.Fatal(err)
				}
			},
			status: doctor.Warning, found: "version 1 of sellerstream.cancellations-value lacks source", cause: "lose these fields", fix: "auto.register.schemas=false", key: "registry",
		},
	} {
		t.Run(s.name, s.test)
	}
}

func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// attributes makes SQS describe the queue with some attributes otherwise.
func (w *world) attributes(t *testing.T, more string) {
	t.Helper()
	arn := simulator.QueueARN(simulator.DefaultQueue)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SQS, Action: simulator.Action{Status: http.StatusOK, Body: `{"Attributes":{"QueueArn":"` + arn + `",` + more + `}}`}})
}

func TestSeededFaultsOfAWS(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/sp-api"
	allows := func(principal, actions string) string {
		return fmt.Sprintf(`"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"%s\"},\"Action\":[%s],\"Resource\":\"*\"}]}"`, principal, actions)
	}
	const both = `\"SQS:SendMessage\",\"SQS:GetQueueAttributes\"`
	for _, s := range []seeded{
		{
			name: "the queue is in another region", part: "queue", check: "address",
			breaks: func(_ *testing.T, w *world) {
				w.config.Bridge.Queues[0].URL = "https://sqs.us-east-1.amazonaws.com/123456789012/sellerstream-notifications"
			},
			cause: "another AWS region", fix: "set aws.region to us-east-1", key: "bridge.queues[0].url",
			skips: []string{"policy"},
		},
		{
			name: "there is no such queue", part: "queue", check: "reachable",
			breaks: func(_ *testing.T, w *world) { w.config.Bridge.Queues[0].URL = w.urls.QueueURL("nothing") },
			cause:  "no such queue", fix: "create the standard queue nothing", key: "bridge.queues[0].url",
		},
		{
			name: "a FIFO queue", part: "queue", check: "kind",
			breaks: func(t *testing.T, w *world) { w.attributes(t, `"FifoQueue":"true",`+allows("437568002678", both)) },
			cause:  "standard queues only", fix: "create a standard queue", key: "bridge.queues[0].url",
		},
		{
			name: "the arn is another queue's", part: "queue", check: "arn",
			breaks: func(_ *testing.T, w *world) { w.config.Bridge.Queues[0].ARN = simulator.QueueARN("other") },
			cause:  "another queue than the one that is read", fix: "write the arn " + simulator.QueueARN(simulator.DefaultQueue), key: "bridge.queues[0].arn",
		},
		{
			name: "the policy names somebody else", part: "queue", check: "policy",
			breaks: func(t *testing.T, w *world) { w.attributes(t, allows("111122223333", both)) },
			cause:  "does not allow sqs:SendMessage to Amazon's account 437568002678", fix: `the principal {"AWS": "437568002678"}`,
		},
		{
			name: "the policy forgets an action", part: "queue", check: "policy",
			breaks: func(t *testing.T, w *world) { w.attributes(t, allows("437568002678", `\"sqs:SendMessage\"`)) },
			cause:  "does not allow sqs:GetQueueAttributes", fix: "sqs:SendMessage and sqs:GetQueueAttributes",
		},
		{
			name: "there is no policy", part: "queue", check: "policy",
			breaks: func(t *testing.T, w *world) { w.attributes(t, `"VisibilityTimeout":"30"`) },
			cause:  "may not use the queue", fix: "437568002678",
		},
		{
			name: "AWS's own key", part: "queue", check: "encryption",
			breaks: func(t *testing.T, w *world) {
				w.attributes(t, `"KmsMasterKeyId":"alias/aws/sqs",`+allows("437568002678", both))
			},
			cause: "its policy cannot be changed", fix: "SSE-SQS, or with a customer managed key",
		},
		{
			name: "SQS takes messages away early", part: "queue", check: "redrive", status: doctor.Warning,
			breaks: func(t *testing.T, w *world) {
				w.attributes(t, `"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:1:dlq\",\"maxReceiveCount\":3}",`+allows("437568002678", both))
			},
			cause: "would end there unread", fix: "raise maxReceiveCount",
		},
		{
			name: "there is no such bus", part: "events", check: "bus",
			breaks: func(_ *testing.T, w *world) { w.config.Events.Bus = "elsewhere" },
			cause:  "no such bus in region eu-west-1", fix: "create the bus", key: "events.bus",
		},
		{
			name: "the clock is wrong", part: "clocks", check: "difference",
			breaks: func(t *testing.T, w *world) {
				simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SQS, Action: simulator.Action{Header: map[string]string{"Date": time.Now().Add(7 * time.Minute).UTC().Format(http.TimeFormat)}}})
			},
			cause: "clock is wrong: AWS refuses", fix: "NTP",
		},
		{
			name: "the queue's policy denies Amazon", part: "queue", check: "policy",
			breaks: func(t *testing.T, w *world) {
				w.attributes(t, `"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sqs:*\",\"Resource\":\"*\"},`+
					`{\"Sid\":\"OnlyUs\",\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"123456789012\"},\"Action\":\"sqs:*\",\"Resource\":\"*\"}]}"`)
			},
			cause: "policy denies sqs:SendMessage to Amazon's account 437568002678", fix: "take Amazon's account out of that statement",
		},
		{
			name: "a role cannot be assumed", part: "role", check: "assume", of: role,
			breaks: func(t *testing.T, w *world) {
				w.config.Accounts[0].Role = role
				w.config.AWS.STSEndpoint = serve(t, denySTS)
			},
			cause: "arn:aws:iam::123456789012:user/us may not assume the role " + role, fix: "trust policy name arn:aws:iam::123456789012:user/us", key: "accounts[].role",
			skips: []string{"seller call"},
		},
		{
			name: "a role wants another external id", part: "role", check: "assume", of: role + ", external id wrong",
			breaks: func(t *testing.T, w *world) {
				w.config.Accounts[0].Role, w.config.Accounts[0].ExternalID = role, "wrong"
				w.config.AWS.STSEndpoint = serve(t, func(rw http.ResponseWriter, r *http.Request) {
					if err := r.ParseForm(); err == nil && r.Form.Get("ExternalId") == "right" {
						t.Error("asked with another external id than is configured")
					}
					denySTS(rw, r)
				})
			},
			cause: "may not assume the role " + role, fix: "condition on sts:ExternalId, write its value as external_id", key: "accounts[].role",
			skips: []string{"seller call"},
		},
		{
			name: "AWS does not know the key", part: "aws", check: "credentials",
			breaks: func(t *testing.T, w *world) { w.config.AWS.STSEndpoint = serve(t, unknownKey) },
			cause:  "AWS does not know our key", fix: "write a valid key", key: "aws",
			skips: []string{"reachable"},
		},
	} {
		t.Run(s.name, s.test)
	}
}

func denySTS(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err == nil && r.Form.Get("Action") == "GetCallerIdentity" {
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/us</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: us is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`)
}

func unknownKey(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
}
