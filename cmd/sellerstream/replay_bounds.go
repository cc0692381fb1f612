package main

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
)

// parseBound reads a time or offsets.
func parseBound(name, at, offsets string, now time.Time) (replay.Bound, error) {
	if at != "" && offsets != "" {
		return replay.Bound{}, fmt.Errorf("--%s and --%[1]s-offset say the same: leave one out", name)
	}
	if offsets != "" {
		parsed, err := replay.ParseOffsets(offsets)
		if err != nil {
			return replay.Bound{}, fmt.Errorf("--%s-offset: %w", name, err)
		}
		return replay.Bound{Offsets: parsed}, nil
	}
	if at == "" {
		return replay.Bound{}, nil
	}
	t, err := replay.ParseTime(at, now)
	if err != nil {
		return replay.Bound{}, fmt.Errorf("--%s: %w", name, err)
	}
	return replay.Bound{Time: t}, nil
}

// relativeTime reports whether a time is said as how long ago.
func relativeTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return text != "" && err != nil
}
