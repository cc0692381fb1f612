package kafka

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/tlsdial"
)

// Fault is why brokers cannot be used as it is configured, and what to do.
type Fault struct {
	Cause string
	Fix   string
	Key   string // of the configuration, where the fix is made
	// Lasting says that waiting does not mend it. What does not last has this
	// cause or is a broker that has just started.
	Lasting bool
	Err     error
}

// Error is all of it, the setting first.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s: Kafka: %s; %s: %v", f.Key, f.Cause, f.Fix, f.Err)
}

// Unwrap is what the client said.
func (f *Fault) Unwrap() error { return f.Err }

// Explain finds out what a client's error is about. It is nil for what the
// configuration is not to blame for.
func Explain(cfg config.Kafka, err error) *Fault {
	for _, explain := range []func(config.Kafka, error) *Fault{local, certificate, handshake, login, closed} {
		if fault := explain(cfg, err); fault != nil {
			if fault.Err == nil {
				fault.Err = err
			}
			return fault
		}
	}
	return nil
}

// local are faults of this machine's files and secrets.
func local(_ config.Kafka, err error) *Fault {
	var file *tlsdial.FileError
	if errors.As(err, &file) {
		return &Fault{Cause: "a file for TLS cannot be used", Fix: "name a PEM file that this process may read", Key: "kafka.tls", Lasting: true}
	}
	var credential *credentialError
	if errors.As(err, &credential) {
		return &Fault{Cause: "there is nothing to log in with", Fix: "mend what the message names", Key: credential.key, Err: credential.err}
	}
	return nil
}

// certificate is what we have against the brokers' certificate.
func certificate(cfg config.Kafka, err error) *Fault {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		known := "the system's CAs"
		if cfg.TLS.CAFile != "" {
			known = "the CAs in " + cfg.TLS.CAFile
		}
		return &Fault{Cause: "the broker's certificate is signed by none of " + known, Fix: "write the file with the certificate of the CA that signed it", Key: "kafka.tls.ca_file", Lasting: true}
	}
	var name x509.HostnameError
	if errors.As(err, &name) {
		return &Fault{
			Cause: fmt.Sprintf("the broker's certificate is for %s, not for %s", names(name.Certificate), name.Host),
			Fix:   "use a name that stands in it under brokers and in the brokers' advertised.listeners, or write server_name", Key: "kafka.tls.server_name", Lasting: true,
		}
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		return &Fault{Cause: "the broker's certificate is not valid", Fix: "renew it at the broker, or set this machine's clock", Key: "kafka.tls", Lasting: true}
	}
	return nil
}

func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	return strings.Join(all, ", ")
}

// handshake is a listener that does not speak TLS, or refuses our certificate.
func handshake(cfg config.Kafka, err error) *Fault {
	var broken *tlsdial.HandshakeError
	var refused *net.OpError
	alert := errors.As(err, &refused) && refused.Op == "remote error" // as crypto/tls calls what the other side says
	switch {
	case alert:
	case errors.As(err, &broken): // Kafka hangs up, others answer in clear
		return &Fault{Cause: "the broker does not answer as one that has TLS", Fix: "write the port of a listener that has (SSL or SASL_SSL) under brokers, or leave TLS out", Key: "kafka.tls.enabled"}
	default:
		return nil
	}
	if cfg.TLS.CertFile == "" {
		return &Fault{Cause: "the broker ends the TLS handshake, as one does that wants a certificate of ours", Fix: "write cert_file and key_file", Key: "kafka.tls", Lasting: true}
	}
	return &Fault{Cause: "the broker does not take our certificate", Fix: "use one that is signed by a CA that the broker trusts, and still valid", Key: "kafka.tls.cert_file", Lasting: true}
}

// login is what brokers have against us.
func login(cfg config.Kafka, err error) *Fault {
	s := cfg.SASL
	var answer *challengeError
	switch {
	case s.Mechanism == config.OAuthBearer && errors.As(err, &answer):
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return &Fault{Cause: "the broker's listener does not offer " + s.Mechanism, Fix: "write a mechanism of its sasl.enabled.mechanisms", Key: "kafka.sasl.mechanism", Lasting: true}
	case errors.Is(err, kerr.IllegalSaslState):
		return &Fault{Cause: "the broker's listener has no SASL", Fix: "write the port of a listener that has (SASL_SSL) under brokers, or leave SASL out", Key: "kafka.sasl", Lasting: true}
	case !errors.Is(err, kerr.SaslAuthenticationFailed):
		return nil
	}
	switch s.Mechanism {
	case config.OAuthBearer:
		return &Fault{Cause: "the broker refuses our token", Fix: "check that it is meant for Kafka (audience, scopes) and has not expired", Key: "kafka.sasl", Lasting: true}
	case config.AWSMSKIAM:
		return &Fault{Cause: "MSK refuses our AWS credentials", Fix: "let their IAM policy allow kafka-cluster:Connect to the cluster, and check this machine's clock", Key: "aws", Lasting: true}
	}
	return &Fault{
		Cause: fmt.Sprintf("the broker knows no user %s with this password and %s", s.Username, s.Mechanism),
		Fix:   "correct username and password, or give the user one at Kafka (kafka-configs.sh --alter --entity-type users)", Key: "kafka.sasl", Lasting: true,
	}
}

// closed is a broker that hangs up without a word: it was spoken to in a way that
// its listener does not understand, or it has just started.
func closed(cfg config.Kafka, err error) *Fault {
	var eof *kgo.ErrFirstReadEOF
	// Some send an alert before. The client knows it when it sees it, and says so in
	// its text only.
	alert := !cfg.TLS.Enabled && strings.Contains(err.Error(), "tls alert record")
	if !errors.As(err, &eof) && !alert {
		return nil
	}
	fault := &Fault{Cause: "the broker hangs up at once"}
	switch {
	case !cfg.TLS.Enabled:
		fault.Fix, fault.Key = "if its listener has TLS (SSL or SASL_SSL), write enabled: true", "kafka.tls.enabled"
	case cfg.SASL.Mechanism == "":
		fault.Fix, fault.Key = "if its listener wants a login (SASL_SSL), write a mechanism", "kafka.sasl.mechanism"
	default:
		fault.Fix, fault.Key = "check that the port under brokers is that of a listener with TLS and SASL (SASL_SSL)", "kafka.brokers"
	}
	return fault
}
