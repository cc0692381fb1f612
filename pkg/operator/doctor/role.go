package doctor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const checkAssume = "assume"

// wantedRoles are the accounts' roles, each once. aws.role is part of the
// credentials.
func (d *doctor) wantedRoles() []spapi.Role {
	var roles []spapi.Role
	for _, a := range d.accounts {
		if role := roleOf(a); a.Role != "" && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

func roleOf(a account) spapi.Role { return spapi.Role{ARN: a.Role, ExternalID: a.ExternalID} }

// roleName names a role in the table.
func roleName(role spapi.Role) string {
	if role.ExternalID == "" {
		return role.ARN
	}
	return role.ARN + ", external id " + role.ExternalID
}

// role assumes a role as the calls of its accounts would.
func (d *doctor) role(ctx context.Context, parts AWS, who string, role spapi.Role) *exam {
	e := &exam{part: partRole, name: roleName(role)}
	if !e.usable(parts) {
		return e
	}
	e.check(ctx, checkAssume, nil, func(ctx context.Context) Finding {
		got, err := spapi.AssumeRole(parts.Assume, role).Retrieve(ctx)
		if err != nil {
			return assumeFault(err, role.ARN, who).at("accounts[].role")
		}
		return good("its credentials are given for %s", time.Until(got.Expires).Round(time.Minute))
	})
	return e
}

// assumeFault is why STS does not let us be a role. who is our identity, if known.
func assumeFault(err error, role, who string) Finding {
	code, found := "", refusalText(err)
	var refusal *model.Error
	var answer smithy.APIError
	switch {
	case errors.As(err, &refusal) && refusal.Code != "":
		code, found = refusal.Code, oneLine(refusal.Code+": "+refusal.Message)
	case errors.As(err, &answer):
		code = answer.ErrorCode()
	}
	if who == "" {
		who = "our AWS credentials"
	}
	switch code {
	case "AccessDenied", "AccessDeniedException":
		return fail(found, who+" may not assume the role "+role,
			"let the role's trust policy name "+who+" as principal with sts:AssumeRole and, in another AWS account than the role's, allow them sts:AssumeRole on "+role+
				"; if that policy has a condition on sts:ExternalId, write its value as external_id beside the role; check that the role exists and its ARN is right")
	case "RegionDisabledException":
		return fail(found, "STS is switched off in aws.region", "activate STS for the region in the IAM console, or set another aws.region")
	case "":
		return fail(found, "STS did not answer", "check that this machine reaches STS, or set aws.sts_endpoint")
	}
	return awsFault(err, "sts:AssumeRole", role)
}
