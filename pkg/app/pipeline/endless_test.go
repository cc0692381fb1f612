package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/long"
)

// peers asks every server that the product reads whole answers of, each with the
// client that a run makes.
func peers(t *testing.T, cfg config.Config) map[string]func(context.Context) error {
	t.Helper()
	at := cfg.Registry.URL
	store := OpenSecrets(cfg.AWS)
	settings := Settings{Config: cfg, Secrets: store, Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler)}
	bus, queue := "bus", at+"/queue"
	return map[string]func(context.Context) error{
		"registry, decoding": func(ctx context.Context) error {
			options, err := registryOptions(ctx, cfg, store)
			if err != nil {
				return err
			}
			codec, err := registry.NewDecoder(options...)
			if err != nil {
				return err
			}
			_, err = codec.DecodeJSON(ctx, []byte{0, 0, 0, 0, 9, 1})
			return err
		},
		"registry, at start": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			_, err := openRegistry(ctx, cfg, store, settings.Logger)
			return err
		},
		"SQS": func(ctx context.Context) error {
			loaded, err := openAWS(ctx, cfg.AWS)
			if err != nil {
				return err
			}
			_, err = sqs.NewClient(loaded, at).ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &queue})
			return err
		},
		"SQS, sending back": func(ctx context.Context) error {
			_, err := (&sender{settings: settings}).Send(ctx, queue, []byte("{}"))
			return err
		},
		"EventBridge": func(ctx context.Context) error {
			loaded, err := openAWS(ctx, cfg.AWS)
			if err != nil {
				return err
			}
			_, err = eventbridge.NewClient(loaded, at).PutEvents(ctx, &awseventbridge.PutEventsInput{
				Entries: []types.PutEventsRequestEntry{{EventBusName: &bus, Source: &bus, DetailType: &bus, Detail: &bus}},
			})
			return err
		},
		"STS, our own role": func(ctx context.Context) error {
			withRole := cfg.AWS
			withRole.Role = goodRole
			loaded, err := openAWS(ctx, withRole)
			if err != nil {
				return err
			}
			_, err = loaded.Credentials.Retrieve(ctx)
			return err
		},
		"STS, an account's role": func(ctx context.Context) error {
			credentials, err := openTestAmazon(t, cfg).role(spapi.Role{ARN: goodRole})
			if err != nil {
				return err
			}
			_, err = credentials.Retrieve(ctx)
			return err
		},
		"KMS": func(ctx context.Context) error {
			keys, err := OpenBuyerKeys(ctx, cfg, store)
			if err != nil {
				return err
			}
			_, _, err = keys.New(ctx, buyerdata.Owner{Account: "a", OrderID: "1"})
			return err
		},
		"Secrets Manager": func(ctx context.Context) error {
			_, err := store.Source("name", "").Secret(ctx)
			return err
		},
		"Login with Amazon and SP-API": func(ctx context.Context) error {
			seller, err := openTestAmazon(t, cfg).seller("a")
			if err != nil {
				return err
			}
			_, _, err = seller.GetOrder(ctx, model.GetOrderRequest{OrderID: "123-1234567-1234567"})
			return err
		},
		"doctor's AWS": func(ctx context.Context) error {
			parts, err := doctorAWS(ctx, settings, boundedhttp.Connections())
			if err != nil {
				return err
			}
			_, err = parts.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &queue})
			return err
		},
	}
}

func peerConfig(at string) config.Config {
	secret := config.Secret{Value: secrets.New("secret")}
	cfg := config.Default()
	cfg.Registry.URL, cfg.Registry.Username, cfg.Registry.Password = at, "us", secret
	cfg.AWS = config.AWS{
		Region: "eu-west-1", AccessKeyID: "x", SecretAccessKey: secret, SecretsTTL: time.Minute,
		SQSEndpoint: at, EventBridgeEndpoint: at, STSEndpoint: at, KMSEndpoint: at, SecretsManagerEndpoint: at,
	}
	cfg.SPAPI.LWAEndpoint, cfg.SPAPI.Endpoints = at, map[model.Region]string{"eu": at}
	cfg.BuyerData.KMS = "arn:aws:kms:eu-west-1:123456789012:key/1"
	cfg.Applications = []config.Application{{Name: "main", ClientID: "c", ClientSecret: secret}}
	cfg.Accounts = []config.Account{{ID: "a", SellerID: "A", Region: "eu", Application: "main", RefreshToken: secret}}
	return cfg
}

// TestAnswersWithoutEnd (containment rule 1): whoever answers without end costs
// little memory and gives an error that names the host.
func TestAnswersWithoutEnd(t *testing.T) {
	for _, zipped := range []bool{false, true} {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
			t.Run(fmt.Sprintf("status %d, gzip %t", status, zipped), func(t *testing.T) {
				if zipped != (status == http.StatusOK) {
					long.Only(t)
				}
				server := httptest.NewServer(endless{status, zipped})
				defer server.Close()
				for name, call := range peers(t, peerConfig(server.URL)) {
					t.Run(name, func(t *testing.T) { measure(t, server.URL, status, call) })
				}
			})
		}
	}
}

