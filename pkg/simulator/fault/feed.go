package fault

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
)

// FeedOutcome scripts how one feed goes, or one report of listings (times, Status and
// Uncompressed). The zero value is one that goes well.
type FeedOutcome struct {
	// Queued and Processing are how long it is IN_QUEUE and IN_PROGRESS; 0 means
	// simulator.Config.FeedTimes. Hours of either make a stuck feed.
	Queued     time.Duration `json:"queued,omitzero"`
	Processing time.Duration `json:"processing,omitzero"`
	// Status that it ends with: DONE, FATAL or CANCELLED; "" for what its
	// document deserves.
	Status string `json:"status,omitempty"`
	// Skipped is the share of its messages that a FATAL feed does not get to: 0
	// applies all, 1 none. The report, if there is one, knows nothing of them.
	Skipped float64 `json:"skipped,omitempty"`
	// NoReport ends it without a resultFeedDocumentId, XMLReport with a report
	// as feeds in XML had, and Uncompressed with one that is not GZIP.
	NoReport     bool `json:"noReport,omitempty"`
	XMLReport    bool `json:"xmlReport,omitempty"`
	Uncompressed bool `json:"uncompressed,omitempty"`
	// Rejected is the share of its good messages that are refused, with
	// RejectCode, default "InternalError"; Warned is the share that get a warning.
	Rejected   float64 `json:"rejected,omitempty"`
	RejectCode string  `json:"rejectCode,omitempty"`
	Warned     float64 `json:"warned,omitempty"`
	// Unapplied is the share of its good messages that are reported as accepted
	// and never applied (selling-partner-api-models#5327).
	Unapplied float64 `json:"unapplied,omitempty"`
	// Unnotified loses its notification; Notifications sends it so many times.
	Unnotified    bool `json:"unnotified,omitempty"`
	Notifications int  `json:"notifications,omitempty"`
	// ShownLate is how much later than its notification getFeed shows its end.
	ShownLate time.Duration `json:"shownLate,omitzero"`
}

func (o *FeedOutcome) check() error {
	if err := chance.CheckShares(o.Skipped, o.Rejected, o.Warned, o.Unapplied); err != nil {
		return err
	}
	if o.Queued < 0 || o.Processing < 0 || o.ShownLate < 0 || o.Notifications < 0 {
		return errors.New("times and counts cannot be negative")
	}
	if !slices.Contains([]string{"", "DONE", "FATAL", "CANCELLED"}, o.Status) {
		return fmt.Errorf("a feed ends DONE, FATAL or CANCELLED, not %q", o.Status)
	}
	return nil
}
