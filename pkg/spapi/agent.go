package spapi

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
)

// agentName is the User-Agent in the form that Amazon asks for:
// App/Version (Language=…; Platform=…), at most 500 characters.
func agentName(added string) (string, error) {
	if len(added) > 300 {
		return "", fmt.Errorf("user agent: %d characters; at most 300 fit into Amazon's 500", len(added))
	}
	if strings.ContainsFunc(added, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("user agent: only printable ASCII characters are allowed in %q", added)
	}
	name := fmt.Sprintf("Sellerstream/1.0 (Language=Go/%s; Platform=%s/%s)",
		strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH)
	if added != "" {
		name += " " + added
	}
	return name, nil
}

type userAgent struct {
	next http.RoundTripper
	name string
}

// RoundTrip adds the User-Agent to a copy: a RoundTripper must not change its request.
func (u userAgent) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", u.name)
	return u.next.RoundTrip(req)
}

// CloseIdleConnections passes the wish on, as http.Client expects of a chain.
func (u userAgent) CloseIdleConnections() {
	if closer, ok := u.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
