package doctor

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
)

const (
	// maxSkew is what clocks may differ by before it is worth a word. AWS refuses
	// signatures that are 5 minutes off (AWS Signature Version 4).
	maxSkew    = time.Minute
	refuseSkew = 5 * time.Minute
)

// dates compares our clock with those of the servers that answer, by the Date
// that HTTP has them send.
type dates struct {
	mu    sync.Mutex
	skews map[string]time.Duration // by host; theirs minus ours
}

func newDates() *dates { return &dates{skews: map[string]time.Duration{}} }

// transport passes requests on and looks at the answers' dates.
func (d *dates) transport(next http.RoundTripper) http.RoundTripper { return dated{d, next} }

type dated struct {
	dates *dates
	next  http.RoundTripper
}

func (t dated) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		t.dates.note(req.URL.Host, resp.Header.Get("Date"), sent, time.Now())
	}
	return resp, err
}

func (t dated) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// note keeps the least difference to a host. The date was written some time
// between sent and received, and has whole seconds.
func (d *dates) note(host, date string, sent, received time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := time.Duration(0)
	if early := sent.Truncate(time.Second); theirs.Before(early) {
		skew = theirs.Sub(early)
	} else if theirs.After(received) {
		skew = theirs.Sub(received)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.skews[host]; !ok || skew.Abs() < known.Abs() {
		d.skews[host] = skew
	}
}

func (d *dates) furthest() (host string, skew time.Duration, hosts int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, s := range d.skews {
		if host == "" || s.Abs() > skew.Abs() || s.Abs() == skew.Abs() && at < host {
			host, skew = at, s
		}
	}
	return host, skew, len(d.skews)
}

func (d *doctor) clocks(ctx context.Context) *exam {
	e := &exam{part: partClocks}
	e.check(ctx, "difference", nil, func(context.Context) Finding {
		host, skew, hosts := d.dates.furthest()
		if hosts == 0 {
			return skip("no server has answered with its time")
		}
		found := fmt.Sprintf("this machine's clock and that of %s differ by %s", host, skew.Abs().Round(time.Second))
		cause := "this machine's clock is wrong"
		const fix = "let this machine keep its time by NTP, such as with chrony"
		switch {
		case skew.Abs() >= refuseSkew:
			return fail(found, cause+": AWS refuses requests whose signature is 5 minutes off", fix)
		case skew.Abs() > maxSkew:
			return warn(found, cause+"; from 5 minutes on AWS refuses its requests", fix)
		}
		return good("less than a minute to %s", columns.Counted(hosts, "server"))
	})
	return d.tell(e)
}
