package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/operator/tail"
	"github.com/sellerstream/sellerstream/schemas"
)

type alertsFlags struct {
	config  string
	account string
	since   string
	all     bool
	json    bool
	watch   watching
}

func newAlertsCommand() *cobra.Command {
	var f alertsFlags
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Show the alerts that Sellerstream has raised and that have not ended",
		Long: `Alerts reads the topic alerts, which has those of the last 30 days. Alerts about the
same (type, account and subject) are one line, with how many there were and the
newest message. One is open until an alert of severity RESOLVED ends it. Types that report
something that has happened, not something that lasts, have no such end, and the
state "happened": judge those by LAST, when the newest was raised. --all shows what has
ended too.

What to do about each type stands in docs/RUNBOOK.md. Alerts of Prometheus are not
there: they are in Alertmanager.`,
		Example: `  sellerstream alerts
  sellerstream alerts --account acme-eu --all
  sellerstream alerts --json | jq '.alerts[] | select(.severity == "CRITICAL")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.watch.do(cmd, func(w io.Writer) error { return f.run(cmd, w) })
		},
	}
	addConfig(cmd.Flags(), &f.config)
	cmd.Flags().StringVar(&f.account, "account", "", "only alerts of this account, by our name of it")
	cmd.Flags().StringVar(&f.since, "since", "30d", "alerts raised since then, such as 2026-11-23T18:00:00Z, or 2h or 3d ago")
	cmd.Flags().BoolVar(&f.all, "all", false, "those too that have ended")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object")
	f.watch.add(cmd)
	return cmd
}

func (f *alertsFlags) run(cmd *cobra.Command, w io.Writer) error {
	since, err := parseBound("since", f.since, "", time.Now())
	if err != nil {
		return usageError{err}
	}
	settings, err := openSettings(cmd, f.config)
	if err != nil {
		return err
	}
	topic, stop, err := pipeline.OpenTopic(cmd.Context(), settings, schemas.Alerts)
	if err != nil {
		return err
	}
	defer stop()
	alerts, err := topic.Alerts(cmd.Context(), f.account, since.Time)
	if err != nil {
		return err
	}
	if !f.all {
		alerts = slices.DeleteFunc(alerts, func(a *tail.Alert) bool { return a.Ended != nil })
	}
	switch {
	case f.json:
		return columns.JSON(w, map[string]any{"alerts": append([]*tail.Alert{}, alerts...)})
	case len(alerts) == 0:
		_, err := fmt.Fprintln(w, "no alert is open")
		return err
	}
	return tail.AlertsText(w, alerts)
}
