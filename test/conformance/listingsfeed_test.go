package conformance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// checkFeed holds a document, and each message of it, to the schemas.
func checkFeed(feed *model.ListingsFeed, whole, each *conformance.Schema) error {
	text, err := io.ReadAll(feed.Reader())
	if err != nil {
		return err
	}
	if err := whole.Check(text); err != nil {
		return err
	}
	var document struct{ Messages []json.RawMessage }
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	for i, message := range document.Messages {
		if err := each.Check(message); err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
	}
	return nil
}

// TestListingsFeedsConform generates feeds. Any of their fields may be wrong. A
// feed without faults conforms, and one that does not conform has faults.
func TestListingsFeedsConform(t *testing.T) {
	t.Parallel()
	// Amazon's schemas of a listings feed and of its messages.
	whole := conformance.LoadSchema(t, "listings-feed-schema-v2.json")
	each := conformance.LoadSchema(t, "listings-feed-message-schema-v2.json")
	good, bad := 0, 0
	property.Check(t, func(r *rapid.T) {
		spoilt := rapid.Bool().Draw(r, "spoilt")
		text := rapid.StringN(1, 10, -1)
		number := func(least int) *rapid.Generator[int] { return rapid.IntRange(least, math.MaxInt32) }
		if spoilt { // one field in eight is anything
			text = rapid.OneOf(text, text, text, text, text, text, text, rapid.SampledFrom([]string{"", "\xff"}))
			sound := number
			number = func(least int) *rapid.Generator[int] {
				return rapid.OneOf(sound(least), sound(least), sound(least), sound(least), sound(least), sound(least), sound(least), rapid.Int())
			}
		}
		feed := model.ListingsFeed{
			SellerID: text.Draw(r, "seller"), IssueLocale: rapid.OneOf(rapid.Just(""), text).Draw(r, "locale"),
			Messages: rapid.SliceOfN(rapid.Custom(func(r *rapid.T) model.QuantityMessage {
				return model.QuantityMessage{
					MessageID: number(1).Draw(r, "id"), SKU: text.Draw(r, "SKU"), ProductType: text.Draw(r, "type"),
					FulfillmentChannelCode: text.Draw(r, "channel"), Quantity: number(0).Draw(r, "quantity"),
				}
			}), 0, 5).Draw(r, "messages"),
		}
		faults, refused := feed.Faults(), checkFeed(&feed, whole, each)
		if len(faults) == 0 && refused != nil {
			r.Fatalf("it has no faults, but the schema refuses it: %v", refused)
		}
		if len(faults) == 0 {
			good++
		}
		if refused != nil {
			bad++
		}
	})
	if good == 0 || bad == 0 {
		t.Errorf("%d feeds without faults and %d that the schema refuses: the test shows nothing", good, bad)
	}
}

// TestTheLargestFeedConforms has as many messages as Amazon takes, and one more.
func TestTheLargestFeedConforms(t *testing.T) {
	long.Only(t)
	t.Parallel()
	schema := conformance.LoadSchema(t, "listings-feed-schema-v2.json")
	feed := model.ListingsFeed{SellerID: "AXXXXXXXXXXXX"}
	for i := range model.MaxFeedMessages {
		feed.Messages = append(feed.Messages, model.QuantityMessage{
			MessageID: i + 1, SKU: fmt.Sprintf("SKU-%d", i), ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: i,
		})
	}
	check := func() error {
		text, err := io.ReadAll(feed.Reader())
		if err != nil {
			return err
		}
		return schema.Check(text)
	}
	if err := check(); err != nil || len(feed.Faults()) != 0 {
		t.Errorf("%v, %v", err, feed.Faults())
	}
	feed.Messages = append(feed.Messages, feed.Messages[0])
	feed.Messages[model.MaxFeedMessages].MessageID, feed.Messages[model.MaxFeedMessages].SKU = model.MaxFeedMessages+1, "one more"
	if err := check(); err == nil || len(feed.Faults()) != 1 {
		t.Errorf("one more: %v, %v", err, feed.Faults())
	}
}
