package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp/awshttp"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets/awssecrets"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// openAWS finds our own AWS credentials: a configured key or the SDK's chain,
// and on top of it the configured role.
func openAWS(ctx context.Context, cfg config.AWS) (aws.Config, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(cfg.Region), awsconfig.WithLogger(logging.LoggerFunc(logSDK))}
	if cfg.AccessKeyID != "" {
		// Never from AWS Secrets Manager, which this key opens: hence no store.
		secret, err := cfg.SecretAccessKey.Source(nil).Secret(ctx)
		if err != nil {
			return aws.Config{}, fmt.Errorf("aws.secret_access_key: %w", err)
		}
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, secret.Reveal(), "")))
	}
	// The clients of the SDK's own search for credentials need the SDK's HTTP client,
	// except for a container's, which gets none. Ours get another.
	options = append(options, awsconfig.WithHTTPClient(awshttp.ForSearch()),
		awsconfig.WithAPIOptions([]func(*middleware.Stack) error{awshttp.BoundAnswers}),
		awsconfig.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = awshttp.ForSearch() }))
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	loaded.APIOptions = nil
	loaded.HTTPClient = awshttp.Client(loaded.HTTPClient, awshttp.MaxAnswer, nil)
	if cfg.Role != "" {
		loaded.Credentials = ownRole{spapi.AssumeRole(newSTS(loaded, cfg), spapi.Role{ARN: cfg.Role, ExternalID: cfg.ExternalID})}
	}
	return loaded, nil
}

// logSDK logs what the SDK would write to stderr. Its warnings are about its own choices;
// what fails comes back as an error too.
func logSDK(class logging.Classification, format string, args ...any) {
	level := slog.LevelInfo
	if class == logging.Debug {
		level = slog.LevelDebug
	}
	slog.Log(context.Background(), level, schemas.Printable(fmt.Sprintf(format, args...)), "from", "aws-sdk-go")
}

// ownRole is the credentials of aws.role. What STS answers is not repeated except for
// its status and a known code.
type ownRole struct{ aws.CredentialsProvider }

func (r ownRole) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := r.CredentialsProvider.Retrieve(ctx)
	var refused *model.Error
	if errors.As(err, &refused) && refused.Remedy != "" {
		ours := *refused
		ours.Remedy = "check aws.role, that its trust policy names the AWS credentials of this process, and that aws.external_id is what it wants under sts:ExternalId"
		return found, &ours
	}
	return found, err
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
