package exchange

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// Answer is what an operation decided to send.
type Answer struct {
	Status      int
	ContentType string
	Header      map[string]string
	Body        []byte
	Code        string // the error's code, for the ledger
	Throttled   bool
}

// JSONType is the media type of JSON.
const JSONType = "application/json"

// JSON is an answer that says a value of the simulator's own types.
func JSON(status int, v any) Answer {
	return Answer{Status: status, ContentType: JSONType, Body: wire.JSON(v)}
}

// Exchange is one request on its way through a service. The operation may add
// to the call's account and parameters.
type Exchange struct {
	Call   *ledger.Call
	Action fault.Action // what the fault that met it does; nothing if none did
}

// Desk is what all services share.
type Desk struct {
	Ledger *ledger.Ledger
	Faults *fault.Faults
	IDs    *chance.IDs
	Clock  clock.Clock
	Logger *slog.Logger
}

// Service is one part of the simulator.
type Service struct {
	*Desk
	Part ledger.Part
	// Least is the least real time that a call takes.
	Least time.Duration
	// Fail is how the part says a status that a fault scripts.
	Fail func(status int) Answer
}

// Serve runs one call: it meets the scripted faults, runs the operation, records
// the call and answers. The record is written before the answer, so whoever has
// the answer finds the call in the ledger.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, call *ledger.Call, operate func(*Exchange) Answer) {
	arrived := time.Now()
	call.Part, call.Time, call.RequestID = s.Part, s.Clock.Now(), s.IDs.New()
	x := &Exchange{Call: call}
	if rule := s.Faults.Meet(call); rule != nil {
		x.Action = rule.Action
		call.Fault = rule.Name
	}
	result := s.apply(r.Context(), x, operate)
	pause(r.Context(), s.Least-time.Since(arrived))

	call.Status, call.Throttled, call.Detail = result.Status, result.Throttled, result.Code
	call.Answered = !x.Action.Drop && !x.Action.LoseAnswer
	call.Duration = time.Since(arrived)
	s.Ledger.Record(*call)
	if call.Fault != "" {
		s.Logger.Info("fault injected", "fault", call.Fault, "part", call.Part,
			"operation", call.Operation, "account", call.Account, "status", call.Status)
	}
	if !call.Answered {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	send(w, r, x, result)
}

// apply runs the operation unless a fault comes before it.
func (s *Service) apply(ctx context.Context, x *Exchange, operate func(*Exchange) Answer) Answer {
	a := &x.Action
	pause(ctx, a.Delay)
	switch {
	case a.Drop:
		return Answer{Code: "dropped"}
	case a.Status != 0:
		return s.failure(a)
	}
	result := operate(x)
	x.Call.Applied = result.Status < 300
	if x.Call.Applied {
		result.Body = disfigured(a, result.Body)
	}
	return result
}

func send(w http.ResponseWriter, r *http.Request, x *Exchange, result Answer) {
	h := w.Header()
	h.Set("x-amzn-RequestId", x.Call.RequestID)
	if result.ContentType != "" {
		h.Set("Content-Type", result.ContentType)
	}
	for name, value := range result.Header {
		h.Set(name, value)
	}
	for name, value := range x.Action.Header {
		h.Set(name, value)
	}
	h.Set("Content-Length", strconv.Itoa(len(result.Body)))
	w.WriteHeader(result.Status)
	if slow := x.Action.SlowBody; slow > 0 {
		writeSlowly(r.Context(), w, result.Body, slow)
		return
	}
	// An error here means that the caller went away, which the ledger cannot know.
	_, _ = w.Write(result.Body)
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

// pause waits for real time, or until the caller goes away, as the call after it tells.
func pause(ctx context.Context, d time.Duration) { _ = clock.Sleep(ctx, clock.Real{}, d) }

// failure is a scripted status in the shape in which the part reports errors.
func (s *Service) failure(a *fault.Action) Answer {
	result := s.Fail(a.Status)
	result.Code, result.Throttled = "fault", s.Part == ledger.SPAPI && a.Status == http.StatusTooManyRequests
	if a.Body != "" {
		result.Body, result.ContentType = []byte(a.Body), JSONType
	}
	return result
}

// ReadBody reads a request's body up to a limit.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read the request's body (at most %d bytes): %w", limit, err)
	}
	return body, nil
}

// Parameters are what the ledger keeps of a request's path and query.
func Parameters(r *http.Request, query url.Values) map[string]string {
	parameters := map[string]string{"method": r.Method, "path": r.URL.Path}
	for name, values := range query {
		parameters[name] = strings.Join(values, ",")
	}
	return parameters
}
