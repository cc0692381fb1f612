package fault

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
)

// Rule scripts a fault: which calls it meets, and what happens to them. Zero
// fields match every call. The first rule that fires decides.
type Rule struct {
	Name        string      `json:"name,omitempty"`        // shown in the ledger; default "fault-<id>"
	Part        ledger.Part `json:"part,omitempty"`        // such as SPAPI
	Operation   string      `json:"operation,omitempty"`   // such as "getOrder", of those that the simulator has; LWA's is "token"
	Account     string      `json:"account,omitempty"`     // our name of the seller; the queue's name for SQS
	Item        string      `json:"item,omitempty"`        // what the path names, such as an order's id or a SKU
	Skip        int         `json:"skip,omitempty"`        // lets the first so many matching calls through
	Times       int         `json:"times,omitempty"`       // fires at most so many times; 0 means no limit
	Probability float64     `json:"probability,omitempty"` // fires with this probability; 0 means always
	From        time.Time   `json:"from,omitzero"`         // only between these times of the simulator's clock
	Until       time.Time   `json:"until,omitzero"`
	Action
}

// Action is what a fault does to a call. Its fields combine: a delay, then a
// drop, a status, or the operation itself with something wrong in its answer.
type Action struct {
	Delay      time.Duration     `json:"delay,omitzero"`       // waits before anything else (real time)
	Drop       bool              `json:"drop,omitempty"`       // cuts the connection before the operation runs
	Status     int               `json:"status,omitempty"`     // answers with this status; the operation does not run
	Body       string            `json:"body,omitempty"`       // body for Status; default Amazon's shape for it
	Header     map[string]string `json:"header,omitempty"`     // headers set on the answer
	LoseAnswer bool              `json:"loseAnswer,omitempty"` // runs the operation, then cuts the connection
	SlowBody   time.Duration     `json:"slowBody,omitzero"`    // spreads the answer's body over this time (real time)

	// Replace gives members of the answer's JSON another value, by name, wherever they
	// stand; nil takes them out. Gzip compresses the answer without saying so.
	Replace map[string]any `json:"replace,omitempty"`
	Gzip    bool           `json:"gzip,omitempty"`

	// Entries fails these entries of a batch operation (DeleteMessageBatch,
	// PutEvents and the like), by index; EntryShare fails each entry with that
	// probability. The others are applied. EntryCode defaults to "InternalFailure".
	Entries    []int   `json:"entries,omitempty"`
	EntryShare float64 `json:"entryShare,omitempty"`
	EntryCode  string  `json:"entryCode,omitempty"`

	// On the simulator's clock: createFeed and patchListingsItem take effect so
	// much after their answer, and getFeeds shows a new feed so much later.
	ApplyLate time.Duration `json:"applyLate,omitzero"`
	ShowLate  time.Duration `json:"showLate,omitzero"`
	// ReportURL is the URL that getFeedDocument names in place of the report's.
	ReportURL string `json:"reportUrl,omitempty"`
	// Bomb sends, in place of a document, one that inflates to so many bytes.
	Bomb int64 `json:"bomb,omitempty"`
	// Feed is how a feed goes that a rule of the part Processing meets.
	Feed *FeedOutcome `json:"feed,omitempty"`
	// Ignore, in a rule of the part Processing, accepts quantities of feeds and patches and
	// keeps the old ones. Such a rule meets a quantity, by its SKU as the item.
	Ignore bool `json:"ignore,omitempty"`
}

// RuleStatus is a rule and what it has done so far.
type RuleStatus struct {
	ID      int
	Rule    Rule
	Matched int
	Fired   int
}

// Faults holds the scripted rules. It may be used from any goroutine.
type Faults struct {
	mu     sync.Mutex
	random *rand.Rand
	rules  []*RuleStatus
	nextID int
}

// New makes the rules of a simulator that has none yet.
func New(random *rand.Rand) *Faults { return &Faults{random: random} }

// Add puts a rule behind the others and returns its id.
func (f *Faults) Add(r Rule) (int, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextID++
	if r.Name == "" {
		r.Name = fmt.Sprintf("fault-%d", f.nextID)
	}
	f.rules = append(f.rules, &RuleStatus{ID: f.nextID, Rule: r})
	return f.nextID, nil
}

