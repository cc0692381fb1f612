// Package awssecrets reads secrets from AWS Secrets Manager, for a
// secrets.Store that keeps them.
package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// Client is what is used of *secretsmanager.Client.
type Client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Fetch reads the current version (AWSCURRENT) of a secret by its name or ARN;
// an ARN is read in the region that it names. AWS needs the permission
// secretsmanager:GetSecretValue, and kms:Decrypt for a key of one's own.
func Fetch(client Client) secrets.Fetch {
	return func(ctx context.Context, name string) (secrets.Secret, error) {
		var options []func(*secretsmanager.Options)
		if parsed, err := arn.Parse(name); err == nil && parsed.Region != "" {
			options = append(options, func(o *secretsmanager.Options) { o.Region = parsed.Region })
		}
		answer, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name}, options...)
		if err != nil {
			return secrets.Secret{}, classify(name, err)
		}
		if aws.ToString(answer.SecretString) == "" {
			return secrets.Secret{}, fmt.Errorf("secret %s in AWS Secrets Manager holds no text: store it as a text, not as bytes", name)
		}
		return secrets.New(*answer.SecretString), nil
	}
}

// classify tells a no from AWS, which somebody must mend, from everything that
// may pass. AWS answers a throttled call with the status of a refused one.
func classify(name string, err error) error {
	var answer *awshttp.ResponseError
	busy := retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
	if errors.As(err, &answer) && answer.HTTPStatusCode()/100 == 4 && answer.HTTPStatusCode() != http.StatusTooManyRequests && !busy {
		return fmt.Errorf("secret %s in AWS Secrets Manager: %w; check its name and region, and that the AWS credentials may GetSecretValue", name, err)
	}
	return fmt.Errorf("secret %s in AWS Secrets Manager: %w: %w", name, secrets.ErrUnavailable, err)
}
