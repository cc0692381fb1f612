package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// backfillPoll is how often the state is read for progress: a page comes in minutes.
const backfillPoll = 15 * time.Second

type backfillFlags struct {
	config      string
	account     string
	since       string
	fulfilledBy string
	wait        bool
	restart     bool
	stop        bool
	json        bool
	by          byFlag
}

func newBackfillCommand() *cobra.Command {
	var f backfillFlags
	cmd := &cobra.Command{
		Use:   "backfill --account ID [--since TIME]",
		Short: "Read all orders of an account that were placed since a time",
		Long: `Backfill has the running pipeline read all orders of an account that were placed since
a time, the newest first, and write them to the topic orders with origin BACKFILL.
An order that was emitted in the same state within the last seven days is not
emitted again; one that was emitted before that comes with the same eventId.

It searches pages of 100 orders behind all other work of the account, in half of
the quota of searchOrders: by Amazon's default limit about 1,000 orders an hour, and
1,000 more at once where the burst is unused. With buyer_data, or with Orders v0,
each order needs a getOrder too, which comes behind those that were notified.

It survives restarts of the pipeline. Given again, the command follows what runs
already and shows how far it is; --restart begins anew, --stop ends it. Without
--since it only shows how the last one stands.`,
		Example: `  sellerstream backfill --config my.yaml --account acme-eu --since 30d
  sellerstream backfill --config my.yaml --account acme-eu --since 2026-11-01T00:00:00Z --fulfilled-by MERCHANT --wait
  sellerstream backfill --config my.yaml --account acme-eu --stop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", "", "the account, by our name of it (required)")
	cmd.Flags().StringVar(&f.since, "since", "", "orders placed since then, such as 2026-11-23T18:00:00Z, or 12h or 30d ago")
	cmd.Flags().StringVar(&f.fulfilledBy, "fulfilled-by", "", "only orders that MERCHANT or AMAZON ships; default both")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "show the progress until all is read; default on a terminal")
	cmd.Flags().BoolVar(&f.restart, "restart", false, "begin anew, also if a backfill runs")
	f.by.add(cmd)
	cmd.Flags().BoolVar(&f.stop, "stop", false, "end a backfill that runs")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object at the end, and the rest on stderr")
	return cmd
}

// request checks the command line. nil is for one that asks for nothing.
func (f *backfillFlags) request(now time.Time) (*schemas.Backfill, error) {
	by, err := f.by.who()
	if err != nil {
		return nil, err
	}
	asked := &schemas.Backfill{Account: f.account, RequestedTime: now.UTC(), By: by}
	switch f.fulfilledBy {
	case "":
	case model.FulfilledByMerchant, model.FulfilledByAmazon:
		asked.FulfilledBy = []string{f.fulfilledBy}
	default:
		return nil, fmt.Errorf("--fulfilled-by %q: write %s or %s", f.fulfilledBy, model.FulfilledByMerchant, model.FulfilledByAmazon)
	}
	switch {
	case f.account == "":
		return nil, errors.New("--account is missing: say whose orders")
	case f.stop && (f.since != "" || f.restart):
		return nil, errors.New("--stop goes with neither --since nor --restart")
	case f.stop:
		return asked, nil
	case f.since == "" && (f.restart || f.fulfilledBy != ""):
		return nil, errors.New("--since is missing: say how far back, such as 30d")
	case f.since == "":
		return nil, nil
	}
	since, err := replay.ParseTime(f.since, now)
	if err != nil {
		return nil, fmt.Errorf("--since: %w", err)
	}
	switch {
	case !since.Before(now):
		return nil, errors.New("--since: write a time that has passed")
	case now.Sub(since) > config.MaxBackfill:
		return nil, fmt.Errorf("--since: Amazon shows the orders of two years: write at most %.0fd", config.MaxBackfill.Hours()/24)
	}
	asked.SinceTime = since.UTC().Truncate(time.Millisecond)
	return asked, nil
}

func (f *backfillFlags) run(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("wait") {
		f.wait = isTerminal(cmd.ErrOrStderr())
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	settings.Clock = settings.Config.Clock.New()
	now := settings.Clock.Now()
	asked, err := f.request(now)
	if err != nil {
		return usageError{err}
	}
	if err := checkAccount(settings.Config, f.account); err != nil {
		return err
	}
	ctx := cmd.Context()
	state, err := f.state(ctx, settings)
	if err != nil {
		return err
	}
	runs := state != nil && state.Finished.IsZero()
	var before time.Time // of the backfill that this one is to replace
	wish := ""
	switch {
	case asked == nil && state == nil:
		fmt.Fprintf(forPeople(cmd, f.json), "account %s has had no backfill: give --since\n", f.account)
		return f.done(cmd, "", nil)
	case f.stop && !runs:
		fmt.Fprintf(forPeople(cmd, f.json), "no backfill of account %s runs\n", f.account)
		return f.done(cmd, "", state)
	case asked == nil || runs && !f.restart && !f.stop: // it is followed
	default:
		if err := pipeline.RequestBackfill(ctx, settings, asked); err != nil {
			return err
		}
		what := "asked for"
		wish = "begin"
		if f.stop {
			what, wish = "to be ended", "stop"
		}
		fmt.Fprintf(forPeople(cmd, f.json), "backfill of account %s %s; the running pipeline does it within seconds\n", f.account, what)
		if state != nil {
			before = state.Begun
		}
		state = nil
	}
	state, err = f.follow(cmd, settings, state, before)
	if err != nil {
		return err
	}
	return f.done(cmd, wish, state)
}

// done prints with --json what was asked of the pipeline, and how the backfill stands.
func (f *backfillFlags) done(cmd *cobra.Command, wish string, state *accountstatus.Backfill) error {
	if !f.json {
		return nil
	}
	return columns.JSON(cmd.OutOrStdout(), struct {
		Account  string                  `json:"account"`
		Asked    string                  `json:"asked"`    // begin or stop; "" where nothing was
		Backfill *accountstatus.Backfill `json:"backfill"` // nil where there is none, or the pipeline has not begun it
	}{f.account, wish, state})
}

// follow shows how the backfill stands, until it has ended if that is waited for, and
// returns it; nil for one that the pipeline has not begun.
func (f *backfillFlags) follow(cmd *cobra.Command, settings pipeline.Settings, state *accountstatus.Backfill, before time.Time) (*accountstatus.Backfill, error) {
	said := ""
	for {
		if state != nil && !f.stop && state.Begun.Equal(before) {
			state = nil
		}
		if state != nil {
			if text := state.Text(settings.Clock.Now()); text != said {
				if _, err := fmt.Fprintf(forPeople(cmd, f.json), "%s: %s\n", f.account, text); err != nil {
					return nil, err
				}
				said = text
			}
			if !state.Finished.IsZero() {
				return state, nil
			}
		}
		if !f.wait {
			return state, nil
		}
		select {
		case <-cmd.Context().Done():
			return nil, cmd.Context().Err()
		case <-time.After(backfillPoll):
		}
		var err error
		if state, err = f.state(cmd.Context(), settings); err != nil {
			return nil, err
		}
	}
}

// state reads how the account's last backfill stands; nil for an account without one.
func (f *backfillFlags) state(ctx context.Context, settings pipeline.Settings) (*accountstatus.Backfill, error) {
	fold, err := pipeline.ReadAccounts(ctx, settings, f.account, func(int, int) {})
	if err != nil {
		return nil, err
	}
	for _, standing := range fold.Standings() {
		return standing.Backfill, nil
	}
	return nil, nil
}
