package pipeline

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// kafkaOptions are what every Kafka client of the process is made with.
func kafkaOptions(cfg config.Config) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(cfg.Kafka.Brokers...),
		kgo.SoftwareNameAndVersion("sellerstream", "1"),
	}
}

// openRegistry connects to the schema registry and learns, or registers, the schemas.
func openRegistry(ctx context.Context, cfg config.Config, log *slog.Logger) (*registry.Codec, error) {
	client := []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}
	if cfg.Registry.Username != "" {
		password, err := cfg.Registry.Password.Source().Secret(ctx)
		if err != nil {
			return nil, fmt.Errorf("registry.password: %w", err)
		}
		client = append(client, sr.BasicAuth(cfg.Registry.Username, password.Reveal()))
	}
	return registry.New(ctx, registry.Config{
		Client: client, Prefix: cfg.Prefix, Register: cfg.Registry.Register, Logger: log,
	})
}

// openAWS finds our own AWS credentials: a configured key or the SDK's chain,
// and on top of it the configured role.
func openAWS(ctx context.Context, cfg config.AWS) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(cfg.Region)}
	if cfg.AccessKeyID != "" {
		secret, err := cfg.SecretAccessKey.Source().Secret(ctx)
		if err != nil {
			return aws.Config{}, fmt.Errorf("aws.secret_access_key: %w", err)
		}
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, secret.Reveal(), "")))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Role != "" {
		client := sts.NewFromConfig(loaded, func(o *sts.Options) {
			if cfg.STSEndpoint != "" {
				o.BaseEndpoint = aws.String(cfg.STSEndpoint)
			}
		})
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, cfg.Role))
	}
	return loaded, nil
}

// newDirectory indexes the configured accounts.
func newDirectory(accounts []config.Account) (*account.Directory, error) {
	list := make([]account.Account, 0, len(accounts))
	for _, a := range accounts {
		list = append(list, account.Account{
			ID: a.ID, SellerID: a.SellerID, AmazonAccountID: a.AmazonAccountID, Region: a.Region,
			Application: a.Application, Marketplaces: a.Marketplaces, KeepBuyerData: a.KeepBuyerData,
		})
	}
	return account.NewDirectory(list)
}

// newSPAPI makes Amazon's client and the caller of each account.
func newSPAPI(cfg config.Config, c clock.Clock) (*spapi.Client, map[string]*spapi.Seller, error) {
	client, err := spapi.New(spapi.Config{
		UserAgent: cfg.SPAPI.UserAgent, Endpoints: cfg.SPAPI.Endpoints,
		LWAEndpoint: cfg.SPAPI.LWAEndpoint, Timeout: cfg.SPAPI.Timeout, Clock: c,
	})
	if err != nil {
		return nil, nil, err
	}
	applications := make(map[string]spapi.Application, len(cfg.Applications))
	for _, app := range cfg.Applications {
		applications[app.Name] = spapi.Application{
			Name: app.Name, ClientID: app.ClientID, ClientSecret: app.ClientSecret.Source(),
		}
	}
	sellers := make(map[string]*spapi.Seller, len(cfg.Accounts))
	for _, a := range cfg.Accounts {
		seller, err := client.Seller(spapi.SellerConfig{
			Account: a.ID, Region: a.Region, Application: applications[a.Application],
			RefreshToken: a.RefreshToken.Source(),
		})
		if err != nil {
			return nil, nil, err
		}
		sellers[a.ID] = seller
	}
	return client, sellers, nil
}
