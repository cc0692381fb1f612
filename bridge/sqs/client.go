package sqs

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"net/http"
)

// NewClient makes the SDK's client as the bridge is best served by it. An
// empty endpoint is Amazon's own.
func NewClient(cfg aws.Config, endpoint string) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			// The SDK keeps 10 connections to a host; with 32 pollers and as many
			// deletions the rest would be dialled anew for every call.
			t.MaxIdleConnsPerHost = 128
			t.MaxIdleConns = 128
		})
		// A message has passed TLS and TCP checksums and is a hint that is never
		// trusted; hashing every body with MD5 again costs more than decoding it.
		o.DisableMessageChecksumValidation = true
	})
}
