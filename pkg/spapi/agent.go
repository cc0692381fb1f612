package spapi

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
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
	name := fmt.Sprintf("Sellerstream/%s (Language=Go/%s; Platform=%s/%s)",
		moduleVersion(), strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH)
	if added != "" {
		name += " " + added
	}
	return name, nil
}

// modulePath is where this package comes from.
const modulePath = "github.com/sellerstream/sellerstream"

// moduleVersion is the version that was built in: of the program, or of this
// module where another program uses it; "devel" for a working copy.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	version := info.Main.Version
	for _, dependency := range info.Deps {
		if dependency.Path == modulePath {
			version = dependency.Version
		}
	}
	if version == "" || version == "(devel)" || len(version) > 100 {
		return "devel"
	}
	return version
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
