package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/permissions"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

// permissions returns which roles may run as the configuration's user.
func (d *doctor) permissions(ctx context.Context, client *kgo.Client) Finding {
	layout := permissions.Layout(d.Config, d.TransactionalPrefix)
	var may, mayNot, lacking []string
	for _, role := range d.Roles {
		missing, err := acls.Missing(ctx, client, layout.Of(role))
		switch {
		case err != nil:
			return fail(oneLine(err.Error()), "Kafka does not say what we may do", "see to the brokers")
		case len(missing) == 0:
			may = append(may, role)
			continue
		}
		mayNot = append(mayNot, role)
		for _, m := range missing {
			lacking = append(lacking, fmt.Sprintf("%s: %s", role, m))
		}
	}
	if len(mayNot) == 0 {
		return good("this user may be used for %s", strings.Join(may, ", "))
	}
	command := fmt.Sprintf("`sellerstream topics acls --roles %s --principal User:%s --format commands` prints what grants them",
		strings.Join(mayNot, ","), cmp.Or(d.Config.Kafka.SASL.Username, "NAME"))
	cause := "Kafka's ACLs do not let this user run " + strings.Join(mayNot, ", ")
	if d.RolesMeant {
		return fail("missing for "+few(lacking), cause, command)
	}
	return warn("missing for "+few(lacking), cause, "nothing, if other users run them; else "+command)
}
