package exclusion

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// serve is an endpoint whose certificate is trusted.
func serve(t *testing.T, token secrets.Source, handler http.HandlerFunc) *Endpoint {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	e, err := NewEndpoint(server.URL+"/skus?key=hidden", token)
	if err != nil {
		t.Fatal(err)
	}
	e.client.Transport.(*boundedhttp.Transport).Base().(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	return e
}

func answer(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text))
	}
}

func TestEndpointGivesBothForms(t *testing.T) {
	t.Parallel()
	for kind, text := range map[string]string{
		"text/csv": "A\nacme-eu,B", "text/plain; charset=utf-8": "A\nB", "application/json": `["A","B"]`,
	} {
		list, err := serve(t, nil, answer(kind, text)).Load(t.Context(), nil)
		if err != nil || list.Len() != 2 || !list.Has("acme-eu", "B") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestEndpointConfirmsByItsTag(t *testing.T) {
	t.Parallel()
	e := serve(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		answer("text/plain", "A")(w, r)
	})
	first, err := e.Load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Load(t.Context(), first)
	if err != nil || again != first {
		t.Errorf("an unchanged list is %v, %v", again, err)
	}
	// A list that was not believed is no last one: it is read again, not confirmed.
	if list, err := e.Load(t.Context(), newList()); err != nil || list.Len() != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// rotating gives another token at each use.
type rotating struct{ uses atomic.Int32 }

func (r *rotating) Secret(context.Context) (secrets.Secret, error) {
	return secrets.New(fmt.Sprint("token-", r.uses.Add(1))), nil
}

func TestEndpointSendsItsTokenAndRenewsARefusedOne(t *testing.T) {
	t.Parallel()
	var seen []string
	e := serve(t, &rotating{}, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if len(seen) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer("text/plain", "A")(w, r)
	})
	if _, err := e.Load(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0] != "Bearer token-1" || !strings.HasPrefix(seen[1], "Bearer token-") || seen[1] == seen[0] {
		t.Errorf("it sent %q", seen)
	}
}

func TestEndpointFollowsRedirectsToItsOwnHostOnly(t *testing.T) {
	t.Parallel()
	token := secrets.Literal(secrets.New("do-not-leak"))
	var strangers atomic.Int32
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(stranger.Close)
	for to, says := range map[string]string{
		"/moved":              "",
		"/skus":               "redirects too often",
		stranger.URL + "/":    "redirects to \"" + stranger.URL + "\", which is not followed",
		"http://127.0.0.1:1/": "redirects to \"http://127.0.0.1:1\", which is not followed",
	} {
		e := serve(t, token, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				answer("text/plain", "A")(w, r)
				return
			}
			http.Redirect(w, r, to, http.StatusFound)
		})
		_, err := e.Load(t.Context(), nil)
		if (says == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "do-not-leak")) {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if strangers.Load() != 0 {
		t.Error("another host was asked")
	}
}

// An endpoint that repeats the token in what it says of its status has it in no error,
// and a header without end is not read to its end.
func TestEndpointsWordsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"status": "418 do-not-leak", "no status": "do-not-leak", "header": "200 OK\r\nX: " + strings.Repeat("do-not-leak", 1<<18)} {
		e := serve(t, secrets.Literal(secrets.New("do-not-leak")), func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", says)
			_ = conn.Close()
		})
		if _, err := e.Load(t.Context(), nil); err == nil || strings.Contains(err.Error(), "leak") || len(err.Error()) > 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndpointRefusesWhatIsNoList(t *testing.T) {
	t.Parallel()
	for says, handler := range map[string]http.HandlerFunc{
		"Content-Type":      answer("text/html; charset=utf-8", "<html>\nlog in\n</html>"),
		"line 2: 3 columns": answer("text/csv", "A\n1,2,3"),
		"503 Service":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"check exclusions":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"304 Not Modified":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"larger than 2 MiB": bomb(t),
	} {
		e := serve(t, nil, handler)
		e.most = 2 << 20
		_, err := e.Load(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// bomb answers with little that inflates to much.
func bomb(t *testing.T) http.HandlerFunc {
	t.Helper()
	var packed bytes.Buffer
	out := gzip.NewWriter(&packed)
	line := []byte(strings.Repeat("A\n", 1<<19))
	for range 3 {
		_, _ = out.Write(line)
	}
	_ = out.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
}

func TestEndpointChecksTheCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(answer("text/plain", "A"))
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	e, err := NewEndpoint(server.URL+"/?key=hidden", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a certificate that nobody trusts gives %v", err)
	}
}

func TestEndpointNeedsAURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "skus.csv", "ftp://x/y", "https://", "http://%"} {
		if _, err := NewEndpoint(bad, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
