package eventbridge

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp/awshttp"
)

// maxConnections is how many connections to EventBridge stay open.
const maxConnections = 256

// NewClient makes the SDK's client without retries of its own: the publisher
// knows which entries to send again. An empty endpoint is Amazon's own.
func NewClient(cfg aws.Config, endpoint string) *eventbridge.Client {
	return eventbridge.NewFromConfig(cfg, func(o *eventbridge.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = awshttp.Client(cfg.HTTPClient, awshttp.MaxAnswer, func(t *http.Transport) {
			t.MaxIdleConnsPerHost = maxConnections // or requests beyond the SDK's 10 open a new one each
		})
	})
}
