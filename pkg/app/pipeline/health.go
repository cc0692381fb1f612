package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// hungAfter is how long a machine may have the word before the process counts as
// hung: a tick takes milliseconds, a large restored state a second or two.
const hungAfter = time.Minute

// units report which of a processor's units hang and which are stopped;
// *stream.Processor does.
type units interface {
	Hung(limit time.Duration) []int32
	Stopped() []stream.Stopped
}

// health is what the probes are told. It may be used from any goroutine.
type health struct {
	mu         sync.Mutex
	phase      string
	roles      []runner
	processors map[Role]units
}

func newHealth() *health {
	return &health{phase: telemetry.Starting, processors: map[Role]units{}}
}

// running records which roles have been started. They are draining as soon as ctx ends.
func (h *health) running(ctx context.Context, p *pipeline) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phase, h.roles, h.processors = telemetry.Running, p.roles, p.processors
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.phase = telemetry.Draining
	})
}

// Alive wants every machine to come back within hungAfter. A stopped unit is no
// reason to restart the process: it would be stopped again.
func (h *health) Alive() error {
	h.mu.Lock()
	processors := h.processors
	h.mu.Unlock()
	var hung []string
	for name, processor := range processors {
		if partitions := processor.Hung(hungAfter); len(partitions) > 0 {
			hung = append(hung, fmt.Sprintf("role %s: the units of partitions %v have not turned for %s", name, partitions, hungAfter))
		}
	}
	if len(hung) > 0 {
		return errors.New(strings.Join(hung, "\n"))
	}
	return nil
}

// Readiness wants every role to do its work, and names the units that are stopped.
func (h *health) Readiness() telemetry.Readiness {
	h.mu.Lock()
	phase, roles, processors := h.phase, h.roles, h.processors
	h.mu.Unlock()
	var stand []telemetry.Role
	for _, r := range roles {
		if r.waitsFor != nil {
			waitsFor := r.waitsFor()
			status := telemetry.Role{Name: string(r.name), Ready: waitsFor == "", WaitsFor: waitsFor}
			if r.degraded != nil {
				status.Degraded = r.degraded()
			}
			if processor := processors[r.name]; processor != nil {
				status.Stopped = processor.Stopped()
			}
			stand = append(stand, status)
		}
	}
	return telemetry.ReadinessOf(phase, stand)
}
