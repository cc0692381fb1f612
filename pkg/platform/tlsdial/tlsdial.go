// Package tlsdial owns connections that are encrypted with certificates from
// files: it reads the files for each connection anew, so that they can be
// rotated without a restart. The other side is always verified.
package tlsdial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// timeout is for connecting, and again for the handshake.
const timeout = 10 * time.Second

// Files are PEM files; each may be empty.
type Files struct {
	CA         string // of who signs the other side's certificate; the system's if empty
	Cert, Key  string // our own certificate, if the other side wants one
	ServerName string // in the other side's certificate, in place of the host that is dialed
}

// FileError is a file that cannot be used.
type FileError struct {
	Name string
	Err  error
}

// Error names the file.
func (e *FileError) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Err) }

// Unwrap is why it cannot be used.
func (e *FileError) Unwrap() error { return e.Err }

// HandshakeError is a connection that was made and could not be encrypted.
type HandshakeError struct {
	Address string
	Err     error
}

// Error names the address.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("TLS handshake with %s: %v", e.Address, e.Err)
}

// Unwrap is why.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Dialer makes connections. It may be used from any goroutine.
type Dialer struct {
	files Files
	last  atomic.Pointer[tls.Config] // that could be read
}

// New makes a dialer; nothing is read yet.
func New(files Files) *Dialer { return &Dialer{files: files} }

// DialContext connects to a host and port and ends the handshake. Its error is
// a *FileError where a file was at fault, and a *HandshakeError where the other
// side or its certificate was. Once files could be read, they serve
// on while new ones cannot: certificate and key may be replaced one by one.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	cfg, err := d.config()
	if err != nil {
		return nil, err
	}
	cfg = cfg.Clone()
	if cfg.ServerName = d.files.ServerName; cfg.ServerName == "" {
		cfg.ServerName = host
	}
	plain, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	encrypted := tls.Client(plain, cfg)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(&HandshakeError{address, err}, plain.Close())
	}
	return encrypted, nil
}

func (d *Dialer) config() (*tls.Config, error) {
	cfg, err := d.files.read()
	if err == nil {
		d.last.Store(cfg)
		return cfg, nil
	}
	if last := d.last.Load(); last != nil {
		return last, nil
	}
	return nil, err
}

func (f Files) read() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, &FileError{f.CA, errors.Unwrap(err)}
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, &FileError{f.CA, errors.New("it holds no certificate in PEM form")}
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, &FileError{f.Cert + " with " + f.Key, err}
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
