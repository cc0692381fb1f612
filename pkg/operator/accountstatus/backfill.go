package accountstatus

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// Backfill is how far the backfill of an account's orders is.
type Backfill role.Backfill

// Text says it in a line: how much of the span is read, how fast, and how long the rest
// takes if it has as many orders.
func (b *Backfill) Text(now time.Time) string {
	since := b.Since.UTC().Format(time.RFC3339)
	if !b.Finished.IsZero() && b.Cursor.After(b.Since) {
		return fmt.Sprintf("backfill since %s ended before its end, at %s: %d orders read, %d new", since, b.Cursor.UTC().Format(time.RFC3339), b.Read, b.Found)
	}
	if !b.Finished.IsZero() {
		return fmt.Sprintf("backfill since %s done in %s: %d orders read, %d new", since, b.Finished.Sub(b.Begun).Round(time.Second), b.Read, b.Found)
	}
	took := max(now.Sub(b.Begun), time.Second)
	done := float64(b.Until.Sub(b.Cursor)) / float64(max(b.Until.Sub(b.Since), 1))
	text := fmt.Sprintf("backfill since %s, %.0f %% of the time: %d orders read, %d new, %.0f an hour", since, 100*done, b.Read, b.Found, float64(b.Read)/took.Hours())
	if done > 0 {
		text += ", about " + time.Duration(float64(took)*(1-done)/done).Round(time.Minute).String() + " left"
	}
	if b.Attempts > 0 {
		text += fmt.Sprintf("; the page has failed %d times, and is tried again at %s", b.Attempts, b.NotBefore.UTC().Format(time.TimeOnly))
	}
	return text
}
