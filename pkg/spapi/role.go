package spapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// roleSession is how long credentials are asked for. It is the least that
	// any role's maximum can be set to, and the most for a role that is assumed
	// by a role (AWS STS, AssumeRole, DurationSeconds).
	roleSession = time.Hour
	// roleTimeout is for one AssumeRole, the SDK's own retries included.
	roleTimeout = 20 * time.Second
	// assumeRole is the operation's name in errors.
	assumeRole = "AWS AssumeRole"
)

// Role is an IAM role to assume. It identifies its credentials: roles that differ
// in any field share none.
type Role struct {
	ARN string
	// ExternalID is what the role's trust policy wants under sts:ExternalId, so that
	// nobody else whom it trusts can be talked into assuming the role for us ("confused
	// deputy"); "" for none. AWS does not treat it as a secret.
	ExternalID string
}

// AssumeRole returns the credentials of a role, for the SellerConfig of every account
// that has it. They are renewed five minutes before they end, with one request under
// way however many calls wait for it; while STS fails, credentials that are still good
// are used. Amazon has not required a role since October 2023. All times are real.
func AssumeRole(client stscreds.AssumeRoleAPIClient, role Role) aws.CredentialsProvider {
	return aws.NewCredentialsCache(&assumedRole{
		role:     role,
		provider: stscreds.NewAssumeRoleProvider(client, role.ARN, role.options),
	})
}

func (r Role) options(o *stscreds.AssumeRoleOptions) {
	o.RoleSessionName = "sellerstream"
	o.Duration = roleSession
	if r.ExternalID != "" { // AWS refuses an empty one
		o.ExternalID = &r.ExternalID
	}
}

// assumedRole decides for its cache when credentials end. The cache calls it
// one at a time.
type assumedRole struct {
	role     Role
	provider aws.CredentialsProvider
	ends     time.Time // of the credentials that it gave last
}

// Retrieve gets new credentials, and says that they end before they do.
func (r *assumedRole) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, roleTimeout)
	defer cancel()
	fresh, err := r.provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, classifyRole(r.role, err)
	}
	r.ends = fresh.Expires
	fresh.Expires = r.ends.Add(-min(refreshMargin, time.Until(r.ends)/10))
	return fresh, nil
}

// HandleFailToRefresh goes on with the old credentials as long as they are good.
func (r *assumedRole) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	now := time.Now()
	if !old.HasKeys() || !now.Before(r.ends) {
		return aws.Credentials{}, err
	}
	old.Expires = earlier(now.Add(renewPause), r.ends)
	return old, nil
}

// classifyRole distinguishes a refusal of STS, which somebody must mend, from a failure
// that may pass. STS answers a throttled call with the status of a refusal. The error
// repeats only the status and a known code of the answer.
func classifyRole(role Role, err error) error {
	e := &model.Error{Class: model.Unavailable, Operation: assumeRole, TokenMissing: true, Err: err}
	var answer *awshttp.ResponseError
	var unsent *smithyhttp.RequestSendError
	if !errors.As(err, &answer) && !errors.As(err, &unsent) {
		return e // there was no request, as where we have no credentials to make it with
	}
	e.Err = boundedhttp.WithoutAnswer(err)
	if answer == nil {
		return e
	}
	e.Status = answer.HTTPStatusCode()
	var code smithy.APIError
	if errors.As(err, &code) {
		e.Err, e.Code = nil, known(code.ErrorCode(), stsCodes())
	}
	busy := retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
	if e.Status/100 == 4 && e.Status != http.StatusTooManyRequests && !busy {
		e.Class = model.Unauthorized
		e.Remedy = "check the ARN " + role.ARN + ", that the role's trust policy names our AWS credentials, " +
			"and that external_id is what it wants under sts:ExternalId, " +
			"or remove the role: Amazon has not required a role since October 2023"
	}
	return e
}