func measure(t *testing.T, server string, status int, call func(context.Context) error) {
	// Bytes allocated in all, buffers that grew included: of an answer of 32 MiB 130
	// MiB, and about twice that under the race detector. Without a bound it is GiB.
	const most = 320 << 20
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	err := call(ctx)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d MiB, %v: %v", allocated>>20, time.Since(started).Round(time.Millisecond), err)
	if allocated > most {
		t.Errorf("%d MiB were allocated", allocated>>20)
	}
	host := strings.TrimPrefix(server, "http://")
	// At the start the registry is asked until the time is over, be it in the middle of an answer.
	cut := errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), host)
	if err == nil || ctx.Err() != nil {
		t.Errorf("no error in time: %v", err)
	} else if status == http.StatusOK && !cut && !strings.Contains(err.Error(), "the answer of "+host+" is larger than") {
		t.Errorf("it does not say which answer is too large: %v", err)
	}
}

// endless answers with one text that does not end, inside a JSON object or, for STS, XML.
type endless struct {
	status int
	zipped bool
}

func (e endless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	time.Sleep(5 * time.Millisecond) // the SDK fails at times where an answer begins sooner
	start := `{"access_token":"`
	switch {
	case strings.Contains(r.Header.Get("User-Agent"), "api/sts"):
		start = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>`
		w.Header().Set("Content-Type", "text/xml")
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS"):
		start = `{"Messages":[{"Body":"`
	}
	text, more := []byte(start), bytes.Repeat([]byte("a"), 64<<10)
	if e.zipped && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		text, more = zip(text), zip(more) // once: such members one behind the other are one text
	}
	w.WriteHeader(e.status)
	_, err := w.Write(text)
	for err == nil {
		_, err = w.Write(more)
	}
}

func zip(text []byte) []byte {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	_, _ = packed.Write(text)
	_ = packed.Close()
	return out.Bytes()
}

// TestRedirectsToAnotherHost are followed by no client: neither password nor
// record nor token goes there.
func TestRedirectsToAnotherHost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var reached atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, status)
		}))
		for name, call := range peers(t, peerConfig(server.URL)) {
			err := call(t.Context())
			var away *boundedhttp.RedirectError
			if !errors.As(err, &away) && !strings.Contains(fmt.Sprint(err), "redirects to") {
				t.Errorf("%d, %s: %v", status, name, err)
			}
		}
		if n := reached.Load(); n > 0 {
			t.Errorf("%d: %d requests reached the other host", status, n)
		}
		server.Close()
		other.Close()
	}
}

// TestTheSearchForCredentialsStaysWithItsHost: whatever the SDK asks for credentials
// may send it to no other host, neither with its token nor for an answer from there.
func TestTheSearchForCredentialsStaysWithItsHost(t *testing.T) {
	var reached atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut { // of the instance's metadata: a token, then the search goes on
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
			_, _ = io.WriteString(w, "token")
			return
		}
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
	}
	profile := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(profile, []byte("[default]\nsso_account_id=123456789012\nsso_role_name=r\nsso_region=eu-west-1\nsso_start_url="+server.URL+"/start\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, environment := range map[string]map[string]string{
		"single sign-on": {"AWS_CONFIG_FILE": profile, "AWS_ENDPOINT_URL_SSO": server.URL, "HOME": signedOn(t, server.URL+"/start")},
		"container":      {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret"},
		"instance":       {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.URL},
		"web identity": {
			"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": goodRole, "AWS_ENDPOINT_URL_STS": server.URL,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, values := range []map[string]string{none, environment} {
				for key, value := range values {
					t.Setenv(key, value)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			loaded, err := openAWS(ctx, config.AWS{Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = loaded.Credentials.Retrieve(ctx); err == nil || reached.Load() > 0 {
				t.Errorf("got %v; the other host was asked %d times", err, reached.Load())
			}
		})
	}
}

// signedOn is the home of somebody who has signed on.
func signedOn(t *testing.T, start string) string {
	t.Helper()
	home := t.TempDir()
	folder := filepath.Join(home, ".aws", "sso", "cache")
	name := fmt.Sprintf("%x.json", sha1.Sum([]byte(start))) // as the SDK names it
	text := fmt.Sprintf(`{"accessToken": "secret", "expiresAt": %q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestOurOwnRolesRefusalIsNotRepeated: of what STS says of aws.role no text is told.
func TestOurOwnRolesRefusalIsNotRepeated(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>you said secret</Message></Error><RequestId>secret</RequestId></ErrorResponse>`)
	}))
	defer server.Close()
	cfg := peerConfig(server.URL).AWS
	cfg.Role = goodRole
	loaded, err := openAWS(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = loaded.Credentials.Retrieve(t.Context())
	if text := fmt.Sprint(err); !strings.Contains(text, "AccessDenied") || !strings.Contains(text, "check aws.role") || strings.Contains(text, "secret") {
		t.Errorf("got %s", text)
	}
}
