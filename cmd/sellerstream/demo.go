package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/demo"
)

func newDemoCommand() *cobra.Command {
	opts := demo.Options{Version: version}
	verbose := false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See the whole pipeline work, with nothing installed",
		Long: `Demo starts an embedded Kafka, a schema registry and a simulated Amazon, sends
orders and stock updates of several seller accounts through the pipeline, has a
warehouse ship some of the orders, shows the orders arrive on EventBridge, the
quantities and shipments at Amazon, and stays up to be explored until Ctrl-C.

Amazon's true quotas hold, on a clock that runs faster: at --speed 60 an hour of
pacing is seen in a minute. The numbers come from the simulator's ledger, from
what EventBridge received and from a reader of the topics, not from the
pipeline. The exit status is 1 if an order was lost, an event was published
twice or is missing, a stock update has no outcome or two, a feed was submitted
twice, a SKU does not show its newest quantity, a shipment has no outcome or two, a
package was confirmed twice or not as it was last said to be, or Amazon had to
throttle a call.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.Orders < 1 || opts.Updates < opts.Accounts || opts.Accounts < 1 || opts.Speed <= 0 {
				return usageError{fmt.Errorf("--orders and --accounts must be at least 1, --updates at least as many as accounts, and --speed above 0")}
			}
			opts.Out, opts.Progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			opts.Terminal = isTerminal(opts.Progress)
			level := slog.LevelWarn
			if verbose {
				level, opts.Terminal = slog.LevelInfo, false
			}
			opts.Logger = slog.New(slog.NewTextHandler(opts.Progress, &slog.HandlerOptions{Level: level}))
			return demo.Run(cmd.Context(), opts)
		},
	}
	cmd.Flags().IntVar(&opts.Orders, "orders", 300, "orders to place")
	cmd.Flags().IntVar(&opts.Updates, "updates", 3000, "stock updates to produce")
	cmd.Flags().IntVar(&opts.Accounts, "accounts", 3, "seller accounts that they are of")
	cmd.Flags().Float64Var(&opts.Speed, "speed", 60, "how many times as fast the clock of quotas and timers runs")
	cmd.Flags().BoolVar(&opts.Exit, "exit", false, "end when the work is done")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print the result as one JSON object")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show the pipeline's log")
	return cmd
}
