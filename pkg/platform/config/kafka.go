package config

import (
	"fmt"
	"net"
	"slices"
)

// Kafka is the cluster, how we get in, and what topics are created with.
type Kafka struct {
	Brokers     []string `yaml:"brokers"`
	Partitions  int      `yaml:"partitions"`
	Replication int      `yaml:"replication"` // -1 takes the cluster's default
	Compression string   `yaml:"compression"` // of the records that we write
	TLS         KafkaTLS `yaml:"tls"`
	SASL        SASL     `yaml:"sasl"`
}

// KafkaTLS is whether and how connections to the brokers are encrypted. The
// brokers' certificates are always verified.
type KafkaTLS struct {
	Enabled    bool   `yaml:"enabled"`
	CAFile     string `yaml:"ca_file" path:"relative"` // PEM; "" takes the system's
	CertFile   string `yaml:"cert_file" path:"relative"`
	KeyFile    string `yaml:"key_file" path:"relative"`
	ServerName string `yaml:"server_name"` // in the certificates, in place of each broker's host
}

// SASL is who we are to Kafka. Without a mechanism we do not say.
type SASL struct {
	Mechanism string `yaml:"mechanism"`
	Username  string `yaml:"username"` // of SCRAM and PLAIN
	Password  Secret `yaml:"password"`
	// Token is OAUTHBEARER's, kept fresh by others. In its place, one is asked for
	// at TokenURL with the client's credentials.
	Token        Secret   `yaml:"token"`
	TokenURL     string   `yaml:"token_url"`
	ClientID     string   `yaml:"client_id"`
	ClientSecret Secret   `yaml:"client_secret"`
	Scopes       []string `yaml:"scopes"`
	// InsecurePlaintext allows to log in over connections without TLS, and to ask
	// for a token at a URL without.
	InsecurePlaintext bool `yaml:"insecure_plaintext"`
}

// The codecs of Kafka, by the names that it gives them.
const (
	Gzip         = "gzip" // Kafka's one codec that every client reads as it comes
	Zstd         = "zstd"
	LZ4          = "lz4"
	Snappy       = "snappy"
	Uncompressed = "none"
)

// The SASL mechanisms, by the names that Kafka gives them.
const (
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	Plain       = "PLAIN"
	OAuthBearer = "OAUTHBEARER"
	AWSMSKIAM   = "AWS_MSK_IAM" // with the credentials of section aws
)

// RegistryTLS is how an https registry is reached.
type RegistryTLS struct {
	CAFile   string `yaml:"ca_file" path:"relative"` // PEM; "" takes the system's
	CertFile string `yaml:"cert_file" path:"relative"`
	KeyFile  string `yaml:"key_file" path:"relative"`
}

func (v *validator) kafka() {
	k := v.cfg.Kafka
	if len(k.Brokers) == 0 {
		v.fault("kafka.brokers", "missing: name at least one broker, such as [127.0.0.1:9092]")
	}
	for i, broker := range k.Brokers {
		if _, _, err := net.SplitHostPort(broker); err != nil {
			v.fault(fmt.Sprintf("kafka.brokers[%d]", i), "this is not host:port: write an address such as 127.0.0.1:9092")
		}
	}
	v.between("kafka.partitions", k.Partitions, 1, 1000)
	if k.Replication != -1 {
		v.between("kafka.replication", k.Replication, 1, 10)
	}
	v.oneOf("kafka.compression", k.Compression, Gzip, Zstd, LZ4, Snappy, Uncompressed)
	v.pair("kafka.tls", k.TLS.CertFile, k.TLS.KeyFile)
	if !k.TLS.Enabled && k.TLS != (KafkaTLS{}) {
		v.fault("kafka.tls", "it says how, and not that TLS is wanted: write enabled: true, or leave the section out")
	}
	v.sasl()
}

func (v *validator) sasl() {
	s := v.cfg.Kafka.SASL
	v.source("kafka.sasl.password", s.Password)
	v.source("kafka.sasl.token", s.Token)
	v.source("kafka.sasl.client_secret", s.ClientSecret)
	if s.Mechanism == "" {
		for _, key := range s.given() {
			v.fault("kafka.sasl."+key, "it belongs to a mechanism: write that too, such as mechanism: %s", ScramSHA512)
		}
		return
	}
	switch s.Mechanism {
	case ScramSHA256, ScramSHA512, Plain:
		v.onlyKeys(s, "username", "password")
		if s.Username == "" {
			v.fault("kafka.sasl.username", "missing: write the name of our user at Kafka")
		}
		v.required("kafka.sasl.password", s.Password)
	case OAuthBearer:
		v.oauth()
	case AWSMSKIAM:
		v.onlyKeys(s)
	default:
		v.oneOf("kafka.sasl.mechanism", s.Mechanism, ScramSHA512, ScramSHA256, Plain, OAuthBearer, AWSMSKIAM)
		return
	}
	if !v.cfg.Kafka.TLS.Enabled && !s.InsecurePlaintext && slices.ContainsFunc(v.cfg.Kafka.Brokers, remote) {
		v.fault("kafka.sasl", "who listens on the way to the brokers could log in as we do: write kafka.tls: {enabled: true}, or insecure_plaintext: true where nobody can")
	}
}

func (v *validator) oauth() {
	s := v.cfg.Kafka.SASL
	if s.TokenURL == "" {
		v.onlyKeys(s, "token")
		v.required("kafka.sasl.token", s.Token)
		return
	}
	v.onlyKeys(s, "token_url", "client_id", "client_secret", "scopes")
	v.encrypted("kafka.sasl.token_url", s.TokenURL, s.InsecurePlaintext, "kafka.sasl.insecure_plaintext")
	if s.ClientID == "" {
		v.fault("kafka.sasl.client_id", "missing: write our client's id at the token endpoint")
	}
	v.required("kafka.sasl.client_secret", s.ClientSecret)
}

// given are the keys that only some mechanisms need.
func (s SASL) given() (keys []string) {
	for _, key := range []struct {
		name  string
		given bool
	}{
		{"username", s.Username != ""},
		{"password", s.Password.Given()},
		{"token", s.Token.Given()},
		{"token_url", s.TokenURL != ""},
		{"client_id", s.ClientID != ""},
		{"client_secret", s.ClientSecret.Given()},
		{"scopes", len(s.Scopes) > 0},
	} {
		if key.given {
			keys = append(keys, key.name)
		}
	}
	return keys
}

// onlyKeys wants no key that the mechanism does not need: who wrote it means
// something that would not happen.
func (v *validator) onlyKeys(s SASL, needed ...string) {
	for _, key := range s.given() {
		if !slices.Contains(needed, key) {
			v.fault("kafka.sasl."+key, "it has no meaning here for %s: leave it out", s.Mechanism)
		}
	}
}

// pair wants a certificate and its key together.
func (v *validator) pair(path, certificate, key string) {
	if (certificate == "") != (key == "") {
		v.fault(path, "cert_file and key_file go together: write both or neither")
	}
}

// remote reports whether a connection to a broker leaves this machine.
func remote(broker string) bool {
	host, _, err := net.SplitHostPort(broker)
	if err != nil {
		return false // it has its fault already
	}
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}
