package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
)

type subscriptionsFlags struct {
	config       string
	json         bool
	yes          bool
	destinations bool
}

func newSubscriptionsCommand() *cobra.Command {
	var f subscriptionsFlags
	cmd := &cobra.Command{
		Use:   "subscriptions",
		Short: "Show or mend the accounts' subscriptions at Amazon",
		Long: `Subscriptions asks Amazon whether every account's notifications (ORDER_CHANGE and
FEED_PROCESSING_FINISHED) go to the queue that has an arn under bridge.queues.
The role of the same name in ` + "`sellerstream run`" + ` does so every hour, and creates
what is missing; these commands may be used beside it: they spend at most one
token of each quota at once.

With listing_changes of a queue, changes of listings (LISTINGS_ITEM_...) are kept too.
They go to a destination of EventBridge in the queue's AWS account and region; the rule
that sends them on to the queue is yours to make (docs/OPERATING.md).

What is shown:
  good        as it must be
  created     was missing, and is there now
  missing     is not there
  wider       goes to our queue, and its filter lets through more than is wanted
  narrowed    goes to our queue, but its filter may leave out wanted notifications
  duplicate   one more than is needed
  foreign     has to do with another queue than ours
  removed     was duplicate, foreign or filtered otherwise, and is gone
  failed      could not be found out, or created

Which ORDER_CHANGE notifications are wanted stands under orders: of each account:
change_types is Amazon's event filter. fulfilled_by is a filter expression where
filter_expression is true and Amazon takes it; the bridge leaves the rest out in any
case. A subscription with another filter is replaced by ensure and by the role: the new
one is made before the old one is removed or, where Amazon has only one, within seconds
behind it. Searches find what changes in these seconds.

The exit status is 1 if an account does not get all its notifications.`,
	}
	addConfig(cmd.PersistentFlags(), &f.config)
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON object")
	prune := f.command("prune", "Remove duplicate and foreign subscriptions, when told with --yes", f.prune)
	prune.Long = `Prune removes subscriptions of the types that are kept where they are
duplicates or go to other queues than ours, and makes ours in their place. Other
types of notifications stay. Nothing is removed where our own destination is
missing: check the queue's arn then, and run ensure first.

Without --yes it only shows what it would remove. Subscriptions that go to other
queues may serve other systems of yours.`
	prune.Flags().BoolVar(&f.yes, "yes", false, "do remove")
	prune.Flags().BoolVar(&f.destinations, "destinations", false, "remove duplicate and foreign destinations too, which may serve other types of notifications")
	cmd.AddCommand(
		f.command("list", "Show what there is, and what is missing", f.list),
		f.command("ensure", "Create what is missing, with the configured filter", f.ensure),
		prune,
	)
	return cmd
}

// command opens the keeper, lets do use it and shows its report.
func (f *subscriptionsFlags) command(name, short string, do func(context.Context, *subscriptions.Keeper) (subscriptions.Report, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := loadSettings(cmd, f.config)
			if err != nil {
				return err
			}
			keeper, stop, err := pipeline.OpenSubscriptions(settings)
			if err != nil {
				return usageError{err}
			}
			defer stop()
			report, err := do(cmd.Context(), keeper)
			if cmd.Context().Err() != nil {
				return context.Cause(cmd.Context())
			}
			if f.json {
				return errors.Join(columns.JSON(cmd.OutOrStdout(), report), err)
			}
			return errors.Join(showReport(cmd.OutOrStdout(), report), err)
		},
	}
}

func (f *subscriptionsFlags) list(ctx context.Context, k *subscriptions.Keeper) (subscriptions.Report, error) {
	return judged(k.List(ctx))
}

func (f *subscriptionsFlags) ensure(ctx context.Context, k *subscriptions.Keeper) (subscriptions.Report, error) {
	return judged(k.Ensure(ctx))
}

func (f *subscriptionsFlags) prune(ctx context.Context, k *subscriptions.Keeper) (subscriptions.Report, error) {
	if f.yes {
		return judged(k.Prune(ctx, f.destinations))
	}
	report := k.List(ctx)
	n := report.Removable(f.destinations)
	if n == 0 {
		return judged(report)
	}
	return report, fmt.Errorf("nothing was removed: %d duplicate or foreign; say --yes to remove them", n)
}

func judged(r subscriptions.Report) (subscriptions.Report, error) {
	if r.Complete() {
		return r, nil
	}
	return r, errors.New("not every account gets all its notifications")
}

func showReport(w io.Writer, r subscriptions.Report) error {
	table := columns.New(w)
	var faults []string
	row := func(state subscriptions.State, fault string, columns ...string) {
		for _, c := range columns {
			table.Printf("%s\t", cmp.Or(c, "-"))
		}
		table.Printf("%s\n", state)
		if fault != "" {
			faults = append(faults, fmt.Sprintf("%s %s: %s", columns[0], columns[1], fault))
		}
	}
	explain := func(s subscriptions.Subscription) string {
		return strings.Trim(s.Error+"; "+s.Explain(), "; ")
	}
	row("STATE", "", "APPLICATION", "REGION", "DESTINATION", "RESOURCE")
	for _, d := range r.Destinations {
		row(d.State, d.Error, d.Application, string(d.Region), d.ID, d.Resource)
	}
	table.Printf("\n")
	row("STATE", "", "ACCOUNT", "NOTIFICATION", "SUBSCRIPTION", "DESTINATION", "FILTER")
	for _, s := range r.Subscriptions {
		row(s.State, explain(s), s.Account, s.NotificationType, s.ID, s.DestinationID, s.Filter)
	}
	for _, fault := range faults {
		table.Printf("\n%s\n", fault)
	}
	return table.Flush()
}
