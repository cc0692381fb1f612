package pipeline

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/telemetry"
)

func TestATakenAdminPortNamesTheKey(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = ListenAdmin(config.Admin{Listen: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "admin.listen: "+taken.Addr().String()+" is taken by another process: write another address or off") {
		t.Errorf("got %v", err)
	}
	if listener, err := ListenAdmin(config.Admin{Listen: "off"}); listener != nil || err != nil {
		t.Errorf("off: got %v, %v", listener, err)
	}
}

// withAdmin has the pipeline serve health and metrics, and returns their URL.
func withAdmin(t *testing.T, s *Settings) (url string) {
	t.Helper()
	listener, err := ListenAdmin(config.Admin{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.Admin = listener
	return "http://" + listener.Addr().String()
}

// ask reads one of the admin port's pages.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// readiness reads /readyz.
func readiness(t *testing.T, url string) (status int, r telemetry.Readiness) {
	t.Helper()
	status, body := ask(t, url+"/readyz")
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return status, r
}

// TestReadyzFollowsThePipeline until every role does its work.
func TestReadyzFollowsThePipeline(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1)
	account := e.sim.Accounts()[0].ID
	e.configure(account)
	var url string
	e.run(func(s *Settings) { url = withAdmin(t, s) })
	e.order(account)
	e.events(account, 1) // every role on the way of an order has done its work
	status, got := readiness(t, url)
	for got.Phase == telemetry.Running && !got.Ready { // feeds and inventory may still be restored
		status, got = readiness(t, url)
	}
	if status != http.StatusOK || len(got.Roles) != len(Roles()) {
		t.Errorf("running: %d %+v", status, got)
	}
	if status, body := ask(t, url+"/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, body)
	}
	e.stop()
}
