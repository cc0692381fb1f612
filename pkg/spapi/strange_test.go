package spapi

import (
	"fmt"
	"testing"
)

func TestFewPathsAreToldApart(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	odd := fewPaths(func(_, path, _ string) { counts[path]++ })
	for range 2 {
		for i := range 3 * maxStrange {
			odd("getOrder", fmt.Sprint(i), "unknown")
			odd("getOrder", fmt.Sprint("known", i), "cut")
		}
	}
	if len(counts) != maxStrange+1+3*maxStrange || counts["0"] != 2 || counts[otherPaths] != 4*maxStrange {
		t.Errorf("%d paths, %d others", len(counts), counts[otherPaths])
	}
}
