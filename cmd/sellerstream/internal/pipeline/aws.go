package pipeline

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/secrets"
	"github.com/sellerstream/sellerstream/pkg/secrets/awssecrets"
)

// openAWS finds our own AWS credentials: a configured key or the SDK's chain,
// and on top of it the configured role.
func openAWS(ctx context.Context, cfg config.AWS) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(cfg.Region)}
	if cfg.AccessKeyID != "" {
		// Never from AWS Secrets Manager, which this key opens: hence no store.
		secret, err := cfg.SecretAccessKey.Source(nil).Secret(ctx)
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
		loaded.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(newSTS(loaded, cfg), cfg.Role))
	}
	return loaded, nil
}

func newSTS(loaded aws.Config, cfg config.AWS) *sts.Client {
	return sts.NewFromConfig(loaded, func(o *sts.Options) { o.BaseEndpoint = endpoint(cfg.STSEndpoint) })
}

// OpenSecrets is where the configuration's secrets of source aws are read. AWS
// is asked for nothing until one is.
func OpenSecrets(cfg config.AWS) *secrets.Store {
	open := sync.OnceValues(func() (secrets.Fetch, error) {
		// Not the first reader's context: the client outlives it.
		loaded, err := openAWS(context.Background(), cfg)
		if err != nil {
			return nil, err
		}
		return awssecrets.Fetch(secretsmanager.NewFromConfig(loaded, func(o *secretsmanager.Options) {
			o.BaseEndpoint = endpoint(cfg.SecretsManagerEndpoint)
		})), nil
	})
	return secrets.NewStore(func(ctx context.Context, name string) (secrets.Secret, error) {
		fetch, err := open()
		if err != nil {
			return secrets.Secret{}, err
		}
		return fetch(ctx, name)
	}, cfg.SecretsTTL)
}

// endpoint is an endpoint in place of AWS's own, or nil.
func endpoint(url string) *string {
	if url == "" {
		return nil
	}
	return &url
}
