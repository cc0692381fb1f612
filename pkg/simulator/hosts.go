package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// One TLS port that stands for all of Amazon's hosts, for clients in which these are fixed:
// to them it is led by a resolver, and a request's Host says which part it is for.

// Hosts is that endpoint.
func (s *Simulator) Hosts() http.Handler {
	parts := map[string]http.Handler{
		"lwa": s.LWA(), "sqs": s.SQS(), "events": s.EventBridge(), string(ledger.Documents): s.Documents(),
	}
	for _, region := range []model.Region{model.NorthAmerica, model.Europe, model.FarEast} {
		parts["sellingpartnerapi-"+string(region)] = s.SPAPI(region)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if part := parts[partOf(r.Host)]; part != nil {
			part.ServeHTTP(w, r)
			return
		}
		http.Error(w, fmt.Sprintf("The simulator stands for no host %q, only for api.amazon.com (and .co.uk, .co.jp), sellingpartnerapi-{na,eu,fe}.amazon.com "+
			"(also behind sandbox.), sqs.REGION.amazonaws.com, events.REGION.amazonaws.com and S3's.", r.Host), http.StatusMisdirectedRequest)
	})
}

// partOf names the part of the simulator that one of Amazon's hosts is, or is nothing.
func partOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	first, domain, _ := strings.Cut(strings.TrimPrefix(host, "sandbox."), ".")
	switch {
	case domain == "amazon.com" && strings.HasPrefix(first, "sellingpartnerapi-"):
		return first
	case host == "api.amazon.com", host == "api.amazon.co.uk", host == "api.amazon.co.jp":
		return "lwa"
	case !strings.HasSuffix(host, ".amazonaws.com"):
		return ""
	case first == "sqs", first == "events":
		return first
	case strings.Contains(host, "s3"):
		return string(ledger.Documents)
	}
	return ""
}

// authority signs the certificates of Amazon's hosts. Its key is nowhere but in memory.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// certificateLife is long, since a simulator may run for as long, and what it signs with is
// gone when it ends.
const certificateLife = 5 * 365 * 24 * time.Hour

// newAuthority makes one whose certificates are believed for Amazon's domains alone.
func newAuthority() (*authority, error) {
	a := &authority{certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: "Sellerstream's simulated Amazon"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		MaxPathLenZero: true, ExcludedIPRanges: everyAddress(),
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"amazon.com", "amazon.co.uk", "amazon.co.jp", "amazonaws.com"},
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := a.sign(a.certificate)
	if err != nil {
		return nil, err
	}
	a.certificate, err = x509.ParseCertificate(der)
	return a, err
}

// everyAddress is what an authority for domains must exclude, since its permitted domains
// bind no certificate of an address (RFC 5280, 4.2.1.10).
func everyAddress() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
}

// sign makes a certificate of the authority's own key, which is that of all hosts, too:
// they are one process.
func (a *authority) sign(template *x509.Certificate) ([]byte, error) {
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, a.certificate, &a.key.PublicKey, a.key)
}

// issue makes the certificate of the host that a client asks for.
func (a *authority) issue(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if partOf(hello.ServerName) == "" {
		return nil, fmt.Errorf("the simulator stands for no host %q", hello.ServerName)
	}
	der, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: hello.ServerName}, DNSNames: []string{hello.ServerName},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}, err
}

// pem is what clients are told to trust.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}
