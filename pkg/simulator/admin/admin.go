package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/scenario"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// API is what the endpoint shows and steers.
type API struct {
	World    *world.World
	Ledger   *ledger.Ledger
	Faults   *fault.Faults
	Queues   *sqs.Queues
	Buses    *eventbridge.Buses
	Notifier *notify.Notifier
	Stock    *stock.Stock
	Player   *scenario.Player
	Queue    string // the one that takes notifications that name none
	// Play plays a checked scenario in the background.
	Play func(scenario.Scenario)
}

// Handler is the endpoint. It is not recorded in the ledger. Guide explains it.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(method, path string, handle http.HandlerFunc) {
		mux.HandleFunc(method+" /_simulator/"+path, handle)
	}
	show := func(path string, what func(r *http.Request) any) {
		serve("GET", path, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, what(r)) })
	}
	serve("GET", "{$}", index)
	serve("GET", "ledger", a.ledger)
	serve("GET", "events", a.events)
	show("counts", func(*http.Request) any {
		return struct {
			Counts  []ledger.Count `json:"counts"`
			Dropped int            `json:"dropped"`
		}{a.Ledger.Counts(), a.Ledger.Dropped()}
	})
	show("truth", func(*http.Request) any { return a.Notifier.Truth() })
	show("subscriptions", func(*http.Request) any { return a.Notifier.Subscriptions() })
	show("inventory", func(r *http.Request) any { return a.Stock.InventoryTruth(r.URL.Query().Get("account")) })
	serve("GET", "shipments", func(w http.ResponseWriter, _ *http.Request) { writeLines(w, a.World.Shipments()) })
	serve("GET", "feeds", func(w http.ResponseWriter, r *http.Request) {
		writeLines(w, a.Stock.Feeds(r.URL.Query().Get("account")))
	})
	serve("GET", "queues/{name}", func(w http.ResponseWriter, r *http.Request) {
		stats, err := a.Queues.Queue(r.PathValue("name"))
		if err != nil {
			writeError(w, http.StatusNotFound, err)
			return
		}
		writeJSON(w, http.StatusOK, stats)
	})
	serve("GET", "faults", a.listFaults)
	serve("POST", "faults", a.addFault)
	serve("DELETE", "faults", func(w http.ResponseWriter, _ *http.Request) {
		a.Faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	serve("DELETE", "faults/{id}", a.removeFault)
	serve("POST", "notifications", a.notifications)
	serve("DELETE", "subscriptions", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		writeJSON(w, http.StatusOK, map[string]int{"dropped": a.Notifier.DropSubscriptions(q.Get("account"), q.Get("type"))})
	})
	serve("POST", "scenario", a.scenario)
	serve("POST", "updates", a.updates)
	serve("POST", "quantities", a.quantities)
	return mux
}

func (a *API) ledger(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	status, err := number(q.Get("status"))
	after, errAfter := number(q.Get("after"))
	if err = errors.Join(err, errAfter); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	calls := a.Ledger.Calls(ledger.Filter{
		Part: ledger.Part(q.Get("part")), Operation: q.Get("operation"), Account: q.Get("account"),
		Status: int(status), After: after,
	})
	w.Header().Set("X-Simulator-Dropped", strconv.Itoa(a.Ledger.Dropped()))
	writeLines(w, calls)
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	after, err := number(r.URL.Query().Get("after"))
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	events, dropped := a.Buses.Events(after)
	w.Header().Set("X-Simulator-Dropped", strconv.Itoa(dropped))
	writeLines(w, events)
}

func (a *API) notifications(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Queue  string   `json:"queue"`
		Bodies []string `json:"bodies"`
	}
	if !readJSON(w, r, &request) {
		return
	}
	if request.Queue == "" {
		request.Queue = a.Queue
	}
	if err := a.Queues.Send(request.Queue, request.Bodies...); err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]int{"sent": len(request.Bodies)})
}

func (a *API) scenario(w http.ResponseWriter, r *http.Request) {
	var played scenario.Scenario
	if !readJSON(w, r, &played) {
		return
	}
	if err := a.Player.Check(played); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	a.Play(played)
	w.WriteHeader(http.StatusAccepted)
}

func (a *API) updates(w http.ResponseWriter, r *http.Request) {
	var decided scenario.InventoryScenario
	if !readJSON(w, r, &decided) {
		return
	}
	plan, err := a.Player.PlanInventory(decided)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	lines := make([]updateLine, 0, len(plan.Updates))
	for i, u := range plan.Updates {
		line := updateLine{
			UpdateID: fmt.Sprintf("simulator-%d-%d", plan.Start.UnixMilli(), i+1), Account: u.Account, SKU: u.SKU,
			Quantity: u.Quantity, EventTime: u.Time, Urgent: u.Urgent, Source: "simulator",
		}
		if u.Excluded {
			line.Source = "simulator, of a SKU that is managed elsewhere"
		}
		lines = append(lines, line)
	}
	writeLines(w, lines)
}

// updateLine is an update as `sellerstream encode` takes it.
type updateLine struct {
	UpdateID  string    `json:"updateId"`
	Account   string    `json:"account"`
	SKU       string    `json:"sku"`
	Quantity  int       `json:"quantity"`
	EventTime time.Time `json:"eventTime"`
	Urgent    bool      `json:"urgent,omitempty"`
	Source    string    `json:"source"`
}

func (a *API) quantities(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Account  string `json:"account"`
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	if !readJSON(w, r, &request) {
		return
	}
	if err := a.Stock.SetByHand(request.Account, request.SKU, request.Quantity); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) addFault(w http.ResponseWriter, r *http.Request) {
	var rule fault.Rule
	if !readJSON(w, r, &rule) {
		return
	}
	id, err := a.Faults.Add(rule)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]int{"id": id})
}

func (a *API) listFaults(w http.ResponseWriter, _ *http.Request) {
	type listed struct {
		ID      int `json:"id"`
		Matched int `json:"matched"`
		Fired   int `json:"fired"`
		Rule    any `json:"rule"`
	}
	list := []listed{}
	for _, r := range a.Faults.List() {
		list = append(list, listed{r.ID, r.Matched, r.Fired, worded(r.Rule)})
	}
	writeJSON(w, http.StatusOK, list)
}

func (a *API) removeFault(w http.ResponseWriter, r *http.Request) {
	id, err := number(r.PathValue("id"))
	if err != nil || !a.Faults.Remove(int(id)) {
		writeError(w, http.StatusNotFound, fmt.Errorf("no fault has the id %q", r.PathValue("id")))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
