package admin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
)

// Fault rules as the admin endpoint reads and shows them.

// faultRequest is a fault.Rule in JSON. Durations are written as Go writes them, such
// as "250ms"; what is left out matches everything or does nothing.
type faultRequest struct {
	Name        string            `json:"name,omitempty"`
	Part        ledger.Part       `json:"part,omitempty"`
	Operation   string            `json:"operation,omitempty"`
	Account     string            `json:"account,omitempty"`
	Item        string            `json:"item,omitempty"`
	Skip        int               `json:"skip,omitempty"`
	Times       int               `json:"times,omitempty"`
	Probability float64           `json:"probability,omitempty"`
	From        time.Time         `json:"from,omitzero"`
	Until       time.Time         `json:"until,omitzero"`
	Delay       duration          `json:"delay,omitzero"`
	Drop        bool              `json:"drop,omitempty"`
	Status      int               `json:"status,omitempty"`
	Body        string            `json:"body,omitempty"`
	Header      map[string]string `json:"header,omitempty"`
	LoseAnswer  bool              `json:"loseAnswer,omitempty"`
	SlowBody    duration          `json:"slowBody,omitzero"`
	Replace     map[string]any    `json:"replace,omitempty"`
	Gzip        bool              `json:"gzip,omitempty"`
	Entries     []int             `json:"entries,omitempty"`
	EntryShare  float64           `json:"entryShare,omitempty"`
	EntryCode   string            `json:"entryCode,omitempty"`
	ApplyLate   duration          `json:"applyLate,omitzero"`
	ShowLate    duration          `json:"showLate,omitzero"`
	ReportURL   string            `json:"reportUrl,omitempty"`
	Bomb        int64             `json:"bomb,omitempty"`
	Feed        *feedScript       `json:"feed,omitempty"`
}

// feedScript is a fault.FeedOutcome in JSON.
type feedScript struct {
	Queued        duration `json:"queued,omitzero"`
	Processing    duration `json:"processing,omitzero"`
	Status        string   `json:"status,omitempty"`
	Skipped       float64  `json:"skipped,omitempty"`
	NoReport      bool     `json:"noReport,omitempty"`
	XMLReport     bool     `json:"xmlReport,omitempty"`
	Uncompressed  bool     `json:"uncompressed,omitempty"`
	Rejected      float64  `json:"rejected,omitempty"`
	RejectCode    string   `json:"rejectCode,omitempty"`
	Warned        float64  `json:"warned,omitempty"`
	Unapplied     float64  `json:"unapplied,omitempty"`
	Unnotified    bool     `json:"unnotified,omitempty"`
	Notifications int      `json:"notifications,omitempty"`
	ShownLate     duration `json:"shownLate,omitzero"`
}

func (f *feedScript) outcome() *fault.FeedOutcome {
	if f == nil {
		return nil
	}
	return &fault.FeedOutcome{
		Queued: time.Duration(f.Queued), Processing: time.Duration(f.Processing), Status: f.Status, Skipped: f.Skipped,
		NoReport: f.NoReport, XMLReport: f.XMLReport, Uncompressed: f.Uncompressed,
		Rejected: f.Rejected, RejectCode: f.RejectCode, Warned: f.Warned, Unapplied: f.Unapplied,
		Unnotified: f.Unnotified, Notifications: f.Notifications, ShownLate: time.Duration(f.ShownLate),
	}
}

func scriptOf(o *fault.FeedOutcome) *feedScript {
	if o == nil {
		return nil
	}
	return &feedScript{
		Queued: duration(o.Queued), Processing: duration(o.Processing), Status: o.Status, Skipped: o.Skipped,
		NoReport: o.NoReport, XMLReport: o.XMLReport, Uncompressed: o.Uncompressed,
		Rejected: o.Rejected, RejectCode: o.RejectCode, Warned: o.Warned, Unapplied: o.Unapplied,
		Unnotified: o.Unnotified, Notifications: o.Notifications, ShownLate: duration(o.ShownLate),
	}
}

// duration is a time.Duration that JSON writes as text.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (f *faultRequest) rule() fault.Rule {
	return fault.Rule{
		Name: f.Name, Part: f.Part, Operation: f.Operation, Account: f.Account, Item: f.Item,
		Skip: f.Skip, Times: f.Times, Probability: f.Probability, From: f.From, Until: f.Until,
		Action: fault.Action{
			Delay: time.Duration(f.Delay), Drop: f.Drop, Status: f.Status, Body: f.Body, Header: f.Header,
			LoseAnswer: f.LoseAnswer, SlowBody: time.Duration(f.SlowBody), Replace: f.Replace, Gzip: f.Gzip,
			Entries: f.Entries, EntryShare: f.EntryShare, EntryCode: f.EntryCode,
			ApplyLate: time.Duration(f.ApplyLate), ShowLate: time.Duration(f.ShowLate),
			ReportURL: f.ReportURL, Bomb: f.Bomb, Feed: f.Feed.outcome(),
		},
	}
}

func faultOf(r *fault.Rule) faultRequest {
	a := &r.Action
	return faultRequest{
		Name: r.Name, Part: r.Part, Operation: r.Operation, Account: r.Account, Item: r.Item,
		Skip: r.Skip, Times: r.Times, Probability: r.Probability, From: r.From, Until: r.Until,
		Delay: duration(a.Delay), Drop: a.Drop, Status: a.Status, Body: a.Body, Header: a.Header,
		LoseAnswer: a.LoseAnswer, SlowBody: duration(a.SlowBody), Replace: a.Replace, Gzip: a.Gzip,
		Entries: a.Entries, EntryShare: a.EntryShare, EntryCode: a.EntryCode,
		ApplyLate: duration(a.ApplyLate), ShowLate: duration(a.ShowLate), ReportURL: a.ReportURL, Bomb: a.Bomb, Feed: scriptOf(a.Feed),
	}
}

func (a *API) addFault(w http.ResponseWriter, r *http.Request) {
	var request faultRequest
	if !readJSON(w, r, &request) {
		return
	}
	id, err := a.Faults.Add(request.rule())
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]int{"id": id})
}

func (a *API) listFaults(w http.ResponseWriter, _ *http.Request) {
	type listed struct {
		ID      int          `json:"id"`
		Matched int          `json:"matched"`
		Fired   int          `json:"fired"`
		Rule    faultRequest `json:"rule"`
	}
	list := []listed{}
	for _, r := range a.Faults.List() {
		list = append(list, listed{r.ID, r.Matched, r.Fired, faultOf(&r.Rule)})
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
