package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
)

// parseBound reads a time or offsets.
func parseBound(name, at, offsets string, now time.Time) (replay.Bound, error) {
	if at != "" && offsets != "" {
		return replay.Bound{}, fmt.Errorf("--%s and --%[1]s-offset say the same: leave one out", name)
	}
	if offsets != "" {
		parsed, err := parseOffsets(offsets)
		if err != nil {
			return replay.Bound{}, fmt.Errorf("--%s-offset: %w", name, err)
		}
		return replay.Bound{Offsets: parsed}, nil
	}
	if at == "" {
		return replay.Bound{}, nil
	}
	t, err := parseTime(at, now)
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

func parseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 10_000 {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-23T18:00:00Z nor how long ago, such as 90m, 2h or 3d", text)
	}
	return now.Add(-ago), nil
}

func parseOffsets(text string) (map[int32]int64, error) {
	offsets := make(map[int32]int64)
	for pair := range strings.SplitSeq(text, ",") {
		left, right, ok := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err1 := strconv.ParseInt(left, 10, 32)
		offset, err2 := strconv.ParseInt(right, 10, 64)
		if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
			return nil, fmt.Errorf("%q is not PARTITION:OFFSET, such as 3:1500", pair)
		}
		if _, twice := offsets[int32(partition)]; twice {
			return nil, fmt.Errorf("partition %d is named twice", partition)
		}
		offsets[int32(partition)] = offset
	}
	return offsets, nil
}
