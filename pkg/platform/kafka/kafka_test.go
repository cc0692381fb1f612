package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/platform/tlsdial"
	"github.com/sellerstream/sellerstream/test/certificates"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker is an embedded one, and how it is reached.
func broker(t *testing.T, opts ...kfake.Opt) config.Kafka {
	t.Helper()
	cluster := fakekafka.New(t, opts...)
	return config.Kafka{Brokers: cluster.ListenAddrs()}
}

func encrypted(t *testing.T, ca *certificates.CA, more ...func(*tls.Config)) kfake.Opt {
	t.Helper()
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "broker", "127.0.0.1").Load(t)}}
	for _, change := range more {
		change(cfg)
	}
	return kfake.TLS(cfg)
}

func ping(t *testing.T, a Access) error {
	client, err := kgo.NewClient(append(a.Options(), kgo.RequestRetries(0), kgo.DisableClientMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return client.Ping(ctx)
}

func TestLoggingIn(t *testing.T) {
	t.Parallel()
	ca := certificates.New(t, "ca")
	for _, mechanism := range []string{config.ScramSHA256, config.ScramSHA512, config.Plain} {
		cfg := broker(t, encrypted(t, ca), kfake.EnableSASL(), kfake.Superuser(mechanism, "orders", "right"))
		cfg.TLS = config.KafkaTLS{Enabled: true, CAFile: ca.File}
		cfg.SASL = config.SASL{Mechanism: mechanism, Username: "orders", Password: config.Secret{Value: secrets.New("right")}}
		if err := ping(t, Access{Config: cfg}); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
	}
}

// TestFaultsInWords spoils one thing at a time.
func TestFaultsInWords(t *testing.T) {
	t.Parallel()
	ca, other := certificates.New(t, "ca"), certificates.New(t, "other")
	onlyTLS := broker(t, encrypted(t, ca))
	secure := broker(t, encrypted(t, ca), kfake.EnableSASL(), kfake.Superuser(config.ScramSHA512, "orders", "right"))
	pool := x509.NewCertPool()
	mutual := broker(t, encrypted(t, ca, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool }))
	trusted := config.KafkaTLS{Enabled: true, CAFile: ca.File}
	scram := config.SASL{Mechanism: config.ScramSHA512, Username: "orders", Password: config.Secret{Value: secrets.New("right")}}
	unread := scram
	unread.Password = config.Secret{File: "/no/such/file"}
	mine := other.Issue(t, "mine")
	for name, test := range map[string]struct {
		at      config.Kafka
		tls     config.KafkaTLS
		sasl    config.SASL
		key     string
		lasting bool
		says    string
	}{
		"a password not to be read": {secure, trusted, unread, "kafka.sasl.password", false, "no such file"},
		"an unknown CA":             {secure, config.KafkaTLS{Enabled: true, CAFile: other.File}, scram, "kafka.tls.ca_file", true, "signed by none of the CAs in " + other.File},
		"no CA":                     {secure, config.KafkaTLS{Enabled: true}, scram, "kafka.tls.ca_file", true, "signed by none of the system's CAs"},
		"a missing CA file":         {secure, config.KafkaTLS{Enabled: true, CAFile: "/no/such/file"}, scram, "kafka.tls", true, "/no/such/file"},
		"a wrong host":              {secure, config.KafkaTLS{Enabled: true, CAFile: ca.File, ServerName: "kafka"}, scram, "kafka.tls.server_name", true, "certificate is for 127.0.0.1, not for kafka"},
		"no TLS where there is":     {onlyTLS, config.KafkaTLS{}, config.SASL{}, "kafka.tls.enabled", false, "if its listener has TLS"},
		"no login where wanted":     {secure, trusted, config.SASL{}, "kafka.sasl.mechanism", false, "if its listener wants a login"},
		"no certificate of ours":    {mutual, trusted, config.SASL{}, "kafka.tls", true, "wants a certificate of ours"},
		"a certificate not trusted": {mutual, config.KafkaTLS{Enabled: true, CAFile: ca.File, CertFile: mine.Cert, KeyFile: mine.Key}, config.SASL{}, "kafka.tls.cert_file", true, "does not take our certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Kafka{Brokers: test.at.Brokers, TLS: test.tls, SASL: test.sasl}
			err := ping(t, Access{Config: cfg})
			if err == nil {
				t.Fatal("no error")
			}
			fault := Explain(cfg, err)
			if fault == nil {
				t.Fatalf("not explained: %v", err)
			}
			if fault.Key != test.key || fault.Lasting != test.lasting || !strings.Contains(fault.Error(), test.says) {
				t.Errorf("got %+v of %v", fault, err)
			}
		})
	}
}

