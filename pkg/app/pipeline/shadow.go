package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// errDryRun is why a writing call is not made.
var errDryRun = errors.New("this is a dry run: nothing is written at Amazon")

const (
	// shownFor is how long work that was shown waits before its machine asks for
	// its call again. What has changed meanwhile is then shown.
	shownFor = 10 * time.Minute
	// maxShown bounds how many calls are remembered as shown.
	maxShown = 100_000
)

// shadow shows what a dry run does not do, each piece of work once. It may be
// used from any goroutine.
type shadow struct {
	log *slog.Logger
	out io.Writer // may be nil

	mu    sync.Mutex
	shown map[[sha256.Size]byte]struct{}
}

func newShadow(log *slog.Logger, out io.Writer) *shadow {
	return &shadow{log: log, out: out, shown: make(map[[sha256.Size]byte]struct{})}
}

// show shows a writing call, unless one that is the same has been shown.
func (s *shadow) show(who, operation string, request any) {
	content, err := json.Marshal(request)
	if err != nil {
		content = fmt.Append(nil, request)
	}
	s.once(who, operation, describe(request), content)
}

func (s *shadow) once(who, operation, what string, content []byte) {
	id := sha256.Sum256(append([]byte(who+"\x00"+operation+"\x00"), content...))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.shown[id]; ok {
		return
	}
	if len(s.shown) >= maxShown {
		clear(s.shown)
	}
	s.shown[id] = struct{}{}
	s.log.Info("dry run: this call would be made", "account", who, "operation", operation, "what", what)
	if s.out != nil {
		fmt.Fprintf(s.out, "%s\t%s\t%s\n", schemas.Printable(who), schemas.Printable(operation), schemas.Printable(what))
	}
}

// single reports whether a call is one of many of its account, which are all to be
// shown: a feed holds all that there is, and its document is not kept meanwhile.
func single(operation string) bool {
	called, _ := model.Describe(operation)
	return called.OneItem
}

// describe returns what a writing call would do, in one line.
func describe(request any) string {
	switch r := request.(type) {
	case *model.UploadFeedRequest:
		what := count(r.Feed.Len(), "quantity", "quantities")
		if kind := r.Feed.FeedType(); kind != model.JSONListingsFeed {
			what = count(r.Feed.Len(), "message", "messages") + " of " + kind
		}
		return fmt.Sprintf("a document with %s, for a feed of the next call", what)
	case *model.CreateFeedRequest:
		return fmt.Sprintf("%s of document %s for marketplace %v", r.FeedType, r.InputFeedDocumentID, r.MarketplaceIDs)
	case *model.CancelFeedRequest:
		return "feed " + r.FeedID
	case *model.PatchQuantityRequest:
		return fmt.Sprintf("SKU %s to quantity %d in marketplace %s", r.SKU, r.Quantity, r.MarketplaceID)
	case *model.ConfirmShipmentRequest:
		return fmt.Sprintf("order %s, package %s with %s, tracking number %s of %s",
			r.OrderID, r.Package.PackageReferenceID, count(len(r.Package.Items), "item", "items"), r.Package.TrackingNumber, r.Package.CarrierCode)
	case string:
		return r
	}
	return fmt.Sprintf("%T", request)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// putEvents stands in for EventBridge: it shows what would be published.
type putEvents struct{ shadow *shadow }

// PutEvents takes every entry and sends none.
func (p putEvents) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	out := &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}
	for i, e := range in.Entries {
		var detail struct{ ID, Account string }
		if json.Unmarshal([]byte(aws.ToString(e.Detail)), &detail) != nil {
			detail.ID = "unknown"
		}
		out.Entries[i].EventId = aws.String(detail.ID)
		p.shadow.once(detail.Account, "PutEvents", aws.ToString(e.DetailType)+" "+detail.ID+" to bus "+aws.ToString(e.EventBusName), []byte(aws.ToString(e.Detail)))
	}
	return out, nil
}
