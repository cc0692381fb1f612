package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// answer is what an operation decided to send.
type answer struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
	code        string // the error's code, for the ledger
	throttled   bool
}

// exchange is one request on its way through the simulator. The operation may
// add to the call's account and parameters.
type exchange struct {
	call   *Call
	action *Action // the fault that met it, or nil
}

// serve runs one call: it meets the scripted faults, runs the operation, records
// the call and answers. The record is written before the answer, so whoever has
// the answer finds the call in the ledger. least is the least real time it takes.
func (s *Simulator) serve(w http.ResponseWriter, r *http.Request, call *Call, least time.Duration, operate func(*exchange) answer) {
	arrived := time.Now()
	call.Time = s.clock.Now()
	call.RequestID = s.newID()
	x := &exchange{call: call}
	if rule := s.Faults.meet(call); rule != nil {
		x.action = &rule.Action
		call.Fault = rule.Name
	}
	result := s.apply(r.Context(), x, operate)
	pause(r.Context(), least-time.Since(arrived))

	call.Status, call.Throttled, call.Detail = result.status, result.throttled, result.code
	call.Answered = x.action == nil || (!x.action.Drop && !x.action.LoseAnswer)
	call.Duration = time.Since(arrived)
	s.Ledger.record(*call)
	if call.Fault != "" {
		s.logger.Info("fault injected", "fault", call.Fault, "part", call.Part,
			"operation", call.Operation, "account", call.Account, "status", call.Status)
	}
	if !call.Answered {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	s.send(w, r, x, result)
}

// apply runs the operation unless a fault comes before it.
func (s *Simulator) apply(ctx context.Context, x *exchange, operate func(*exchange) answer) answer {
	a := x.action
	if a != nil {
		pause(ctx, a.Delay)
		if a.Drop {
			return answer{code: "dropped"}
		}
		if a.Status != 0 {
			return faultAnswer(x.call.Part, a)
		}
	}
	result := operate(x)
	x.call.Applied = result.status < 300
	if a != nil && x.call.Applied {
		result.body = a.disfigured(result.body)
	}
	return result
}

func (s *Simulator) send(w http.ResponseWriter, r *http.Request, x *exchange, result answer) {
	h := w.Header()
	h.Set("x-amzn-RequestId", x.call.RequestID)
	if result.contentType != "" {
		h.Set("Content-Type", result.contentType)
	}
	for name, value := range result.header {
		h.Set(name, value)
	}
	slow := time.Duration(0)
	if x.action != nil {
		slow = x.action.SlowBody
		for name, value := range x.action.Header {
			h.Set(name, value)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(result.body)))
	w.WriteHeader(result.status)
	if slow > 0 {
		writeSlowly(r.Context(), w, result.body, slow)
		return
	}
	// An error here means that the caller went away, which the ledger cannot know.
	_, _ = w.Write(result.body)
}

// writeSlowly sends a body in ten pieces spread over a time.
func writeSlowly(ctx context.Context, w http.ResponseWriter, body []byte, over time.Duration) {
	const pieces = 10
	flush := http.NewResponseController(w)
	for i := range pieces {
		pause(ctx, over/pieces)
		piece := body[len(body)*i/pieces : len(body)*(i+1)/pieces]
		if _, err := w.Write(piece); err != nil {
			return
		}
		if err := flush.Flush(); err != nil {
			return
		}
	}
}

// pause waits for real time, or until the caller goes away.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// faultAnswer is a scripted status in the shape in which that part reports errors.
func faultAnswer(part Part, a *Action) answer {
	result := answer{status: a.Status, contentType: jsonType, body: []byte(a.Body), code: "fault"}
	result.throttled = part == SPAPI && a.Status == http.StatusTooManyRequests
	if a.Body != "" {
		return result
	}
	switch part {
	case LWA:
		result.body = lwaError(a.Status, "temporarily_unavailable", "The service is temporarily unavailable.").body
	case SPAPI:
		result.body = spapiStatus(a.Status).body
	case Documents:
		result = s3Error(a.Status, "InternalError", "We encountered an internal error. Please try again.")
		result.code = "fault"
	case SQS, EventBridge, Processing:
		result.body = awsError(a.Status, "InternalFailure", "The request processing has failed because of an unknown error.").body
	}
	return result
}

const jsonType = "application/json"

// readBody reads a request's body up to a limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read the request's body (at most %d bytes): %w", limit, err)
	}
	return body, nil
}

// mustJSON encodes a value of this package's own types, which cannot fail.
func mustJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: encode %T: %v", v, err))
	}
	return body
}
