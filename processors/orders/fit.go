package orders

import (
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/schemas"
)

// maxOrder is the most bytes of an order's record. The rest of what the topic
// takes is for key, headers and the batch around it (containment rule 1).
const maxOrder = schemas.MaxRecordBytes * 9 / 10

// shortTitle is what is left of a title, in bytes, where an order is too large.
const shortTitle = 100

// fit makes an order fit its topic, and reports whether it does. What nobody needs
// to fulfil the order goes first, and is named in Incomplete.
func fit(event *schemas.Order) bool {
	for _, cut := range []struct {
		path string
		item func(*schemas.OrderItem)
	}{
		{"orderItems[].product.title", func(i *schemas.OrderItem) { i.Title = shortened(i.Title) }},
		{"orderItems[].cancellation.cancellationRequest.cancelReason", func(i *schemas.OrderItem) { i.CancelReason = shortened(i.CancelReason) }},
		{"orderItems[].product.title", func(i *schemas.OrderItem) { i.Title = "" }},
		{"orderItems[].programs", func(i *schemas.OrderItem) { i.Programs = []string{} }},
	} {
		if size(event) <= maxOrder {
			return true
		}
		for i := range event.Items {
			cut.item(&event.Items[i])
		}
		if !slices.Contains(event.Incomplete, cut.path) {
			event.Incomplete = append(event.Incomplete, cut.path)
			slices.Sort(event.Incomplete)
		}
	}
	return size(event) <= maxOrder
}

// size is that of an order's record. The id and what says how we came to it are
// not there yet.
func size(event *schemas.Order) int { return len(event.AppendAvro(nil)) + 1000 }

func shortened(text string) string {
	if len(text) <= shortTitle {
		return text
	}
	return strings.ToValidUTF8(text[:shortTitle-len("…")], "") + "…"
}
