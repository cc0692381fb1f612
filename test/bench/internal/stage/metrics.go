package stage

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are a process's metrics at a moment: values by name and labels, as they stand
// in Prometheus's text format.
type Metrics map[string]float64

// ReadMetrics asks the admin endpoint of a process, host:port.
func ReadMetrics(ctx context.Context, address string) (Metrics, error) {
	text, err := Get(ctx, address, "/metrics")
	if err != nil {
		return nil, err
	}
	m := Metrics{}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			continue
		}
		name, value := line[:at], strings.TrimSpace(line[at:])
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			m[strings.TrimPrefix(name, "sellerstream_")] = n
		}
	}
	return m, nil
}

// Get returns what the admin endpoint of a process answers, if that is 200.
func Get(ctx context.Context, address, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s%s: %s: %s", address, path, resp.Status, text)
	}
	return string(text), err
}

// Sum adds what a metric of ours has for all labels that hold these pairs, such as
// `role="orders"`.
func (m Metrics) Sum(name string, pairs ...string) (sum float64) {
	for series, value := range m {
		metric, labels, _ := strings.Cut(series, "{")
		if metric != name {
			continue
		}
		matches := true
		for _, pair := range pairs {
			matches = matches && strings.Contains(labels, pair)
		}
		if matches {
			sum += value
		}
	}
	return sum
}

// FreeAddress is a host:port that nothing listened on a moment ago.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
