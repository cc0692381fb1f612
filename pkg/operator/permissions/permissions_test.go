package permissions

import (
	"slices"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/roles"
)

// Each role has permissions, and those that their descriptions ask for besides the
// table of topics: to read the list of excluded SKUs, and to take turns.
func TestEachRoleHasWhatItNeeds(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Exclusions.Topic = "excluded-skus"
	layout := Layout(cfg, "tx")
	excluding, taking := 0, 0
	for _, r := range roles.All() {
		grants := layout.Grants([]string{r.Name}, func(string) string { return "User:x" })
		has := func(name string, operation acls.Operation) bool {
			return slices.ContainsFunc(grants, func(g acls.Grant) bool { return g.ACL.Name == name && g.Operation == operation })
		}
		if len(grants) == 0 || has("excluded-skus", acls.Read) != r.Exclusions {
			t.Errorf("role %s: %d permissions, excluded SKUs among them: %v, want %v", r.Name, len(grants), !r.Exclusions, r.Exclusions)
		}
		if r.Turns != "" && (!has(cfg.Prefix+r.Turns, acls.Describe) || !slices.Contains(layout.Topics(r.Name), r.Turns)) {
			t.Errorf("role %s may not describe %s, which gives it turns", r.Name, r.Turns)
		}
		if r.Exclusions {
			excluding++
		}
		if r.Turns != "" {
			taking++
		}
	}
	if excluding == 0 || taking == 0 {
		t.Errorf("%d roles read excluded SKUs, %d take turns", excluding, taking)
	}
}
