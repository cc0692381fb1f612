package boundedhttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 1000

// A body of the bound passes, whether its length is announced, it comes in
// chunks or it is compressed; one byte more does not.
func TestABodyAtItsBound(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"announced", "chunked", "gzip"} {
		for _, size := range []int{0, 1, limit - 1, limit, limit + 1, 100 * limit} {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				content := bytes.Repeat([]byte("x"), size)
				switch form {
				case "chunked":
					w.(http.Flusher).Flush()
				case "gzip":
					w.Header().Set("Content-Encoding", "gzip")
					packed := gzip.NewWriter(w)
					_, _ = packed.Write(content)
					_ = packed.Close()
					return
				}
				_, _ = w.Write(content)
			})
			content, err := get(t, server.URL)
			var large *TooLargeError
			switch {
			case size <= limit && (err != nil || len(content) != size):
				t.Errorf("%s, %d bytes: got %d, %v", form, size, len(content), err)
			case size > limit && (!errors.As(err, &large) || large.Limit != limit || !strings.HasSuffix(server.URL, large.Host)):
				t.Errorf("%s, %d bytes: got %v", form, size, err)
			case len(content) > limit:
				t.Errorf("%s, %d bytes: %d bytes were read", form, size, len(content))
			}
		}
	}
}

// The status of an answer that is too large is known.
func TestTheStatusOfALargeAnswer(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000000000")
		w.WriteHeader(http.StatusForbidden)
	})
	resp, err := client(t).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden || err == nil {
		t.Errorf("got %d, %v", resp.StatusCode, err)
	}
}

func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", MaxHeaderBytes+1))
	})
	if _, err := get(t, server.URL); err == nil {
		t.Error("no error")
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch at := r.URL.Query().Get("to"); {
		case at == "":
			fmt.Fprint(w, "here")
		case at == "loop":
			http.Redirect(w, r, "/?to=loop", http.StatusFound)
		default:
			w.Header().Set("Location", at)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	host := strings.TrimPrefix(server.URL, "http://")
	if content, err := get(t, server.URL+"?to=/other"); err != nil || content != "here" {
		t.Errorf("within a host: %q, %v", content, err)
	}
	if _, err := get(t, server.URL+"?to=loop"); err == nil || !strings.Contains(err.Error(), "too often") {
		t.Errorf("without end: %v", err)
	}
	for _, to := range []string{
		"http://other.example/", "//other.example/", "https://" + host + "/", "http://localhost/", "http://" + host + "1/",
		"http://user:pw@" + host + "/", "http://" + strings.Repeat("a", 5000) + "/", "http://[::1", "ftp://" + host,
	} {
		_, err := get(t, server.URL+"?to="+to)
		var away *RedirectError
		if !errors.As(err, &away) || away.Host != host || len(away.Error()) > 1000 || strings.Contains(away.Error(), "pw@") {
			t.Errorf("to %.50s: %v", to, err)
		}
	}
}

// A client that would follow any redirect does not follow one to another host.
func TestKeepToHost(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { strangers.Add(1) })
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, "here")
	})
	transport := Connections()
	KeepToHost(transport)
	t.Cleanup(transport.CloseIdleConnections)
	follower := &http.Client{Transport: transport}
	resp, err := follower.Get(server.URL + "?to=/other")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	resp, err = follower.Get(server.URL + "?to=" + other.URL)
	if err == nil {
		_ = resp.Body.Close()
	}
	var away *RedirectError
	if !errors.As(err, &away) || strangers.Load() > 0 {
		t.Errorf("got %v, and the other host was asked %d times", err, strangers.Load())
	}
}

func client(t *testing.T) *http.Client {
	t.Helper()
	c := NewClient(Connections(), limit, 10*time.Second)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(t *testing.T, url string) (string, error) {
	t.Helper()
	resp, err := client(t).Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return string(content), err
}

func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server
}
