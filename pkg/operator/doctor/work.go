package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
)

// checkWork is whether what the accounts were given was given up (containment rule 5).
const checkWork = "work"

// work reads how the accounts stand. What that says of each is the account's row.
func (d *doctor) work(ctx context.Context) Finding {
	fold, err := d.Parts.Standings(ctx, d.Account)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return warn(oneLine(err.Error()), "Kafka's ACLs do not let us see whether work was given up",
			"allow Read on the state topics: `sellerstream topics acls --roles doctor` prints what grants it")
	case err != nil && ctx.Err() != nil:
		return skip("the state was not read within %s: `sellerstream accounts` takes its time", checkTimeout)
	case err != nil:
		return skip("the state cannot be read: %s", oneLine(err.Error()))
	}
	d.standings = make(map[string]*accountstatus.Standing)
	for _, s := range fold.Standings() {
		d.standings[s.Account] = s
	}
	return good("the accounts' rows say what of it was given up")
}

// gaveUp adds what was given up of an account's work, a row for each role.
func (d *doctor) gaveUp(e *exam) {
	standing := d.standings[e.name]
	if standing == nil {
		return // nothing is known of it, or the state could not be read: see the check of Kafka
	}
	for _, role := range accountstatus.Roles() {
		var found, causes, commands []string
		for _, f := range standing.Failed {
			if f.Role != role {
				continue
			}
			found, causes = append(found, f.Words()), append(causes, f.Code+": "+f.Message)
			if !slices.Contains(commands, f.Again) {
				commands = append(commands, f.Again)
			}
		}
		if len(found) > 0 {
			e.add(checkWork, fail(few(found), oneLine("role "+role+" gave them up: "+few(causes)),
				"mend the cause, then send them again: `"+strings.Join(commands, "`, `")+"`"))
		}
	}
	if len(standing.Failed) == 0 {
		e.add(checkWork, good("none was given up"))
	}
}
