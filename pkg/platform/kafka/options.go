// Package kafka owns how brokers are reached: encrypted or not, as whom, and
// what it means when they refuse.
package kafka

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/platform/tlsdial"
)

// Access is what is needed to reach the brokers of a checked configuration.
type Access struct {
	Config  config.Kafka
	Secrets *secrets.Store
	// AWS gives the credentials for AWS_MSK_IAM. It is asked at each login, which
	// must then be quick: they are to be cached until they expire.
	AWS func(context.Context) (aws.Credentials, error)
}

// Options are what every client is made with. Nothing is read before it
// connects; certificates and secrets are read anew for each connection.
func (a Access) Options() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(a.Config.Brokers...),
		kgo.SoftwareNameAndVersion("sellerstream", "1"),
	}
	if t := a.Config.TLS; t.Enabled {
		files := tlsdial.Files{CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile, ServerName: t.ServerName}
		opts = append(opts, kgo.Dialer(tlsdial.New(files).DialContext))
	}
	if mechanism := a.mechanism(); mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts
}
