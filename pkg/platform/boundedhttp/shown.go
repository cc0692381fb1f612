package boundedhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// WithoutAnswer is an error of a request that carried a secret, as it may be shown:
// what it says of the connection, and else words of our own, since HTTP clients
// quote what they cannot read.
func WithoutAnswer(err error) error {
	var away *RedirectError
	var large *TooLargeError
	var network *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &away):
		return errors.New("the endpoint redirects to another host, or too often, which is not followed: check its URL")
	case errors.As(err, &large):
		return large
	case errors.As(err, &network):
		return network
	case errors.As(err, &name):
		return name
	case errors.As(err, &certificate):
		return certificate
	}
	for _, plain := range []error{context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	return errors.New("what answers does not speak as the endpoint should: check its URL")
}
