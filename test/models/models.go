// Package models finds Amazon's own models of the Selling Partner API for the
// tests that compare the project with them. The project holds no copy: they are
// Amazon's, and what is compared with must not be edited here.
package models

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Environment is the variable that names a folder with the models.
const Environment = "SPAPI_MODELS"

// Directory is a folder with the models, such as "ordersV0.json", and the JSON
// Schemas, in schemas/: $SPAPI_MODELS; else ../shared/reference/spapi beside the
// module's root, if it is there; else Amazon's release of Pinned, downloaded
// into the user's cache. Without any of them the test is skipped, except in CI
// (CI=true), where it fails: a check that is silently absent is no check.
func Directory(t testing.TB) string {
	t.Helper()
	directory, err := find(t.Context(), os.Getenv(Environment), shared(t), pinned)
	if err != nil {
		absent(t, os.Getenv("CI") == "true", err)
	}
	return directory
}

// ReportsModel is a model that a folder which was made for an earlier version lacks.
const ReportsModel = "reports_2021-06-30.json"

// Has reports whether the folder with the models has one of them.
func Has(t testing.TB, name string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(Directory(t), name))
	if err != nil {
		t.Logf("nothing is compared with Amazon's model %s, which is not there: %v", name, err)
	}
	return err == nil
}

// find takes the first of the places that is there. One that was named must be.
func find(ctx context.Context, named, shared string, download func(context.Context) (string, error)) (string, error) {
	if named != "" {
		_, err := os.Stat(named)
		return named, err
	}
	if _, err := os.Stat(shared); err == nil {
		return shared, nil
	}
	return download(ctx)
}

func absent(t testing.TB, ci bool, err error) {
	t.Helper()
	message := fmt.Sprintf("Amazon's models are not there: %v; set %s to a folder that holds them (github.com/amzn/selling-partner-api-models)", err, Environment)
	if ci {
		t.Fatal(message)
	} else {
		t.Skip(message)
	}
}

// shared is where the models are beside the module's root.
func shared(t testing.TB) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return filepath.Join(directory, "..", "shared", "reference", "spapi")
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			t.Fatal("no go.mod above the test")
		}
		directory = parent
	}
}

// once makes a test binary try the download one time, however many of its tests
// want the models.
var once struct {
	sync.Once
	directory string
	err       error
}

// pinned is the downloaded release.
func pinned(ctx context.Context) (string, error) {
	once.Do(func() {
		cache, err := os.UserCacheDir()
		if err != nil {
			once.err = err
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		release := Pinned()
		release.Client = &http.Client{Timeout: 10 * time.Second}
		once.directory, once.err = release.Fetch(ctx, filepath.Join(cache, "sellerstream", "spapi-models"))
	})
	return once.directory, once.err
}
