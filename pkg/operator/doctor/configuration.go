package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
)

const (
	checkFile    = "file"
	checkSecrets = "secrets"
	checkQueues  = "queues"
	checkExclude = "exclusions"
	checkBuyers  = "buyer data"
)

// Unusable is the report of a configuration that cannot be used, with all that
// config.Load says of it.
func Unusable(file string, err error) Report {
	e := &exam{part: partConfiguration}
	var faults *config.Faults
	if !errors.As(err, &faults) {
		e.add(checkFile, fail("", err.Error(), "name a readable file with --config"))
	} else {
		for _, fault := range faults.Found {
			e.add(checkFile, faultFinding(file, fault))
		}
	}
	e.add("everything else", skip("the configuration must be mended first"))
	return Report{Results: e.results}
}

// faultFinding is a fault as a finding: its message says what to write.
func faultFinding(file string, fault config.Fault) Finding {
	return fail(placeOf(file, fault), fault.Message, "correct the key; `sellerstream config example` explains each").at("%s", fault.Path)
}

// placeOf is where a fault stands, in the form that editors can jump to.
func placeOf(file string, fault config.Fault) string {
	file = cmp.Or(fault.File, file)
	if fault.Line > 0 {
		return fmt.Sprintf("%s:%d", file, fault.Line)
	}
	return file
}

// account is one that is examined, and where it stands in the configuration.
type account struct {
	config.Account
	place string
}

func (a account) key(name string) string { return a.place + "." + name }

// accountAt finds out where an account stands: a file of accounts is named, the
// configuration itself is not.
func (d *doctor) accountAt(i int) account {
	a := d.Config.Accounts[i]
	file, path := a.Place()
	switch {
	case path == "":
		path = fmt.Sprintf("accounts[%d]", i)
	case file != d.File:
		path = file + ": " + path
	}
	return account{a, path}
}

// configuration checks that secrets can be read, and chooses the accounts.
func (d *doctor) configuration(ctx context.Context) *exam {
	for i, a := range d.Config.Accounts {
		if d.Account == "" || d.Account == a.ID {
			d.accounts = append(d.accounts, d.accountAt(i))
		}
	}
	e := &exam{part: partConfiguration}
	e.add(checkFile, good("%s: %s, %s, %s", d.File, columns.Counted(len(d.Config.Accounts), "account"),
		columns.Counted(len(d.Config.Applications), "application"), columns.Counted(len(d.Config.Bridge.Queues), "queue")))
	d.secrets(ctx, e)
	e.check(ctx, checkQueues, nil, func(context.Context) Finding { return d.queuesFit() })
	if d.Config.Exclusions.Given() {
		e.check(ctx, checkExclude, nil, d.exclusions)
	}
	if d.Config.BuyerData.Given() {
		e.check(ctx, checkBuyers, nil, d.buyerData)
	}
	return d.tell(e)
}

// secrets reads those that the examination needs, and reports each that cannot be read.
func (d *doctor) secrets(ctx context.Context, e *exam) {
	needed := d.Config
	needed.Accounts = nil
	for _, a := range d.accounts {
		needed.Accounts = append(needed.Accounts, a.Account)
	}
	err := needed.CheckSecrets(ctx, d.File, d.Secrets)
	var faults *config.Faults
	switch {
	case err == nil:
		e.add(checkSecrets, good("all can be read"))
	case ctx.Err() != nil:
		e.add(checkSecrets, unfinished(ctx))
	case errors.As(err, &faults):
		for _, fault := range faults.Found {
			e.add(checkSecrets, fail(placeOf(d.File, fault), fault.Message,
				"make the secret readable to this process, or name another source").at("%s", fault.Path))
		}
	default:
		e.add(checkSecrets, fail("", err.Error(), "make the secrets readable to this process"))
	}
}

// queuesFit reports whether every account is subscribed somewhere.
func (d *doctor) queuesFit() Finding {
	if len(d.Config.Bridge.Queues) == 0 {
		return fail("", "no queue is configured, so no notification can arrive",
			"list the SQS queues that receive notifications").at("bridge.queues")
	}
	var without []string
	for _, a := range d.accounts {
		if len(d.Config.Bridge.QueuesFor(a.Application, a.Region)) == 0 {
			without = append(without, a.ID)
		}
	}
	if len(without) == 0 {
		return good("every account has one to be subscribed to")
	}
	return warn(columns.Counted(len(without), "account")+" without: "+few(without),
		"no queue with an arn serves their application and region",
		"write the arn of the queue that they are to be subscribed to, if Sellerstream is to subscribe them").at("bridge.queues[].arn")
}

// exclusions reads the list of SKUs that other services manage.
func (d *doctor) exclusions(ctx context.Context) Finding {
	from, err := d.Parts.Exclusions()
	var list *exclusion.List
	if err == nil {
		list, err = from.Load(ctx, nil)
	}
	if err != nil {
		return fail(oneLine(err.Error()), "the list of excluded SKUs cannot be read: a process that starts now sends no quantity",
			"mend what the message names, or name another source").at(checkExclude)
	}
	known := func(account string) bool {
		return slices.ContainsFunc(d.Config.Accounts, func(a config.Account) bool { return a.ID == account })
	}
	if n, account := list.Strangers(known); n > 0 {
		return warn(fmt.Sprintf("%d of %d entries are of accounts such as %q", n, list.Len(), account),
			"these accounts are not configured, so the entries exclude nothing", "correct the accounts' names in the list").at(checkExclude)
	}
	return good("%d from %s", list.Len(), from)
}

// few is the beginning of a list of names.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
