package stock

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// This file owns the reports of all listings: how one goes, on the simulator's clock, and
// what it says. It says what the listings were when Amazon began to make it.

// ListingsReport is the type of reports of all listings.
const ListingsReport = "GET_MERCHANT_LISTINGS_ALL_DATA"

// reportsKept bounds the reports of a seller that Amazon knows.
const reportsKept = 20

// ErrNoReport is what Amazon says of a report that the seller does not have.
var ErrNoReport = errors.New("the seller has no such report")

// reports are the reports of all sellers, oldest first.
type reports struct {
	mu      sync.Mutex
	sellers map[world.SellerKey][]*report
	made    int
}

// report is a report whose life is known from its beginning.
type report struct {
	id             string
	marketplaces   []string
	created        time.Time
	started, ended time.Time
	outcome        fault.FeedOutcome
	document       string // "" until somebody saw its end
}

// ShownReport is a report as getReport shows it.
type ShownReport struct {
	ID           string    `json:"reportId"`
	Kind         string    `json:"reportType"`
	Marketplaces []string  `json:"marketplaceIds"`
	Created      wire.Time `json:"createdTime"`
	Status       string    `json:"processingStatus"`
	Started      wire.Time `json:"processingStartTime,omitzero"`
	Ended        wire.Time `json:"processingEndTime,omitzero"`
	Document     string    `json:"reportDocumentId,omitempty"`
}

// Request begins a report, and returns its id.
func (s *Stock) Request(a *world.Account, kind string, marketplaces []string, now time.Time) (string, error) {
	switch {
	case kind != ListingsReport:
		return "", fmt.Errorf("reports of type %q are not simulated", kind)
	case len(marketplaces) == 0 || len(marketplaces) > 25:
		return "", errors.New("a report has 1 to 25 marketplaces")
	}
	for _, id := range marketplaces {
		if !slices.Contains(a.Marketplaces, id) {
			return "", fmt.Errorf("the seller does not sell in marketplace %s", id)
		}
	}
	made := &report{marketplaces: marketplaces, created: now.Truncate(time.Millisecond)}
	if rule := s.faults.Meet(&ledger.Call{Part: ledger.Processing, Operation: kind, Account: a.ID, Time: now}); rule != nil && rule.Action.Feed != nil {
		made.outcome = *rule.Action.Feed
	}
	made.started = made.created.Add(cmp.Or(made.outcome.Queued, s.config.Times.Least/3))
	made.ended = made.started.Add(cmp.Or(made.outcome.Processing, s.config.Times.Least-s.config.Times.Least/3))
	r := &s.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	made.id = strconv.Itoa(70_000_020_000 + r.made)
	own := append(r.sellers[a.Key()], made)
	if len(own) > reportsKept {
		s.documents.Drop(documents.Key{Seller: a.Key(), ID: own[0].document})
		own = own[1:]
	}
	r.sellers[a.Key()] = own
	return made.id, nil
}

// Report shows how a report is doing.
func (s *Stock) Report(a *world.Account, id string, now time.Time) (ShownReport, error) {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	own := s.reports.sellers[a.Key()]
	at := slices.IndexFunc(own, func(r *report) bool { return r.id == id })
	if at < 0 {
		return ShownReport{}, ErrNoReport
	}
	r := own[at]
	shown := ShownReport{ID: r.id, Kind: ListingsReport, Marketplaces: r.marketplaces, Created: wire.Time(r.created), Status: inQueue}
	if now.Before(r.started) {
		return shown, nil
	}
	shown.Status, shown.Started = inProgress, wire.Time(r.started)
	if now.Before(r.ended) {
		return shown, nil
	}
	shown.Status, shown.Ended = cmp.Or(r.outcome.Status, done), wire.Time(r.ended)
	if shown.Status != done {
		return shown, nil
	}
	if r.document == "" {
		body, rows := s.listingsText(a, r)
		if rows == 0 { // Amazon's word for a report without data
			r.outcome.Status, shown.Status = cancelled, cancelled
			return shown, nil
		}
		if !r.outcome.Uncompressed {
			body = wire.Gzip(body)
		}
		r.document = s.documents.Report(a, body, !r.outcome.Uncompressed)
	}
	shown.Document = r.document
	return shown, nil
}

// listingsText is a report's document, and how many rows it has.
func (s *Stock) listingsText(a *world.Account, r *report) (text []byte, rows int) {
	var b bytes.Buffer
	b.WriteString("item-name\titem-description\tlisting-id\tseller-sku\tprice\tquantity\topen-date\tfulfillment-channel\tmerchant-shipping-group\tstatus\n")
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	k := s.listings.sellers[a.Key()]
	for n, sku := range k.order {
		item := k.listed[sku]
		if !slices.ContainsFunc(r.marketplaces, func(id string) bool { return slices.Contains(item.Marketplaces, id) }) {
			continue
		}
		channel, quantity, state := MerchantChannel, strconv.Itoa(item.quantityAt(r.started)), "Active"
		switch {
		case item.Channel != "":
			channel, quantity = item.Channel, ""
		case quantity == "0":
			state = "Inactive"
		}
		fmt.Fprintf(&b, "Item %d\tThe item of %s\t0101%06d\t%s\t9.99\t%s\t%s\t%s\tMigrated Template\t%s\n",
			n+1, sku, n+1, sku, quantity, item.created.UTC().Format("2006-01-02 15:04:05 MST"), channel, state)
		rows++
	}
	return b.Bytes(), rows
}
