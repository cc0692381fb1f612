package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/schemas"
)

// Amazon's AWS account, which sends notifications (SP-API, "Set up notifications").
const amazonAccount = "437568002678"

// AWS is our own AWS account.
type AWS struct {
	Credentials aws.CredentialsProvider
	// Identity says whose the credentials are; nil where STS is not to be asked,
	// since other endpoints stand in for AWS.
	Identity IdentityClient
	Assume   stscreds.AssumeRoleAPIClient
	Queues   QueueClient
	Keys     KeyClient
	Buses    BusClient
}

// IdentityClient is what is used of *sts.Client besides AssumeRole.
type IdentityClient interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

const (
	checkCredentials = "credentials"
	checkReachable   = "reachable"
)

// aws examines our AWS account: first the credentials, then what they are for.
func (d *doctor) aws(ctx context.Context) []*exam {
	e := &exam{part: partAWS}
	var parts AWS
	who := ""
	e.check(ctx, checkCredentials, nil, func(ctx context.Context) (found Finding) {
		parts, who, found = d.credentials(ctx)
		return found
	})
	exams := []*exam{d.tell(e)}
	var rest []func() *exam
	for i := range d.Config.Bridge.Queues {
		rest = append(rest, func() *exam { return d.queue(ctx, parts, who, i) })
	}
	rest = append(rest, func() *exam { return d.events(ctx, parts) })
	for _, role := range d.wantedRoles() {
		rest = append(rest, func() *exam { return d.role(ctx, parts, who, role) })
	}
	made := make([]*exam, len(rest))
	var group errgroup.Group
	group.SetLimit(8)
	for i, examine := range rest {
		group.Go(func() error {
			made[i] = d.tell(examine())
			return nil
		})
	}
	_ = group.Wait() // what fails is in the results
	for _, role := range d.wantedRoles() {
		assumed := func(e *exam) bool { return e.part == partRole && e.name == roleName(role) && e.passed(checkAssume) }
		if slices.ContainsFunc(made, assumed) {
			d.roles[role] = spapi.AssumeRole(parts.Assume, role)
		}
	}
	return append(exams, made...)
}

// credentials opens AWS and says whose the credentials are.
func (d *doctor) credentials(ctx context.Context) (AWS, string, Finding) {
	parts, err := d.Parts.AWS(ctx, d.dates.transport(d.connections))
	if err != nil {
		return AWS{}, "", fail("", err.Error(), "correct the section aws of the configuration").at("aws")
	}
	if _, err := parts.Credentials.Retrieve(ctx); err != nil {
		if role := d.Config.AWS.Role; role != "" {
			return AWS{}, "", assumeFault(err, role, "").at("aws.role")
		}
		return AWS{}, "", fail(refusalText(err), "there are no AWS credentials",
			"write aws.access_key_id and aws.secret_access_key, or give this machine a profile, environment or instance role that the AWS SDK finds").at("aws")
	}
	if parts.Identity == nil {
		return parts, "", good("there are some; STS is not asked about them, since other endpoints stand in for AWS and aws.sts_endpoint is not set")
	}
	is, err := parts.Identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		// It needs no permission (AWS STS, GetCallerIdentity).
		return AWS{}, "", awsFault(err, "sts:GetCallerIdentity", "*").at("aws")
	}
	who := aws.ToString(is.Arn)
	return parts, who, good("%s in region %s", who, d.Config.AWS.Region)
}

// usable reports whether a part's checks may use parts; without credentials one
// result returns why there are no others.
func (e *exam) usable(parts AWS) bool {
	if parts.Credentials == nil {
		e.add(checkReachable, skip("needs the AWS credentials, which did not pass"))
		return false
	}
	return true
}

// denied reports whether AWS knows us and says no.
func denied(err error) bool {
	var refusal smithy.APIError
	return errors.As(err, &refusal) && (strings.HasPrefix(refusal.ErrorCode(), "AccessDenied") || refusal.ErrorCode() == "AuthorizationError")
}

// awsFault is a refused or unanswered call as a finding.
func awsFault(err error, action, resource string) Finding {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fail(refusalText(err), "AWS did not answer", "check that this machine reaches AWS (network, proxy, VPC endpoint) and that aws.region and the endpoints under aws are right")
	}
	found := refusalText(err)
	switch code := refusal.ErrorCode(); {
	case denied(err):
		return fail(found, "our AWS credentials may not "+action, fmt.Sprintf("allow %s on %s for them", action, resource))
	case slices.Contains([]string{"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"}, code):
		return fail(found, "AWS does not know our key, or the secret is not its own", "write a valid key and its secret, and mind that the clock is right")
	case strings.HasPrefix(code, "ExpiredToken"), code == "RequestExpired":
		return fail(found, "our AWS credentials have expired", "renew them, or use a role, which renews itself")
	}
	return fail(found, "AWS refused "+action, "see what AWS says")
}

// maxText bounds what is shown of an answer.
const maxText = 300

// refusalText is what AWS said, on one line. For a signature that it finds wrong
// AWS repeats the request's headers, a session's token among them.
func refusalText(err error) string {
	var refusal smithy.APIError
	text := err.Error()
	if errors.As(err, &refusal) {
		text = refusal.ErrorCode()
		if message := refusal.ErrorMessage(); message != "" && !strings.Contains(text, "Signature") {
			text += ": " + message
		}
	}
	return oneLine(text)
}

// oneLine makes a text from outside fit for a table.
func oneLine(text string) string {
	return schemas.Shorten(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " "), maxText)
}
