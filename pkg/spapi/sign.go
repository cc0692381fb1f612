package spapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// signingService is the SP-API's name in the scope of a signature.
const signingService = "execute-api"

// signature signs each request with AWS's Signature Version 4.
type signature struct {
	next        http.RoundTripper
	credentials aws.CredentialsProvider
	service     string
	region      string // AWS's, such as "eu-west-1"
	clock       clock.Clock
	signer      *v4.Signer
}

func newSignature(next http.RoundTripper, credentials aws.CredentialsProvider, region string, c clock.Clock) signature {
	return signature{
		next: next, credentials: credentials, service: signingService, region: region, clock: c, signer: v4.NewSigner(),
	}
}

// RoundTrip sends a signed copy: a RoundTripper must not change its request.
// An error before anything was sent is a *model.Error.
func (s signature) RoundTrip(req *http.Request) (*http.Response, error) {
	signed, err := s.sign(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper's duty, also when it fails
		}
		return nil, unsigned(err)
	}
	return s.next.RoundTrip(signed)
}

func (s signature) sign(req *http.Request) (*http.Request, error) {
	ctx := req.Context()
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := payloadHash(req)
	if err != nil {
		return nil, err
	}
	signed := req.Clone(ctx)
	return signed, s.signer.SignHTTP(ctx, credentials, signed, payload, s.service, s.region, s.clock.Now())
}

// CloseIdleConnections passes the wish on, as http.Client expects of a chain.
func (s signature) CloseIdleConnections() {
	if closer, ok := s.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// payloadHash is the hex SHA-256 of the body, which it leaves unread. Requests
// to the SP-API are small and made from memory; documents go to presigned URLs.
func payloadHash(req *http.Request) (string, error) {
	hash := sha256.New()
	if req.Body != nil && req.Body != http.NoBody {
		if req.GetBody == nil {
			return "", errors.New("a body that can be read only once cannot be signed")
		}
		body, err := req.GetBody()
		if err != nil {
			return "", fmt.Errorf("read the body to sign it: %w", err)
		}
		defer body.Close()
		if _, err := io.Copy(hash, body); err != nil {
			return "", fmt.Errorf("read the body to sign it: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// unsigned is the error of a request that was not sent because it could not be signed.
func unsigned(err error) error {
	var refusal *model.Error
	var late *notSentError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &late):
		return late
	}
	return &model.Error{Class: model.Unavailable, Operation: "AWS credentials", TokenMissing: true, Err: err}
}
