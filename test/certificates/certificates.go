// Package certificates makes what tests of TLS need: CAs that nobody else
// trusts, and certificates of theirs, as PEM files.
package certificates

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA signs certificates.
type CA struct {
	File string // its own certificate

	dir         string
	certificate *x509.Certificate
	key         crypto.Signer
}

// Pair is a certificate and its key.
type Pair struct{ Cert, Key string } // files

// New makes a CA whose files are gone at the end of the test.
func New(t testing.TB, name string) *CA {
	t.Helper()
	ca, err := Make(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// Make makes a CA whose files stand in a folder.
func Make(dir, name string) (*CA, error) {
	ca := &CA{File: filepath.Join(dir, name+".pem"), dir: dir}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ca.sign(template, filepath.Join(dir, name))
	ca.key = key
	return ca, err
}

// Issue makes a certificate for hosts and IP addresses, for either side of a connection.
func (ca *CA) Issue(t testing.TB, file string, hosts ...string) Pair {
	t.Helper()
	pair, err := ca.Sign(file, time.Now().Add(24*time.Hour), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Sign is Issue with an end, outside of a test.
func (ca *CA) Sign(file string, until time.Time, hosts ...string) (Pair, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: file}, KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	name := filepath.Join(ca.dir, file)
	_, err := ca.sign(template, name)
	return Pair{name + ".pem", name + ".key"}, err
}

// Load is the pair for a server of the test.
func (p Pair) Load(t testing.TB) tls.Certificate {
	t.Helper()
	loaded, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// sign makes a key and a certificate for it, and writes name.key and name.pem.
func (ca *CA) sign(template *x509.Certificate, name string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	parent, signer := ca.certificate, ca.key
	if parent == nil {
		parent, signer = template, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	if ca.certificate == nil {
		if ca.certificate, err = x509.ParseCertificate(signed); err != nil {
			return nil, err
		}
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, errors.Join(
		os.WriteFile(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600),
		os.WriteFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
