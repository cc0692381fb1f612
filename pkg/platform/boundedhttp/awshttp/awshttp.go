// Package awshttp gives the AWS SDK an HTTP client whose answers are bounded:
// the SDK's own reads them to their end.
package awshttp

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
)

const (
	// MaxAnswer is the bound of most services' answers. The largest is a secret
	// of Secrets Manager, with 64 KiB.
	MaxAnswer = 1 << 20
	// timeout is for one request and the whole of its answer. The longest is
	// SQS's ReceiveMessage, which waits for up to 20 s.
	timeout = time.Minute
)

// Client returns a client for answers of at most limit bytes that uses the
// connection settings of base: certificates from AWS_CA_BUNDLE, for one. A nil
// base is the SDK's default. tune may change the settings; nil changes nothing.
// The client shares no connection with base.
func Client(base aws.HTTPClient, limit int64, tune func(*http.Transport)) *http.Client {
	transport := transportOf(base)
	if t, ok := transport.(*http.Transport); ok && tune != nil {
		t = t.Clone()
		tune(t)
		transport = t
	}
	return boundedhttp.NewClient(transport, limit, timeout)
}

// ForSearch returns the client of the SDK's own search for credentials (of a container,
// an instance, SSO, a web identity), which must be of the SDK's own kind, or
// AWS_CA_BUNDLE is refused. It follows no redirect to another host. BoundAnswers bounds
// what it reads.
func ForSearch() *sdk.BuildableClient {
	return sdk.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxResponseHeaderBytes = boundedhttp.MaxHeaderBytes
		boundedhttp.KeepToHost(t)
	})
}

func transportOf(base aws.HTTPClient) http.RoundTripper {
	switch base := base.(type) {
	case nil:
		return settingsOf(sdk.NewBuildableClient())
	case *sdk.BuildableClient:
		return settingsOf(base)
	case *http.Client:
		if bounded, ok := base.Transport.(*boundedhttp.Transport); ok {
			return bounded.Base()
		}
		if base.Transport == nil {
			return http.DefaultTransport
		}
		return base.Transport
	}
	return doer{base}
}

func settingsOf(client *sdk.BuildableClient) *http.Transport {
	transport := client.GetTransport() // a copy
	transport.MaxResponseHeaderBytes = boundedhttp.MaxHeaderBytes
	return transport
}

// doer is a client as a RoundTripper.
type doer struct{ aws.HTTPClient }

func (d doer) RoundTrip(req *http.Request) (*http.Response, error) { return d.Do(req) }

// BoundAnswers is an option of aws.Config.APIOptions that bounds the answers of
// every client that is made with the configuration. It is for the clients that
// the SDK makes by itself, to find credentials: these need the SDK's own HTTP
// client.
func BoundAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("BoundAnswer",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer.Response != nil && answer.Body != nil {
				host := ""
				if answer.Request != nil {
					host = answer.Request.URL.Host
				}
				answer.Body = boundedhttp.Body(answer.Body, host, MaxAnswer)
			}
			return out, metadata, err
		}), middleware.After)
}
