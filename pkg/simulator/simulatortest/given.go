package simulatortest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// Fault scripts a fault, and returns its id.
func Fault(t testing.TB, s *simulator.Simulator, r simulator.Rule) int {
	t.Helper()
	id, err := s.Faults.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Subscribe subscribes an account to a type of notification.
func Subscribe(t testing.TB, s *simulator.Simulator, account, kind, arn string) {
	t.Helper()
	if _, err := s.Subscribe(account, kind, arn); err != nil {
		t.Fatal(err)
	}
}

// InProcess is a network of one server and no wires, so that it runs in virtual time.
type InProcess struct{ Server http.Handler }

// Do has the server answer a request.
func (n InProcess) Do(r *http.Request) (answer *http.Response, err error) {
	request := r.Clone(r.Context())
	if request.Body == nil {
		request.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	defer func() {
		if cut := recover(); cut != nil { // how net/http's servers cut a connection
			answer, err = nil, io.ErrUnexpectedEOF
		}
	}()
	n.Server.ServeHTTP(recorder, request)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}
