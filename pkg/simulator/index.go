package simulator

import (
	"io"
	"net/http"
	"reflect"
	"strings"
)

// Guide says what Admin can be asked, with an example of each request. base is
// where it is served, such as "http://127.0.0.1:8090".
func Guide(base string) string { return strings.ReplaceAll(guide, "BASE", base+"/_simulator") }

const guide = `Watch:
  curl -s BASE/counts                            calls per operation
  curl -s 'BASE/ledger?part=spapi&status=429'    calls as JSON lines; also operation=, account=, after=<sequence>
  curl -s 'BASE/events?after=0'                  EventBridge entries received, as JSON lines
  curl -s BASE/truth                             what was notified, and the final state of each order
  curl -s BASE/shipments                         packages confirmed, how often, with which tracking, as JSON lines
  curl -s BASE/queues/` + DefaultQueue + `   what a queue holds and has done
  curl -s BASE/subscriptions                     every subscription
  curl -s BASE/faults                            the fault rules, and how often they fired

Make business happen, in the background:
  curl -X POST BASE/scenario -d '{"orders": 100, "changes": 2, "over": "10m", "duplicates": 0.2}'
    orders, changes           how many orders, and up to how many changes of each
    accounts                  names of the sellers that take part; all if left out
    over                      the time it takes, such as "10m"; at once if left out
    duplicates, reordered     shares (0 to 1) of notifications sent again, and sent late
    dropped                   share of notifications never sent, though the order changes
    buyerRequests             share of orders whose buyer asks to cancel
    forged, unknownSellers, malformed   how many notifications of orders and of sellers
                              that do not exist, and how many that are not JSON
  curl -X POST BASE/notifications -d '{"queue": "` + DefaultQueue + `", "bodies": ["{}"]}'

Make Amazon fail:
  curl -X POST BASE/faults -d '{"part": "spapi", "operation": "getOrder", "status": 503, "times": 5}'
  which calls (what is left out matches all):
    part                      lwa, spapi, sqs or eventbridge
    operation                 such as getOrder, token, ReceiveMessage or PutEvents
    account                   the seller's name; for sqs the queue's
    skip, times               lets so many matching calls through first; then fires so often
    probability               fires with this probability (0 to 1)
    from, until               only between these times of the simulator's clock (RFC 3339)
    name                      how the ledger calls it
  what happens to them (at least one):
    status, body              answers so, and does nothing
    header                    sets these headers of the answer, such as {"Retry-After": "5"}
    delay, slowBody           waits first, or sends the answer slowly; such as "250ms"
    drop, loseAnswer          cuts the connection before, or after, the work is done
    entries, entryShare, entryCode   fails these entries of a batch (indexes, or a share), with this code
  curl -X DELETE BASE/faults       removes all; BASE/faults/1 removes one
  curl -X DELETE 'BASE/subscriptions?account=seller-1-de&type=ORDER_CHANGE'   drops them silently
`

func adminIndex(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// An error means that the caller went away.
	_, _ = io.WriteString(w, "Sellerstream's simulated Amazon.\n\n"+Guide("http://"+r.Host))
}

// fieldsOf lists the JSON fields of the struct that v points to.
func fieldsOf(v any) string {
	of := reflect.TypeOf(v).Elem()
	var fields []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	return strings.Join(fields, ", ")
}
