package tlsdial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/test/certificates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers TLS handshakes with a certificate, and says whose it was shown.
func server(t *testing.T, cfg *tls.Config) (address string, clients chan []*x509.Certificate) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	clients = make(chan []*x509.Certificate, 10)
	done := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			encrypted := conn.(*tls.Conn)
			if encrypted.Handshake() == nil {
				clients <- encrypted.ConnectionState().PeerCertificates
			}
			conn.Close()
		}
	}()
	return listener.Addr().String(), clients
}

func dial(t *testing.T, d *Dialer, address string) error {
	t.Helper()
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err == nil {
		conn.Close()
	}
	return err
}

func TestTheOtherSideIsVerified(t *testing.T) {
	t.Parallel()
	ours, theirs := certificates.New(t, "ours"), certificates.New(t, "theirs")
	expired, err := ours.Sign("expired", time.Now().Add(-time.Hour), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		server certificates.Pair
		files  Files
		good   bool
		err    any // pointer to the type of error that is wanted
	}{
		"as it must be":      {ours.Issue(t, "good", "127.0.0.1"), Files{CA: ours.File}, true, nil},
		"of another CA":      {theirs.Issue(t, "other", "127.0.0.1"), Files{CA: ours.File}, false, new(x509.UnknownAuthorityError)},
		"not of a system CA": {ours.Issue(t, "private", "127.0.0.1"), Files{}, false, new(x509.UnknownAuthorityError)},
		"of another host":    {ours.Issue(t, "elsewhere", "kafka.example.com"), Files{CA: ours.File}, false, new(x509.HostnameError)},
		"of the name given":  {ours.Issue(t, "named", "kafka.example.com"), Files{CA: ours.File, ServerName: "kafka.example.com"}, true, nil},
		"no longer valid":    {expired, Files{CA: ours.File}, false, new(x509.CertificateInvalidError)},
		"a CA without file":  {ours.Issue(t, "nofile", "127.0.0.1"), Files{CA: "/no/such/file"}, false, new(*FileError)},
		"a CA that is none":  {ours.Issue(t, "none", "127.0.0.1"), Files{CA: "tlsdial.go"}, false, new(*FileError)},
		"a key that is none": {ours.Issue(t, "nokey", "127.0.0.1"), Files{CA: ours.File, Cert: ours.File, Key: ours.File}, false, new(*FileError)},
	} {
		address, _ := server(t, &tls.Config{Certificates: []tls.Certificate{test.server.Load(t)}})
		err := dial(t, New(test.files), address)
		if (err == nil) != test.good || test.err != nil && !errors.As(err, test.err) {
			t.Errorf("%s: got %v, want %T", name, err, test.err)
		}
	}
}

// TestFilesAreReadAnew replaces our certificate between two connections.
func TestFilesAreReadAnew(t *testing.T) {
	t.Parallel()
	ca := certificates.New(t, "ca")
	pool := x509.NewCertPool()
	pool.AddCert(ca.Issue(t, "none").Load(t).Leaf) // signs nothing
	text, err := os.ReadFile(ca.File)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal("no CA", err)
	}
	address, clients := server(t, &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "server", "127.0.0.1").Load(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})
	mine := ca.Issue(t, "first")
	d := New(Files{CA: ca.File, Cert: mine.Cert, Key: mine.Key})
	shows := func(name string) {
		t.Helper()
		if err := dial(t, d, address); err != nil {
			t.Fatal(err)
		}
		if got := (<-clients)[0].Subject.CommonName; got != name {
			t.Errorf("shown %q, want %q", got, name)
		}
	}
	shows("first")
	second := ca.Issue(t, "second")
	move(t, second.Cert, mine.Cert)
	shows("first") // with the old key the new certificate is of no use
	move(t, second.Key, mine.Key)
	shows("second")
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestAServerThatHangsUp must not leave its connection behind.
func TestAServerThatHangsUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Close()
		}
	}()
	if err := dial(t, New(Files{}), listener.Addr().String()); !errors.Is(err, io.EOF) && !errors.As(err, new(*net.OpError)) {
		t.Errorf("got %v, want the end of the connection", err)
	}
}
