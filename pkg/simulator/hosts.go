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
	"math/big"
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
	case !strings.HasSuffix(domain, ".amazonaws.com"):
		return ""
	case first == "sqs", first == "events":
		return first
	case strings.Contains(domain, "s3"):
		return string(ledger.Documents)
	}
	return ""
}

// authority signs the certificates of Amazon's hosts. Its key is nowhere but in memory.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

const certificateLife = 30 * 24 * time.Hour

// newAuthority makes one that nobody can use for any but Amazon's domains.
func newAuthority() (*authority, error) {
	a := &authority{certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: "Sellerstream's simulated Amazon"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"amazon.com", "amazon.co.uk", "amazon.co.jp", "amazonaws.com"},
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := a.sign(a.certificate, &a.key.PublicKey)
	if err != nil {
		return nil, err
	}
	a.certificate, err = x509.ParseCertificate(der)
	return a, err
}

func (a *authority) sign(template *x509.Certificate, of *ecdsa.PublicKey) ([]byte, error) {
	template.SerialNumber = new(big.Int).SetBytes([]byte(rand.Text()))
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, a.certificate, of, a.key)
}

// issue makes the certificate of the host that a client asks for.
func (a *authority) issue(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if partOf(hello.ServerName) == "" {
		return nil, fmt.Errorf("the simulator stands for no host %q", hello.ServerName)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: hello.ServerName}, DNSNames: []string{hello.ServerName},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &key.PublicKey)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// pem is what clients are told to trust.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}
