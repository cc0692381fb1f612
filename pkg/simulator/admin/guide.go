package admin

import (
	"io"
	"net/http"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
)

// Guide returns what the endpoint can be asked, with an example of each request. base is
// where it is served, such as "http://127.0.0.1:8090".
func Guide(base string) string { return strings.ReplaceAll(guide, "BASE", base+"/_simulator") }

const guide = `Watch:
  curl -s BASE/counts                            calls per operation
  curl -s 'BASE/ledger?part=spapi&status=429'    calls as JSON lines; also operation=, account=, after=<sequence>
  curl -s 'BASE/events?after=0'                  EventBridge entries received, as JSON lines
  curl -s BASE/truth                             what was notified, and the final state of each order
  curl -s BASE/shipments                         packages confirmed, how often, with which tracking, as JSON lines
  curl -s BASE/queues/` + sqs.DefaultQueue + `   what a queue holds and has done
  curl -s BASE/subscriptions                     every subscription
  curl -s BASE/feeds                             the feeds that came into being, as JSON lines; also account=
  curl -s 'BASE/inventory?account=seller-1-de'   how many feeds were double, and every quantity applied
  curl -s BASE/faults                            the fault rules, and how often they fired

Make business happen, in the background:
  curl -X POST BASE/scenario -d '{"orders": 100, "changes": 2, "over": "10m", "duplicates": 0.2}'
    orders, changes           how many orders, and up to how many changes of each
    accounts                  names of the sellers that take part; all if left out
    over                      the time it takes, such as "10m"; at once if left out
    duplicates, reordered     shares (0 to 1) of notifications sent again, and sent late
    dropped                   share of notifications never sent, though the order changes
    sellerShips               share of orders that are not shipped by themselves, but left to the seller
    byAmazon                  share of orders that Amazon ships (AFN); it shows no packages of these
    listed                    share of orders for a SKU that the seller lists, which take from its quantity
    buyerRequests             share of orders whose buyer asks to cancel
    forged, unknownSellers, malformed   how many notifications of orders and of sellers
                              that do not exist, and how many that are not JSON
  curl -X POST BASE/notifications -d '{"queue": "` + sqs.DefaultQueue + `", "bodies": ["{}"]}'
  curl -X POST BASE/updates -d '{"updates": 1000, "skus": 50, "unknown": 2, "excluded": 3}'
    decides updates of inventory and lists them as JSON lines; whoever asks produces them,
    such as by a pipe into sellerstream encode --topic inventory-updates; with over, each
    at its eventTime, as one that lies ahead of the clock is refused
    accounts, over            as above
    waves                     in how many bursts, in place of evenly
    updates, skus             how many updates in all, and of how many SKUs of each seller
    unknown, excluded         of those SKUs, how many do not exist, and how many are managed elsewhere
    reordered, urgent, soldOut   shares of updates that come late, are urgent, and set 0
  curl -X POST BASE/quantities -d '{"account": "seller-1-de", "sku": "SKU-00001", "quantity": 3}'
    changes a quantity as somebody does in Seller Central

Make Amazon fail:
  curl -X POST BASE/faults -d '{"part": "spapi", "operation": "getOrder", "status": 503, "times": 5}'
  which calls (what is left out matches all):
    part                      lwa, spapi, sqs, eventbridge, documents (the S3 of feeds), or
                              processing, which meets feeds that come into being and, with
                              ignore, accepted quantities, whose item is their SKU
    operation                 such as getOrder, token, ReceiveMessage, PutEvents, putDocument or
                              getDocument; for processing the feed's type
    account                   the seller's name; for sqs the queue's
    item                      what the path names, such as an order's id or a SKU
    skip, times               lets so many matching calls through first; then fires so often
    probability               fires with this probability (0 to 1)
    from, until               only between these times of the simulator's clock (RFC 3339)
    name                      how the ledger calls it
  what happens to them (at least one):
    status, body              answers so, and does nothing: with 204 confirmShipment stores nothing
    header                    sets these headers of the answer, such as {"Retry-After": "5"}
    delay, slowBody           waits first, or sends the answer slowly; such as "250ms"
    replace                   gives members of the answer another value, wherever they stand;
                              null takes them out: {"quantityOrdered": "two", "createdTime": null}
    gzip                      compresses the answer without saying so
    drop, loseAnswer          cuts the connection before, or after, the work is done
    entries, entryShare, entryCode   fails these entries of a batch (indexes, or a share), with this code
    applyLate, showLate       createFeed and patchListingsItem take effect so much later; getFeeds
                              shows the new feed so much later
    reportUrl                 getFeedDocument names this URL
    bomb                      a document that inflates to so many bytes
    ignore                    accepts quantities and keeps the old ones (part processing)
    feed                      how a feed goes (part processing), such as
                              {"status": "FATAL", "skipped": 0.5} or {"queued": "6h"}:
      queued, processing      how long it is IN_QUEUE and IN_PROGRESS
      status, skipped         how it ends, and the share of a FATAL one's messages that is not applied
      noReport, xmlReport, uncompressed   no report, one in XML, one that is not compressed
      rejected, rejectCode, warned, unapplied   shares of messages that are refused (with this code),
                              get a warning, and are accepted but never applied
      unnotified, notifications, shownLate   no notification, so many of it, and how much later
                              getFeed shows the end
  curl -X DELETE BASE/faults       removes all; BASE/faults/1 removes one
  curl -X DELETE 'BASE/subscriptions?account=seller-1-de&type=ORDER_CHANGE'   drops them silently
`

func index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// An error means that the caller went away.
	_, _ = io.WriteString(w, "Sellerstream's simulated Amazon.\n\n"+Guide("http://"+r.Host))
}
