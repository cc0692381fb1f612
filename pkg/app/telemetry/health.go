package telemetry

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// Health is what the probes ask for. Its methods are called from any goroutine,
// and must answer without Kafka, Amazon or AWS.
type Health interface {
	// Alive returns what hangs so that only a restart can help; nil while all goes on.
	Alive() error
	Readiness() Readiness
}

// The phases of a process.
const (
	Starting = "starting" // the roles are being built: Kafka and the registry are waited for
	Running  = "running"
	Draining = "draining" // a stop was asked for
)

// Readiness is whether the process does its work, and what it waits for.
type Readiness struct {
	Ready bool   `json:"ready"`
	Phase string `json:"phase"`
	// Degraded names the parts that do not do their whole work; it changes no status.
	Degraded []string `json:"degraded"`
	Roles    []Role   `json:"roles"`
}

// Role is how one of the process's roles stands.
type Role struct {
	Name     string `json:"role"`
	Ready    bool   `json:"ready"`
	WaitsFor string `json:"waits_for,omitempty"`
	// Degraded is what a ready role cannot do; "" for nothing.
	Degraded string `json:"degraded,omitempty"`
	// Stopped are its units that stand still, and what heals them; others go on.
	Stopped []stream.Stopped `json:"stopped,omitempty"`
}

// ReadinessOf is the readiness of a phase and its roles.
func ReadinessOf(phase string, roles []Role) Readiness {
	ready, degraded := phase == Running, []string{}
	for _, r := range roles {
		ready = ready && r.Ready
		if r.Degraded != "" {
			degraded = append(degraded, r.Name+": "+r.Degraded)
		}
		switch n := len(r.Stopped); n {
		case 0:
		case 1:
			degraded = append(degraded, r.Name+": 1 unit is stopped")
		default:
			degraded = append(degraded, fmt.Sprintf("%s: %d units are stopped", r.Name, n))
		}
	}
	if roles == nil {
		roles = []Role{} // in JSON a list
	}
	return Readiness{Ready: ready, Phase: phase, Degraded: degraded, Roles: roles}
}

// live answers whether the process goes on at all. Units that are stopped are
// named, but are no reason to restart it.
func live(h Health) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := h.Alive(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
		for _, role := range h.Readiness().Roles {
			for _, unit := range role.Stopped {
				fmt.Fprintln(w, unit)
			}
		}
	}
}

// ready answers whether the process does its work.
func ready(h Health) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		readiness := h.Readiness()
		w.Header().Set("Content-Type", "application/json")
		if !readiness.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(readiness) // an error is the client's leaving
	}
}