func (r *Rule) check() error {
	a := &r.Action
	switch {
	case r.Part != "" && !slices.Contains(parts(), r.Part):
		return fmt.Errorf("part %q is not one of %v", r.Part, parts())
	case (a.Feed != nil || a.Ignore) != (r.Part == ledger.Processing) || a.Feed != nil && a.Ignore:
		return errors.New("a rule of the part processing, and no other, scripts a feed or ignores quantities")
	case a.Feed != nil:
		return a.Feed.check()
	case r.Probability < 0 || r.Probability > 1 || a.EntryShare < 0 || a.EntryShare > 1:
		return errors.New("a probability is between 0 and 1")
	case a.Status != 0 && (a.Status < 200 || a.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", a.Status)
	case r.Skip < 0 || r.Times < 0 || a.Delay < 0 || a.SlowBody < 0 || a.ApplyLate < 0 || a.ShowLate < 0:
		return errors.New("skip, times and delays cannot be negative")
	case a.Bomb < 0 || a.Bomb > mostInflated:
		return fmt.Errorf("a bomb has 0 to %d bytes", int64(mostInflated))
	case !a.Ignore && !a.acts():
		return errors.New("the rule has no action: set a status, delay, drop, lost answer, slow body, header, replacement, gzip, entries, late effect, report URL or bomb")
	}
	return nil
}

// mostInflated bounds what a bomb inflates to: 64 GiB, which are 64 MiB here.
const mostInflated = 64 << 30

// acts reports whether anything is wrong with a call that it meets.
func (a *Action) acts() bool {
	return a.Drop || a.LoseAnswer || a.Status != 0 || a.Delay != 0 || a.SlowBody != 0 ||
		len(a.Header) > 0 || len(a.Replace) > 0 || a.Gzip || len(a.Entries) > 0 || a.EntryShare != 0 ||
		a.ApplyLate != 0 || a.ShowLate != 0 || a.ReportURL != "" || a.Bomb != 0
}

// parts are what a rule can be about.
func parts() []ledger.Part {
	return []ledger.Part{
		ledger.LWA, ledger.SPAPI, ledger.SQS, ledger.EventBridge, ledger.Documents, ledger.Processing,
	}
}

// Remove takes a rule out and reports whether it was there.
func (f *Faults) Remove(id int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.rules)
	f.rules = slices.DeleteFunc(f.rules, func(r *RuleStatus) bool { return r.ID == id })
	return len(f.rules) < before
}

// Clear takes all rules out.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// List shows the rules in their order, spent ones included.
func (f *Faults) List() []RuleStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]RuleStatus, 0, len(f.rules))
	for _, r := range f.rules {
		list = append(list, *r)
	}
	return list
}

// Meet finds the rule that fires for a call, or nil.
func (f *Faults) Meet(c *ledger.Call) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.fires(c, f.random) {
			rule := r.Rule
			return &rule
		}
	}
	return nil
}

// Ignores reports whether a quantity that Amazon has accepted for a SKU is not taken over.
func (f *Faults) Ignores(account, sku string, now time.Time) bool {
	return f.Meet(&ledger.Call{
		Part: ledger.Processing, Operation: quantity, Account: account, Parameters: map[string]string{"path": sku}, Time: now,
	}) != nil
}

// quantity is the operation of what Ignores asks about.
const quantity = "quantity"

func (r *RuleStatus) fires(c *ledger.Call, random *rand.Rand) bool {
	rule := &r.Rule
	matches := (rule.Part == c.Part || rule.Part == "" && c.Part != ledger.Processing) &&
		(rule.Operation == "" || rule.Operation == c.Operation) && rule.Ignore == (c.Operation == quantity) &&
		(rule.Account == "" || rule.Account == c.Account) &&
		(rule.Item == "" || slices.Contains(strings.Split(c.Parameters["path"], "/"), rule.Item)) &&
		(rule.From.IsZero() || !c.Time.Before(rule.From)) &&
		(rule.Until.IsZero() || c.Time.Before(rule.Until))
	if !matches {
		return false
	}
	r.Matched++
	if r.Matched <= rule.Skip || (rule.Times > 0 && r.Fired >= rule.Times) {
		return false
	}
	if rule.Probability > 0 && random.Float64() >= rule.Probability {
		return false
	}
	r.Fired++
	return true
}

// FailedEntries decides which of n entries of a batch fail; nil when none does.
func (f *Faults) FailedEntries(a *Action, n int) map[int]bool {
	if len(a.Entries) == 0 && a.EntryShare == 0 {
		return nil
	}
	failed := make(map[int]bool)
	for _, i := range a.Entries {
		failed[i] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range n {
		if chance.Happens(f.random, a.EntryShare) {
			failed[i] = true
		}
	}
	return failed
}

// FailedCode is the error code of failed entries.
func (a *Action) FailedCode() string {
	return cmp.Or(a.EntryCode, "InternalFailure")
}
