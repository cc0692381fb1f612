package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// upstream is a server of Amazon's files, and a release of it.
func upstream(t *testing.T, serve map[string]string, want map[string]string) (Release, *atomic.Int32) {
	t.Helper()
	requests := new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		content, ok := serve[strings.TrimPrefix(r.URL.Path, "/commit/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, content)
	}))
	t.Cleanup(server.Close)
	release := Release{Name: "commit", Base: server.URL + "/commit/", Client: server.Client()}
	for path, content := range want {
		release.Files = append(release.Files, File{path, "models/" + path, checksum([]byte(content))})
	}
	return release, requests
}

func TestFetch(t *testing.T) {
	t.Parallel()
	files := map[string]string{"orders.json": `{"a":1}`, "schemas/change.json": `{"b":2}`}
	release, requests := upstream(t, map[string]string{"models/orders.json": `{"a":1}`, "models/schemas/change.json": `{"b":2}`}, files)
	cache := t.TempDir()
	for step, want := range []int32{2, 2, 3, 4} {
		switch step {
		case 2: // spoilt, which must not be taken for Amazon's
			if err := os.WriteFile(filepath.Join(cache, "commit", "orders.json"), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		case 3: // lost
			if err := os.Remove(filepath.Join(cache, "commit", "schemas", "change.json")); err != nil {
				t.Fatal(err)
			}
		}
		directory, err := release.Fetch(t.Context(), cache)
		if err != nil || requests.Load() != want {
			t.Fatalf("step %d: %v after %d requests, want %d", step, err, requests.Load(), want)
		}
		for path, content := range files {
			if held, err := os.ReadFile(filepath.Join(directory, filepath.FromSlash(path))); err != nil || string(held) != content {
				t.Errorf("step %d: %s is %q, %v", step, path, held, err)
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "commit", ".download-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFetchTakesNothingElse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ served, says string }{
		"another file":  {`{"a":2}`, "SHA-256"},
		"an empty file": {"", "SHA-256"},
		"an endless":    {strings.Repeat("x", maxFile+1), "larger than"},
	} {
		release, _ := upstream(t, map[string]string{"models/orders.json": test.served}, map[string]string{"orders.json": `{"a":1}`})
		cache := t.TempDir()
		if _, err := release.Fetch(t.Context(), cache); err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), release.Base) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(cache, "commit", "orders.json")); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
	release, _ := upstream(t, nil, map[string]string{"orders.json": `{"a":1}`})
	if _, err := release.Fetch(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("absent: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := release.Fetch(ended, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	here, gone, failed := t.TempDir(), filepath.Join(t.TempDir(), "gone"), errors.New("no network")
	for _, test := range []struct {
		name, named, shared string
		err                 error
		want                string
	}{
		{"named", here, gone, failed, here},
		{"named, but not there", gone, here, nil, ""},
		{"shared", "", here, failed, here},
		{"downloaded", "", gone, nil, "downloaded"},
		{"none", "", gone, failed, ""},
	} {
		got, err := find(t.Context(), test.named, test.shared, func(context.Context) (string, error) { return "downloaded", test.err })
		if (err != nil) != (test.want == "") || err == nil && got != test.want {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

// ending notes how a test would have ended.
type ending struct {
	testing.TB
	how, message string
}

func (e *ending) Helper()           {}
func (e *ending) Skip(args ...any)  { e.how, e.message = "skipped", fmt.Sprint(args...) }
func (e *ending) Fatal(args ...any) { e.how, e.message = "failed", fmt.Sprint(args...) }

func TestAbsentModelsFailInCIOnly(t *testing.T) {
	t.Parallel()
	for ci, want := range map[bool]string{false: "skipped", true: "failed"} {
		e := &ending{TB: t}
		absent(e, ci, errors.New("no network"))
		if e.how != want || !strings.Contains(e.message, Environment) || !strings.Contains(e.message, "no network") {
			t.Errorf("CI=%v: %s: %s", ci, e.how, e.message)
		}
	}
}

// TestThePinnedReleaseIsTheOneThatIsCompared: the models beside the project are
// the pinned ones, file by file.
func TestThePinnedReleaseIsTheOneThatIsCompared(t *testing.T) {
	t.Parallel()
	directory, err := find(t.Context(), "", shared(t), pinned)
	if err != nil {
		absent(t, os.Getenv("CI") == "true", err)
	}
	for _, file := range Pinned().Files {
		content, err := os.ReadFile(filepath.Join(directory, filepath.FromSlash(file.Path)))
		if file.Path == ReportsModel && errors.Is(err, fs.ErrNotExist) {
			t.Log("not compared:", err)
			continue
		}
		if err != nil || checksum(content) != file.SHA256 {
			t.Errorf("%s is not the pinned file: %v", file.Path, err)
		}
	}
}
