package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/sellerstream/sellerstream/pkg/simulator/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/scenario"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// bodyLimit bounds the bodies that the endpoint reads.
const bodyLimit = 8 << 20

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

// Handler is the endpoint. It is not recorded in the ledger.
//
//	GET    /_simulator/               a guide to all of these; see Guide
//	GET    /_simulator/ledger         calls as JSON lines; ?part= operation= account= status= after=
//	GET    /_simulator/counts         calls per operation
//	GET    /_simulator/events         EventBridge entries received, as JSON lines; ?after=
//	GET    /_simulator/truth          what was notified, and the final state of each order
//	GET    /_simulator/shipments      packages confirmed and how often, as JSON lines
//	GET    /_simulator/queues/{name}  what a queue holds and has done
//	GET    /_simulator/faults         the fault rules and how often they fired
//	POST   /_simulator/faults         adds a rule (see fault.Rule)
//	DELETE /_simulator/faults         removes all; DELETE /_simulator/faults/{id} removes one
//	POST   /_simulator/notifications  {"queue":…,"bodies":[…]} sends raw messages
//	GET    /_simulator/subscriptions  every subscription
//	DELETE /_simulator/subscriptions  drops them silently; ?account= type=
//	GET    /_simulator/feeds          the feeds that came into being, as JSON lines; ?account=
//	GET    /_simulator/inventory      how many feeds were double, and every quantity applied; ?account=
//	POST   /_simulator/updates        decides upstream updates, as JSON lines (see scenario.InventoryScenario)
//	POST   /_simulator/scenario       starts a scenario in the background (see scenario.Scenario)
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_simulator/{$}", index)
	mux.HandleFunc("GET /_simulator/ledger", a.ledger)
	mux.HandleFunc("GET /_simulator/events", a.events)
	mux.HandleFunc("GET /_simulator/counts", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, struct {
			Counts  []ledger.Count `json:"counts"`
			Dropped int            `json:"dropped"`
		}{a.Ledger.Counts(), a.Ledger.Dropped()})
	})
	mux.HandleFunc("GET /_simulator/truth", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, a.Notifier.Truth())
	})
	mux.HandleFunc("GET /_simulator/shipments", func(w http.ResponseWriter, _ *http.Request) {
		writeLines(w, a.World.Shipments())
	})
	mux.HandleFunc("GET /_simulator/queues/{name}", func(w http.ResponseWriter, r *http.Request) {
		stats, err := a.Queues.Queue(r.PathValue("name"))
		if err != nil {
			writeError(w, http.StatusNotFound, err)
			return
		}
		writeJSON(w, http.StatusOK, stats)
	})
	mux.HandleFunc("GET /_simulator/faults", a.listFaults)
	mux.HandleFunc("POST /_simulator/faults", a.addFault)
	mux.HandleFunc("DELETE /_simulator/faults", func(w http.ResponseWriter, _ *http.Request) {
		a.Faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_simulator/faults/{id}", a.removeFault)
	mux.HandleFunc("POST /_simulator/notifications", a.notifications)
	mux.HandleFunc("GET /_simulator/subscriptions", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, a.Notifier.Subscriptions())
	})
	mux.HandleFunc("DELETE /_simulator/subscriptions", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		writeJSON(w, http.StatusOK, map[string]int{"dropped": a.Notifier.DropSubscriptions(q.Get("account"), q.Get("type"))})
	})
	mux.HandleFunc("POST /_simulator/scenario", a.scenario)
	mux.HandleFunc("GET /_simulator/feeds", func(w http.ResponseWriter, r *http.Request) {
		writeLines(w, a.Stock.Feeds(r.URL.Query().Get("account")))
	})
	mux.HandleFunc("GET /_simulator/inventory", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, a.Stock.InventoryTruth(r.URL.Query().Get("account")))
	})
	mux.HandleFunc("POST /_simulator/updates", a.updates)
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
	writeLines(w, plan.Updates)
}

// number reads a count out of a query; nothing is 0.
func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// readJSON reads a request's body strictly, or answers 400.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	into := reflect.ValueOf(v).Elem()
	body := reflect.New(wordedType(into.Type()))
	if err := wire.Decode(http.MaxBytesReader(w, r.Body, bodyLimit), body.Interface()); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("read the request's body: %w; its fields are %s; GET /_simulator/ explains them", err, fieldsOf(into.Type())))
		return false
	}
	convert(into, body.Elem())
	return true
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", exchange.JSONType)
	w.WriteHeader(status)
	_, _ = w.Write(append(wire.JSON(v), '\n')) // the caller may have gone away
}

// writeLines answers with one JSON value a line.
func writeLines[T any](w http.ResponseWriter, values []T) {
	w.Header().Set("Content-Type", "application/jsonl")
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	for i := range values {
		if encoder.Encode(&values[i]) != nil {
			return // the caller went away
		}
	}
	_ = out.Flush()
}
