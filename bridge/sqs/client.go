package sqs

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp/awshttp"
)

// maxAnswer bounds an answer of SQS in bytes. ReceiveMessage brings up to ten
// messages of 1 MiB each, and JSON's escapes make at most three bytes of one.
const maxAnswer = 32 << 20

// NewClient makes the SDK's client as the bridge is best served by it, for any
// number of queues. An empty endpoint is Amazon's own.
func NewClient(cfg aws.Config, endpoint string) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.HTTPClient = awshttp.Client(cfg.HTTPClient, maxAnswer, func(t *http.Transport) {
			// The SDK keeps 10 connections to a host; with 32 pollers and as many
			// deletions the rest would be dialled anew for every call.
			t.MaxIdleConnsPerHost = 128
			t.MaxIdleConns = 256
			// Ten messages come in one or two reads instead of one for every 4 KiB.
			t.ReadBufferSize = 32 << 10
			t.WriteBufferSize = 8 << 10
		})
		// TLS has already seen to it that a body arrives unchanged, and what it
		// says is never trusted: its MD5 would cost a third of its decoding.
		o.DisableMessageChecksumValidation = true
	})
}
