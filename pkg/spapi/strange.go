package spapi

import (
	"sync"

	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
)

// maxStrange bounds the unknown paths that a client tells apart: they can be labels of a
// metric, and their names are the answers'.
const maxStrange = 100

// otherPaths stands for the paths beyond that.
const otherPaths = "(others)"

// fewPaths lets all odd fields through to odd, those of few unknown paths by their names.
func fewPaths(odd func(operation, path, kind string)) func(operation, path, kind string) {
	var mu sync.Mutex
	seen := make(map[string]bool)
	return func(operation, path, kind string) {
		if kind == string(answers.Unknown) || kind == string(answers.UnknownCut) {
			mu.Lock()
			if !seen[path] && len(seen) == maxStrange {
				path = otherPaths
			} else {
				seen[path] = true
			}
			mu.Unlock()
		}
		odd(operation, path, kind)
	}
}
