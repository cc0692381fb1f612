package level

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Member is a role of a running process.
type Member struct {
	Role    string `json:"role"`
	Host    string `json:"host"`
	Version string `json:"version"`
	Level   int    `json:"level"` // the highest that it knows
}

const (
	clientPrefix = "sellerstream-"
	// before stands for a version that does not give its own.
	before = "0.1.0 or before"
	// maxVersion bounds a client id, which brokers use in their metrics.
	maxVersion = 40
)

// ClientID is the id by which a member of a role's group shows its version:
// sellerstream-<role>/<level>/<version>. Kafka shows it to whoever describes the group.
func ClientID(role, version string, newest int) string {
	return fmt.Sprintf("%s%s/%d/%s", clientPrefix, role, newest, version[:min(len(version), maxVersion)])
}

// Members are the members of the roles' groups, by role, version and host. Bridges have no
// group: they read nothing that a level could change.
func Members(ctx context.Context, admin *kadm.Client, prefix string, roles []string) ([]Member, error) {
	var groups []string
	for _, role := range roles {
		groups = append(groups, prefix+role)
	}
	described, err := admin.DescribeGroups(ctx, groups...)
	if err != nil {
		return nil, fmt.Errorf("describe the groups of the roles: %w", err)
	}
	var members []Member
	for _, group := range described {
		if group.Err != nil && !errors.Is(group.Err, kerr.GroupIDNotFound) {
			return nil, fmt.Errorf("describe group %s: %w", group.Group, group.Err)
		}
		for _, m := range group.Members {
			member := parse(m.ClientID)
			member.Role, member.Host = strings.TrimPrefix(group.Group, prefix), strings.TrimPrefix(m.ClientHost, "/")
			members = append(members, member)
		}
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Version, b.Version), strings.Compare(a.Host, b.Host))
	})
	return members, nil
}

// parse reads a client id. Whatever else is in the group counts as a version that knows
// the first level only.
func parse(id string) Member {
	parts := strings.SplitN(id, "/", 3)
	if len(parts) == 3 && strings.HasPrefix(id, clientPrefix) {
		if known, err := strconv.Atoi(parts[1]); err == nil && known >= First {
			return Member{Version: parts[2], Level: known}
		}
	}
	return Member{Version: before, Level: First}
}
