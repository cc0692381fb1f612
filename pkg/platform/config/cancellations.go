package config

import "time"

// Ways by which orders are cancelled.
const (
	CancelByFeed      = "feed"
	CancelByOperation = "cancelOrder"
)

// Cancellations is the cancellations processor. Its durations are on the pipeline's clock.
type Cancellations struct {
	Enabled bool   `yaml:"enabled"`
	By      string `yaml:"by"`

	WaitForOrder time.Duration `yaml:"wait_for_order"`
	Linger       time.Duration `yaml:"linger"`
	FeedInterval time.Duration `yaml:"feed_interval"` // 0: none
	ApplyDelay   time.Duration `yaml:"apply_delay"`
	ShowDelay    time.Duration `yaml:"show_delay"`
	Patience     time.Duration `yaml:"patience"`
	MaxPending   int           `yaml:"max_pending"`
}

func defaultCancellations() Cancellations {
	return Cancellations{
		By: CancelByFeed, WaitForOrder: 5 * time.Minute, Linger: time.Minute,
		ApplyDelay: 5 * time.Minute, ShowDelay: 5 * time.Minute, Patience: 6 * time.Hour, MaxPending: 200_000,
	}
}

func (v *validator) cancellations() {
	c := v.cfg.Cancellations
	if c.By == CancelByOperation {
		v.fault("cancellations.by", "Amazon has published the operation cancelOrder and withdrawn it three times, and does not offer it now: write %s", CancelByFeed)
	} else {
		v.oneOf("cancellations.by", c.By, CancelByFeed)
	}
	v.duration("cancellations.wait_for_order", c.WaitForOrder, time.Second, 24*time.Hour)
	v.duration("cancellations.linger", c.Linger, time.Second, time.Hour)
	v.duration("cancellations.feed_interval", c.FeedInterval, 0, time.Hour)
	v.duration("cancellations.apply_delay", c.ApplyDelay, time.Second, time.Hour)
	v.duration("cancellations.show_delay", c.ShowDelay, time.Second, time.Hour)
	v.duration("cancellations.patience", c.Patience, 10*time.Minute, 7*24*time.Hour)
	v.between("cancellations.max_pending", c.MaxPending, 1000, 10_000_000)
}
