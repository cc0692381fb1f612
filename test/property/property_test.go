package property

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// collect returns what the fixed seeds draw.
func collect(t *testing.T) (drawn []int) {
	fixed(t, func(rt *rapid.T) {
		drawn = append(drawn, rapid.IntRange(0, 1_000_000).Draw(rt, "n"))
	}, append(Seeds(FixedSeeds), 4711))
	return drawn
}

func TestFixedSeedsDrawTheSameInEveryRun(t *testing.T) {
	t.Parallel()
	var first, second []int
	t.Run("first", func(t *testing.T) { first = collect(t) })
	t.Run("second", func(t *testing.T) { second = collect(t) })
	if len(first) != FixedSeeds+1 || !reflect.DeepEqual(first, second) {
		t.Errorf("%d draws, then %d others", len(first), len(second))
	}
	different := map[int]bool{}
	for _, n := range first {
		different[n] = true
	}
	if len(different) < FixedSeeds/2 {
		t.Errorf("the seeds draw %d different numbers only", len(different))
	}
}

// A mistake that one case in a hundred shows is found by every run.
func TestFixedSeedsFindARareMistake(t *testing.T) {
	t.Parallel()
	out := failing(t, "rare")
	if !strings.Contains(out, "--- FAIL: TestFails/seed_") || strings.Contains(out, "rapid.failfile") {
		t.Errorf("a fixed seed did not find it:\n%s", out)
	}
}

func TestSeedsWithoutAValidCaseFail(t *testing.T) {
	t.Parallel()
	if out := failing(t, "invalid"); !strings.Contains(out, "0 of 300 fixed seeds give a valid case") {
		t.Errorf("says:\n%s", out)
	}
}

// failing runs TestFails in a process of its own.
func failing(t *testing.T, kind string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFails$", "-rapid.nofailfile")
	cmd.Env = append(os.Environ(), "PROPERTY_FAILS="+kind, "TEST_LONG=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("passed:\n%s", out)
	}
	return string(out)
}

// TestFails fails on purpose where failing runs it.
func TestFails(t *testing.T) {
	switch os.Getenv("PROPERTY_FAILS") {
	case "rare":
		Check(t, func(rt *rapid.T) {
			if rapid.IntRange(0, 99).Draw(rt, "n") == 42 {
				rt.Fatal("found")
			}
		})
	case "invalid":
		Check(t, func(rt *rapid.T) {
			_ = rapid.Uint64().Draw(rt, "n")
			rt.SkipNow()
		})
	}
}

// TestNoPropertyIsCheckedByChanceAlone looks for calls of rapid.Check, which has
// no fixed seeds, in the tests of the whole repository.
func TestNoPropertyIsCheckedByChanceAlone(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == "../../test/property" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if strings.Contains(string(text), "rapid.Check(") {
			t.Errorf("%s calls rapid.Check: use property.Check, which has fixed seeds too", path)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}
