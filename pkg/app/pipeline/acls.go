package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/permissions"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
)

// aclsAnswer bounds how long a start may take to look at what it may do: it is
// for better words only.
const aclsAnswer = 10 * time.Second

// missingACLs is what Kafka does not let us do.
type missingACLs struct {
	user, bootstrap string
	grants          []acls.Grant
}

// Error names each, and the commands that change it.
func (e *missingACLs) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Kafka does not let %s do all that is needed:", e.user)
	for _, g := range e.grants {
		fmt.Fprintf(&b, "\n  %s, for %s", g.ACL, strings.Join(g.For, ", "))
	}
	b.WriteString("\nwho administers Kafka can allow it (`sellerstream topics acls` shows all):")
	for _, line := range acls.Commands(e.bootstrap, e.grants) {
		b.WriteString("\n  " + line)
	}
	return b.String()
}

// checkACLs returns what Kafka does not permit before it is needed: of what parts need,
// those that about, unless it is nil, is true of.
func checkACLs(ctx context.Context, client *kgo.Client, cfg config.Config, transactionalPrefix string, parts []string, about func(acls.ACL) bool) error {
	user := cmp.Or(cfg.Kafka.SASL.Username, "us")
	layout := permissions.Layout(cfg, transactionalPrefix)
	grants := layout.Grants(parts, func(string) string { return "User:" + cmp.Or(cfg.Kafka.SASL.Username, "NAME") })
	var needed []acls.ACL
	for _, part := range parts {
		needed = append(needed, layout.Of(part)...)
	}
	if about != nil {
		needed = slices.DeleteFunc(needed, func(a acls.ACL) bool { return !about(a) })
	}
	limited, cancel := context.WithTimeout(ctx, aclsAnswer)
	defer cancel()
	missing, err := acls.Missing(limited, client, needed)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || len(missing) == 0 {
		return nil // whatever keeps Kafka from telling is told by who needs it
	}
	e := &missingACLs{user: user, bootstrap: cfg.Kafka.Brokers[0]}
	for _, g := range grants {
		if slices.Contains(missing, g.ACL) {
			e.grants = append(e.grants, g)
		}
	}
	return e
}
