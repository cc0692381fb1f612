package admin

import (
	"fmt"
	"net/http"

	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
)

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
