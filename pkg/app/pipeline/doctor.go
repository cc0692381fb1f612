package pipeline

import (
	"context"
	"log/slog"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp/awshttp"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// DoctorOptions are for an examination of what settings lead to, by the same ways as a
// run uses. None is tried.
func DoctorOptions(s Settings) doctor.Options {
	enabled := DefaultRoles(s.Config, false)
	roles := s.Roles
	if len(roles) == 0 {
		roles = enabled
	}
	enabled = slices.DeleteFunc(Roles(), func(r Role) bool { // those asked for too
		return !slices.Contains(enabled, r) && !slices.Contains(roles, r)
	})
	return doctor.Options{
		Config: s.Config, Secrets: s.Secrets, Parts: doctorParts(s), Clock: s.Clock,
		Roles: names(roles), RolesMeant: len(s.Roles) > 0, Enabled: names(enabled), TransactionalPrefix: s.TransactionalPrefix,
	}
}

func doctorParts(s Settings) doctor.Parts {
	cfg := s.Config
	return doctor.Parts{
		Kafka: kafkaOptions(cfg, s.Secrets),
		Registry: func(ctx context.Context) ([]sr.ClientOpt, error) {
			return registryOptions(ctx, cfg, s.Secrets)
		},
		AWS: func(ctx context.Context, transport http.RoundTripper) (doctor.AWS, error) {
			return doctorAWS(ctx, s, transport)
		},
		Exclusions: func() (exclusion.Loader, error) { return exclusionsFrom(cfg, s.Secrets) },
		BuyerKeys:  func(ctx context.Context) (buyerdata.Keys, error) { return OpenBuyerKeys(ctx, cfg, s.Secrets) },
		Standings: func(ctx context.Context, only string) (*accountstatus.Fold, error) {
			quiet := s
			quiet.Logger = slog.New(slog.DiscardHandler)
			return ReadAccounts(ctx, quiet, only, func(int, int) {})
		},
		Amazon: func(transport http.RoundTripper) (*spapi.Client, error) {
			return spapi.New(spapi.Config{
				UserAgent: cfg.SPAPI.UserAgent, Endpoints: cfg.SPAPI.Endpoints, LWAEndpoint: cfg.SPAPI.LWAEndpoint,
				Timeout: cfg.SPAPI.Timeout, Clock: s.Clock, Base: transport,
			})
		},
	}
}

func doctorAWS(ctx context.Context, s Settings, transport http.RoundTripper) (doctor.AWS, error) {
	cfg := s.Config.AWS
	loaded, err := openAWS(ctx, cfg)
	if err != nil {
		return doctor.AWS{}, err
	}
	loaded.HTTPClient = awshttp.Client(&http.Client{Transport: transport}, awshttp.MaxAnswer, nil)
	tokens := newSTS(loaded, cfg)
	parts := doctor.AWS{
		Credentials: loaded.Credentials, Assume: tokens,
		Queues: sqs.NewFromConfig(loaded, func(o *sqs.Options) { o.BaseEndpoint = endpoint(cfg.SQSEndpoint) }),
		Keys:   kms.NewFromConfig(loaded, func(o *kms.Options) { o.BaseEndpoint = endpoint(cfg.KMSEndpoint) }),
		Buses:  eventbridge.NewFromConfig(loaded, func(o *eventbridge.Options) { o.BaseEndpoint = endpoint(cfg.EventBridgeEndpoint) }),
	}
	// What stands in for SQS or EventBridge has credentials of its own that AWS's
	// STS does not know.
	if cfg.STSEndpoint != "" || cfg.SQSEndpoint == "" && cfg.EventBridgeEndpoint == "" {
		parts.Identity = tokens
	}
	return parts, nil
}