// TestRefusalsInWords has what only a real broker says.
func TestRefusalsInWords(t *testing.T) {
	t.Parallel()
	scram := config.SASL{Mechanism: config.ScramSHA512, Username: "orders"}
	for _, test := range []struct {
		sasl config.SASL
		err  error
		says string
	}{
		{scram, kerr.SaslAuthenticationFailed, "knows no user orders with this password and SCRAM-SHA-512"},
		{config.SASL{Mechanism: config.OAuthBearer}, kerr.SaslAuthenticationFailed, "refuses our token"},
		{config.SASL{Mechanism: config.OAuthBearer}, &challengeError{io.ErrNoProgress}, "refuses our token"},
		{config.SASL{Mechanism: config.AWSMSKIAM}, kerr.SaslAuthenticationFailed, "kafka-cluster:Connect"},
		{scram, kerr.UnsupportedSaslMechanism, "does not offer SCRAM-SHA-512"},
		{scram, &tlsdial.HandshakeError{Address: "kafka:9092", Err: io.EOF}, "does not answer as one that has TLS"},
		{scram, kerr.TopicAuthorizationFailed, ""},
		{scram, io.EOF, ""},
	} {
		fault := Explain(config.Kafka{TLS: config.KafkaTLS{Enabled: true}, SASL: test.sasl}, fmt.Errorf("wrapped: %w", test.err))
		if (fault == nil) != (test.says == "") || fault != nil && (!strings.Contains(fault.Error(), test.says) || !errors.Is(fault, test.err)) {
			t.Errorf("%v: got %v, want %q", test.err, fault, test.says)
		}
	}
}

// TestARotatedPassword is refused before its file is written anew.
func TestARotatedPassword(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "password")
	cfg := broker(t, kfake.EnableSASL(), kfake.Superuser(config.Plain, "orders", "new"))
	cfg.SASL = config.SASL{Mechanism: config.Plain, Username: "orders", Password: config.Secret{File: path}}
	access := Access{Config: cfg}
	client, err := kgo.NewClient(append(access.Options(), kgo.RequestRetries(0), kgo.DisableClientMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, password := range []string{"old", "new"} {
		if err := os.WriteFile(path, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := client.Ping(t.Context()); (err == nil) != (password == "new") {
			t.Errorf("with the %s password: %v", password, err)
		}
	}
}

// TestARefusedSecretIsReadPastItsStore does not wait until the store would read
// it again.
func TestARefusedSecretIsReadPastItsStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := 0
		store := secrets.NewStore(func(context.Context, string) (secrets.Secret, error) {
			read++
			return secrets.New(strconv.Itoa(read)), nil
		}, time.Hour)
		c := &credential{key: "k", source: store.Source("kafka", "")}
		next := func(want string) {
			t.Helper()
			time.Sleep(time.Minute) // a store does not read more often than every 10 s
			if got, err := c.next(t.Context()); err != nil || got.Reveal() != want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, want)
			}
		}
		next("1")
		next("2") // since the first login has not succeeded
		c.accepted()
		next("2")
		next("3")
	})
}

// What cannot be logged in with is told with the setting first, then where it was looked
// for, then what to do.
func TestAMissingSecretIsTold(t *testing.T) {
	t.Parallel()
	password := config.Secret{File: filepath.Join(t.TempDir(), "missing")}
	_, err := (&credential{key: "kafka.sasl.password", source: password.Source(nil)}).next(t.Context())
	const want = "kafka.sasl.password: Kafka: there is nothing to log in with; mend what the message names: " +
		"the file that is configured cannot be read: no such file or directory: see that it is there, and that this process may read it"
	if fault := Explain(config.Kafka{}, err); fault == nil || fault.Error() != want {
		t.Errorf("got  %v\nwant %s", fault, want)
	}
}

// TestCodecs reads back with which codec a batch went out, for each that can be
// configured.
func TestCodecs(t *testing.T) {
	t.Parallel()
	cfg := broker(t, kfake.SeedTopics(1, "codecs"))
	for i, codec := range []string{config.Uncompressed, config.Gzip, config.Snappy, config.LZ4, config.Zstd} { // as Kafka numbers them
		cfg.Compression = codec
		opts := append(Access{Config: cfg}.Options(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"codecs": {0: kgo.NewOffset().At(int64(i))}}))
		client, err := kgo.NewClient(append(opts, kgo.DisableClientMetrics())...)
		if err != nil {
			t.Fatal(err)
		}
		sent := strings.Repeat(codec, 100)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "codecs", Value: []byte(sent)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		records := client.PollFetches(t.Context()).Records()
		if len(records) != 1 || int(records[0].Attrs.CompressionType()) != i || string(records[0].Value) != sent {
			t.Errorf("%s: %d records came back, the first with codec %d", codec, len(records), records[0].Attrs.CompressionType())
		}
		client.Close()
	}
}
