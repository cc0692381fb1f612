// Package long tells a test how much to do: a part in `make test`, which is to end in
// minutes, and all of it in `make test-long`, which is for CI.
package long

import (
	"os"
	"testing"
)

// Pick returns all with TEST_LONG=1 in the environment, and part without.
func Pick[T any](t testing.TB, part, all T) T {
	t.Helper()
	if os.Getenv("TEST_LONG") == "1" {
		return all
	}
	t.Logf("%v instead of %v: make test-long does all", part, all)
	return part
}

// Only skips a test that `make test` is to leave to `make test-long`.
func Only(t testing.TB) {
	t.Helper()
	if os.Getenv("TEST_LONG") != "1" {
		t.Skip("make test-long runs it")
	}
}
