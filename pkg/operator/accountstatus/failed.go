package accountstatus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// Failed is work of a role that was given up for one cause within failedFor, and for
// which nothing was sent since.
type Failed struct {
	Role    string    `json:"role"`
	Code    string    `json:"code"`    // of the outcome or the dead letter
	Message string    `json:"message"` // of the newest of them, shortened
	Count   int       `json:"count"`
	Oldest  time.Time `json:"oldest"` // when the first of them was given up
	Newest  time.Time `json:"newest"`
	Again   string    `json:"again"` // the command that sends it again
}

// failedFor is how long what was given up is shown: as long as the state remembers an
// idle SKU. What nobody has sent again by then was settled in another way.
const failedFor = 7 * 24 * time.Hour

// maxCodes bounds how many causes of an account's role are told apart.
const maxCodes = 20

// otherCodes stands for those beyond.
const otherCodes = "other"

// failures are what was given up of an account's role.
type failures struct {
	causes map[string]*Failed
	first  map[int32]int64 // the oldest record that asked for any of it, by partition
}

// fail notes a piece of work that was given up.
func (e *entry) fail(role string, f *schemas.Failure, now time.Time) {
	if f == nil || now.Sub(f.Time) > failedFor {
		return
	}
	all := e.failed[role]
	if all == nil {
		all = &failures{causes: make(map[string]*Failed), first: make(map[int32]int64)}
		e.failed[role] = all
	}
	code := f.Code
	if all.causes[code] == nil && len(all.causes) >= maxCodes {
		code = otherCodes
	}
	c := all.causes[code]
	if c == nil {
		c = &Failed{Role: role, Code: code, Oldest: f.Time}
		all.causes[code] = c
	}
	c.Count++
	c.Oldest = machine.Earliest(c.Oldest, f.Time)
	if !f.Time.Before(c.Newest) {
		c.Newest, c.Message = f.Time, f.Message
	}
	if f.SourcePartition == nil || f.SourceOffset == nil {
		return
	}
	if first, known := all.first[*f.SourcePartition]; !known || *f.SourceOffset < first {
		all.first[*f.SourcePartition] = *f.SourceOffset
	}
}

// finishFailed writes what was given up into the standing.
func (e *entry) finishFailed() {
	for role, all := range e.failed {
		for _, c := range all.causes {
			c.Again = again(e.Account, role, c.Code, all.first)
			e.Failed = append(e.Failed, *c)
		}
	}
	slices.SortFunc(e.Failed, func(a, b Failed) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Code, b.Code))
	})
}

// again is the command that sends what a role gave up again. Of stock and shipments
// one command sends all, whatever the cause: the newest of each SKU or package, from
// the oldest record on that is among them.
func again(account, name, code string, first map[int32]int64) string {
	described, _ := roles.Of(name)
	topics := described.Topics(func(in role.Input) bool { return in.Effects })
	switch {
	case len(topics) > 0:
	case code == otherCodes:
		return fmt.Sprintf("sellerstream deadletters retry --role %s --account %s", name, account)
	default:
		return fmt.Sprintf("sellerstream deadletters retry --reason %s --account %s", code, account)
	}
	if len(first) == 0 { // its record is in the log that the state was imported from
		return "none: have its producer send it again"
	}
	var from []string
	for _, partition := range slices.Sorted(maps.Keys(first)) {
		from = append(from, fmt.Sprintf("%d:%d", partition, first[partition]))
	}
	return fmt.Sprintf("sellerstream replay --topic %s --account %s --from-offset %s --effects", topics[0], account, strings.Join(from, ","))
}

// Words are what was given up, such as "500 SKUs (InvalidInput)".
func (f Failed) Words() string {
	described, _ := roles.Of(f.Role)
	thing := described.Item
	if f.Count != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s (%s)", f.Count, thing, f.Code)
}
